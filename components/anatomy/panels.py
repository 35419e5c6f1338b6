"""The widgets of the Anatomy page: what the visitor chooses (choice.py) and what it shows."""

from collections.abc import Callable
from dataclasses import asdict

import streamlit as st

from components.anatomy import checkpoint_map, choice, run, size_figures, tensor_figures
from components.anatomy.treemap import treemap
from components.frame import model_picker, presenting, visit
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import Choice, choose, chosen
from components.frame.place import HEAD, LAYER
from components.kit import data_table, own_numbers
from components.kit.export.offers import notebook
from model.analysis import arithmetic
from model.analysis.anatomy import Anatomy

SIDE = 48  # rows and columns of a window


def headline(found: Anatomy) -> None:
    """The checkpoint in four numbers."""
    notebook("parameters")
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
        notebook("head weights", layer=layer)
        head = _number("Head", HEAD, visit.checkpoint().model.config.n_head)
        if st.button("See this head attend →", key="attend", type="tertiary"):
            remember_head()
            st.switch_page("pages/attention.py")
    return layer, head


def opened_block() -> int:
    """The block that the tour opens; a notebook finds its shapes."""
    layer = layer_choice("Open block")
    notebook("block", layer=layer)
    return layer


def layer_choice(label: str) -> int:
    """A layer of the chosen model."""
    return _number(label, LAYER, visit.checkpoint().model.config.n_layer)


def _number(label: str, one: Choice, n: int) -> int:
    """0 to n-1: the one last chosen on any page or by the link, else 0.

    Only a choice is remembered (and put into the link), not the initial 0.
    """
    key = f"anatomy_{one.name}"
    st.session_state[key] = chosen(one) if chosen(one) in range(n) else 0
    return st.selectbox(label, range(n), key=key, on_change=remember_head, width=110)


def remember_head() -> None:
    """Keep the layer and head shown here for the other pages and the link."""
    for one in (LAYER, HEAD):
        if f"anatomy_{one.name}" in st.session_state:
            choose(one, st.session_state[f"anatomy_{one.name}"])


def clickable_map(found: Anatomy) -> None:
    """The treemap; a click chooses the tensor."""
    treemap(
        checkpoint_map.by_layer(found), chosen_tensor(found), "treemap", 520, _choose_from_map
    )


def _choose_from_map() -> None:
    _choose_tensor(st.session_state.treemap.clicked)


