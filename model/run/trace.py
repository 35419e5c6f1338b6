"""One run of a prompt, kept so that everything else can be derived. Knows nothing of who asks.

A trace keeps what grows linearly with the prompt: q, k, v and the residual stream of every layer.
What grows quadratically (scores, masks, weights) is computed from it by `model.analysis.attention`.
GPT-2 is causal, so the rows of an unchanged prefix never change: traces of one prompt as it is
being typed share the rows they have in common.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel
from transformers.cache_utils import DynamicLayer

from model.grafts.blocks import blocks
from model.grafts.graft import Graft, opened
from model.grafts.reading import Reading
from model.run.checkpoint import Checkpoint
from model.run.tap import Tap
from model.run.tokens import Ids

FEW = 4  # so many blocks of about one length (rows typed one by one) are joined into one


@dataclass(frozen=True, eq=False)
class Rows:
    """Consecutive rows (t of them) of a prompt, as they left the tap."""

    q: tuple[torch.Tensor, ...]  # per layer (H,t,D)
    k: tuple[torch.Tensor, ...]
    v: tuple[torch.Tensor, ...]
    stream: tuple[torch.Tensor, ...]  # 2L+1 of (t,C)
    query: tuple[torch.Tensor, ...] = ()  # one (t,C) where an external memory was read

    def __len__(self) -> int:
        return self.stream[0].shape[0]

    @cached_property
    def held_bytes(self) -> int:
        """Bytes of the memory that its tensors lie in."""
        tensors = (*self.q, *self.k, *self.v, *self.stream, *self.query)
        pieces = {x.data_ptr(): x.nbytes() for x in (x.untyped_storage() for x in tensors)}
        return sum(pieces.values())

    def first(self, n: int) -> "Rows":
        """The first n rows, without copying."""
        if n == len(self):
            return self
        heads = [tuple(x[:, :n] for x in part) for part in (self.q, self.k, self.v)]
        return Rows(*heads, *(tuple(x[:n] for x in part) for part in (self.stream, self.query)))


@dataclass(frozen=True, eq=False)
class Trace:
    """q, k, v and the residual stream of one prompt of T tokens, T >= 1.

    ids: (T,) int64, read-only.
    rows: the blocks of rows that make up the prompt, in order; shared between traces.
    next_logits: (V,), what follows the last token.
    n_run: how many of the T rows this trace had to run; the others came from an earlier trace.
    reading: the memory slots that the run could read besides its own tokens; None = no memory.
    graft: the trained memory that the run read; None = none.
    """

    ids: np.ndarray
    rows: tuple[Rows, ...]
    next_logits: torch.Tensor
    n_run: int
    reading: Reading | None = None
    graft: Graft | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_layers(self) -> int:
        return len(self.rows[0].q)

    def layer_q(self, layer: int) -> torch.Tensor:
        """Queries of a layer, (H,T,D), before any scaling."""
        return _join([r.q[layer] for r in self.rows], dim=1)

    def layer_k(self, layer: int) -> torch.Tensor:
        """Keys of a layer, (H,T,D)."""
        return _join([r.k[layer] for r in self.rows], dim=1)

    def layer_v(self, layer: int) -> torch.Tensor:
        """Values of a layer, (H,T,D)."""
        return _join([r.v[layer] for r in self.rows], dim=1)

    def layer_stream(self, i: int) -> torch.Tensor:
        """Residual stream (T,C): i = 2l before block l, 2l+1 between its attention and its MLP,
        2L after the last block (before the final LayerNorm)."""
        return _join([r.stream[i] for r in self.rows], dim=0)

    @property
    def q(self) -> torch.Tensor:
        """All queries, (L,H,T,D); a copy."""
        return torch.stack([self.layer_q(i) for i in range(self.n_layers)])

    @property
    def k(self) -> torch.Tensor:
        """All keys, (L,H,T,D); a copy."""
        return torch.stack([self.layer_k(i) for i in range(self.n_layers)])

    @property
    def v(self) -> torch.Tensor:
        """All values, (L,H,T,D); a copy."""
        return torch.stack([self.layer_v(i) for i in range(self.n_layers)])

    @property
    def stream(self) -> torch.Tensor:
        """The residual stream at its 2L+1 stations, (2L+1,T,C); a copy."""
        return torch.stack([self.layer_stream(i) for i in range(2 * self.n_layers + 1)])

    @property
    def residual(self) -> torch.Tensor:
        """The residual stream before each block and after the last, (L+1,T,C); a copy."""
        return self.stream[::2]

    def external_query(self) -> torch.Tensor | None:
        """The stream (T,C) that queried the external memory, before the memory's output was added;
        None where no external memory was read."""
        parts = [part for rows in self.rows for part in rows.query]
        return _join(parts, dim=0) if parts else None

    def attention_added(self, layer: int) -> torch.Tensor:
        """What the attention of a layer added to the residual stream, (T,C) float32."""
        return self.layer_stream(2 * layer + 1).float() - self.layer_stream(2 * layer).float()

    def mlp_added(self, layer: int) -> torch.Tensor:
        """What the MLP of a layer added to the residual stream, (T,C) float32."""
        after = self.layer_stream(2 * layer + 2)
        if self.graft is not None and self.graft.modules.external.layer == layer + 1:
            query = self.external_query()
            after = after if query is None else query
        return after.float() - self.layer_stream(2 * layer + 1).float()

    @cached_property
    def cache_bytes(self) -> int:
        """Bytes of K and V of all layers: what a KV cache of this prompt holds."""
        return sum(x.numel() * x.element_size() for r in self.rows for x in (*r.k, *r.v))


@torch.inference_mode()
def run(
    checkpoint: Checkpoint,
    ids: Ids,
    prefix: Trace | None = None,
    reading: Reading | None = None,
    graft: Graft | None = None,
) -> Trace:
    """ids (T,) -> Trace; rows that `prefix` shares with ids are taken from it, not run again.

    With a `reading`, attention covers its slots and the prompt, and the reading sets the prompt's
    positions. A prefix is used only if it was run with the same reading.
    Raises ValueError for an empty prompt, for one beyond the model's window and for ids outside
    the vocabulary; model.run.turn.Overtaken between two layers if nobody waits any more.
    """
    start = 0 if reading is None else reading.start
    ids = checked(checkpoint.model.config, ids, start)
    n_old = 0
    old: tuple[Rows, ...] = ()
    if prefix is not None and prefix.reading is reading and prefix.graft is graft:
        n_old = common_prefix(ids, prefix.ids)
        old = first_rows(prefix.rows, n_old)
    if n_old == len(ids):
        last = old[-1].stream[-1][-1:]
        with opened(graft):
            return Trace(ids, old, final_logits(checkpoint.model, last)[0], 0, reading, graft)
    with opened(graft):
        new, logits = _run_rows(checkpoint.model, ids, old, reading)
    return Trace(ids, gathered((*old, new)), logits, len(ids) - n_old, reading, graft)


@torch.inference_mode()
def run_again(
    checkpoint: Checkpoint, trace: Trace, start: int, **arguments: Any
) -> tuple[Rows, torch.Tensor]:
    """The tokens from `start` on once more, with further arguments of the attention function (a
    patch, cuts) -> their rows and the logits of the last one. The rows before are the trace's, and
    so is what it read."""
    with opened(trace.graft):
        return _run_rows(checkpoint.model, trace.ids, first_rows(trace.rows, start), trace.reading,
                         **arguments)


def final_logits(model: GPT2LMHeadModel, stream: torch.Tensor) -> torch.Tensor:
    """Residual stream after the last block (..., C) -> logits (..., V)."""
    found: torch.Tensor = model.lm_head(model.transformer.ln_f(stream))
    return found


def before_head(model: GPT2LMHeadModel, graft: Graft | None, stream: torch.Tensor) -> torch.Tensor:
    """Residual stream after the last block (N,C) -> what the unembedding is multiplied with, (N,C): the
    final LayerNorm's output, and what a late memory adds."""
    normed: torch.Tensor = model.transformer.ln_f(stream)
    if graft is None or graft.late is None:
        return normed
    return normed + graft.modules.late.read(normed[None], graft.late).to(normed)[0]


