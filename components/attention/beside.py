"""The Attention page with a prompt B beside A: the same view of both, and their difference.

The chosen cell is A's; B shows the tokens that stand for it. Colours of both sides mean the same.
"""

import numpy as np
import streamlit as st

from components.attention import (
    choice,
    grid,
    head_facts,
    head_map,
    query_steps,
    run,
    score_figures,
    views,
)
from components.attention.views import ChosenHead
from components.frame import presenting, visit
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import choose, chosen
from components.frame.second_prompt import TwoPrompts, of_pairs, show_counts
from components.kit import canvas, cell_grid, difference
from components.kit.export.offers import notebook, offer
from components.kit.export.table import Table
from components.kit.safe_text import for_markdown
from components.kit.units import show_number
from model.analysis import attention, comparison, rollout
from model.analysis import score_parts as parts

MAP_PX = 430
THREE = [1, 1, 1]


def show(now: ChosenHead, two: TwoPrompts, view: str) -> None:
    """This view of both prompts."""
    notebook("comparison", other=two.second.ids.tolist(), pairs=two.pairs.tolist())
    VIEWS[view](now, two)
    show_counts(two, None if view in SAID_THERE else now.query)


# -- all heads ------------------------------------------------------------------------------------


def _all_heads(now: ChosenHead, two: TwoPrompts) -> None:
    shown = st.pills("Each tile shows", list(choice.SHOWN.kind.titles), required=True, wrap=True,
                     format_func=choice.SHOWN.kind.titles.get, label_visibility="collapsed",
                     **holding(choice.SHOWN))
    other = visit.derived_of(two.second, attention.survey, canvas.squares(now.n_layers, now.n_heads))
    presenting.pictures({
        "A": lambda: _heads(now, now.survey, shown, "A", "grid"),
        "B": lambda: _heads(now, other, shown, "B", "grid_b"),
        "B − A": lambda: _heads_apart(now, two, other, shown),
    }, THREE)
    if not presenting.is_on():
        _maps(now, two, now.weights, _other_weights(now, two), now.title)


def _heads(now: ChosenHead, survey, shown: str, name: str, key: str) -> None:
    notes, place = head_facts.notes(survey.facts), (now.layer, now.head)
    st.markdown(f"**{name}**")
    if shown == "map":
        grid.show_maps(survey.pooled, notes, place, key=key, on_choose=choice.choose_head)
        return
    top = 1.0 if shown != "entropy" else head_facts.top(shown, now.survey.facts[shown])
    grid.show_numbers(survey.facts[shown], top, notes, place, key=key, on_choose=choice.choose_head)


def _heads_apart(now: ChosenHead, two: TwoPrompts, other, shown: str) -> None:
    if shown == "map":
        values, what, top = of_pairs(comparison.maps_apart, two), "total variation", 1.0
        words = ("Distance of what a head reads: total variation of its rows, mean over the pairs; 0 = the "
                 "same, 1 = nothing in common.")
    else:
        values = other.facts[shown] - now.survey.facts[shown]
        what, top = f"Δ {head_facts.NAMES[shown]}", float(np.nanmax(np.abs(values), initial=0))
        words = f"B − A; blue: more in B, red: less. Full colour: ±{show_number(top)}."
    st.markdown("**B − A**" if shown != "map" else "**How far apart**")
    cell_grid.show(difference.of_heads(values, what, top, shown != "map"), (now.layer, now.head),
                   "grid_apart", choice.choose_head)
    st.caption(f"{words} Click a head.")


# -- one map of both ------------------------------------------------------------------------------


def _one_head(now: ChosenHead, two: TwoPrompts) -> None:
    _maps(now, two, now.weights, _other_weights(now, two), now.title)


def _rollout(now: ChosenHead, two: TwoPrompts) -> None:
    kind = one_of("What is passed on", choice.PASSED)
    maps = [_passed(trace, kind, now.layer) for trace in (two.first, two.second)]
    _maps(now, two, *maps, f"{choice.PASSED.kind.titles[kind]}, layers 0 to {now.layer}")


def _passed(trace, kind: str, layer: int) -> np.ndarray:
    if kind == "raw":
        return visit.derived_of(trace, attention.layer_weights, layer).mean(0)
    compute = rollout.attention_rollout if kind == "rollout" else rollout.contribution_rollout
    return visit.derived_of(trace, compute)[layer]


def _other_weights(now: ChosenHead, two: TwoPrompts) -> np.ndarray:
    return visit.derived_of(two.second, attention.weights, now.layer, now.head)


def _maps(now: ChosenHead, two: TwoPrompts, a: np.ndarray, b: np.ndarray, of: str) -> None:
    """Two maps (T,T) and (S,S) and the difference between their pairs."""
    presenting.pictures({
        "A": lambda: _map(a, two.tokens, (now.query, now.key), "A", "map", choice.choose_cell),
        "B": lambda: _map(b, two.others, _cell_of_b(now, two, b), "B", "map_b", _taker(two)),
        "B − A": lambda: _difference(now, two, a, b, of),
    }, THREE)


def _map(weights: np.ndarray, tokens: list[str], cell: tuple[int, int], name: str, key: str, take) -> None:
    head_map.show(weights, tokens, cell, title=name, most_px=MAP_PX, key=key, on_choose=take)
    offer(key, _map_table, tokens, weights)


def _map_table(tokens: list[str], weights: np.ndarray) -> Table:
    return Table({"query": tokens, "key": tokens}, {"weight": weights}, {}, future_from=0)


