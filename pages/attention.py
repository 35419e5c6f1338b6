"""Attention: which token reads which; all heads, one head, one row, one cell."""

import streamlit as st

from components import frame

frame.guard()

from components import attention_choice as choice  # noqa: E402
from components import attention_grid, attention_map, attention_steps, head_facts, run  # noqa: E402

VIEWS = {"All heads": [10, 11], "One head": [1, 3], "Step by step": [1, 4], "bertviz": [1, 4]}

config = run.checkpoint().model.config
survey = run.survey(attention_grid.squares(config.n_layer, config.n_head))
if survey is None:
    st.info("No token, no attention: type a prompt above.")
    st.stop()
tokens = run.token_texts()
layer, head = choice.head(survey.facts, len(tokens))
weights = run.weights(layer, head)
query, key = choice.cell(weights)
name = f"Layer {layer} · head {head}"


def draw_grid():
    """All heads: their maps, or one fact of each."""
    shown = st.segmented_control(
        "Show of each head", list(head_facts.SHOWN), format_func=head_facts.SHOWN.get,
        default="map", required=True, key="shown", label_visibility="collapsed",
    )
    notes = head_facts.notes(survey.facts)
    chosen = (layer, head)
    if shown == "map":
        attention_grid.show_maps(survey.pooled, notes, chosen, "grid", choice.choose_head)
        st.caption(head_facts.map_legend(survey.cell))
        return
    numbers = survey.facts[shown]
    top = head_facts.top(shown, numbers)
    attention_grid.show_numbers(numbers, top, notes, chosen, "grid", choice.choose_head)
    st.caption(head_facts.legend(shown, numbers))


def draw_map(most_px):
    """The chosen head; a click chooses a cell."""
    title = f"{run.checkpoint().name}, {name.lower()}"
    attention_map.show(
        weights, tokens, (query, key), title, "map", choice.choose_cell, most_px=most_px
    )


def draw_cell():
    """The arithmetic of the chosen cell."""
    st.markdown(f"#### How query {query} comes to read key {key} with weight {weights[query, key]:.4f}")
    attention_steps.show_cell(run.cell(layer, head, query, key), tokens, query, key, "cell")


def draw_downloads():
    """The exact map as files, made when asked for."""
    file = f"attention-layer-{layer}-head-{head}"
    with st.container(horizontal=True):
        st.download_button(
            "CSV", lambda: attention_map.as_csv(weights, tokens), f"{file}.csv", "text/csv",
            key="csv", on_click="ignore", help="The exact weights (T, T) with token names",
        )
        st.download_button(
            "NPZ", lambda: attention_map.as_npz(weights, tokens, layer, head), f"{file}.npz",
            key="npz", on_click="ignore", help="attention (T, T) float32, tokens, layer, head",
        )


def draw_steps():
    """How the chosen query reads, and the arithmetic of the chosen cell."""
    st.session_state.query_box = query
    st.selectbox(
        "Query: the token that reads", range(len(tokens)), key="query_box",
        format_func=lambda i: f"{i}  {tokens[i]}",
        on_change=lambda: choice.choose_cell(st.session_state.query_box, None),
    )
    steps = run.steps(layer, head, query)
    attention_steps.show_steps(steps, tokens, query, key, "steps", choice.choose_cell)
    draw_cell()


if st.session_state.get("view") not in VIEWS:
    st.session_state.view = "All heads"
view = st.segmented_control(
    "View", list(VIEWS), key="view", required=True, label_visibility="collapsed",
    persist_state="session",
)
left, right = st.columns(VIEWS[view], gap="medium")
with left:
    draw_grid()
    st.markdown(f"**{name}.** {head_facts.words(survey.facts, layer, head)}")
with right:
    st.markdown(f"#### {name}")
    if view == "All heads":
        draw_map(460)
    elif view == "One head":
        draw_map(760)
        draw_downloads()
    elif view == "Step by step":
        draw_steps()
if view == "All heads":
    draw_cell()
