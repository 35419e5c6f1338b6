"""The widgets of the Anatomy page: what the visitor chooses, kept for the link (frame.address)."""

from dataclasses import asdict

import streamlit as st

from components.anatomy import checkpoint_map, run, size_figures, tensor_figures
from components.anatomy.treemap import treemap
from components.frame import model_picker, visit
from components.kit import own_numbers
from components.kit.one_of import one_of
from model.analysis import arithmetic
from model.analysis.anatomy import Anatomy

SIDE = 48  # rows and columns of a window


def headline(found: Anatomy) -> None:
    """The checkpoint in four numbers."""
    dtype = str(visit.checkpoint().placement.dtype).removeprefix("torch.")
    st.html(checkpoint_map.headline(found, dtype))


def files(found: Anatomy) -> None:
    """The files of the checkpoint, with the folder's name as far as this visitor may know it."""
    st.markdown(f"#### The files in `{model_picker.folder_shown(visit.checkpoint())}`")
    st.html(checkpoint_map.files(found))


def head_choice() -> tuple[int, int]:
    """(layer, head), and the button that shows this head's attention on the prompt."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer = layer_choice("Layer")
        head = _number("Head", "head", visit.checkpoint().model.config.n_head)
        if st.button("See this head attend →", key="attend", type="tertiary"):
            remember_head()
            st.switch_page("pages/attention.py")
    return layer, head


def layer_choice(label: str) -> int:
    """A layer of the chosen model."""
    return _number(label, "layer", visit.checkpoint().model.config.n_layer)


def _number(label: str, name: str, n: int) -> int:
    """0 to n-1: the one last chosen on any page or by the link, else 0.

    Only a choice is remembered (and put into the link), not the initial 0.
    """
    chosen = st.session_state.get(name)
    st.session_state[f"anatomy_{name}"] = chosen if chosen in range(n) else 0
    return st.selectbox(label, range(n), key=f"anatomy_{name}", on_change=remember_head, width=110)


def remember_head() -> None:
    """Keep the layer and head shown here for the other pages and the link."""
    for name in ("layer", "head"):
        if f"anatomy_{name}" in st.session_state:
            st.session_state[name] = st.session_state[f"anatomy_{name}"]


def clickable_map(found: Anatomy) -> None:
    """The treemap; a click chooses the tensor."""
    treemap(
        checkpoint_map.by_layer(found), chosen_tensor(found), "treemap", 520, _choose_from_map
    )


def _choose_from_map() -> None:
    st.session_state.tensor = st.session_state.treemap.clicked


def tensor_table(found: Anatomy) -> None:
    """Filter, sort, and choose a tensor by its row."""
    names = [t.part for t in found.totals()]
    parts = st.pills("Parts", names, selection_mode="multi", key="tensor_parts")
    table = checkpoint_map.tensors(found, parts)
    st.dataframe(
        table, key="tensor_rows", hide_index=True, height=420, selection_mode="single-row",
        on_select=lambda: _choose_from_table(table),
        column_config={
            "values": st.column_config.NumberColumn(format="localized"),
            "bytes": st.column_config.NumberColumn(format="localized"),
        },
    )
    n_bytes = int(table["bytes"].sum())
    st.caption(f"{len(table):,} tensors, {int(table['values'].sum()):,} values, {n_bytes:,} bytes")


def _choose_from_table(table) -> None:
    rows = st.session_state.tensor_rows.selection.rows
    if rows:
        st.session_state.tensor = table["tensor"].iloc[rows[0]]


def chosen_tensor(found: Anatomy) -> str:
    """The name of the shown tensor: the link's, the clicked one, or the first."""
    names = {t.name for t in found.tensors}
    if st.session_state.get("tensor") not in names:
        first = found.of_part("token embedding") or found.tensors
        st.session_state.tensor = first[0].name
    return st.session_state.tensor


def tensor_panel(found: Anatomy) -> None:
    """Facts, histogram and heat map of the chosen tensor."""
    name = chosen_tensor(found)
    with st.spinner(f"Reading {name} …"):
        view = run.tensor_view(name)
    t, f = view.tensor, view.facts
    st.html(checkpoint_map.title(t))
    st.html(tensor_figures.facts(view))
    if f.n_not_finite:
        st.warning(f"{f.n_not_finite:,} values are NaN or infinite. The facts leave them out.")
    _values(view)
    figure = tensor_figures.histogram(view.histogram, tensor_figures.colour_of(t.part))
    st.plotly_chart(figure, key="tensor_histogram")
    st.caption(f"All {f.n - f.n_not_finite:,} values in {len(view.histogram.counts)} intervals.")


def _values(view) -> None:
    grid, R, C = view.grid, *view.grid.shape
    names = None
    if grid.block != (1, 1):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            forms = {"whole": "The whole tensor, pooled", "window": "A window, every value"}
            if one_of("Picture", forms, "tensor_form") == "window":
                first = f"of {view.tensor.name}"
                row = st.number_input("from row", 0, R - 1, 0, SIDE, key=f"row {first}", width=150)
                col = st.number_input("column", 0, C - 1, 0, SIDE, key=f"col {first}", width=150)
                grid = run.tensor_window(view.tensor.name, row, col, SIDE)
                names = _row_names(view.tensor, grid)
    st.plotly_chart(tensor_figures.heat_map(grid, names), key="tensor_values")
    st.caption(tensor_figures.pooling_words(grid))


def _row_names(tensor, grid) -> list[str] | None:
    rows = [int(i) for i in grid.row[:, 0]]
    if tensor.part in ("token embedding", "unembedding"):
        return [f"{text}  {i}" for i, text in zip(rows, visit.show_tokens(rows))]
    return None


def size_inputs() -> arithmetic.Count:
    """A preset and its seven numbers, each of which can be changed -> what they add up to."""
    config = visit.checkpoint().model.config
    preset = one_of("Preset", size_figures.TITLES, "size", "gpt3")
    start = asdict(size_figures.starting_shape(preset, config))
    with st.container(horizontal=True):
        numbers = {field: _own_number(preset, field, start) for field in start}
    tied = preset != size_figures.THIS or config.tie_word_embeddings
    return arithmetic.count(arithmetic.Shape(**numbers), tied)


def _own_number(preset: str, field: str, start: dict[str, int]) -> int:
    """One of the seven numbers; what the link changed of this preset is where it starts."""
    def key_of(name):
        return f"{preset} {name}"

    said = own_numbers.changed("size_numbers", preset).get(field)
    first = own_numbers.number(said, start[field], size_figures.LARGEST)
    st.session_state.setdefault(key_of(field), first)
    return st.number_input(
        size_figures.FIELDS[field], 1, size_figures.LARGEST, key=key_of(field), width=112,
        on_change=own_numbers.remember, args=("size_numbers", preset, start, key_of),
    )
