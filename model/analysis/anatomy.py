"""What is in a checkpoint folder: files, tensors, groups, and where every byte goes.

Reads headers and sizes only; no tensor is loaded. Knows nothing of the numbers in the tensors
(tensor_values.py) and nothing of what a forward pass does with them (shape_tour.py).
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from model.loading.errors import CheckpointError
from model.loading.weight_files import PICKLED, not_whole, read_header, read_json, weight_files

if TYPE_CHECKING:  # loads torch, which `anatomy --preset` can do without
    from transformers import GPT2LMHeadModel

WIDTHS = {
    **dict.fromkeys(("F64", "I64", "U64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 1),
}


class AnatomyError(CheckpointError):
    """A checkpoint folder or file that cannot be read."""


@dataclass(frozen=True)
class StoredTensor:
    """One tensor as it lies in its file: `shape`, `dtype` by safetensors' names, `n_bytes`.

    part: one of PARTS; layer: the block it belongs to, None outside the blocks; role:
    "parameter", "buffer" (not trained) or "copy" (the same matrix as `wte`, stored again).
    """

    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    n_bytes: int
    part: str
    layer: int | None
    role: str

    @property
    def n_values(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class StoredFile:
    """A file of the folder, its size and what it is for."""

    name: str
    n_bytes: int
    purpose: str


@dataclass(frozen=True)
class WeightFile:
    """A file of weights: size = header_bytes + tensor_bytes, to the byte.

    header_bytes: 8 bytes of length and the JSON header; for a pickled file (never opened here)
    whatever is not tensor.
    """

    name: str
    n_bytes: int
    header_bytes: int
    tensor_bytes: int


@dataclass(frozen=True)
class PartTotal:
    """One part of the network: how many tensors, values and bytes in the files."""

    part: str
    n_tensors: int
    n_values: int
    n_bytes: int


@dataclass(frozen=True)
class Anatomy:
    """All of a checkpoint folder.

    source: "safetensors header" (nothing was loaded) or "loaded model" (a folder with only
    pickled weights: names and shapes come from the model in memory, bytes too).
    tied: the unembedding is the embedding (config's tie_word_embeddings).
    """

    folder: Path
    source: str
    tied: bool
    files: tuple[StoredFile, ...]
    weight_files: tuple[WeightFile, ...]
    tensors: tuple[StoredTensor, ...]

    @cached_property
    def n_parameters(self) -> int:
        """Trained numbers, each counted once."""
        return sum(t.n_values for t in self.tensors if t.role == "parameter")

    @property
    def header_bytes(self) -> int:
        return sum(f.header_bytes for f in self.weight_files)

    @property
    def tensor_bytes(self) -> int:
        return sum(t.n_bytes for t in self.tensors)

    @property
    def n_bytes(self) -> int:
        """Bytes of all weight files; = header_bytes + tensor_bytes."""
        return sum(f.n_bytes for f in self.weight_files)

    def totals(self) -> list[PartTotal]:
        """One row per part that occurs, in the order of PARTS; they sum to tensor_bytes."""
        return [_total(part, same) for part in PARTS if (same := self.of_part(part))]

    def of_part(self, part: str) -> list[StoredTensor]:
        """The tensors of one part of the network."""
        return [t for t in self.tensors if t.part == part]

    def tensor(self, name: str) -> StoredTensor:
        """The tensor of that name; AnatomyError if there is none."""
        found = [t for t in self.tensors if t.name == name]
        if not found:
            raise AnatomyError(f"No tensor {name} in {self.folder}. Choose one of the table.")
        return found[0]


PARTS = {
    "token embedding": r"wte\.weight",
    "position table": r"wpe\.weight",
    "query, key, value": r"h\.\d+\.attn\.c_attn\.(weight|bias)",
    "attention output": r"h\.\d+\.attn\.c_proj\.(weight|bias)",
    "up-projection": r"h\.\d+\.mlp\.c_fc\.(weight|bias)",
    "down-projection": r"h\.\d+\.mlp\.c_proj\.(weight|bias)",
    "LayerNorms": r"(h\.\d+\.ln_[12]|ln_f)\.(weight|bias)",
    "unembedding": r"lm_head\.weight",
    "mask buffers": r"h\.\d+\.attn\.(bias|masked_bias)",
    "other": r".*",
}
"""Part of the network -> the names of its tensors (after an optional "transformer.")."""


def part_of(name: str) -> str:
    """Tensor name -> its part of the network, one of PARTS."""
    bare = name.removeprefix("transformer.")
    return next(part for part, pattern in PARTS.items() if re.fullmatch(pattern, bare))


def layer_of(name: str) -> int | None:
    """Tensor name -> the block it belongs to; None for embeddings, ln_f and lm_head."""
    found = re.match(r"(?:transformer\.)?h\.(\d+)\.", name)
    return int(found[1]) if found else None


def dissect(folder: Path, model: "GPT2LMHeadModel | None" = None) -> Anatomy:
    """A checkpoint folder -> Anatomy. A loaded `model` tells whether the unembedding is tied; if
    all weights are pickled, it replaces the headers.

    Raises CheckpointError if weights are missing, truncated or not safetensors.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AnatomyError(f"No checkpoint folder: found none at {folder}. Check the path.")
    config = read_json(folder / "config.json") if model is None else model.config.to_dict()
    tied = bool(config.get("tie_word_embeddings", True))
    names = weight_files(folder)
    if names != [PICKLED]:
        read = [_read_weight_file(folder / name, tied) for name in names]
        source = "safetensors header"
    else:
        read = [_from_memory(folder, model, tied)]
        source = "loaded model"
    tensors = tuple(t for _, in_file in read for t in in_file)
    return Anatomy(folder, source, tied, _files(folder), tuple(f for f, _ in read), tensors)


def _read_weight_file(path: Path, tied: bool) -> tuple[WeightFile, list[StoredTensor]]:
    header_bytes, header = read_header(path)
    tensors = [
        _stored(name, path.name, entry["dtype"], entry["shape"], tied)
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    ]
    n_tensors = sum(t.n_bytes for t in tensors)
    n_file = path.stat().st_size
    if header_bytes + n_tensors != n_file:
        raise not_whole(path, f"{header_bytes + n_tensors:,} bytes", n_file)
    return WeightFile(path.name, n_file, header_bytes, n_tensors), tensors


def _from_memory(
    folder: Path, model: "GPT2LMHeadModel | None", tied: bool
) -> tuple[WeightFile, list[StoredTensor]]:
    pickled = folder / PICKLED
    if model is None:
        raise AnatomyError(
            f"No header to read in {folder}: it holds only {PICKLED}, which has none. Load the "
            "model first, or choose a folder that holds model.safetensors."
        )
    names = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}
    tensors = [
        _stored(name, PICKLED, names[str(x.dtype).removeprefix("torch.")], x.shape, tied)
        for name, x in model.named_parameters()  # a tied lm_head is not named twice
    ]
    n_file, n_tensors = pickled.stat().st_size, sum(t.n_bytes for t in tensors)
    return WeightFile(PICKLED, n_file, n_file - n_tensors, n_tensors), tensors