def tensor_table(found: Anatomy) -> None:
    """Filter, sort, and choose a tensor by its row."""
    notebook("tensor", tensor_name=chosen_tensor(found))
    names = [t.part for t in found.totals()]
    if chosen(choice.PARTS):  # another checkpoint may lack some
        choose(choice.PARTS, [part for part in chosen(choice.PARTS) if part in names])
    parts = st.pills("Parts", names, selection_mode="multi", **holding(choice.PARTS))
    table = checkpoint_map.tensors(found, parts)
    with presenting.table_place():
        data_table.show(
            table, "tensor_rows", height=420, selection_mode="single-row",
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
        _choose_tensor(str(table["tensor"].iloc[rows[0]]))


def _choose_tensor(name: str) -> None:
    """Look at a tensor, from its first row and column on."""
    choose(choice.TENSOR, name)
    choose(choice.WINDOW, None)


def chosen_tensor(found: Anatomy) -> str:
    """The name of the shown tensor: the link's, the clicked one, or the first."""
    names = {t.name for t in found.tensors}
    if chosen(choice.TENSOR) not in names:
        first = found.of_part("token embedding") or found.tensors
        choose(choice.TENSOR, first[0].name)
    return chosen(choice.TENSOR)


def tensor_pictures(found: Anatomy) -> dict[str, Callable[[], None]]:
    """Title -> picture of the chosen tensor: its values as a map, and how often each occurs."""
    return {"Chosen tensor": lambda: _map_of(found), "Its histogram": lambda: _histogram_of(found)}


def _chosen_view(found: Anatomy):
    name = chosen_tensor(found)
    with st.spinner(f"Reading {name} …"):
        return run.tensor_view(name)


def _map_of(found: Anatomy) -> None:
    view = _chosen_view(found)
    st.html(checkpoint_map.title(view.tensor))
    if not presenting.is_on():
        st.html(tensor_figures.facts(view))
    n_odd = view.facts.n_not_finite
    if n_odd:
        st.warning(f"{n_odd:,} values are NaN or infinite. The facts leave them out.")
    _values(view)


def _histogram_of(found: Anatomy) -> None:
    view = _chosen_view(found)
    if presenting.is_on():
        st.html(tensor_figures.facts(view))
    figure = tensor_figures.histogram(view.histogram, tensor_figures.colour_of(view.tensor.part))
    st.plotly_chart(figure, key="tensor_histogram")
    n = view.facts.n - view.facts.n_not_finite
    st.caption(f"All {n:,} values in {len(view.histogram.counts)} intervals.")


def all_heads(weights) -> None:
    """Query, key and value slices of every head of a layer."""
    st.markdown("`c_attn.weight` is three matrices side by side; each holds one slice per head.")
    st.plotly_chart(tensor_figures.all_heads(weights), key="all_heads")
    st.caption("Colour: size of each weight (a cell shows the largest of its block). Hover for the "
               "exact value and its place.")


def one_head(weights, layer: int, head: int) -> None:
    """The chosen head's three slices."""
    st.markdown(f"#### Layer {layer}, head {head}")
    st.plotly_chart(tensor_figures.one_head(weights), key="one_head")
    st.caption(tensor_figures.pooling_words(weights.chosen[0]))


def _values(view) -> None:
    grid, R, C = view.grid, *view.grid.shape
    names = None
    if grid.block != (1, 1):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            if one_of("Picture", choice.FORM) == "window":
                row, col = _window(R, C)
                grid = run.tensor_window(view.tensor.name, row, col, SIDE)
                names = _row_names(view.tensor, grid)
    st.plotly_chart(tensor_figures.heat_map(grid, names), key="tensor_values")
    st.caption(tensor_figures.pooling_words(grid))


def _window(n_rows: int, n_columns: int) -> tuple[int, int]:
    """Two boxes: the first row and column of the window."""
    found = []
    for label, n, at in zip(("from row", "column"), (n_rows, n_columns), chosen(choice.WINDOW)):
        st.session_state[f"anatomy:{label}"] = min(at, n - 1)
        found.append(st.number_input(
            label, 0, n - 1, step=SIDE, key=f"anatomy:{label}", width=150, on_change=_keep_window
        ))
    return tuple(found)


def _keep_window() -> None:
    first = (st.session_state[f"anatomy:{label}"] for label in ("from row", "column"))
    choose(choice.WINDOW, tuple(first))


def _row_names(tensor, grid) -> list[str] | None:
    rows = [int(i) for i in grid.row[:, 0]]
    if tensor.part in ("token embedding", "unembedding"):
        return [f"{text}  {i}" for i, text in zip(rows, visit.show_tokens(rows))]
    return None


def size_inputs() -> arithmetic.Count:
    """A preset and its seven numbers, each of which can be changed -> what they add up to."""
    config = visit.checkpoint().model.config
    preset = one_of("Preset", choice.SIZE)
    start = asdict(size_figures.starting_shape(preset, config))
    with presenting.folded("Its numbers", "size_numbers_place"), st.container(horizontal=True):
        numbers = {field: _own_number(preset, field, start) for field in start}
    tied = preset != size_figures.THIS or config.tie_word_embeddings
    shape = arithmetic.GptShape(**numbers)
    notebook("size", shape=shape, tied=tied)
    return arithmetic.count(shape, tied)


def _own_number(preset: str, field: str, start: dict[str, int]) -> int:
    """One of the seven numbers; what the link changed of this preset is where it starts."""
    def key_of(name):
        return f"{preset} {name}"

    said = own_numbers.changed(choice.SIZE_NUMBERS.name, preset).get(field)
    first = own_numbers.number(said, start[field], size_figures.LARGEST)
    st.session_state.setdefault(key_of(field), first)
    return st.number_input(
        size_figures.FIELDS[field], 1, size_figures.LARGEST, key=key_of(field), width=112,
        on_change=own_numbers.remember, args=(choice.SIZE_NUMBERS.name, preset, start, key_of),
    )
