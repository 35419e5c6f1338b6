"""The files and tensors of a checkpoint, or the size of a preset's GPT, as text, JSON or CSV."""

import csv
import io
import json
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict

from model.analysis import anatomy, arithmetic


def run_command(args: Namespace) -> Iterator[str]:
    """Parsed arguments -> lines. Raises ValueError (one sentence) where a model cannot be read."""
    if args.preset:
        size = arithmetic.count(arithmetic.PRESETS[args.preset])
        form = preset_json if args.json else preset_csv if args.csv else preset_text
        yield from form(args.preset, size)
        return
    found = _dissect(args.model)
    yield from (model_json if args.json else model_csv if args.csv else model_text)(found)


def _dissect(name: str) -> anatomy.Anatomy:
    from model.loading import checkpoint, hub  # torch and transformers: not needed for a preset

    folder = checkpoint.find(name) or hub.download(name)
    return anatomy.dissect(folder)


def preset_text(name: str, size: arithmetic.Count) -> Iterator[str]:
    """The count as a table for people."""
    yield f"{arithmetic.TITLES[name]}: {_shape(arithmetic.PRESETS[name])}"
    yield f"{'group':<18}{'matrices':>9}  {'each':>16}{'weights':>20}"
    for group in size.groups:
        yield _group_line(group)
    yield f"{'sum':<18}{size.matrices:>9,}  {'':>16}{size.weights:>20,}"
    yield "not in that sum:"
    for group in size.left_out:
        yield _group_line(group)
    yield f"unembedding is the embedding again{'':>11}{-size.tied:>20,}"
    yield f"every trained number once{'':>20}{size.full:>20,}"


def preset_json(name: str, size: arithmetic.Count) -> Iterator[str]:
    """The count as one JSON object."""
    answer = {
        "preset": name,
        "shape": asdict(arithmetic.PRESETS[name]),
        "groups": [_group(g) for g in size.groups],
        "matrices": size.matrices,
        "weights": size.weights,
        "left_out": [_group(g) for g in size.left_out],
        "tied": size.tied,
        "parameters": size.full,
    }
    yield json.dumps(answer, indent=2)


def preset_csv(name: str, size: arithmetic.Count) -> Iterator[str]:
    """One row per group; `counted` = part of the common count."""
    rows = [{**_group(g), "counted": True} for g in size.groups]
    rows += [{**_group(g), "counted": False} for g in size.left_out]
    yield from _csv(rows)


def model_text(found: anatomy.Anatomy) -> Iterator[str]:
    """Files, parts and tensors as tables for people."""
    yield f"{found.folder} ({found.source})"
    for file in found.files:
        yield f"{file.n_bytes:>15,} B  {file.name}: {file.purpose}"
    yield ""
    yield f"{'part':<20}{'tensors':>8}{'values':>16}{'bytes':>16}"
    for total in found.totals():
        yield f"{total.part:<20}{total.n_tensors:>8,}{total.n_values:>16,}{total.n_bytes:>16,}"
    yield f"{_header_name(found):<44}{found.header_bytes:>16,}"
    yield f"{'weight files':<44}{found.n_bytes:>16,}"
    yield f"{found.n_parameters:,} trained numbers, each counted once"
    yield ""
    for t in found.tensors:
        shape = " × ".join(map(str, t.shape))
        yield f"{t.name:<38}{shape:>18} {t.dtype:<5}{t.n_values:>14,}{t.n_bytes:>15,} B  {t.part}"


def model_json(found: anatomy.Anatomy) -> Iterator[str]:
    """The anatomy as one JSON object."""
    answer = {
        "folder": str(found.folder),
        "source": found.source,
        "tied": found.tied,
        "parameters": found.n_parameters,
        "header_bytes": found.header_bytes,
        "tensor_bytes": found.tensor_bytes,
        "weight_bytes": found.n_bytes,
        "files": [asdict(f) for f in found.files],
        "weight_files": [asdict(f) for f in found.weight_files],
        "parts": [asdict(t) for t in found.totals()],
        "tensors": [_tensor(t) for t in found.tensors],
    }
    yield json.dumps(answer, indent=2)


def model_csv(found: anatomy.Anatomy) -> Iterator[str]:
    """One row per tensor, in the order of the files."""
    yield from _csv([{**_tensor(t), "shape": "x".join(map(str, t.shape))} for t in found.tensors])


def _tensor(tensor: anatomy.StoredTensor) -> dict:
    return {**asdict(tensor), "shape": list(tensor.shape), "n_values": tensor.n_values}


def _group(group: arithmetic.Group) -> dict:
    return {**asdict(group), "weights": group.weights}


def _group_line(group: arithmetic.Group) -> str:
    each = f"{group.rows:,} × {group.columns:,}"
    return f"{group.name:<18}{group.matrices:>9,}  {each:>16}{group.weights:>20,}"


def _header_name(found: anatomy.Anatomy) -> str:
    return "header" if found.source == "safetensors header" else "pickle, zip, bytes of no tensor"


def _shape(shape: arithmetic.GptShape) -> str:
    return ", ".join(f"{name} {value:,}" for name, value in asdict(shape).items())


def _csv(rows: list[dict]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    yield from text.getvalue().splitlines()
