"""Anatomy: what is in the checkpoint, what shape everything has, how large any GPT is."""

import streamlit as st

from components import frame

frame.guard()

from components import anatomy_map, anatomy_panels, run  # noqa: E402
from components import shape_ladder, size_figures, tensor_figures  # noqa: E402

VIEWS = {
    "map": "Map of the weights",
    "tensors": "Every tensor",
    "heads": "Q, K, V by head",
    "tour": "Shape tour",
    "size": "Size of any GPT",
}


def show_map() -> None:
    found = run.anatomy()
    st.html(anatomy_map.headline(found))
    st.html(anatomy_map.legend(found))
    anatomy_panels.clickable_map(found)
    st.caption(
        "Area = bytes in the file; the number is the layer. Click a tensor to see its values. "
        "Biases and LayerNorms are slivers here: find them under *Every tensor*."
    )
    anatomy_panels.tensor_panel(found)
    st.markdown("#### Where every byte goes")
    st.html(anatomy_map.ledger(found))
    for note in anatomy_map.ledger_notes(found):
        st.markdown(note)
    st.markdown(f"#### The files in `{found.folder}`")
    st.html(anatomy_map.files(found))


def show_tensors() -> None:
    found = run.anatomy()
    st.caption(anatomy_map.provenance(found))
    anatomy_panels.tensor_table(found)
    anatomy_panels.tensor_panel(found)


def show_heads() -> None:
    config = run.checkpoint().model.config
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer = anatomy_panels.number("Layer", "layer", config.n_layer)
        head = anatomy_panels.number("Head", "head", config.n_head)
        if st.button("See this head attend →", key="attend", type="tertiary"):
            anatomy_panels.remember_head()
            st.switch_page("pages/attention.py")
    st.markdown("`c_attn.weight` is three matrices side by side; each holds one slice per head.")
    weights = run.head_weights(layer, head)
    st.plotly_chart(tensor_figures.all_heads(weights), key="all_heads")
    st.caption("Size of each weight, pooled (the largest of its block); hover: exact value, place.")
    st.markdown(f"#### Layer {layer}, head {head}")
    st.plotly_chart(tensor_figures.one_head(weights), key="one_head")
    st.caption(tensor_figures.pooling_words(weights.chosen[0]))
    st.plotly_chart(tensor_figures.head_norms(weights), key="head_norms")


def show_tour() -> None:
    layer = anatomy_panels.number("Open block", "layer", run.checkpoint().model.config.n_layer)
    tour = run.tour(layer)
    if tour is None:
        st.info("Type a prompt: the tour shows the tensors that your text makes.")
        return
    right, sentence = shape_ladder.verdict(tour)
    st.html(shape_ladder.letters(tour))
    (st.markdown if right else st.error)(f"{'✓' if right else '✗'} {sentence}")
    st.html(shape_ladder.ladder(tour))
    st.caption(
        "Sides are drawn as size^0.3, at most four heads as sheets. The app's own passes use a "
        "fused attention that never holds all scores; for this tour, transformers' plain attention "
        "ran the opened block once more on the same residual stream."
    )
    st.dataframe(shape_ladder.table(tour), key="tour_table", hide_index=True)


def show_size() -> None:
    total = anatomy_panels.size_inputs()
    st.html(size_figures.totals(total))
    st.plotly_chart(size_figures.bars(total), key="size_bars")
    st.markdown("#### The common count: a query, a key and a value matrix for each head")
    st.html(size_figures.table(total))
    st.markdown("#### What it leaves out, and what it counts twice")
    st.html(size_figures.reconciliation(total))


view = anatomy_panels.choose("View", VIEWS, "anatomy")
{"map": show_map, "tensors": show_tensors, "heads": show_heads, "tour": show_tour,
 "size": show_size}[view]()
