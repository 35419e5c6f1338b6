"""From logits to the next token. Knows nothing of the model that made the logits."""

from dataclasses import dataclass

import numpy as np
import torch

from model.run import tokens
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace


@dataclass(frozen=True, eq=False)
class TopTokens:
    """The k most probable tokens, most probable first.

    ids (k,), texts k visible strings, probability (k,) over the whole vocabulary, logit (k,);
    rest: the probability of all other tokens together.
    """

    ids: np.ndarray
    texts: list[str]
    probability: np.ndarray
    logit: np.ndarray
    rest: float


def next_tokens(checkpoint: Checkpoint, trace: Trace, k: int) -> TopTokens:
    """The k most probable tokens after a prompt; raises as `top_tokens` does."""
    return top_tokens(checkpoint, trace.next_logits, k)


@torch.inference_mode()
def top_tokens(checkpoint: Checkpoint, logits: torch.Tensor, k: int) -> TopTokens:
    """logits (V,) -> the k most probable tokens after a softmax over all V of them.

    Raises ValueError when a logit is NaN or infinite.
    """
    if not torch.isfinite(logits).all():
        raise ValueError(
            "The logits are not finite: the model gave NaN or infinity. Its weights are damaged or "
            "its dtype overflows: choose float32 or another checkpoint."
        )
    probability, ids = logits.double().softmax(-1).topk(min(k, len(logits)))
    return TopTokens(
        ids=ids.cpu().numpy(),
        texts=tokens.display(checkpoint.tokenizer, ids.tolist()),
        probability=probability.cpu().numpy(),
        logit=logits[ids].float().cpu().numpy(),
        rest=max(0.0, 1.0 - float(probability.sum())),
    )
