"""What a model expects after one token: its whole vocabulary in order, and draws from it.

Knows nothing of pages. V vocabulary.
"""

from dataclasses import dataclass

import numpy as np
import torch

from model.run import sampling, tokens
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, final_logits

N_NAMED = 512  # the most probable tokens come with their names


@dataclass(frozen=True, eq=False)
class Forecast:
    """What the model expects after one position.

    scores (V,) float32 by id; ids (V,) most probable first, logits (V,) in that order; names of
    the first N_NAMED of them.
    came: rank of the token that came (0 = the first), its name; None at the end of the prompt.
    """

    scores: torch.Tensor
    ids: np.ndarray
    logits: np.ndarray
    names: list[str]
    came: int | None
    came_name: str | None


@torch.inference_mode()
def forecast(checkpoint: Checkpoint, trace: Trace, at: int) -> Forecast:
    """The whole vocabulary after token `at`. Raises ValueError where a logit is not finite."""
    logits = final_logits(checkpoint.model, trace.layer_stream(-1)[at : at + 1])[0]
    sampling.check_finite(logits, f"logits after token {at:,}")
    order = sampling.ranking(logits)
    came = came_name = None
    if at + 1 < len(trace.ids):
        next_id = int(trace.ids[at + 1])
        came = int((order == next_id).nonzero()[0])
        came_name = tokens.display(checkpoint.tokenizer, [next_id])[0]
    named = tokens.display(checkpoint.tokenizer, order[:N_NAMED].tolist())
    scores = logits.float().cpu()
    return Forecast(scores, order.numpy(), scores[order].numpy(), named, came, came_name)


def stages(
    scores: torch.Tensor, settings: sampling.SamplingSettings, at: int
) -> sampling.SamplingStages:
    """The stages of a draw after token `at`, all of their figures made."""
    made = sampling.stages(scores, settings, f"logits after token {at:,}")
    _ = made.probabilities, made.facts, made.kept
    return made
