"""How much of the clean run a patch brings back, in three metrics. Knows nothing of how patches are run.

L layers, H heads, T tokens, C model width.
"""

from dataclasses import dataclass

import numpy as np
import torch

from model.analysis.patching import Grid
from model.analysis.residual import check_finite
from model.run import sampling
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, before_head

METRICS = {
    "difference": "logit difference", "probability": "probability of the answer",
    "kl": "KL divergence from the clean prompt",
}
NOTHING = 1e-6  # a difference between both runs, as a part of the larger value, that is none


@dataclass(frozen=True, eq=False)
class Recovered:
    """A metric of every cell. value, share (L,T) or (L,H) float64: the metric, and (value −
    corrupt) ÷ (clean − corrupt): 0 = as without the patch, 1 = as the clean prompt; NaN = not asked
    for. clean, corrupt: the metric of the two runs."""

    value: np.ndarray
    share: np.ndarray
    clean: float
    corrupt: float


@torch.inference_mode()
def recovered(
    checkpoint: Checkpoint, grid: Grid, clean: Trace, corrupt: Trace, metric: str, answer: int,
    against: int,
) -> Recovered:
    """How much of the clean run's metric each cell brings back. Raises ValueError where both runs
    have the same, because then no share exists, and as `measured`."""
    first, last = ends(checkpoint, clean, corrupt, metric, answer, against)
    value = np.stack([
        measured(checkpoint, layer, metric, answer, against, clean, corrupt) for layer in grid.streams
    ])
    return Recovered(value, (value - last) / (first - last), first, last)


@torch.inference_mode()
def ends(
    checkpoint: Checkpoint, clean: Trace, corrupt: Trace, metric: str, answer: int, against: int
) -> tuple[float, float]:
    """The metric of the clean and of the corrupted run; raises as `recovered`."""
    streams = [run.layer_stream(-1)[-1:].float() for run in (clean, corrupt)]
    check_finite(torch.cat(streams), 2 * clean.n_layers)
    rows = torch.cat([_before_head(checkpoint, run, x, clean) for run, x in zip((clean, corrupt), streams)])
    first, last = _of_rows(checkpoint, rows, metric, answer, against, clean).tolist()
    is_same = np.array_equal(clean.ids, corrupt.ids) and (
        clean.reading is corrupt.reading and clean.graft is corrupt.graft)
    if is_same or abs(first - last) <= NOTHING * max(abs(first), abs(last)):
        raise ValueError(
            f"Clean and corrupted prompt give the same {METRICS[metric]}: {first:.6g}. A share "
            "of nothing does not exist. Choose other prompts or answers."
        )
    return first, last


@torch.inference_mode()
def measured(
    checkpoint: Checkpoint, streams: torch.Tensor, metric: str, answer: int, against: int,
    clean: Trace, base: Trace,
) -> np.ndarray:
    """Streams behind the last block (N,C) of runs that left `base`, whose memory they read -> a metric
    of the next token, (N,) float64.

    "difference": logit of `answer` − logit of `against`; "probability": of `answer`; "kl":
    KL(clean ‖ this) in nats, which asks for no answer. NaN stays NaN. Raises ValueError for an
    unknown metric, for answers as `check_answers` and for logits that are not finite.
    """
    found = np.full(len(streams), np.nan)
    there = ~torch.isnan(streams).any(-1)
    rows = _before_head(checkpoint, base, streams[there], clean)
    result = _of_rows(checkpoint, rows, metric, answer, against, clean)
    found[there.cpu().numpy()] = result.cpu().numpy()
    return found


def _before_head(checkpoint: Checkpoint, base: Trace, streams: torch.Tensor, clean: Trace) -> torch.Tensor:
    """Streams behind the last block (N,C) of runs that left `base` -> what the unembedding reads."""
    return before_head(checkpoint.model, base.graft, streams.to(clean.next_logits))


def _of_rows(
    checkpoint: Checkpoint, rows: torch.Tensor, metric: str, answer: int, against: int, clean: Trace
) -> torch.Tensor:
    """What the unembedding reads (N,C) -> the metric, (N,) float64; raises as `measured`."""
    if metric not in METRICS:
        raise ValueError(f"Unknown metric {metric!r}. Choose among {', '.join(METRICS)}.")
    if metric != "kl":
        check_answers(checkpoint, answer, against)
    model = checkpoint.model
    if metric == "difference":
        unembedding = model.lm_head.weight[[answer, against]].double()
        logits = rows.double() @ unembedding.T
        result = logits[:, 0] - logits[:, 1]
    else:
        logs = model.lm_head(rows).double().log_softmax(-1)
        if metric == "probability":
            result = logs[:, answer].exp()
        else:
            expected = model.lm_head(before_head(model, clean.graft, clean.layer_stream(-1)[-1:]))
            wanted = expected.double().log_softmax(-1)
            result = (wanted.exp() * (wanted - logs)).sum(-1).clamp(min=0)
    sampling.check_finite(result, "the logits of a patched run")
    return result


def check_answers(checkpoint: Checkpoint, answer: int, against: int) -> None:
    """Raise ValueError for answers that are the same, or that the vocabulary does not have."""
    n = checkpoint.model.config.vocab_size
    for token in (answer, against):
        if not 0 <= token < n:
            raise ValueError(f"There is no token {token}. Choose ids 0 to {n - 1}.")
    if answer == against:
        raise ValueError("Answer and alternative begin with the same token. Choose two that differ "
                         "in their first token.")
