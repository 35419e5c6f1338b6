"""A component that draws cells on a canvas: kit/grid.js under the script of the feature.

Knows nothing of what the cells mean.
"""

import streamlit as st

from components.kit import assets

CANVAS = '<canvas tabindex="0" role="application"></canvas>'
READING = '<p class="reading" role="status"></p>'  # words of the cell pointed at, under the picture
TIP = '<div class="tip" hidden></div>'  # the same beside the cell; follows the canvas


def component(name: str, script: str, html: str):
    """Streamlit's mounting function; script: the feature's, below components/; html: the picture's
    parts."""
    return st.components.v2.component(
        f"mnemoscope_{name}",
        html=f'<div class="picture">{html}</div>',
        css=assets.text("kit/grid.css"),
        js=assets.script(script),
    )
