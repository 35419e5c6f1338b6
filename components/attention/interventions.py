"""The Attention page's views that go beyond looking: what a cut edge changes, who wrote a score, what
layers pass on."""

import numpy as np
import pandas as pd
import streamlit as st

from components.attention import choice, cuts, head_facts, head_map, run, score_figures, views
from components.attention.views import ChosenHead
from components.frame import presenting, visit
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import choose, chooser, chosen
from components.kit import cell_grid, data_table, two_distributions
from components.kit.export.offers import notebook, offer
from components.kit.export.table import Table
from components.kit.safe_text import for_markdown
from components.kit.units import show_error, show_number

N_PAIRS = 8  # pairs of writers that are named

# -- cut an edge ----------------------------------------------------------------------------------


def show_cut(now: ChosenHead) -> None:
    """The chosen cell as an edge, the edges that are cut, and what they change."""
    edge = choice.edge(now.layer, now.head, now.query, now.key)
    presenting.pictures({
        "The edge": lambda: _edge(now, edge), "What changes": lambda: _effect(now, edge),
    }, [1, 1])


def _edge(now: ChosenHead, edge) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="cut_row"):
        one_of("Where the edge is cut", choice.SCOPE)
        one_of("What becomes of its score", choice.HOW)
        if edge.factor is not None:
            st.number_input("Factor", label_visibility="collapsed", min_value=-10.0, max_value=10.0, step=0.5, width=110,
                            **holding(choice.FACTOR))
        st.button("Keep this cut", key="cut_keep", on_click=choice.keep_cut, args=(edge,),
                  disabled=len(chosen(choice.CUTS)) >= cuts.KIND.most)
    views.show_map(now, most_px=400)


def _effect(now: ChosenHead, edge) -> None:
    kept = chosen(choice.CUTS)
    edges = kept or [edge]
    notebook("cut", edges=edges)
    if not kept:
        st.markdown(f"**What if** {for_markdown(cuts.in_words(edge, now.tokens))}?")
    for at, one in enumerate(kept):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Undo", key=f"undo cut {at}", on_click=choice.undo_cut, args=(at,))
            st.markdown(for_markdown(cuts.in_words(one, now.tokens)))
    if len(kept) > 1:
        st.button("Undo all", key="cut_none", type="tertiary", on_click=chooser(choice.CUTS, None))
    try:
        change = run.cut_effect(edges)
    except ValueError as problem:  # the list must stay, so that the cut can be undone
        st.warning(for_markdown(str(problem)))
        return
    st.html(score_figures.cut_facts(change))
    st.html(two_distributions.pairs(change, "original", "cut"))
    st.caption("The next token, without and with "
               + ("the cut of the chosen cell; nothing is kept yet." if not kept else
                  f"{'this cut' if len(kept) == 1 else f'these {len(kept)} cuts'}.")
               + " A cut score is −∞ before the softmax: its weight is 0, and the others still sum "
               "to 1. KL is over the whole vocabulary.")


# -- who wrote a score ----------------------------------------------------------------------------


def show_why(now: ChosenHead) -> None:
    """The chosen score by who wrote the query and the key."""
    place = now.layer, now.head, now.query, now.key
    notebook("score", layer=now.layer, head=now.head, query=now.query, key=now.key)
    found = run.score_parts(*place)
    presenting.pictures({
        "The cell": lambda: views.show_map(now, most_px=360),
        "Who wrote it": lambda: _writers(now, found),
        **({"The largest pairs": lambda: _pairs(found)} if presenting.is_on() else {}),
    }, [2, 3])
    if not presenting.is_on():
        _pairs(found)


