"""A component that draws cells on a canvas: kit/grid.js under the script of the feature.

Knows nothing of what the cells mean.
"""

from components.kit import assets

CANVAS = '<canvas tabindex="0" role="application"></canvas>'
READING = '<p class="reading" role="status"></p>'  # words of the cell pointed at, under the picture
TIP = '<div class="tip" hidden></div>'  # the same beside the cell; follows the canvas


def component(name: str, script: str, html: str):
    """Streamlit's mounting function; html: what the picture is made of."""
    return assets.component(name, script, f'<div class="picture">{html}</div>', "kit/grid.css")
