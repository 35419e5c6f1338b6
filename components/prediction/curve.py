"""The instrument of the Prediction page: dials, stages, the sorted curve, bars, draws.

All logits are sent once, sorted. The browser redraws at every move of a dial; when the dial rests,
the exact figures from model/ replace its own. Knows nothing of models.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components.kit import assets, canvas, palette

_mount = assets.component(
    "prediction_curve",
    "prediction/curve",
    '<div class="picture"><div class="dials"></div><div class="stages"></div>'
    '<div class="pair"><div class="left"><div class="axes"></div><div class="frame">'
    '<canvas class="curve"></canvas><div class="tip" hidden></div></div></div>'
    '<div class="bars"></div></div><div class="draws"></div></div>',
)


def show(
    forecast, stages, draws, *, seed: int, key: str, on_choose: Callable[[dict], None]
) -> None:
    """forecast: Forecast, stages: Stages, draws: Draws of one position and setting.

    `on_choose` gets temperature, top_k, top_p, seed and draws before the next script run.
    """
    settings = stages.settings
    chosen = {"temperature": settings.temperature, "top_k": settings.top_k}
    chosen |= {"top_p": settings.top_p, "seed": seed, "draws": len(draws.points)}
    high = draws.points.astype(np.float32)  # two float32 carry a float64 point
    low = (draws.points - high).astype(np.float32)
    header = {
        "chosen": chosen,
        "names": forecast.names,
        "came": forecast.came,
        "came_name": forecast.came_name,
        "facts": [_fact(f) for f in stages.facts],
        "kept": stages.kept,
        "drawn": draws.first,
        "drawn_rank": int(draws.ranks[0]),
        "hues": {"guess": palette.OUTPUT, "came": palette.EMBEDDING},
    }
    message = canvas.pack(header, logits=forecast.logits, points=high, points_low=low)

    def tell():
        on_choose(dict(st.session_state[key].choose))

    _mount(key=key, data=message, on_choose_change=tell)


def _fact(stage) -> dict:
    return {
        "n_alive": stage.n_alive,
        "cut": stage.cut,
        "entropy": stage.entropy_bits,
        "top": stage.top,
    }
