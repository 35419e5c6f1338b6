"""Runs that leave another run in mid-model: before some block their residual stream has other rows.

The layers below are the other run's, and so are the keys and values of all tokens before the first
new row. Many such runs go on as one batch without padding: all their rows one after another. Knows
nothing of why rows differ. B runs, N rows of them all, T tokens, H heads, D head width, C model width.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

from model.grafts.blocks import blocks
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace


class Onward:
    """B runs that leave a trace. Run b runs the tokens from starts[b] on, so it has
    T − starts[b] >= 1 rows; rows of a batch lie one after another: (N,C), N = Σ_b T − starts[b].

    run, place (N,): which run and which token a row belongs to. last (B,): the row of each run's
    last token.
    """

    def __init__(self, trace: Trace, starts: Sequence[int]) -> None:
        assert trace.reading is None and trace.graft is None, "a run with memory is not left"
        n, device = len(trace), trace.next_logits.device
        assert all(0 <= start < n for start in starts), f"starts {starts} of {n} tokens"
        lengths = torch.tensor([n - start for start in starts], device=device)
        self.trace, self.first = trace, min(starts)
        self.last = lengths.cumsum(0) - 1
        self.run = torch.arange(len(starts), device=device).repeat_interleave(lengths)
        self.place = torch.arange(len(self.run), device=device) - self.last[self.run] + n - 1
        self.sees = torch.ones(n - self.first, n, dtype=torch.bool, device=device).tril(self.first)

    @torch.inference_mode()
    def through(self, checkpoint: Checkpoint, layer: int, rows: torch.Tensor) -> torch.Tensor:
        """Streams (N,C) before block `layer`, 0 to L -> those behind the last block, (N,C).

        Raises model.run.turn.Overtaken between two layers if nobody waits any more.
        """
        stream = rows[None]
        for block in blocks(checkpoint.model)[layer:]:
            stream = block(stream, memory=self)
        return stream[0]

    def attend(
        self, module: GPT2Attention, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        scaling: float, **kwargs: Any,
    ) -> torch.Tensor:
        """q, k, v of the rows (1,H,N,D) -> what attention mixed, (1,N,H,D)."""
        layer = module.layer_idx
        keys = self._beside(self.trace.layer_k(layer), key)
        values = self._beside(self.trace.layer_v(layer), value)
        n_runs, n_queries = len(self.last), len(self.sees)
        queries = query.new_zeros(n_runs, query.shape[1], n_queries, query.shape[3])  # (B,H,t,D)
        queries[self.run, :, self.place - self.first] = query[0].transpose(0, 1)
        mixed = scaled_dot_product_attention(queries, keys, values, self.sees, scale=scaling)
        return mixed[self.run, :, self.place - self.first][None]

    def _beside(self, old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        """The trace's keys or values (H,T,D) with each run's own rows (1,H,N,D) in their places,
        (B,H,T,D)."""
        whole = old.expand(len(self.last), *old.shape).clone()
        whole[self.run, :, self.place] = new[0].transpose(0, 1)
        return whole
