"""What the cache saves: milliseconds measured here, multiply–adds counted, both against t."""

import math

import streamlit as st

from components.cache import choice, figures, run
from components.frame import presenting, visit
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import choose, chosen
from components.kit.export.offers import no_notebook
from components.kit.units import show_error, show_number
from model.analysis.cost import Pace

NO_NOTEBOOK = (
    "This view has no notebook: it shows how long this machine took. Take the pictures' numbers as CSV. "
    "“python -m model bench” in the source measures again."
)


def show() -> None:
    """Counts appear at once; times are measured on a click."""
    no_notebook(NO_NOTEBOOK)
    window = visit.checkpoint().model.config.n_positions
    options = {n: f"{n:,}" for n in sorted({64, 256, window}, reverse=True) if n <= window}
    with st.container(horizontal=True, vertical_alignment="bottom", key="cache_time_controls"):
        most = one_of("Up to token", choice.MOST, options, shown=True)
        st.button("Measure on this machine", type="primary", key="measure", on_click=_ask)
        log = st.toggle("Logarithmic", **holding(choice.LOG))
    bar = st.empty()
    if st.session_state.pop("cache:measure", False):
        run.measure(most, lambda share: bar.progress(share, "Measuring both ways …"))
        bar.empty()
    found = run.counts(most)
    if presenting.is_on():
        times = {"Time": lambda: _times(found, log)} if found.measured else {}
        presenting.pictures({
            **times, "Work": lambda: _counts(found, most, log), "Its formulas": lambda: _work(_at(most)),
        })
        return
    left, right = st.columns(2, gap="large")
    with left:
        _counts(found, most, log)
    with right:
        if found.measured:
            _times(found, log)
        else:
            st.info("Nothing measured yet for this model: press *Measure on this machine*.")
            _work(_at(most))
    if found.measured:
        _work(_at(most))


def _ask() -> None:
    st.session_state["cache:measure"] = True


def _times(found, log: bool) -> None:
    st.markdown("#### Time of one step")
    with_pace, without_pace = found.paces
    figure = figures.times(
        found.measured, found.ts, with_pace.ms(found.with_work),
        without_pace.ms(found.without_work), log,
    )
    st.plotly_chart(figure, key="cache_times")
    last = found.measured[-1]
    st.markdown(
        f"Token {last.t:,}: **{last.with_ms:.1f} ms** with the cache, **{last.without_ms:.1f} ms** "
        f"without: {last.without_ms / last.with_ms:.1f} ×."
    )
    worst = max(m.error for m in found.measured)
    st.caption(
        f"Dots: medians of {last.repeats} runs each, {run.placement()}, one conversation. "
        f"Lines, fitted to the dots: {_pace(with_pace)} with the cache, {_pace(without_pace)} "
        "without. With the cache, a step mostly waits for its start and for reading the weights, "
        f"not for arithmetic. Largest |Δ logit|: {show_error(worst)}."
    )


def _pace(pace: Pace) -> str:
    """"1.2 ms + multiply–adds ÷ 5.31 billion a second"."""
    if math.isinf(pace.per_ms):
        return f"{show_number(pace.start_ms, 2)} ms at every length"
    return f"{show_number(pace.start_ms, 2)} ms + multiply–adds ÷ {show_number(pace.per_ms / 1e6)} billion a second"


def _at(most: int) -> int:
    """The token whose step is counted: the chosen one, else the prompt's last."""
    return min(chosen(choice.T) or len(visit.prompt().ids) or most, most)


def _counts(found, most: int, log: bool) -> None:
    st.markdown("#### Work of one step, counted")
    st.session_state["cache:t"] = _at(most)
    at = st.slider(
        "At token t", 1, most, key="cache:t",
        on_change=lambda: choose(choice.T, st.session_state["cache:t"]),
    )
    figure = figures.counts(found.ts, found.with_work, found.without_work, at, log)
    st.plotly_chart(figure, key="cache_counts")


def _work(at: int) -> None:
    with_cache, without = run.work(at)
    st.markdown(f"#### Multiply–adds of the step that reads token {at:,}")
    st.html(figures.work(with_cache, without))
    st.caption(
        f"Without the cache, this step costs {without.total / with_cache.total:.1f} × as much. "
        "pairs = the number of (query, key) pairs: t with the cache, t(t + 1)/2 without. So with "
        "the cache a step grows linearly in t, without it with t². With the cache, the MLP and "
        "projections do not depend on t. D model width, F MLP width, V vocabulary, L layers."
    )
