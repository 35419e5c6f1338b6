"""What the cache saves: milliseconds measured here, multiply–adds counted, both against t."""

import streamlit as st

from components.cache import choice, figures, run
from components.frame import visit
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import choose, chosen


def show() -> None:
    """Counts appear at once; times are measured on a click."""
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
    left, right = st.columns(2, gap="large")
    with left:
        _times(found, log)
    with right:
        at = _counts(found, most, log)
    _work(at)


def _ask() -> None:
    st.session_state["cache:measure"] = True


def _times(found, log: bool) -> None:
    st.markdown("#### Time of one step")
    if not found.measured:
        st.info("Nothing measured yet for this model: press *Measure on this machine*.")
        return
    with_rate, without_rate = found.rates
    figure = figures.times(
        found.measured, found.ts, found.with_work / with_rate, found.without_work / without_rate,
        log,
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
        f"Lines: the multiply–adds at right ÷ {with_rate / 1e6:.2f} and {without_rate / 1e6:.2f} "
        "billion a second (fitted to the dots). With the cache, a step mostly waits for reading "
        f"the weights, not for arithmetic: hence the lower rate. Largest |Δ logit|: {worst:.1e}."
    )


def _counts(found, most: int, log: bool) -> int:
    st.markdown("#### Work of one step, counted")
    wanted = chosen(choice.T) or len(visit.prompt().ids) or most
    st.session_state["cache:t"] = min(wanted, most)
    at = st.slider(
        "At token t", 1, most, key="cache:t",
        on_change=lambda: choose(choice.T, st.session_state["cache:t"]),
    )
    figure = figures.counts(found.ts, found.with_work, found.without_work, at, log)
    st.plotly_chart(figure, key="cache_counts")
    return at


def _work(at: int) -> None:
    with_cache, without = run.work(at)
    st.markdown(f"#### Multiply–adds of the step that reads token {at:,}")
    st.html(figures.work(with_cache, without))
    st.caption(
        f"Without the cache, this step costs {without.total / with_cache.total:.1f} × as much. "
        "pairs = the number of (query, key) pairs: t with the cache, t(t + 1)/2 without. So with "
        "the cache a step grows linearly in t, without it with t². With the cache, the MLP and "
        "projections do not depend on t. C model width, F MLP width, V vocabulary, L layers."
    )
