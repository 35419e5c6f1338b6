"""Token surprisal: how unlikely a model found each token, in nats and bits, and its rank.

Knows nothing of where the logits come from. 1 bit = ln 2 nats.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from model.run.sampling import check_finite

ROWS_AT_ONCE = 64  # rows of V float32 logits weighed at a time: 13 MB with GPT-2's vocabulary
Targets = np.ndarray | torch.Tensor | list[int]  # (n,) ids of the tokens that came; -1: none


@dataclass(frozen=True, eq=False)
class Weighed:
    """logits (n,V) float32 less each row's highest; their exponentials; the sums (n,) float64.

    Differences of near float32 numbers are exact and the sums run in float64: bits are good to
    1e-6, at half the time of a softmax in float64.
    """

    shifted: torch.Tensor
    weights: torch.Tensor
    total: torch.Tensor

    def nats(self, targets: Targets) -> torch.Tensor:
        """−ln p of tokens (n,), one a row, float64; of token 0 where none came (-1)."""
        return self.total.log() - self._own(targets)[:, 0].double()

    def rank(self, targets: Targets) -> torch.Tensor:
        """1 + the number of tokens with a higher logit, (n,); of token 0 where none came (-1)."""
        return 1 + (self.shifted > self._own(targets)).sum(-1)

    def _own(self, targets: Targets) -> torch.Tensor:
        ids = torch.as_tensor(np.array(targets), device=self.total.device)
        return self.shifted.gather(1, ids.clamp(min=0)[:, None])


def weigh(logits: torch.Tensor, name: str = "the logits") -> Weighed:
    """logits (n,V) -> their weights. Raises ValueError when one is NaN or infinite, by this name."""
    logits = logits.float()
    low, high = logits.aminmax(dim=-1, keepdim=True)
    if not (torch.isfinite(low) & torch.isfinite(high)).all():
        check_finite(logits, name)
    shifted = logits - high
    weights = shifted.exp()
    return Weighed(shifted, weights, weights.sum(-1, dtype=torch.float64))


def nats(logits: torch.Tensor, targets: Targets) -> torch.Tensor:
    """logits (n,V) before tokens (n,) -> −ln p of each, (n,) float64 on the same device."""
    parts = zip(logits.split(ROWS_AT_ONCE), torch.as_tensor(np.array(targets)).split(ROWS_AT_ONCE))
    return torch.cat([weigh(rows).nats(own) for rows, own in parts])


def bits(logits: torch.Tensor, targets: Targets) -> np.ndarray:
    """logits (n,V) before tokens (n,) -> −log2 p of each, (n,) float64."""
    return as_bits(nats(logits, targets))


def bits_and_rank(
    logits: torch.Tensor, targets: Targets, name: str = "the logits"
) -> tuple[np.ndarray, np.ndarray]:
    """logits (n,V) before tokens (n,) -> −log2 p (n,) and rank (n,) of each, 1 = the most probable.

    A target of -1 (nothing came) gives the rank and bits of token 0: the caller drops them.
    """
    weighed = weigh(logits, name)
    return as_bits(weighed.nats(targets)), weighed.rank(targets).cpu().numpy()


def as_bits(nats: torch.Tensor) -> np.ndarray:
    """Nats of any shape -> bits."""
    found: np.ndarray = nats.cpu().numpy() / math.log(2)
    return found
