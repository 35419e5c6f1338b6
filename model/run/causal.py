"""The causal softmax: a query reads its own token and those before it, never the future.

T queries, S keys; `first` is the position of the first query among the keys. Knows nothing of models.
"""

import torch


def weights(q: torch.Tensor, k: torch.Tensor, scale: float) -> torch.Tensor:
    """q (..., T, D), k (..., S, D), the last T of S tokens -> attention weights (..., T, S) float32."""
    scores = (q.float() @ k.float().transpose(-2, -1)).mul_(scale)
    return softmax(scores, k.shape[-2] - q.shape[-2])


def softmax(scores: torch.Tensor, first: int = 0) -> torch.Tensor:
    """Scaled scores (..., T, S), written over -> weights; rows sum to 1, the future is 0."""
    return without_future(scores, first).softmax(-1)


def without_future(scores: torch.Tensor, first: int = 0) -> torch.Tensor:
    """Scores (..., T, S), written over: −inf wherever a query would read its future."""
    future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device)
    return scores.masked_fill_(future.triu_(first + 1), -torch.inf)
