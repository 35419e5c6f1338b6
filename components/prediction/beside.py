"""The Prediction page with a prompt B beside A: the same view of both, and their difference.

The chosen position is A's; B shows the token that stands for it. Both sides have one scale.
"""

import numpy as np
import streamlit as st

from components.frame import presenting, visit
from components.frame.second_prompt import (
    TwoPrompts,
    chooser_of_a,
    next_tokens,
    of_pairs,
    pictures_of_both,
    show_counts,
)
from components.kit import cell_grid, difference, two_distributions
from components.kit.export.offers import notebook
from components.kit.fact_strip import fact_strip
from components.kit.safe_text import for_markdown
from components.kit.units import show_number
from components.prediction import choice, figures, run, shift, strip, views
from model.analysis import comparison

_HELD = "prediction:reading of B"  # session key


def show(two: TwoPrompts, view: str, reading, at: int) -> None:
    """This view of both prompts; reading: of A, at: its chosen position."""
    notebook("comparison", other=two.second.ids.tolist(), pairs=two.pairs.tolist())
    other, place = run.reading_of(two.second, _HELD), two.nearest_in_b(at)
    strip.show(two.others, other.bits, other.rank, place, "prompt B: the token that stands for A's",
               "prediction_strip_b", chooser_of_a(two, choice.choose_position))
    VIEWS[view](two, reading, other, at, place)
    show_counts(two, None if view == "next" else at)  # that one says itself who has no partner


# -- what comes next ------------------------------------------------------------------------------


def _no_partner(two: TwoPrompts, at: int, place: int) -> str:
    """What is compared where no token of B stands for A's; "" where one does."""
    if two.of_b(at) == place:
        return ""
    a, b = for_markdown(two.tokens[at]), for_markdown(two.others[place])
    return f": {a} of A has no partner in B, so what follows it is compared with what follows {b} of B"


def _next(two: TwoPrompts, reading, other, at: int, place: int) -> None:
    def side(name, trace, names, read, where, key):
        st.markdown(views.headline(names, read, where).replace("##### ", f"**{name}.** "))
        views.show_curve(trace, where, key)

    def apart():
        found = next_tokens(two, at, place)
        st.markdown("**B − A**" + _no_partner(two, at, place))
        st.html(fact_strip([
            (show_number(found.js_nats), "Jensen-Shannon, nats", "0 = the same, 0.693 = nothing in common"),
            (f"A: {found.change.top_before}  B: {found.change.top_after}", "most probable next token", ""),
        ]))
        st.html(two_distributions.pairs(found.change, "A", "B"))
        st.caption(f"Δ = B − A. The {len(found.change.ids)} tokens most probable in A or B, of the whole "
                   "vocabulary, before any dial.")

    a, b = (lambda: side("A", two.first, two.tokens, reading, at, "prediction_curve"),
            lambda: side("B", two.second, two.others, other, place, "prediction_curve_b"))
    if presenting.is_on():
        presenting.pictures({"B − A": apart, "A": a, "B": b})
        return
    apart()  # first: both instruments are as high as a screen
    for column, draw in zip(st.columns(2, gap="medium"), (a, b)):
        with column:
            draw()


# -- surprisal ------------------------------------------------------------------------------------


def _surprisal(two: TwoPrompts, reading, other, at: int, place: int) -> None:
    if reading.total is None or other.total is None:
        st.info("One token: nothing was predicted yet. Type a second one in both prompts.")
        return
    top = max(float(np.nanmax(x)) for read in (reading, other) for x in (read.bits, read.entropy_bits))

    def side(name, names, read, where, key):
        st.markdown(f"**{name}**")
        st.html(figures.totals(read))
        chart = figures.bits_chart(names, read.bits, read.rank, read.entropy_bits, where, top)
        st.plotly_chart(chart, key=key)

    def apart():
        mine, others = two.pairs.T
        change = other.bits[others] - reading.bits[mine]
        st.markdown("**B − A**: surprisal of the tokens that stand for each other")
        st.plotly_chart(figures.difference_chart(two.pair_names(), change, two.nearest_pair(at + 1)),
                        key="prediction_bits_apart")
        total = other.total.bits_per_token - reading.total.bits_per_token
        st.caption(f"Above 0: B's token surprises more. Over the whole prompts, B − A: "
                   f"{show_number(total, sign=True)} bits per token.")

    pictures_of_both(
        lambda: side("A", two.tokens, reading, at, "prediction_bits"),
        lambda: side("B", two.others, other, place, "prediction_bits_b"),
        apart,
    )


# -- shifted by one -------------------------------------------------------------------------------


def _shift(two: TwoPrompts, reading, other, at: int, place: int) -> None:
    def side(name, names, read, where, key, take):
        flat = visit.show_tokens(read.guess_ids.ravel())
        k = read.guess_ids.shape[1]
        guesses = [flat[i : i + k] for i in range(0, len(flat), k)]
        st.markdown(f"**{name}**")
        shift.show(names, guesses, read.guess_probability, read.rank, read.bits, where, key, take)

    def apart():
        js = of_pairs(comparison.js_nats, two)
        st.markdown(f"**How far apart** the next tokens of each pair are; chosen: "
                    f"{for_markdown(two.tokens[at])} and its partner")
        grid = difference.row(js, two.pair_names(), two.pair_words(), "Jensen-Shannon, nats",
                              float(np.log(2)), is_signed=False)
        cell_grid.show(grid, (0, two.nearest_pair(at)), "prediction_apart",
                       lambda _, column: choice.choose_position(int(two.pairs[column, 0])))
        st.caption("Jensen-Shannon divergence of the next token behind each pair, in nats: 0 = the same, "
                   "full colour: 0.693 = nothing in common.")

    presenting.pictures({
        "A": lambda: side("A", two.tokens, reading, at, "prediction_shift", choice.choose_position),
        "B": lambda: side("B", two.others, other, place, "prediction_shift_b",
                          chooser_of_a(two, choice.choose_position)),
        "How far apart": apart,
    })


VIEWS = {"next": _next, "surprisal": _surprisal, "shift": _shift}