@torch.inference_mode()
def logits(checkpoint: Checkpoint, trace: Trace, start: int = 0) -> torch.Tensor:
    """Logits of the positions from `start` on, (T-start, V), with the memory the trace was run
    with."""
    with opened(trace.graft):
        return final_logits(checkpoint.model, trace.layer_stream(-1)[start:])


@torch.inference_mode()
def logits_at(checkpoint: Checkpoint, trace: Trace, position: int) -> torch.Tensor:
    """Logits behind one token, (V,), with the memory the trace was run with."""
    with opened(trace.graft):
        return final_logits(checkpoint.model, trace.layer_stream(-1)[position])


def scaling(checkpoint: Checkpoint, layer: int) -> float:
    """The factor on q·k: 1/√D in GPT-2, divided by the layer's number if the config asks for it."""
    return blocks(checkpoint.model)[layer].attn.scaling


def common_prefix(a: np.ndarray, b: np.ndarray) -> int:
    """The number of leading ids that a (T,) and b (S,) share."""
    n = min(len(a), len(b))
    differs = np.flatnonzero(a[:n] != b[:n])
    return int(differs[0]) if len(differs) else n


def checked(config: GPT2Config, ids: Ids, start: int) -> np.ndarray:
    """ids (T,) as int64, read-only; ValueError where they are none, or do not fit behind `start`."""
    ids = np.array(ids, dtype=np.int64)
    room = config.n_positions - start
    if ids.ndim != 1 or not 1 <= len(ids) <= room:
        raise ValueError(
            ("The prompt is empty" if ids.size == 0 else "The prompt does not fit")
            + f": its token ids have shape {ids.shape}, and 1 to {room} fit the model's window. "
            + ("Type something." if ids.size == 0 else "Shorten the prompt.")
        )
    if ids.min() < 0 or ids.max() >= config.vocab_size:
        raise ValueError(
            f"Token ids out of range: {ids.min()} to {ids.max()}, and the model has 0 to "
            f"{config.vocab_size - 1}. Use the tokenizer of this model."
        )
    ids.setflags(write=False)
    return ids


