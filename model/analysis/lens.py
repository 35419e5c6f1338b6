"""The logit lens: every layer's residual stream read as if it were the last (nostalgebraist 2020).

The stream before each block goes through the model's own ln_f and lm_head. These were trained for
the last layer only, so an early row is an approximation, not what the model believes. The logits
(L+1,T,V) never exist at once. L layers, T tokens, V vocabulary.
"""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import GPT2LMHeadModel

from model.analysis.attention import check_token
from model.analysis.residual import check_finite
from model.grafts.graft import opened
from model.run import predict, sampling, turn
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, final_logits

ROWS = 128  # stream vectors unembedded at a time (fewer: the product slows; more: memory)


@dataclass(frozen=True, eq=False)
class Lens:
    """What each layer would predict at the n positions start to stop. Row l: the stream before
    block l; the last row: after the last block, the model's own answer.

    ids (L+1,n) int64: the most probable token; probability (L+1,n) float32: its probability.
    final_probability, final_rank (L+1,n): of the last row's token; rank 1 = the most probable.
    came_probability, came_rank (L+1,n): of the token that really came next in the prompt; NaN and 0
    at the prompt's last position.
    """

    start: int
    ids: np.ndarray
    probability: np.ndarray
    final_probability: np.ndarray
    final_rank: np.ndarray
    came_probability: np.ndarray
    came_rank: np.ndarray


@torch.inference_mode()
def lens(checkpoint: Checkpoint, trace: Trace, start: int = 0, stop: int | None = None) -> Lens:
    """Read the positions start to stop of a trace; raises ValueError if the stream or a logit is
    not finite."""
    stop = len(trace) if stop is None else stop
    model, n_layers = checkpoint.model, trace.n_layers
    came = torch.zeros(stop - start, dtype=torch.int64)
    known = trace.ids[start + 1 : stop + 1]
    came[: len(known)] = torch.tensor(known)
    came = came.to(trace.next_logits.device)
    streams = [trace.layer_stream(2 * i)[start:stop] for i in range(n_layers + 1)]  # (n,C) each
    for layer, stream in enumerate(streams):
        check_finite(stream, 2 * layer)
    last = _read(model, streams[-1], None, came)
    earlier = _read(model, torch.cat(streams[:-1]), last[0].repeat(n_layers), came.repeat(n_layers))
    columns = [
        torch.cat([a.view(n_layers, -1), b[None]]).cpu().numpy() for a, b in zip(earlier, last)
    ]
    ids, probability, final_probability, final_rank, came_probability, came_rank = columns
    came_probability[:, len(known) :] = np.nan
    came_rank[:, len(known) :] = 0
    return Lens(
        start, ids, probability, final_probability, final_rank, came_probability, came_rank
    )


def _read(
    model: GPT2LMHeadModel, stream: torch.Tensor, final: torch.Tensor | None, came: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """stream (n,C) -> top ids, their probability, then probability and rank of final and came, (n,)
    each. Without `final`, the top ids are."""
    parts, spare = [], None
    for first in range(0, len(stream), ROWS):
        turn.give_way()
        some = slice(first, first + ROWS)
        logits = final_logits(model, stream[some]).float()  # (ROWS,V)
        if not torch.isfinite(logits.sum()):  # a sum is 25 times as fast as looking at each
            sampling.check_finite(logits, "the logits of the lens")
        spare = torch.empty_like(logits) if spare is None else spare[: len(logits)]
        ids = _top(logits)
        largest = logits.gather(-1, ids[:, None])[:, 0]
        targets = torch.stack([ids if final is None else final[some], came[some]], -1)
        wanted = logits.gather(-1, targets)  # (ROWS,2)
        ranks = [_rank(logits, w, spare) for w in wanted.unbind(-1)]
        total = logits.sub_(largest[:, None]).exp_().sum(-1)
        shares = (wanted - largest[:, None]).exp() / total[:, None]
        parts.append((ids, 1 / total, shares[:, 0], ranks[0], shares[:, 1], ranks[1]))
    return tuple(torch.cat(part) for part in zip(*parts))


def _top(logits: torch.Tensor) -> torch.Tensor:
    """logits (n,V) -> the id of the largest, (n,). On a CPU numpy finds it ten times as fast."""
    if logits.device.type == "cpu":
        return torch.from_numpy(logits.numpy().argmax(-1))
    return logits.argmax(-1)


def _rank(logits: torch.Tensor, wanted: torch.Tensor, spare: torch.Tensor) -> torch.Tensor:
    """logits (n,V), wanted (n,) -> 1 + how many are larger, (n,); `spare` is written over.

    Counted in float32 (exact below 2²⁴ tokens): six times as fast as the sum of booleans.
    """
    return torch.gt(logits, wanted[:, None], out=spare).sum(-1).long() + 1


@torch.inference_mode()
def best_words(checkpoint: Checkpoint, trace: Trace, position: int) -> tuple[np.ndarray, np.ndarray]:
    """One token's most probable next token at every layer, with the memory the trace was run with:
    ids (L+1,) and their probabilities (L+1,); the last is the model's own answer.

    Raises ValueError for a position outside the prompt and for logits that are not finite.
    """
    check_token(trace, position)
    rows = torch.stack([trace.layer_stream(2 * i)[position] for i in range(trace.n_layers + 1)])
    with opened(trace.graft):
        logits = final_logits(checkpoint.model, rows).float()  # (L+1,V)
    sampling.check_finite(logits, "the logits of the lens")
    ids = _top(logits)
    total = logits.sub_(logits.gather(-1, ids[:, None])).exp_().sum(-1)
    return ids.cpu().numpy(), (1 / total).cpu().numpy()


@torch.inference_mode()
def top_tokens(
    checkpoint: Checkpoint, trace: Trace, layer: int, position: int, k: int
) -> predict.TopTokens:
    """The k most probable tokens of one cell: layer 0 to L, L = the model's own answer."""
    check_token(trace, position)
    stream = trace.layer_stream(2 * layer)[position]
    check_finite(stream, 2 * layer)
    return predict.top_tokens(checkpoint, final_logits(checkpoint.model, stream), k)
