"""How far apart two predictions are. Knows nothing of why they differ."""

import torch


@torch.inference_mode()
def total_variation(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Logits (…,V), twice -> (…), 0 to 1: the share of the probability that would have to move from
    token to token to make one distribution the other (total variation distance)."""
    p, q = (x.double().softmax(-1) for x in (one, other))
    return (p - q).abs().sum(-1) / 2