def _writers(now: ChosenHead, found) -> None:
    query, key = (for_markdown(now.tokens[i]) for i in (now.query, now.key))
    st.markdown(f"**Why {query} ({now.query}) reads {key} ({now.key})** in {now.title.lower()}: score "
                f"{show_number(found.score, sign=True)}")
    (folded,) = score_figures.folded(found)
    top = float(np.abs(folded.parts).max())
    grid = score_figures.writers_grid(folded, top)
    row, column = chosen(choice.WRITERS) or folded.largest
    cell = min(row, len(folded.rows) - 1), min(column, len(folded.columns) - 1)
    cell_grid.show(grid, cell, "score_writers",
                   lambda row, column: choose(choice.WRITERS, (row, column)))
    offer("score_writers", _all_parts, now.layer, now.head, now.query, now.key)
    _say_heads(now, folded, cell)
    error = show_error(float(found.parts.sum()) - found.score)
    st.caption(f"Row: who wrote the query's part; column: the key's. All {found.parts.size:,} parts sum "
               f"to the score before the softmax (difference {error}). The LayerNorm's σ is held as it "
               f"is here. Blue raises the score, red lowers it, 0 has no colour; full colour: "
               f"±{show_number(top)}. “Others”: the sum of the smaller writers.")


def _say_heads(now: ChosenHead, folded, cell: tuple[int, int]) -> None:
    """Of the chosen pair, what each head does, and the way to it."""
    for side, index in (("query", folded.rows[cell[0]]), ("key", folded.columns[cell[1]])):
        writer = None if index is None else folded.writers[index]
        if writer is None or writer.kind != "head":
            continue
        words = head_facts.words(now.survey.facts, writer.layer, writer.head)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"The {side}'s writer, head {writer.layer}.{writer.head}: {words}")
            st.button("Show it", key=f"writer {side}", on_click=choice.choose_head,
                      args=(writer.layer, writer.head))


def _pairs(found) -> None:
    names = score_figures.names(found.writers)
    best = np.argsort(-np.abs(found.parts), axis=None)[:N_PAIRS]
    rows, columns = np.unravel_index(best, found.parts.shape)
    table = pd.DataFrame({
        "query written by": [names[i] for i in rows], "key written by": [names[i] for i in columns],
        "part of the score": found.parts[rows, columns],
    })
    st.markdown("**The largest pairs of writers**")
    data_table.show(table, "score_pairs")


def _all_parts(layer: int, head: int, query: int, key: int) -> Table:
    found = run.score_parts(layer, head, query, key)
    names = score_figures.names(found.writers)
    return Table({"query_written_by": names, "key_written_by": names}, {"part": found.parts},
                 {"score": found.score})


# -- through the layers ---------------------------------------------------------------------------

LEAVES_OUT = {
    "Raw attention": "The mean weight of the layer's heads. It leaves out all earlier layers: by then a "
                     "token's stream holds parts of other tokens.",
    "Rollout": "Weights multiplied through layers 0 to {}; half of every step is the token's own stream. "
               "It leaves out how long values are, what the output projection does, how heads differ, "
               "and the MLPs.",
    "Contributions": "The same with what each value really adds to the stream (ALTI). It leaves out only "
                     "what an MLP does to its own token.",
}


def show_rollout(now: ChosenHead) -> None:
    """The chosen layer's raw attention beside what all layers up to it passed on."""
    notebook("rollout")
    presenting.pictures({name: lambda name=name: _passed_on(now, name) for name in LEAVES_OUT}, [1, 1, 1])


def _passed_on(now: ChosenHead, name: str) -> None:
    title = f"Layer {now.layer}" if name == "Raw attention" else f"Layers 0 to {now.layer}"
    key = f"rollout_{name.split()[0].lower()}"
    head_map.show(
        _map(now.layer, name), now.tokens, (now.query, now.key), title=name, most_px=440, key=key,
        on_choose=choice.choose_cell,
    )
    offer(key, _map_table, now.layer, name)
    st.caption(f"{title}. {LEAVES_OUT[name].format(now.layer)} Rows sum to 1.")


def _map(layer: int, name: str) -> np.ndarray:
    if name == "Raw attention":
        return run.layer_weights(layer).mean(0)
    return run.rollouts()[name == "Contributions"][layer]


def _map_table(layer: int, name: str) -> Table:
    tokens = visit.token_texts()
    return Table({"token": tokens, "holds": tokens}, {"share": _map(layer, name)}, {"layer": layer},
                 future_from=0)
