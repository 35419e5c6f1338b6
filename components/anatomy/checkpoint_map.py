"""A checkpoint as a map to click and as tables to sort. Knows no numbers inside the tensors."""

import html

import pandas as pd

from components.anatomy.treemap import TreemapBox
from components.kit import palette
from components.kit.fact_strip import fact_strip
from components.kit.plain_table import plain_table
from components.kit.units import show_bytes, show_count
from model.analysis.anatomy import Anatomy, StoredTensor

DOWN = "#97472a"  # the MLP's colour, darker: its second half
COLOURS = {
    "token embedding": palette.EMBEDDING,
    "position table": palette.POSITION,
    "query, key, value": f"linear-gradient(90deg, {palette.QUERY} 33.3%, {palette.KEY} 33.3% 66.7%, "
    f"{palette.VALUE} 66.7%)",
    "attention output": palette.ATTENTION,
    "up-projection": palette.MLP,
    "down-projection": DOWN,
    "activation": palette.MLP,
    "LayerNorms": palette.NORM,
    "unembedding": palette.OUTPUT,
    "mask buffers": "#9ca3af",
    "other": palette.RESIDUAL,
}
SHORT = {
    "query, key, value": "QKV",
    "attention output": "out",
    "up-projection": "up",
    "down-projection": "down",
    "activation": "act",
    "LayerNorms": "norm",
    "mask buffers": "mask",
}


def by_layer(found: Anatomy) -> dict[str, list[TreemapBox]]:
    """Groups for the map: first the tensors outside the blocks, then block by block; large
    first."""
    groups: dict[str, list[TreemapBox]] = {}
    for t in sorted(found.tensors, key=lambda t: (t.layer is not None, t.layer or 0, -t.n_bytes)):
        if t.n_bytes:
            group = "around the blocks" if t.layer is None else f"layer {t.layer}"
            groups.setdefault(group, []).append(_box(t))
    return groups


def _box(t: StoredTensor) -> TreemapBox:
    kind = SHORT.get(t.part, t.part)
    label = kind if t.layer is None else f"{t.layer} {kind}"
    size = f"{show_count(t.n_values)} values"
    title = f"{t.name}: {show_shape(t.shape)} {t.dtype}, {t.n_values:,} values, {t.n_bytes:,} bytes"
    return TreemapBox(t.name, label, size, title, t.n_bytes, COLOURS[t.part])


def legend(found: Anatomy) -> str:
    """The parts that occur, their colours and their share of all tensor bytes, as HTML."""
    entries = [
        f'<span style="display:inline-flex;align-items:center;gap:.4em;white-space:nowrap">'
        f'<i style="width:1.5em;height:1em;border-radius:3px;background:{COLOURS[t.part]}"></i>'
        f"{html.escape(t.part)} <b>{t.n_bytes / found.tensor_bytes:.1%}</b></span>"
        for t in found.totals()
    ]
    return f'<div style="display:flex;flex-wrap:wrap;gap:.3em 1.2em">{"".join(entries)}</div>'


def headline(found: Anatomy, computed_in: str) -> str:
    """The checkpoint in four numbers (HTML); computed_in: the loaded model's number format."""
    dtypes = sorted({t.dtype for t in found.tensors})
    layers = {t.layer for t in found.tensors if t.layer is not None}
    names = " + ".join(f.name for f in found.weight_files)
    many = f"{found.n_parameters:,} trained numbers, each counted once"
    return fact_strip(
        [
            (show_count(found.n_parameters), "parameters", many),
            (f"{len(found.tensors):,}", "tensors", f"in {len(layers)} blocks and around them"),
            (show_bytes(found.n_bytes), f"in {names}", f"{found.n_bytes:,} bytes"),
            (
                ", ".join(dtypes),
                f"in the file; the app computes in {computed_in}",
                "F32 = 4 bytes, F16 and BF16 = 2 bytes a number",
            ),
        ]
    )