def _stored(name: str, file: str, dtype: str, shape: Iterable[int], tied: bool) -> StoredTensor:
    if dtype not in WIDTHS:
        raise AnatomyError(f"Unknown number format in {file}: {name} is {dtype}. Use one of "
                           f"{', '.join(WIDTHS)}.")
    shape, part = tuple(shape), part_of(name)
    n_bytes = math.prod(shape) * WIDTHS[dtype]
    role = "parameter"
    if part == "mask buffers":
        role = "buffer"
    elif part == "unembedding" and tied:
        role = "copy"
    return StoredTensor(name, file, dtype, shape, n_bytes, part, layer_of(name), role)


def _total(part: str, tensors: list[StoredTensor]) -> PartTotal:
    n_values = sum(t.n_values for t in tensors)
    return PartTotal(part, len(tensors), n_values, sum(t.n_bytes for t in tensors))


PURPOSES = [
    (r"config\.json", "the sizes of the network: layers, heads, widths, vocabulary, window"),
    (r"model\.safetensors", "the weights: a JSON header that lists every tensor, then their bytes"),
    (r"model-\d+-of-\d+\.safetensors", "one shard of the weights"),
    (r"(model\.safetensors|pytorch_model\.bin)\.index\.json", "which shard holds which tensor"),
    (r"pytorch_model.*\.bin", "pickled weights: the format can run code, so only tensors are read"),
    (r".*memory.*\.(safetensors|json)", "the weights of Mnemoscope's memory modules"),
    (r"tokenizer\.json", "the tokenizer in one file: text to token ids and back"),
    (r"vocab\.json", "the vocabulary: each token and its id"),
    (r"merges\.txt", "the tokenizer's merges, in the order in which they apply"),
    (r"tokenizer_config\.json", "which tokenizer class reads these files, and its settings"),
    (r"(special_tokens_map|added_tokens)\.json", "the names of the special tokens"),
    (r"generation_config\.json", "defaults for drawing the next token"),
    (r"(README|MODEL_CARD|model_card)\.md", "the model card: what it is and what was measured"),
    (r".*\.(msgpack|h5|ot|onnx|tflite)", "the same weights for another framework; not read here"),
    (r"(LICENSE|LICENSE\..*|\.gitattributes|\.gitignore)", "housekeeping; not read by the model"),
]


def purpose_of(name: str) -> str:
    """File name -> one phrase on what it is for."""
    known = (purpose for pattern, purpose in PURPOSES if re.fullmatch(pattern, name))
    return next(known, "not one of GPT-2's own files; not read here")


def _listed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _files(folder: Path) -> tuple[StoredFile, ...]:
    return tuple(
        StoredFile(path.name, path.stat().st_size, purpose_of(path.name))
        for path in _listed(folder)
    )
