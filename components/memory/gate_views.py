"""The memory page's view of how open each module is, what it adds, and what its state does."""

import numpy as np
import streamlit as st

from components.frame import presenting, visit
from components.kit import cell_grid
from components.memory import choice, figures, look, numbers, run
from components.memory.look import Moment

CHART = {"displayModeBar": False}


def show(now: Moment) -> None:
    """How far each gate is open and what it adds; then the recurrent states."""
    numbers.offer_ways(now)
    presenting.pictures({
        "Gates": lambda: look.nothing_asked(now) if now.asked is None else _show_ways(now),
        "States": lambda: _show_states(now),
    })


def _show_ways(now: Moment) -> None:
    ways = run.ways(now.key, now.asked, now.settings)
    if not ways.openness:
        st.info("Nothing is read from memory now, so nothing is added to the stream: this is exactly "
                "GPT-2.")
        return
    tokens = now.asked.names[now.asked.n_start :]
    st.markdown("##### How far each module's gate is open, and what it adds")
    first = now.asked.n_front  # if a prompt is too long, only its end asks
    _show_grid(figures.openness(ways.openness, tokens, first), now, "memory_openness")
    layer = visit.checkpoint().memory.sizes.layer if visit.checkpoint().memory is not None else 0
    _show_grid(figures.added(ways.added, tokens, layer, first), now, "memory_added")
    st.caption(
        "Length: √Σx², from this run's own tensors: the stream before a module plus what it added "
        "is the stream after it. AM's row: what the weights on memory's slots add through c_proj. "
        "Colour of the lower grid: √ of the share."
        + (" No row of AM." if "am" not in ways.openness else "")
    )


def _show_grid(grid, now: Moment, key: str) -> None:
    cell_grid.show(grid, (0, now.row), key, lambda row, column: choice.choose_row(column))


def _show_states(now: Moment) -> None:
    if not choice.available() & {"early", "late"}:
        st.caption("No recurrent memory was trained for this model, so there is no state to show.")
        return
    st.markdown("##### The recurrent states: their length, and how much each step turns them")
    prompts, tokens = st.columns(2, gap="large")
    with prompts:
        _show_told(now)
    with tokens:
        _show_path(now)


def _show_told(now: Moment) -> None:
    told = [t for t in now.now.history if t.states]
    if not told:
        st.info("Tell a prompt (Enter): it changes the state for the next prompt.")
        return
    found = {
        name: tuple(np.array([t.states[name][i] for t in told]) for i in (0, 1))
        for name in told[-1].states
    }
    names = [f"prompt {t.number}" for t in told]
    st.plotly_chart(figures.states(names, found, "prompts told in this tab"),
                    key="memory_states_told", config=CHART)
    st.caption("Change: 1 − cosine to the state one prompt before; the first has none.")


def _show_path(now: Moment) -> None:
    found, n_left_out = run.paths(now.now.key, now.now.state, now.text)
    if not found:
        st.info("Type a prompt to see what telling it would do to the state, token by token.")
        return
    names = next(iter(found.values())).names
    lines = {name: (path.norms, path.cosines) for name, path in found.items()}
    st.plotly_chart(figures.states(names, lines, "tokens of the prompt being typed"),
                    key="memory_states_path", config=CHART)
    st.caption(
        "What telling this prompt would do. Change: 1 − cosine to the state one token before."
        + (f" The last {n_left_out:,} tokens are left out: the prompt is told in windows, and this "
           "is the first window." if n_left_out else "")
    )
