"""Anatomy: what is in the checkpoint, what shape everything has, how large any GPT is."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.anatomy import (
    checkpoint_map,
    choice,
    panels,
    run,
    shape_ladder,
    size_figures,
    tensor_figures,
)
from components.frame import presenting
from components.frame.choice_widgets import one_of
from components.kit import data_table


def show_map() -> None:
    found = run.anatomy()
    presenting.pictures({"Map": lambda: draw_map(found), **panels.tensor_pictures(found)})
    with st.expander("Where every byte goes"):
        if presenting.is_on():
            panels.headline(found)
        st.html(checkpoint_map.ledger(found))
        for note in checkpoint_map.ledger_notes(found):
            st.markdown(note)
        panels.files(found)


def draw_map(found) -> None:
    if not presenting.is_on():
        panels.headline(found)
    st.html(checkpoint_map.legend(found))
    panels.clickable_map(found)
    st.caption(
        "Area = bytes in the file; the number is the layer. Click a tensor to see its values. "
        "Biases and LayerNorms are too thin to click here: find them under *Every tensor*."
    )


def show_tensors() -> None:
    found = run.anatomy()
    st.caption(checkpoint_map.provenance(found))
    presenting.pictures(
        {"Table": lambda: panels.tensor_table(found), **panels.tensor_pictures(found)}
    )


def show_heads() -> None:
    layer, head = panels.head_choice()
    weights = run.head_weights(layer, head)
    presenting.pictures({
        "All heads": lambda: panels.all_heads(weights),
        "One head": lambda: panels.one_head(weights, layer, head),
        "Their sizes": lambda: st.plotly_chart(tensor_figures.head_norms(weights), key="head_norms"),
    })


def show_tour() -> None:
    head = presenting.folded("Block, letters", "tour_letters")
    with head:
        tour = run.tour(panels.opened_block())
    if tour is None:
        st.info("Type a prompt: the tour shows the tensors that your text makes.")
        return
    with head:
        st.html(shape_ladder.letters(tour))
        st.markdown(shape_ladder.verdict(tour))
    with st.container(key="tour_ladder"):
        st.html(shape_ladder.ladder(tour))
    st.caption(
        "Side lengths are size^0.3; at most four heads are drawn as sheets. The app normally uses "
        "a fused attention that never holds all scores. For this tour, transformers' plain "
        "attention ran the opened block once more on the same residual stream."
    )
    with presenting.table_place():
        data_table.show(shape_ladder.table(tour), "tour_table")


def show_size() -> None:
    total = panels.size_inputs()
    st.html(size_figures.totals(total))
    presenting.pictures({
        "Its parts": lambda: st.plotly_chart(size_figures.bars(total), key="size_bars"),
        "The common count": lambda: common_count(total),
        "What it leaves out": lambda: left_out(total),
    })


def common_count(total) -> None:
    st.markdown("#### The common count: a query, a key and a value matrix for each head")
    st.html(size_figures.table(total))


def left_out(total) -> None:
    st.markdown("#### What it leaves out, and what it counts twice")
    st.html(size_figures.reconciliation(total))


SHOW = {
    "tour": show_tour, "map": show_map, "tensors": show_tensors, "heads": show_heads,
    "size": show_size,
}
SHOW[one_of("View", choice.VIEW)]()
