"""Runs of a model with other positions than it was trained with, through transformers' own code.

GPT2Model adds wpe to its input embeddings. So we pass `wte[ids] + other − wpe[positions]`, and the
first block gets `wte[ids] + other` (up to rounding). Nothing on the shared model changes.
Axes: L layers, H heads, T tokens, D head width, C model width, V vocabulary.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import GPT2Config

from model.analysis import attention, embeddings, position_table, positions
from model.run import bits, sampling
from model.run.bits import ROWS_AT_ONCE
from model.run.checkpoint import Checkpoint
from model.run.tap import Tap
from model.run.trace import Trace, final_logits, scaling

SCHEMES = ("learned", "none", "sinusoidal", "rope", "alibi")


@dataclass(frozen=True, eq=False)
class Pass:
    """One run. q, k: L of (H,T,D); stream: 2L+1 of (T,C); next_logits (V,) after the last token."""

    q: list[torch.Tensor]
    k: list[torch.Tensor]
    stream: list[torch.Tensor]
    next_logits: torch.Tensor


@torch.inference_mode()
def run(
    checkpoint: Checkpoint,
    ids: np.ndarray,
    places: np.ndarray | None = None,
    table: np.ndarray | None = None,
) -> Pass:
    """ids (T,) at places (T,), by default 0 to T-1; table (T,C): added instead of wpe (zeros: no
    positions); None: the model's own wpe.

    Raises ValueError for an empty prompt and for a place that the table does not have.
    """
    model = checkpoint.model
    places = check_places(np.arange(len(ids)) if places is None else places, model.config)
    fed, at = (torch.as_tensor(np.array(x), device=model.device)[None] for x in (ids, places))
    inputs = {"input_ids": fed}
    if table is not None:
        body = model.transformer
        other = torch.as_tensor(table, device=model.device, dtype=body.wte.weight.dtype)
        inputs = {"inputs_embeds": body.wte(fed) + (other - body.wpe(at))}
    tap = Tap()
    with tap.open():
        out = model(
            **inputs,
            position_ids=at,
            attention_mask=torch.ones_like(at),  # else transformers takes a gap for a new text
            use_cache=False,
            logits_to_keep=1,
            tap=tap,
        )
    return Pass(tap.q, tap.k, tap.stream, out.logits[0, -1])


def check_places(places: np.ndarray, config: GPT2Config) -> np.ndarray:
    """places (T,), T >= 1; raises ValueError if the position table has no such row."""
    if len(places) == 0:
        raise ValueError("There is no token: the box holds an empty prompt. Type something.")
    if places.min() < 0 or places.max() >= config.n_positions:
        n = config.n_positions
        most = n - 1 - int(places.max() - places.min())
        raise ValueError(
            f"Positions out of range: the table has rows 0 to {n - 1:,}, and these tokens got "
            f"{places.min():,} to {places.max():,}. Please shift these {len(places):,} tokens by "
            f"at most {most:,}."
        )
    return places


def without_positions(checkpoint: Checkpoint, ids: np.ndarray) -> Pass:
    """The run of ids (T,) without positions."""
    return run(checkpoint, ids, table=np.zeros((1, checkpoint.model.config.n_embd)))


def with_sinusoids(checkpoint: Checkpoint, ids: np.ndarray) -> Pass:
    """The run of ids (T,) with the sinusoidal table, as long as wpe's first T rows on average."""
    learned = embeddings.position_table(checkpoint)[: len(ids)]
    return run(checkpoint, ids, table=position_table.sinusoidal_like(learned))


def maps(
    checkpoint: Checkpoint, trace: Trace, bare: Pass, waves: Pass, layer: int, head: int
) -> dict[str, np.ndarray]:
    """One head's attention (T,T) under each of SCHEMES.

    learned: the trace, as it is. none: `bare`, a run of the same ids without positions. rope: q and
    k of `bare`, turned in this head alone; alibi: their scores, biased in this head alone.
    sinusoidal: `waves`, a run of its own, because it changes the input.
    """
    scale = scaling(checkpoint, layer)
    q, k = (numpy64(part[layer][head]) for part in (bare.q, bare.k))
    sin_q, sin_k = (numpy64(part[layer][head]) for part in (waves.q, waves.k))
    places = np.arange(len(q))
    slope = positions.alibi_slopes(checkpoint.model.config.n_head)[head]
    plain = q @ k.T * scale
    turned = positions.rotate(q, places) @ positions.rotate(k, places).T * scale
    scores = {
        "none": plain,
        "sinusoidal": sin_q @ sin_k.T * scale,
        "rope": turned,
        "alibi": plain + positions.alibi_bias(len(q), slope),
    }
    found = {"learned": attention.weights(checkpoint, trace, layer, head)}
    return found | {name: positions.causal_weights(x) for name, x in scores.items()}