def _run_rows(
    model: GPT2LMHeadModel,
    ids: Ids,
    old: tuple[Rows, ...],
    reading: Reading | None,
    **arguments: Any,
) -> tuple[Rows, torch.Tensor]:
    """Run the ids after the old rows -> their rows and the logits of the last one."""
    tap, n_old, device = Tap(), sum(map(len, old)), model.device
    if reading is not None:
        positions = reading.positions(n_old, len(ids)).to(device)
        arguments = {"memory": reading, "position_ids": positions[None]} | arguments
    with tap.open():
        out = model(
            torch.tensor(ids[n_old:], device=device)[None],
            past_key_values=_cache_of(model.config, old) if old else None,
            use_cache=bool(old),
            logits_to_keep=1,
            tap=tap,
            **arguments,
        )
    rows = Rows(*(tuple(part) for part in (tap.q, tap.k, tap.v, tap.stream, tap.query)))
    return rows, out.logits[0, -1]


def _cache_of(config: GPT2Config, rows: tuple[Rows, ...]) -> DynamicCache:
    """transformers' cache holding these rows; one block of rows is not copied."""
    cache = DynamicCache(config=config)
    for i, layer in enumerate(cast(list[DynamicLayer], cache.layers)):
        k = _join([r.k[i] for r in rows], dim=1)[None]
        v = _join([r.v[i] for r in rows], dim=1)[None]
        layer.lazy_initialization(k, v)
        layer.keys, layer.values = k, v
    return cache


def first_rows(rows: tuple[Rows, ...], n: int) -> tuple[Rows, ...]:
    """The first n rows of these blocks, without copying."""
    kept = []
    for block in rows:
        if n == 0:
            break
        kept.append(block.first(min(n, len(block))))
        n -= len(kept[-1])
    return tuple(kept)


def gathered(rows: tuple[Rows, ...]) -> tuple[Rows, ...]:
    """The same rows in fewer blocks: FEW at the end that differ by less than FEW times are joined. So
    each row is copied a few times while a prompt is typed, and blocks stay few: at most FEW - 1 of
    each power of FEW."""
    while len(rows) >= FEW and len(rows[-FEW]) < FEW * len(rows[-1]):
        rows = (*rows[:-FEW], _one(rows[-FEW:]))
    return rows


def _one(rows: tuple[Rows, ...]) -> Rows:
    heads = [
        tuple(torch.cat(same, dim=1) for same in zip(*(getattr(r, part) for r in rows)))
        for part in ("q", "k", "v")
    ]
    flat = [
        tuple(torch.cat(same) for same in zip(*(getattr(r, part) for r in rows)))
        for part in ("stream", "query")
    ]
    return Rows(*heads, *flat)


def _join(parts: list[torch.Tensor], dim: int) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=dim)
