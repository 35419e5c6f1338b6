"""The Residual stream page with a prompt B beside A: the same view of both, and their difference.

The chosen token is A's; B shows the one that stands for it. Colours of both sides mean the same.
"""

import numpy as np
import streamlit as st

from components.frame import presenting, visit
from components.frame.choice_widgets import one_of
from components.frame.choices import choose, chosen
from components.frame.second_prompt import (
    TwoPrompts,
    chooser_of_a,
    of_pairs,
    pictures_of_both,
    show_counts,
)
from components.kit import cell_grid
from components.kit.export.offers import notebook
from components.kit.safe_text import for_markdown
from components.kit.units import show_number
from components.residual import attribution_figures, choice, figures, run, views
from model.analysis import comparison


def show(two: TwoPrompts, view: str, at: int) -> None:
    """This view of both prompts; at: the chosen token of A."""
    notebook("comparison", other=two.second.ids.tolist(), pairs=two.pairs.tolist())
    VIEWS[view](two, at)
    show_counts(two, at)


# -- the stream -----------------------------------------------------------------------------------


def _stream(two: TwoPrompts, at: int) -> None:
    shown = one_of("Show of all tokens", choice.STREAM_SHOWN)
    a, b = (run.stream(trace) for trace in (two.first, two.second))
    mine, others = two.pairs.T
    change = getattr(b, shown)[:, others] - getattr(a, shown)[:, mine]
    apart, top = figures.stream_difference(change, two.pair_names(), shown)
    row = min(chosen(choice.STREAM_ROW), len(apart.rows) - 1)

    def draw(name, grid, column, key, take):
        st.markdown(f"**{name}**: {figures.MAPS[shown].lower()}")
        cell_grid.show(grid, (row, column), key, lambda r, c: (choose(choice.STREAM_ROW, r), take(c)))

    pictures_of_both(
        lambda: draw("A", figures.stream_grid(a, two.tokens, shown, b), at, "stream_grid",
                     choice.choose_position),
        lambda: draw("B", figures.stream_grid(b, two.others, shown, a), two.nearest_in_b(at),
                     "stream_grid_b", chooser_of_a(two, choice.choose_position)),
        lambda: draw("B − A", apart, two.nearest_pair(at), "stream_apart",
                     lambda c: choice.choose_position(int(mine[c]))),
    )
    scale = "" if shown == "cosine" else " Ranks are among the cells of both prompts."
    st.caption(f"{figures.LEGENDS[shown]}{scale} B − A: blue is more in B, red less; full colour: "
               f"±{show_number(top)}.")


# -- the lens -------------------------------------------------------------------------------------


def _lens(two: TwoPrompts, at: int) -> None:
    n_layers = two.first.n_layers
    row = choice.row(n_layers)
    shown = one_of("Show in each cell", choice.LENS_SHOWN)
    apart = of_pairs(comparison.lens_apart, two)
    place = two.nearest_in_b(at)

    def side(name, trace, tokens, column, key, take):
        start, stop = run.lens_window(column, len(tokens))
        found = run.lenses(trace, start, stop)
        words = visit.show_tokens(found.ids.ravel())
        came = [*tokens[start + 1 : stop + 1], *([""] if stop == len(tokens) else [])]
        grid = figures.lens_grid(found, shown, tokens[start:stop], words, came)
        st.markdown(f"**{name}**")
        cell_grid.show(grid, (row, column - start), key,
                       lambda r, c: (choose(choice.LENS_ROW, r), take(c + start)))

    def difference():
        st.markdown("**How far apart** both are")
        grid = figures.lens_difference(apart, two.pair_names(), two.pair_words())
        cell_grid.show(grid, (row, two.nearest_pair(at)), "lens_apart",
                       lambda r, c: choice.choose_cell(r, int(two.pairs[c, 0])))

    pictures_of_both(
        lambda: side("A", two.first, two.tokens, at, "lens_grid", choice.choose_position),
        lambda: side("B", two.second, two.others, place, "lens_grid_b", chooser_of_a(two, choice.choose_position)),
        difference,
    )
    st.caption(f"{figures.LENS_LEGENDS[shown]} Below: the Jensen-Shannon divergence of both in nats; 0 = the "
               "same, full colour: 0.693 = nothing in common.")


# -- who made a logit -----------------------------------------------------------------------------


def _made(two: TwoPrompts, at: int) -> None:
    token, against = views.pick_logit(two.tokens, at)
    place = two.nearest_in_b(at)
    found = [run.attribute(trace, where, token, against)
             for trace, where in ((two.first, at), (two.second, place))]
    a, b = (attribution_figures.parts_of_layers(one) for one in found)
    top = max(float(np.abs(x).max()) for x in (a, b, b - a)) or 1.0
    n_layers, n_columns = a.shape
    layer, column = chosen(choice.MAKER) or choice.strongest(b - a)
    cell = min(layer, n_layers - 1), min(column, n_columns - 1)

    def side(name, values, logit, key):
        st.markdown(f"**{name}**: {show_number(logit, sign=True)}")
        cell_grid.show(attribution_figures.parts_map(values, top), cell, key,
                       lambda r, c: choose(choice.MAKER, (r, c)))

    logits = [one.logit for one in found]
    where = f"after {for_markdown(two.others[place])} ({place})"
    presenting.pictures({
        "A": lambda: side("Logit in A", a, logits[0], "maker_grid"),
        "B": lambda: side(f"Logit in B {where}", b, logits[1], "maker_grid_b"),
        "B − A": lambda: side("Δ logit", b - a, logits[1] - logits[0], "maker_apart"),
    }, [1, 1, 1])
    name = for_markdown(visit.show_tokens([token])[0])
    versus = "" if against is None else f" minus that of {for_markdown(visit.show_tokens([against])[0])}"
    st.caption(f"In logits of {name}{versus}; blue raises, red lowers it; full colour: ±{show_number(top)} in "
               "all three. Direct effect only; the final LayerNorm's σ is frozen at each side's own, "
               f"{found[0].sigma:.3f} and {found[1].sigma:.3f}. The embeddings are not in the maps.")


VIEWS = {"Stream": _stream, "Logit lens": _lens, "Who made this logit": _made}
