"""Bytes at scale: the KV cache of any configuration."""

from dataclasses import asdict, replace

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from components.cache import choice, run
from components.cache.choice import OWN
from components.frame import presenting, visit
from components.frame.choice_widgets import holding
from components.kit import own_numbers, palette
from components.kit.export.offers import no_notebook
from components.kit.fact_strip import fact_strip
from components.kit.plain_table import plain_table
from components.kit.units import show_bytes
from model.analysis.cache_bytes import DTYPES, PRESETS, CacheShape

FIELDS = {
    "n_layer": "Layers", "n_head": "Query heads", "n_kv_head": "KV heads", "d_head": "Head width",
    "n_tokens": "Tokens", "batch": "Conversations",
}
LARGEST = 100_000_000
NO_NOTEBOOK = (
    "This view has no notebook: no model computed its numbers; they are products of the sizes in its "
    "table. Growth shows your prompt's cache, and has a notebook."
)


def show() -> None:
    """A preset, its numbers, and the bytes that they add up to."""
    no_notebook(NO_NOTEBOOK)
    window = visit.checkpoint().model.config.n_positions
    own = run.own_shape(window)
    titles = {OWN: f"{visit.checkpoint().name} (loaded)"} | {k: t for k, (t, _) in PRESETS.items()}
    with presenting.folded("Model and numbers", "cache_model"):
        preset = st.selectbox("Model", list(titles), format_func=titles.get, **holding(choice.PRESET))
        start = own if preset == OWN else PRESETS[preset][1]
        shape = _inputs(preset, start)
    if not presenting.is_on():
        _sums(shape)
    presenting.pictures({
        "Each model": lambda: _each_model(own, shape), "What makes it smaller": lambda: _smaller(shape),
    }, [3, 2])


def _sums(shape: CacheShape) -> None:
    st.html(_facts(shape))
    st.html(_formula(shape))


def _each_model(own: CacheShape, shape: CacheShape) -> None:
    st.markdown(f"#### One conversation, one token: bytes each model keeps in {shape.dtype}")
    st.plotly_chart(per_token(own, visit.checkpoint().name, shape.dtype), key="cache_per_token")


def _smaller(shape: CacheShape) -> None:
    if presenting.is_on():
        _sums(shape)
    st.markdown("#### What makes it smaller")
    st.html(_shrink(shape))
    st.caption(
        "Grouped-query attention shares keys and values among query heads; fewer bits store "
        "each number more coarsely (scales not counted). Neither is free: both change what the "
        "model computes."
    )


def _inputs(preset: str, start: CacheShape) -> CacheShape:
    def key_of(field):
        return f"cache {preset} {field}"

    numbers = choice.NUMBERS.name
    told, plain = own_numbers.changed(numbers, preset), asdict(start)
    change = {"on_change": own_numbers.remember, "args": (numbers, preset, plain, key_of)}
    columns, shape = st.columns(len(FIELDS) + 1), {}
    for column, (field, label) in zip(columns, FIELDS.items()):
        first = own_numbers.number(told.get(field), plain[field], LARGEST)
        st.session_state.setdefault(key_of(field), first)
        shape[field] = column.number_input(label, 1, LARGEST, key=key_of(field), **change)
    first = told.get("dtype") if told.get("dtype") in DTYPES else start.dtype
    st.session_state.setdefault(key_of("dtype"), first)
    dtype = columns[-1].selectbox("Number format", list(DTYPES), key=key_of("dtype"), **change)
    return CacheShape(**shape, dtype=dtype)


def _facts(shape: CacheShape) -> str:
    return fact_strip([
        (f"{shape.bytes_per_token:,}", "bytes a token", "of one conversation"),
        (show_bytes(shape.n_bytes), f"{shape.n_tokens:,} tokens × {shape.batch:,}", ""),
        (f"{shape.n_bytes:,}", "bytes, exactly", ""),
        (f"{80 * 2**30 // shape.n_bytes:,}", "such caches fit in 80 GiB, without any weights", ""),
        (f"1/{shape.saved_by_sharing}" if shape.saved_by_sharing > 1 else "all of it",
         "of what a K and V for every query head would take", ""),
    ])


def _formula(shape: CacheShape) -> str:
    return (
        f'<div style="font-size:1.08em">2 (K and V) × {shape.n_layer} layers × {shape.n_kv_head} '
        f"KV heads × {shape.d_head} numbers × {DTYPES[shape.dtype] / 8:g} bytes × "
        f"{shape.n_tokens:,} tokens × {shape.batch:,} = <b>{shape.n_bytes:,} bytes</b></div>"
    )


def _shrink(shape: CacheShape) -> str:
    def size(n_kv_head, dtype):
        other = CacheShape(
            shape.n_layer, shape.n_head, n_kv_head, shape.d_head, shape.n_tokens, shape.batch, dtype
        )
        return show_bytes(other.n_bytes)

    heads = sorted({shape.n_head, shape.n_kv_head, 1}, reverse=True)
    formats = ("float32", "bfloat16", "8 bit", "4 bit")
    rows = [[dtype, *(size(n, dtype) for n in heads)] for dtype in formats]
    names = [f"{n} KV head{'s' if n > 1 else ''}" for n in heads]
    return plain_table(["numbers in", *names], rows)


def per_token(own: CacheShape, own_name: str, dtype: str) -> go.Figure:
    """Bytes a token of every preset as dots on a log axis, all in one number format."""
    told = {own_name: own} | {title: shape for title, shape in PRESETS.values()}
    shapes = {name: replace(shape, dtype=dtype) for name, shape in told.items()}
    names = sorted(shapes, key=lambda name: -shapes[name].bytes_per_token)
    grouped = [shapes[name].saved_by_sharing for name in names]
    figure = go.Figure(go.Scatter(
        y=names, x=[shapes[name].bytes_per_token for name in names], mode="markers+text",
        marker={"color": [palette.VALUE if g > 1 else palette.KEY for g in grouped], "size": 15,
                "symbol": ["diamond" if g > 1 else "circle" for g in grouped]},
        text=[f"  {show_bytes(shapes[name].bytes_per_token)}" for name in names],
        textposition="middle right", cliponaxis=False, customdata=grouped,
        hovertemplate=f"<b>%{{x:,}}</b> bytes a token in {dtype}<br>"
        "%{customdata} query heads share a K and V<extra>%{y}</extra>",
    ))
    most = max(shape.bytes_per_token for shape in shapes.values())
    least = min(shape.bytes_per_token for shape in shapes.values())
    spread = [np.log10(least) - 0.1, np.log10(most) + 0.1]
    title = "bytes a token (log scale); green diamonds: query heads share keys and values"
    figure.update_xaxes(type="log", dtick=1, title=title, range=spread)
    figure.update_yaxes(autorange="reversed", tickfont_size=15, showgrid=True)
    margin = {"l": 8, "r": 100, "t": 8, "b": 8}
    return figure.update_layout(height=520, font={"size": 15}, margin=margin)
