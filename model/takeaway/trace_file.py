"""One prompt's trace as a file: safetensors, with prompt, tokens, model and versions as JSON in its
header. It opens without the model's weights; no pickle is written or read.

Knows nothing of pages. Axes as in model.run.trace.
"""

import hashlib
import json
import reprlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import safetensors
import torch
import transformers
from pydantic import Field, model_validator
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from model.disk.called import command
from model.disk.schema import Told, checked, from_json
from model.grafts.modules import FLOATS
from model.loading.checkpoint import source
from model.memory.state import MemoryState, save_state
from model.run import sampling, tokens
from model.run.checkpoint import Checkpoint
from model.run.trace import Rows, Trace
from model.takeaway import memory_reads
from model.takeaway.memory_reads import HeldMemory, Reads, ReadTold

VERSION = 1
SIZES = ("n_layer", "n_head", "n_embd", "n_positions", "vocab_size")  # of the model
WAYS = ("scale_attn_weights", "scale_attn_by_inverse_layer_idx")  # how q·k is scaled
Size = Annotated[int, Field(gt=0, lt=10**7)]
MOST_HEADER = 100_000_000  # bytes: safetensors' own limit
MEMORY = "memory_file"  # a memory file's bytes


class TraceFileError(ValueError):
    """A file that is no trace file, or not a whole one."""


class ConfigTold(Told):
    """SIZES and WAYS of the model, in the header."""

    n_layer: Size
    n_head: Size
    n_embd: Size
    n_positions: Size
    vocab_size: Size
    scale_attn_weights: bool
    scale_attn_by_inverse_layer_idx: bool

    @model_validator(mode="after")
    def heads_fit(self) -> "ConfigTold":
        """Heads share the width without rest."""
        if self.n_embd % self.n_head:
            raise ValueError(f"config.n_head = {self.n_head} does not divide n_embd = {self.n_embd}")
        return self


class TraceTold(Told):
    """The header of a trace file."""

    prompt: str
    model: str
    fingerprint: str
    tokens: list[str]
    config: ConfigTold
    versions: dict[str, str]
    read: ReadTold | None = None


class Metadata(Told):
    """Of safetensors' header, where ours is."""

    mnemoscope: str


class Header(Told):
    """safetensors' header."""

    metadata: Metadata = Field(alias="__metadata__")


@dataclass(frozen=True, eq=False)
class TraceFile:
    """trace: without memory; prompt: its text; tokens: T display strings. model: the name of the
    model, fingerprint: its mark; config: its SIZES and WAYS. versions: of the programs that wrote
    the file. memory: what was told, as a memory file; b"" for none. mark: of the file's bytes. held:
    its prompts and slots, None for none; reads: what the prompt read of it, None where it was not run
    with it."""

    trace: Trace
    prompt: str
    tokens: list[str]
    model: str
    fingerprint: str
    config: dict[str, Any]
    versions: dict[str, str]
    memory: bytes
    mark: str
    held: HeldMemory | None = None
    reads: Reads | None = None


def as_bytes(
    checkpoint: Checkpoint, trace: Trace, prompt: str, memory: MemoryState | None = None,
    reads: Reads | None = None,
) -> bytes:
    """The file of a trace that was run without memory; memory: what was told besides, if anything;
    reads: what the prompt reads of it.

    Raises ValueError for numbers that are not finite: no one could open the file.
    """
    assert trace.reading is None and trace.graft is None, "a trace file holds a run without memory"
    config = checkpoint.model.config
    folder = checkpoint.folder.name if source(checkpoint.name) == "folder" else checkpoint.name
    told = {
        "kind": "trace", "version": VERSION, "prompt": prompt, "model": folder,
        "tokens": tokens.display(checkpoint.tokenizer, trace.ids),
        "fingerprint": checkpoint.fingerprint,
        "config": {name: getattr(config, name) for name in (*SIZES, *WAYS)},
        "numbers": str(checkpoint.placement.dtype).removeprefix("torch."),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__,
                     "safetensors": safetensors.__version__},
    }
    found = {"q": trace.q, "k": trace.k, "v": trace.v, "stream": trace.stream}
    found["next_logits"] = trace.next_logits
    for name, values in found.items():
        sampling.check_finite(values, name)
    found["ids"] = torch.tensor(trace.ids)
    if memory is not None and memory.prompts:
        found[MEMORY] = torch.frombuffer(bytearray(_memory_bytes(memory)), dtype=torch.uint8)
        if reads is not None:
            found |= memory_reads.tensors_of(reads)
            told["read"] = reads.told.model_dump()
    tensors = {name: x.detach().cpu().contiguous() for name, x in found.items()}
    return save_tensors(tensors, metadata={"mnemoscope": json.dumps(told)})


def _memory_bytes(memory: MemoryState) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "memory"
        save_state(memory, path)
        return path.read_bytes()


def is_one(path: Path) -> bool:
    """Whether the header of a file says that it holds a trace; its numbers are not read."""
    try:
        with open(path, "rb") as file:
            length = min(int.from_bytes(file.read(8), "little"), MOST_HEADER)
            header = checked(Header, from_json(file.read(length)))
        told = from_json(header.metadata.mnemoscope)
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("kind") == "trace"