def other_positions(checkpoint: Checkpoint, ids: np.ndarray, kind: str) -> Pass:
    """The run of ids (T,) with positions of a kind, "none" or "sinusoidal"; its stream is left out,
    as the maps need q and k only."""
    runs = {"none": without_positions, "sinusoidal": with_sinusoids}
    return replace(runs[kind](checkpoint, ids), stream=[])


def alibi_maps(
    checkpoint: Checkpoint, bare: Pass, layer: int, head: int, slopes: tuple[float, ...]
) -> list[np.ndarray]:
    """One head's attention (T,T) in a run without positions, biased with each of these slopes."""
    q, k = (numpy64(part[layer][head]) for part in (bare.q, bare.k))
    scores = q @ k.T * scaling(checkpoint, layer)
    biases = (positions.alibi_bias(len(q), slope) for slope in slopes)
    return [positions.causal_weights(scores + bias) for bias in biases]


# -- order ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Order:
    """A changed order of T tokens: words (T,): which token of the prompt stands here; places (T,):
    which row of wpe it gets; placed: False = no positions at all."""

    words: np.ndarray
    places: np.ndarray
    placed: bool = True


def shuffled(n_tokens: int, seed: int) -> np.ndarray:
    """A permutation (T,) of all but the last token, never the old order; needs 3 tokens or more."""
    if n_tokens < 3:
        raise ValueError(
            f"Too few tokens to shuffle: {n_tokens}. Type 3 tokens or more (the last one stays)."
        )
    mixed = np.random.default_rng(seed).permutation(n_tokens - 1)
    if (mixed == np.arange(n_tokens - 1)).all():
        mixed = np.roll(mixed, 1)
    return np.append(mixed, n_tokens - 1)


@dataclass(frozen=True, eq=False)
class Last:
    """The last token of a run: stream (2L+1,C) float64, logits (V,)."""

    stream: np.ndarray
    logits: torch.Tensor


def last_of(checkpoint: Checkpoint, ids: np.ndarray, order: Order) -> Last:
    """Run the prompt ids (T,) in that order."""
    table = None if order.placed else np.zeros((1, checkpoint.model.config.n_embd))
    found = run(checkpoint, ids[order.words], order.places, table)
    return Last(np.stack([numpy64(x[-1]) for x in found.stream]), found.next_logits)


@dataclass(frozen=True, eq=False)
class OrderChange:
    """The next token before and after a change of order.

    ids (n,): the tokens most probable before or after, most probable before first; before, after
    (n,): their probabilities over all V; kl_bits: KL(before ‖ after) over all V.
    moved (2L+1,): ‖after − before‖ ÷ ‖before‖ of the last token's stream at each station.
    """

    ids: np.ndarray
    before: np.ndarray
    after: np.ndarray
    kl_bits: float
    moved: np.ndarray


@torch.inference_mode()
def compare(before: Last, after: Last, n_top: int = 5) -> OrderChange:
    """Two last tokens -> what changed; raises ValueError for logits that are not finite."""
    for logits in (before.logits, after.logits):
        sampling.check_finite(logits, "next-token logits")
    logs = [x.logits.double().log_softmax(-1) for x in (before, after)]
    old, new = (x.exp() for x in logs)
    top = torch.cat([x.topk(min(n_top, len(x))).indices for x in (old, new)]).unique()
    top = top[old[top].argsort(descending=True)]
    kl = float((old * (logs[0] - logs[1])).sum()) / np.log(2)
    lengths = np.linalg.norm(before.stream, axis=-1)
    moved = np.linalg.norm(after.stream - before.stream, axis=-1) / np.maximum(lengths, 1e-30)
    chosen, was, now = (x.cpu().numpy() for x in (top, old[top], new[top]))
    return OrderChange(chosen, was, now, max(kl, 0.0), moved)


# -- the end of the table -------------------------------------------------------------------------


@torch.inference_mode()
def bits_when_shifted(checkpoint: Checkpoint, ids: np.ndarray, shift: int) -> float:
    """Mean bits a token of ids (T,), T >= 2, all positions shifted; the first does not count."""
    if len(ids) < 2:
        raise ValueError("Too few tokens: 1. Type 2 tokens or more (the first is only read).")
    stream = run(checkpoint, ids, np.arange(len(ids)) + shift).stream[-1]
    parts = []
    for start in range(0, len(ids) - 1, ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, len(ids) - 1)
        logits = final_logits(checkpoint.model, stream[start:stop])
        parts.append(bits.bits(logits, ids[start + 1 : stop + 1]))
    return float(np.concatenate(parts).mean())


def shifts(n_tokens: int, n_positions: int, n: int) -> np.ndarray:
    """At most n shifts from 0 to the last that keeps T tokens in the window, evenly spaced."""
    return np.unique(np.linspace(0, n_positions - n_tokens, n).round().astype(int))


def numpy64(x: torch.Tensor) -> np.ndarray:
    """A tensor as a float64 array."""
    return x.double().cpu().numpy()
