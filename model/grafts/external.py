"""External Differentiable Memory (EDM): slots of key and value beside the residual stream.

A prompt is written from the stream at the middle of the stack once it is over; the next prompts
read the slots at the same place. Knows nothing of prompts, files and eviction: tensors in, tensors
out. B rows (one visitor or one episode each, never mixed), T tokens, M slots, H heads, C model
width.

At the last layer it does not work: no layer is left to use what is read (measured, MEMORY.md).
Scaled dot product with a learned null slot, as in Memorizing Transformers (arXiv:2203.08913) and
DNC's content addressing (Graves et al. 2016). The gate's logarithm is added to a slot's score, so
that gradients reach the gate, which decides the writing.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class Contents:
    """What is stored: keys, values (B,M,C); salience (B,M), the gate's logit; newer (B,M): how many
    slots were written later; filled (B,M) bool: an empty slot is never read."""

    keys: torch.Tensor
    values: torch.Tensor
    salience: torch.Tensor
    newer: torch.Tensor
    filled: torch.Tensor


class External(nn.Module):
    """The weights of the EDM. `output` starts at zero: untrained, nothing is added to the stream.

    layer: the block before which the stream is both read from and written to.
    """

    def __init__(self, width: int, heads: int, layer: int) -> None:
        super().__init__()
        self.heads, self.layer = heads, layer
        self.norm_read, self.norm_write, self.norm_value = (
            nn.LayerNorm(width) for _ in range(3)
        )
        self.query, self.key, self.before, self.value, self.output = (
            nn.Linear(width, width, bias=False) for _ in range(5)
        )
        self.gate = nn.Linear(width, 1)
        self.surprise = nn.Parameter(torch.tensor(0.5))
        self.null = nn.Parameter(torch.zeros(heads))
        self.sharpness = nn.Parameter(torch.zeros(heads))
        self.recency = nn.Parameter(torch.full((heads,), -3.0))
        nn.init.eye_(self.value.weight)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.before.weight)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def salience(self, stream: torch.Tensor, surprisal: torch.Tensor) -> torch.Tensor:
        """stream (...,T,C), surprisal (...,T) in nats -> the gate's logit (...,T): above 0, write."""
        return self.gate(self.norm_write(stream))[..., 0] + self.surprise * (surprisal - 3) / 2

    def write(
        self, stream: torch.Tensor, before: torch.Tensor, first: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the tokens to store: the stream at this layer, the stream of the token before each (see
        `one_before`), and their embeddings (before block 0), (...,C) each -> keys and values (...,C).

        A slot's key comes from the token that wrote it and from the token before it: that is where
        the model stands when it must predict the token again (as in kNN-LM, arXiv:1911.00172). Its
        value comes from the token alone.
        """
        keys = self.key(self.norm_write(stream)) + self.before(self.norm_write(before))
        return keys, self.value(self.norm_value(first))

    def read(self, stream: torch.Tensor, stored: Contents) -> tuple[torch.Tensor, torch.Tensor]:
        """stream (B,T,C) -> what is added to it (B,T,C), and the read weights (B,H,T,1+M).

        Weights: the null slot first; rows sum to 1. Each head has its own keys, all share the
        values (as in Memorizing Transformers), so a slot's value is multiplied by its mean weight
        over the heads. If all slots are empty, all weight is on null and nothing is added.
        """
        q, k = self._split(self.query(self.norm_read(stream))), self._split(stored.keys)
        sharp = self.sharpness.exp()[:, None, None] * q.shape[-1] ** -0.5
        scores = (q * sharp) @ k.transpose(-1, -2) + self._bias(stored)  # (B,H,T,M)
        scores = scores.masked_fill(~stored.filled[:, None, None], -torch.inf)
        null = self.null[:, None, None].expand(*scores.shape[:-1], 1)
        weights = torch.cat([null, scores], dim=-1).softmax(-1)
        return self.output(weights[..., 1:].mean(1) @ stored.values), weights

    def _bias(self, stored: Contents) -> torch.Tensor:
        """(B,H,1,M): salient slots weigh more, and of two equal slots the newer one."""
        fade = F.softplus(self.recency)[:, None] * stored.newer[:, None].clamp(min=0).log1p()
        return (F.logsigmoid(stored.salience)[:, None] - fade)[:, :, None]

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """(B,N,C) -> (B,H,N,C/H)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def one_before(stream: torch.Tensor) -> torch.Tensor:
    """(...,T,C) -> the stream of the token before each; zeros before the first."""
    return F.pad(stream[..., :-1, :], (0, 0, 1, 0))


def newer(filled: torch.Tensor) -> torch.Tensor:
    """filled (B,M) bool, the slots in the order in which they were written -> how many filled
    slots were written after each, (B,M)."""
    return (filled.flip(1).cumsum(1).flip(1) - filled.long()).float()


def nothing(like: torch.Tensor, rows: int = 1) -> Contents:
    """No slots, for streams like `like` (...,C)."""
    empty = like.new_zeros(rows, 0)
    vectors = like.new_zeros(rows, 0, like.shape[-1])
    return Contents(vectors, vectors, empty, empty, empty.bool())