def from_bytes(content: bytes, name: str, own: Checkpoint | None = None) -> TraceFile:
    """Open a trace file. own: a model whose trace it has to be; None: of any model.

    Raises TraceFileError, one sentence, for what is no trace file, not whole, of shapes that do not
    fit together, with numbers that are not finite, or of another model.
    """
    told, tensors = _read(content, name)
    config = told.config.model_dump()
    if own is not None and told.fingerprint != own.fingerprint:
        raise TraceFileError(
            f"Wrong model: {name} is a trace of {told.model} ({told.fingerprint}), the chosen "
            f"model is {own.name} ({own.fingerprint}). Choose the model that it belongs to."
        )
    _check_shapes(tensors, config, len(told.tokens), name)
    memory = tensors.pop(MEMORY, torch.zeros(0, dtype=torch.uint8)).numpy().tobytes()
    held, reads = _memory(told.read, tensors, memory, name)
    return TraceFile(
        _trace(tensors), told.prompt, told.tokens, told.model, told.fingerprint, config,
        told.versions, memory, hashlib.sha256(content).hexdigest()[:16], held, reads,
    )


def _memory(
    told: ReadTold | None, tensors: dict[str, torch.Tensor], memory: bytes, name: str
) -> tuple[HeldMemory | None, Reads | None]:
    """What the file's memory holds, and what the prompt read of it."""
    if not memory:
        return None, None
    try:
        held = memory_reads.held(memory)
        return held, None if told is None else memory_reads.checked_reads(told, tensors, held)
    except ValueError as problem:
        raise TraceFileError(f"The file {name} is damaged: {problem}") from problem


def _trace(tensors: dict[str, torch.Tensor]) -> Trace:
    q, k, v, stream = (tuple(tensors[part].unbind()) for part in ("q", "k", "v", "stream"))
    ids = tensors["ids"].numpy().copy()
    ids.setflags(write=False)
    return Trace(ids, (Rows(q, k, v, stream),), tensors["next_logits"], 0)


def _read(content: bytes, name: str) -> tuple[TraceTold, dict[str, torch.Tensor]]:
    try:
        length = int.from_bytes(content[:8], "little")
        header = checked(Header, from_json(content[8 : 8 + length]))
        told = from_json(header.metadata.mnemoscope)
        tensors = load_tensors(content)
    except (SafetensorError, ValueError) as problem:
        raise TraceFileError(
            f"Cannot read {name}: it is no trace file, or only a part of one. Save it again."
        ) from problem
    if not isinstance(told, dict) or told.get("kind") != "trace":
        raise TraceFileError(f"Cannot read {name}: it is no trace file. Choose a file that Take away "
                             f"or “{command('trace')}” wrote.")
    version = told.get("version")
    if type(version) is not int or version != VERSION:
        raise TraceFileError(
            f"Wrong version: {name} is a trace file of version {reprlib.repr(version)}, this program "
            f"reads version {VERSION}. Use the program that wrote it."
        )
    try:
        return checked(TraceTold, told), tensors
    except ValueError as problem:
        raise TraceFileError(f"Cannot read {name}: its header is incomplete, {problem}. Save the "
                             "trace again.") from problem


def _check_shapes(
    tensors: dict[str, torch.Tensor], config: dict[str, Any], T: int, name: str
) -> None:
    L, H, C = (config[size] for size in ("n_layer", "n_head", "n_embd"))
    heads = (L, H, T, C // H)
    wanted: dict[str, tuple[int, ...]] = {"q": heads, "k": heads, "v": heads, "ids": (T,)}
    wanted |= {"stream": (2 * L + 1, T, C), "next_logits": (config["vocab_size"],)}
    for part, shape in wanted.items():
        found = tuple(tensors[part].shape) if part in tensors else "none"
        if found != shape or T == 0:
            raise TraceFileError(
                f"Wrong shapes: {name} has {part} of shape {found}, its header says {shape}. Save the "
                "trace again."
            )
        values = tensors[part]
        if part != "ids" and (values.dtype not in FLOATS or not torch.isfinite(values).all()):
            raise TraceFileError(f"The file {name} is damaged: {part} holds numbers that are not "
                                 "finite. Save the trace again.")
    ids = tensors["ids"]
    if ids.dtype != torch.int64 or not 0 <= int(ids.min()) <= int(ids.max()) < config["vocab_size"]:
        raise TraceFileError(f"The file {name} is damaged: its ids are not ids of its model. Save the "
                             "trace again.")
    if MEMORY in tensors and (tensors[MEMORY].dtype != torch.uint8 or tensors[MEMORY].dim() != 1):
        raise TraceFileError(f"The file {name} is damaged: its memory is no file. Save it again.")


def scale(config: dict[str, Any], layer: int) -> float:
    """The factor on q·k of a layer, as GPT-2's config says it."""
    plain = (config["n_embd"] // config["n_head"]) ** -0.5 if config["scale_attn_weights"] else 1.0
    return plain / (layer + 1) if config["scale_attn_by_inverse_layer_idx"] else plain


def strongest(found: TraceFile) -> tuple[int, int, int, float]:
    """Layer, head and key that the last token reads most, and the weight."""
    best = (0, 0, 0, 0.0)
    for layer in range(found.trace.n_layers):
        q, k = found.trace.layer_q(layer)[:, -1:], found.trace.layer_k(layer)
        weights = (q.double() @ k.double().transpose(-2, -1) * scale(found.config, layer)).softmax(-1)
        flat = int(weights[:, 0].argmax())
        head, key = divmod(flat, len(found.trace))
        weight = float(weights[head, 0, key])
        best = max(best, (layer, head, key, weight), key=lambda one: one[-1])
    return best
