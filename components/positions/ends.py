"""The Positions page's view of where each scheme stops: table, angles, distance, LayerNorm."""

import numpy as np
import streamlit as st

from components.frame import visit
from components.frame.choice_widgets import one_of
from components.frame.choices import chosen
from components.frame.place import AT
from components.kit.export.offers import no_notebook, notebook
from components.kit.safe_text import for_markdown
from components.kit.units import show_number
from components.positions import choice, figures, run

CHART = {"displayModeBar": False}


def ends(tokens: list[str]) -> None:
    """Where each scheme stops."""
    show = {"learned": _end_of_table, "rope": _end_of_rope, "alibi": _end_of_alibi, "norm": _louder}
    show[one_of("Scheme", choice.END)](tokens)


def _end_of_table(tokens: list[str]) -> None:
    n_positions = _config().n_positions
    st.markdown(
        f"`wpe` has {n_positions:,} rows. Position {n_positions:,} has no row: the model gives an "
        "index error, not a bad answer. The chart: the same text, shifted further down the table."
    )
    if len(tokens) < 2:
        st.info("One token: nothing to predict yet. Type a second one.")
        return
    box, message = st.columns([2, 5], vertical_alignment="bottom")
    with box:
        shift = choice.shift(len(tokens), n_positions)
    shifts, bits = run.bits_by_shift()
    notebook("shifted", shifts=tuple(shifts.tolist()))
    chosen = None
    try:
        chosen = (shift, run.bits_at(shift))
    except ValueError as error:
        message.error(str(error))
    st.plotly_chart(figures.shift_curve(shifts, bits, chosen), key="shifts", config=CHART)
    noun = "shift" if len(shifts) == 1 else "shifts"
    st.caption(
        f"Mean bits a token of this prompt costs, without the first. {len(shifts)} {noun} "
        "measured, each in a pass of its own; lines only join them. Distances between the words are "
        "the same at every shift: RoPE and ALiBi would give one flat line."
    )


def _end_of_rope(tokens: list[str]) -> None:
    layer, head, query, key = choice.head_and_pair(tokens)
    notebook("schemes", layer=layer, head=head, query=query, slope=float(run.slopes()[head]))
    n = _config().n_positions
    frequencies = run.frequencies()
    q, k, scale = run.bare_qk(layer, head)
    scores = run.rope_by_distance(q[query], k[key], 2 * n) * scale
    n_slow = int((frequencies * (n - 1) < 2 * np.pi).sum())
    st.markdown(
        f"RoPE has no table, so any position has its angles. But within {n:,} tokens {n_slow} of "
        f"{len(frequencies)} pairs do not finish one turn: beyond the window their angles are ones "
        "that training never saw."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("#### Turns of each pair within the window")
        st.plotly_chart(figures.rope_turns(frequencies, n), key="turns", config=CHART)
    with right:
        names = f"{for_markdown(tokens[query])} and {for_markdown(tokens[key])}"
        st.markdown(f"#### q·k of {names}, to twice the window")
        st.plotly_chart(figures.rope_beyond(scores, n), key="beyond", config=CHART)
    st.caption(
        f"What if: layer {layer}, head {head} of a run without `wpe`. Orange bars: less than one "
        "turn. To read further, models with RoPE turn more slowly (position interpolation), so "
        "that all angles are ones they know."
    )


def _end_of_alibi(tokens: list[str]) -> None:
    no_notebook("This picture shows a formula of position and distance alone, and no number of the model.")
    n = _config().n_positions
    _, head = choice.head()
    slopes = run.slopes()
    gentle = float(np.exp(-slopes.min() * n))
    st.markdown(
        "ALiBi's line has no end: a key twice as far gets twice the bias, and its weight fades. "
        f"Nothing breaks, and nothing far is seen: a key {n:,} tokens back counts {show_number(gentle, 2)} of "
        "a near one in the gentlest head."
    )
    st.plotly_chart(
        figures.alibi_factor(slopes, head, 2 * n, n), key="alibi_far", config=CHART
    )
    st.caption(
        "e^(−slope × distance), all heads, your head in red. So models with ALiBi run past their "
        "training length (Press et al. 2021), but read little of what is that far away."
    )


def _louder(tokens: list[str]) -> None:
    at = chosen(AT)
    at = len(tokens) - 1 if at is None or at >= len(tokens) else at
    found = run.scaled(at, np.logspace(-1, 2, 61))
    notebook("scaled", at=at)
    width = _config().n_embd
    st.markdown(
        "Could a position outside the table simply be a larger vector? The first thing a block "
        f"does is LayerNorm: whatever comes in leaves with length √{width:,} = {width**0.5:.1f}. "
        "A larger position vector adds no information; it hides the word."
    )
    lengths, shares = figures.scaled(found)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("#### Length, before and after")
        st.plotly_chart(lengths, key="lengths", config=CHART)
    with right:
        st.markdown("#### What is left of word and position")
        st.plotly_chart(shares, key="shares", config=CHART)
    st.caption(
        f"What if: {for_markdown(tokens[at])} at {at}, `wte` + × · `wpe`, normalised by mean and "
        "variance (before γ and β). Dotted: × 1, the real input."
    )


def _config():
    return visit.checkpoint().model.config
