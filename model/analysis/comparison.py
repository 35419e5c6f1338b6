"""Two runs side by side: how far apart their streams, heads, MLPs and next tokens are.

Two prompts on one model, or one prompt on two models; tokens are paired by model.analysis.alignment.
A difference is the second run's value minus the first's. N pairs of tokens, L layers, H heads, T
tokens of the first prompt, S of the second, M slots, C model width, V vocabulary.
"""

from dataclasses import dataclass

import numpy as np
import torch

from model.analysis import ablation, alignment, embeddings, flow
from model.analysis.ablation import AblationChange
from model.analysis.patching import output_projection
from model.analysis.residual import check_finite
from model.grafts.graft import opened
from model.run import sampling
from model.run.bits import ROWS_AT_ONCE
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, final_logits
from model.run.turn import give_way


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two: a model and its run of a prompt."""

    checkpoint: Checkpoint
    trace: Trace


@dataclass(frozen=True, eq=False)
class Apart:
    """How far apart N pairs of tokens are inside the model; everything float32.

    distance (2L+1,N): ‖a − b‖ ÷ the mean of ‖a‖ and ‖b‖ of the stream at every station (2l before
    block l, 2l+1 behind its attention, 2L behind the last block), 0 = the same, 2 = opposite;
    cosine (2L+1,N): −1 to 1. heads (L,H,N), mlp (L,N): ‖a − b‖ of what each head and MLP wrote.
    """

    distance: np.ndarray
    cosine: np.ndarray
    heads: np.ndarray
    mlp: np.ndarray


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k tokens of the vocabulary whose vectors lie nearest to one token's stream, by cosine, nearest
    first: ids, cosine (L+1,k); row l: before block l, the last one behind the last block."""

    ids: np.ndarray
    cosine: np.ndarray


@dataclass(frozen=True, eq=False)
class NextTokens:
    """What follows two tokens. change: their distributions, the first's before the second's; js_nats:
    how far apart they are, 0 to ln 2."""

    change: AblationChange
    js_nats: float


def paired(first: Trace, second: Trace, by: str) -> np.ndarray:
    """The tokens that stand for each other, (N,2): of the first, of the second; by "position" or
    "subsequence". Raises ValueError for another way, and where no token has a partner."""
    ways = {
        "position": lambda: alignment.by_position(len(first), len(second)),
        "subsequence": lambda: alignment.by_subsequence(first.ids, second.ids),
    }
    if by not in ways:
        raise ValueError(f"Unknown alignment {by!r}. Choose among {', '.join(ways)}.")
    found = ways[by]()
    places = np.flatnonzero(found != alignment.NONE)
    if not len(places):
        raise ValueError("No token of one prompt stands for a token of the other. Align by position.")
    return np.stack([places, found[places]], 1)


def check_vocabularies(first: Checkpoint, second: Checkpoint) -> None:
    """Raise ValueError for models whose next tokens cannot be compared."""
    if first.tokenizer.get_vocab() != second.tokenizer.get_vocab():
        n, m = (f"{len(x.tokenizer):,}" for x in (first, second))
        raise ValueError(
            f"{first.name} and {second.name} have different vocabularies, of {n} and {m} tokens: their "
            "next tokens are not the same things. Choose two models of one tokenizer."
        )


def are_alike(first: Side, second: Side) -> bool:
    """Whether both models have the same numbers of layers and heads and the same width, so that
    their insides can be compared."""
    shapes = [(config.n_layer, config.n_head, config.n_embd) for config in (
        side.checkpoint.model.config for side in (first, second))]
    return shapes[0] == shapes[1]


@torch.inference_mode()
def apart(first: Side, second: Side, pairs: np.ndarray) -> Apart:
    """pairs (N,2) -> how far apart they are. Raises ValueError for models of different shapes and for
    streams that are not finite."""
    if not are_alike(first, second):
        raise ValueError("Models of different shapes have no streams to compare. Compare their next "
                         "tokens, or choose two of one size.")
    n_layers = first.trace.n_layers
    distance, cosine = zip(*(_station(first, second, pairs, i) for i in range(2 * n_layers + 1)))
    heads, mlp = [], []
    for layer in range(n_layers):
        give_way()
        a, b = (_written(side, layer)[:, pairs[:, i]] for i, side in enumerate((first, second)))
        heads.append((b - a).norm(dim=-1))
        a, b = (side.trace.mlp_added(layer)[pairs[:, i]] for i, side in enumerate((first, second)))
        mlp.append((b - a).norm(dim=-1))
    return Apart(*(torch.stack(list(x)).float().cpu().numpy() for x in (distance, cosine, heads, mlp)))