def _cell_of_b(now: ChosenHead, two: TwoPrompts, b: np.ndarray) -> tuple[int, int]:
    query, key = two.nearest_in_b(now.query), two.of_b(now.key)
    return query, int(b[query].argmax()) if key is None or key > query else key


def _taker(two: TwoPrompts):
    """A click on B's map chooses the tokens of A that stand for the cell's."""
    def take(query: int, key: int | None) -> None:
        if (own := two.of_a(query)) is not None:
            choice.choose_cell(own, None if key is None else two.of_a(key))

    return take


def _difference(now: ChosenHead, two: TwoPrompts, a: np.ndarray, b: np.ndarray, of: str) -> None:
    first = max(0, len(two.pairs) - difference.MOST)
    mine, others = two.pairs[first:].T
    change = b[np.ix_(others, others)] - a[np.ix_(mine, mine)]
    picture = difference.weights(change, two.pair_names()[first:], two.pair_words()[first:], of, 300)
    row = max(0, two.nearest_pair(now.query) - first)
    column = max(0, two.nearest_pair(now.key) - first)
    st.markdown(f"**B − A**: {of}")
    cell_grid.show(picture, (row, min(row, column)), "map_apart",
                   lambda row, column: choice.choose_cell(int(mine[row]), int(mine[column])))
    shorter = f" The last {len(mine)} pairs." if first else ""
    st.caption("Δ weight between tokens that stand for each other; blue: B reads more, red: less; "
               f"colour = √|Δ|, full at ±1.{shorter}")


# -- one query ------------------------------------------------------------------------------------


def _steps(now: ChosenHead, two: TwoPrompts) -> None:
    views.pick_query(now)
    query = two.of_b(now.query)
    if query is None:
        st.info(f"{for_markdown(now.tokens[now.query])} ({now.query}) has no partner in B. Choose another "
                "query.")
        return
    b = visit.derived_of(two.second, attention.steps, now.layer, now.head, query)
    a = run.steps(now.layer, now.head, now.query)
    key = two.of_b(now.key)
    key = int(b.weights[: query + 1].argmax()) if key is None or key > query else key

    def side(name, steps, tokens, place, chosen_key, widget, take):
        st.markdown(f"**{name}**: the query {for_markdown(tokens[place])} ({place})")
        query_steps.show_steps(steps, tokens, place, chosen_key, key=widget, on_choose=take)

    presenting.pictures({
        "A": lambda: side("A", a, two.tokens, now.query, now.key, "steps", choice.choose_cell),
        "B": lambda: side("B", b, two.others, query, key, "steps_b", _taker(two)),
    }, [1, 1])
    _row_apart(now, two, a.weights, b.weights)


def _row_apart(now: ChosenHead, two: TwoPrompts, a: np.ndarray, b: np.ndarray) -> None:
    change = b[two.pairs[:, 1]] - a[two.pairs[:, 0]]
    st.markdown("**B − A**: the weights of this query")
    cell_grid.show(difference.row(change, two.pair_names(), two.pair_words(), "Δ weight"),
                   (0, two.nearest_pair(now.key)), "row_apart",
                   lambda _, column: choice.choose_cell(now.query, int(two.pairs[column, 0])))


# -- who wrote a score ----------------------------------------------------------------------------


def _why(now: ChosenHead, two: TwoPrompts) -> None:
    query, key = two.of_b(now.query), two.of_b(now.key)
    if query is None or key is None or key > query:
        st.info(f"{for_markdown(now.tokens[now.query])} ({now.query}) reading {for_markdown(now.tokens[now.key])} "
                f"({now.key}) has no partner in B. Choose another cell of A.")
        _map(now.weights, two.tokens, (now.query, now.key), "A", "map", choice.choose_cell)
        return
    found = [visit.derived_of(two.first, parts.score_parts, now.layer, now.head, now.query, now.key),
             visit.derived_of(two.second, parts.score_parts, now.layer, now.head, query, key)]
    a, b = score_figures.folded(*found)
    apart = score_figures.Folded(b.parts - a.parts, a.rows, a.columns, a.writers)
    top = max(float(np.abs(one.parts).max()) for one in (a, b, apart))

    def side(name: str, one, score: float, key: str):
        row, column = chosen(choice.WRITERS) or apart.largest
        cell = min(row, len(one.rows) - 1), min(column, len(one.columns) - 1)
        st.markdown(f"**{name}**: {show_number(score, sign=True)}")
        cell_grid.show(score_figures.writers_grid(one, top), cell, key,
                       lambda row, column: choose(choice.WRITERS, (row, column)))

    scores = [one.score for one in found]
    presenting.pictures({
        "A": lambda: side("The score in A", a, scores[0], "score_writers"),
        "B": lambda: side("The score in B", b, scores[1], "score_writers_b"),
        "B − A": lambda: side("Δ score", apart, scores[1] - scores[0], "score_apart"),
    }, THREE)
    st.caption("Row: who wrote the query's part; column: the key's; the parts of each picture sum to its "
               f"score. Blue raises it, red lowers it; full colour: ±{show_number(top)} in all three.")


VIEWS = {"All heads": _all_heads, "One head": _one_head, "Step by step": _steps, "Why here?": _why,
         "Rollout": _rollout}
SAID_THERE = ("Step by step", "Why here?")  # these say themselves that a token has no partner
