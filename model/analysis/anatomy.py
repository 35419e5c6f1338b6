"""What is in a checkpoint folder: files, tensors, groups, and where every byte goes.

Reads headers and sizes; numbers only where names do not tell enough: a pickle has no header, and
whether a stored `lm_head` is `wte` again is seen by comparing the two. Knows nothing of what the
numbers are (tensor_values.py) and nothing of what a forward pass does with them (shape_tour.py).
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from model.loading import naming
from model.loading.errors import CheckpointError
from model.loading.weight_files import (
    are_pickled,
    not_whole,
    read_header,
    read_json,
    weight_files,
)

if TYPE_CHECKING:  # `anatomy --preset` can do without
    import torch

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
    "parameter", "buffer" (not trained), "copy" (the same matrix as `wte`, stored again) or "unused"
    (no part of a GPT-2). In a pickle several tensors can lie in the same bytes: these are counted
    once, so a copy can have 0.
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

    header_bytes: 8 bytes of length and the JSON header; in a pickled file all that is no tensor:
    the pickle, the zip's own structure, and bytes that were saved though no tensor needs them.
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

    source: "safetensors header" or "pickle" (read by torch's restricted unpickler).
    tied: the unembedding is the embedding: config.json says so, and the files hold no other one.
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
    "activation": r"h\.\d+\.mlp\.act\.(weight|alpha_[pn])",
    "LayerNorms": r"(h\.\d+\.ln_[12]|ln_f)\.(weight|bias)",
    "unembedding": r"lm_head\.weight",
    "mask buffers": r"h\.\d+\.attn\.(bias|masked_bias)",
    "other": r".*",
}
"""Part of the network -> the bare names of its tensors."""


def part_of(name: str) -> str:
    """Tensor name -> its part of the network, one of PARTS."""
    bare = naming.bare(name)
    return next(part for part, pattern in PARTS.items() if re.fullmatch(pattern, bare))


def layer_of(name: str) -> int | None:
    """Tensor name -> the block it belongs to; None for embeddings, ln_f and lm_head."""
    found = re.match(r"h\.(\d+)\.", naming.bare(name))
    return int(found[1]) if found else None


def dissect(folder: Path) -> Anatomy:
    """A checkpoint folder -> Anatomy.

    Raises CheckpointError if weights are missing, truncated, or neither safetensors nor a pickle of
    tensors only.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AnatomyError(f"No checkpoint folder: found none at {folder}. Check the path.")
    config = read_json(folder / "config.json")
    names = weight_files(folder)
    tied = bool(config.get("tie_word_embeddings", True)) and not _holds_another_head(folder)
    pickled = are_pickled(names)
    read = [(_unpickle if pickled else _read_weight_file)(folder / name, tied) for name in names]
    tensors = tuple(t for _, in_file in read for t in in_file)
    if not any(t.part == "token embedding" for t in tensors):  # `lm_head` alone was kept: it is both
        tensors = tuple(replace(t, role="parameter") if t.role == "copy" else t for t in tensors)
    source = "pickle" if pickled else "safetensors header"
    return Anatomy(folder, source, tied, _files(folder), tuple(f for f, _ in read), tensors)


def _holds_another_head(folder: Path) -> bool:
    """Whether the files hold an unembedding with other numbers than the embedding."""
    import torch

    from model.loading import weights  # loads torch too

    stored = {naming.bare(name): tensor for name, tensor in weights.stored(folder).items()}
    head, embedding = stored.get("lm_head.weight"), stored.get("wte.weight")
    if head is None or embedding is None:
        return False
    return head.shape != embedding.shape or not torch.equal(head.read(), embedding.read())


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


def _unpickle(path: Path, tied: bool) -> tuple[WeightFile, list[StoredTensor]]:
    from model.loading import weights  # loads torch

    found = weights.unpickled(path)
    own = _own_bytes(found)
    tensors = [
        replace(_stored(name, path.name, weights.dtype_name(x), x.shape, tied), n_bytes=own[name])
        for name, x in found.items()
    ]
    n_file, n_tensors = path.stat().st_size, sum(own.values())
    return WeightFile(path.name, n_file, n_file - n_tensors, n_tensors), tensors


def _own_bytes(found: Mapping[str, "torch.Tensor"]) -> dict[str, int]:
    """Bytes of each tensor of a pickle; those that two of them share are the first one's."""
    left = {_place(x): x.untyped_storage().nbytes() for x in found.values()}
    own = {}
    for name, x in found.items():
        own[name] = min(x.nbytes, left[_place(x)])
        left[_place(x)] -= own[name]
    return own


def _place(tensor: "torch.Tensor") -> int:
    return tensor.untyped_storage().data_ptr()


def _stored(name: str, file: str, dtype: str, shape: Iterable[int], tied: bool) -> StoredTensor:
    if dtype not in WIDTHS:
        raise AnatomyError(f"Unknown number format in {file}: {name} is {dtype}. Use one of "
                           f"{', '.join(WIDTHS)}.")
    shape, part = tuple(shape), part_of(name)
    n_bytes = math.prod(shape) * WIDTHS[dtype]
    roles = {"mask buffers": "buffer", "other": "unused"} | ({"unembedding": "copy"} if tied else {})
    role = roles.get(part, "parameter")
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
    (r"vocab\.txt", "the vocabulary of a WordPiece tokenizer: a token a line"),
    (r".*\.model", "the vocabulary of a SentencePiece tokenizer"),
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