def provenance(found: Anatomy) -> str:
    """Where the table comes from, in a sentence."""
    if found.source == "safetensors header":
        return "Read from the header of the file; no tensor is loaded until you choose one."
    return "A pickle has no header: torch's restricted unpickler read the tensors, and ran no code."


def ledger(found: Anatomy) -> str:
    """Every byte of the weight files, part by part; the last row is the size on disk (HTML)."""
    first = "header (names, shapes)"
    if found.source != "safetensors header":
        first = "no tensor (pickle, zip, bytes that no tensor needs)"
    rows = [[first, None, None, found.header_bytes]]
    rows += [[t.part, t.n_tensors, t.n_values, t.n_bytes] for t in found.totals()]
    n_values = sum(t.n_values for t in found.tensors)
    rows.append(["= size on disk", len(found.tensors), n_values, found.n_bytes])
    return plain_table(["what", "tensors", "values", "bytes"], rows, sum_row=True)


def ledger_notes(found: Anatomy) -> list[str]:
    """What in the ledger surprises: tied weights, buffers, copies, pickled files."""
    stored_head = found.of_part("unembedding")
    notes = []
    if found.tied and not stored_head:
        notes.append(
            "**Unembedding: 0 bytes.** `lm_head` is the token embedding `wte`, transposed; the "
            "file stores the matrix once (tied weights)."
        )
    if stored_head and found.tied and not found.of_part("token embedding"):
        notes.append("**Token embedding: 0 bytes.** `wte` is the unembedding `lm_head`, which the "
                     "file holds alone (tied weights).")
    elif stored_head and found.tied and not sum(t.n_bytes for t in stored_head):
        notes.append("**Unembedding: 0 bytes.** The pickle names `lm_head`, and means the bytes of "
                     "`wte` (tied weights).")
    elif stored_head and found.tied:
        notes.append("**Unembedding: a copy.** `lm_head` is `wte`, stored a second time.")
    masks = found.of_part("mask buffers")
    if masks:
        notes.append(
            f"**{len(masks)} mask buffers, {show_bytes(sum(t.n_bytes for t in masks))}**: "
            "`attn.bias` is no bias but a triangle of ones that hides the future. It was not "
            "trained, so it counts in the bytes but not in the parameters."
        )
    if found.source != "safetensors header":
        notes.append("**Pickled weights.** A pickle can carry code. torch's restricted unpickler took "
                     "the tensors and ran none of it.")
    if unused := found.of_part("other"):
        notes.append(f"**{len(unused)} tensors that no GPT-2 has** are not used, and count in the "
                     "bytes only.")
    return notes


def files(found: Anatomy) -> str:
    """The files of the folder: name, bytes, what for (HTML)."""
    rows = [[f.name, f.n_bytes, f.purpose] for f in found.files]
    return plain_table(["file", "bytes", "what it is for"], rows)


def tensors(found: Anatomy, parts: list[str]) -> pd.DataFrame:
    """One row per tensor of these parts (all, if none is named), in file order."""
    rows = [
        (t.name, t.part, t.layer, show_shape(t.shape), t.dtype, t.n_values, t.n_bytes, t.role)
        for t in found.tensors
        if not parts or t.part in parts
    ]
    columns = ["tensor", "part", "layer", "shape", "dtype", "values", "bytes", "role"]
    return pd.DataFrame(rows, columns=columns).astype({"layer": "Int64"})


def title(t: StoredTensor) -> str:
    """A tensor's name, shape and number format as a heading (HTML: a name is any text)."""
    name = f'<span style="font-family:ui-monospace,monospace">{html.escape(t.name)}</span>'
    facts = f"{show_shape(t.shape)} &ensp; {html.escape(t.dtype)}"
    return f'<h4 style="font-size:1.3em;padding:0">{name} &ensp; {facts}</h4>'


def show_shape(shape: tuple[int, ...]) -> str:
    """(768, 2304) -> "768 × 2304"."""
    return " × ".join(map(str, shape)) or "one number"