def _station(
    first: Side, second: Side, pairs: np.ndarray, station: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Distance and cosine of the pairs' streams, (N,) each."""
    a, b = (side.trace.layer_stream(station)[pairs[:, i]].double()
            for i, side in enumerate((first, second)))
    for stream in (a, b):
        check_finite(stream, station)
    lengths = a.norm(dim=-1), b.norm(dim=-1)
    distance = (b - a).norm(dim=-1) / ((lengths[0] + lengths[1]) / 2).clamp(min=1e-30)
    return distance, (a * b).sum(-1) / (lengths[0] * lengths[1]).clamp(min=1e-30)


def _written(side: Side, layer: int) -> torch.Tensor:
    """What each head of a layer wrote into every token's stream, (H,T,C)."""
    values = side.trace.layer_v(layer).float()
    if side.trace.reading is not None:
        values = torch.cat([values, side.trace.reading.values[layer].to(values)], 1)
    mixed = flow.union_weights(side.checkpoint, side.trace, layer) @ values
    return mixed @ output_projection(side.checkpoint, layer)


@torch.inference_mode()
def weight_difference(
    first: Side, second: Side, pairs: np.ndarray, layer: int, head: int
) -> np.ndarray:
    """A head's weights of the second run minus the first's, between paired tokens, (N,N). What is
    read of other tokens and of slots is not in it."""
    a, b = (flow.union_weights(side.checkpoint, side.trace, layer)[head].cpu().numpy()
            for side in (first, second))
    both: np.ndarray = b[np.ix_(pairs[:, 1], pairs[:, 1])] - a[np.ix_(pairs[:, 0], pairs[:, 0])]
    return both


@torch.inference_mode()
def maps_apart(first: Side, second: Side, pairs: np.ndarray) -> np.ndarray:
    """How far apart the two runs' attention is, head by head, (L,H) float32: total variation of a row's
    weights, mean over the pairs; 0 = the same, 1 = nothing in common. A weight on a token without a
    partner, or on a slot, counts in full: the other run cannot read that."""
    found = []
    for layer in range(first.trace.n_layers):
        give_way()
        a, b = (flow.union_weights(side.checkpoint, side.trace, layer)[:, pairs[:, i]]
                for i, side in enumerate((first, second)))
        own, other = a[..., pairs[:, 0]], b[..., pairs[:, 1]]
        alone = (a.sum(-1) - own.sum(-1)) + (b.sum(-1) - other.sum(-1))  # read of what has no partner
        found.append((((other - own).abs().sum(-1) + alone) / 2).mean(-1))
    apart_by: np.ndarray = torch.stack(found).float().clamp(0, 1).cpu().numpy()
    return apart_by


@torch.inference_mode()
def lens_apart(first: Side, second: Side, pairs: np.ndarray) -> np.ndarray:
    """How far apart the two logit lenses are, (L+1,N) float64: the Jensen-Shannon divergence in nats of
    what each layer would predict behind each pair. Raises as `js_nats`."""
    n_rows = first.trace.n_layers + 1
    return np.stack([_js(first, second, pairs, 2 * row) for row in range(n_rows)])


@torch.inference_mode()
def neighbours(side: Side, place: int, k: int = 3) -> Neighbours:
    """Where the neighbours of a token's stream go in the vocabulary, layer by layer; directions of wte, not
    predictions. Raises ValueError as model.analysis.embeddings.nearest."""
    units = embeddings.unit(embeddings.token_table(side.checkpoint))
    found = []
    for layer in range(side.trace.n_layers + 1):
        give_way()
        stream = side.trace.layer_stream(2 * layer)[place].float().cpu().numpy()
        found.append(embeddings.nearest(units, stream, k))
    return Neighbours(np.stack([one.ids for one in found]), np.stack([one.cosine for one in found]))


@torch.inference_mode()
def js_nats(first: Side, second: Side, pairs: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence of the next token behind each pair, (N,) float64, in nats: 0 = the
    same distribution, ln 2 = nothing in common. Raises ValueError for logits that are not finite."""
    return _js(first, second, pairs, -1)


def _js(first: Side, second: Side, pairs: np.ndarray, station: int) -> np.ndarray:
    parts = []
    for start in range(0, len(pairs), ROWS_AT_ONCE):
        give_way()
        some = pairs[start : start + ROWS_AT_ONCE]
        a, b = (_logs(side, some[:, i], station) for i, side in enumerate((first, second)))
        parts.append(jensen_shannon(a, b))
    found: np.ndarray = torch.cat(parts).cpu().numpy()
    return found


def jensen_shannon(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """Two log-distributions (...,V) -> their Jensen-Shannon divergence in nats, (...)."""
    middle = torch.logaddexp(log_p, log_q) - np.log(2)
    parts = [(x.exp() * (x - middle)).sum(-1) for x in (log_p, log_q)]
    return ((parts[0] + parts[1]) / 2).clamp(min=0)


def next_tokens(first: Side, second: Side, pair: np.ndarray) -> NextTokens:
    """The next token after a pair (1,2) of tokens of two runs, whose models may differ. Raises as
    `js_nats`."""
    found = [logits(side, pair[:, i])[0] for i, side in enumerate((first, second))]
    change = ablation.compare(first.checkpoint, found[0], found[1])
    return NextTokens(change, float(js_nats(first, second, pair)[0]))


def logit_difference(first: Side, second: Side) -> np.ndarray:
    """Logits behind the last token of the second run minus the first's, (V,) float32."""
    a, b = (side.trace.next_logits.float().cpu().numpy() for side in (first, second))
    found: np.ndarray = b - a
    return found


@torch.inference_mode()
def logits(side: Side, places: np.ndarray, station: int = -1) -> torch.Tensor:
    """The next token's logits behind some tokens, (n,V); of an earlier station, what the logit lens
    reads there. Raises ValueError where they are not finite."""
    with opened(side.trace.graft):
        found = final_logits(side.checkpoint.model, side.trace.layer_stream(station)[places])
    sampling.check_finite(found, f"the logits of {side.checkpoint.name}")
    return found


def _logs(side: Side, places: np.ndarray, station: int) -> torch.Tensor:
    """The next token's log-distribution behind some tokens, (n,V) float64."""
    return logits(side, places, station).double().log_softmax(-1)
