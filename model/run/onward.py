"""Runs that leave another run in mid-model: before some block their residual stream has other rows.

The layers below are the other run's, and so are the keys and values of all tokens before the first
new row. Many such runs go on as one batch without padding: all their rows one after another. What the
other run read of a memory they read, too. Knows nothing of why rows differ. B runs, N rows of them all,
T tokens, M slots, H heads, D head width, C model width.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

from model.grafts.blocks import blocks
from model.grafts.graft import opened
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace


class Onward:
    """B runs that leave a trace. Run b runs the tokens from starts[b] on, so it has
    T − starts[b] >= 1 rows; rows of a batch lie one after another: (N,C), N = Σ_b T − starts[b].

    run, place (N,): which run and which token a row belongs to. last (B,): the row of each run's
    last token.
    """

    def __init__(self, trace: Trace, starts: Sequence[int]) -> None:
        n, device = len(trace), trace.next_logits.device
        assert all(0 <= start < n for start in starts), f"starts {starts} of {n} tokens"
        lengths = torch.tensor([n - start for start in starts], device=device)
        self.trace, self.first = trace, min(starts)
        self.last = lengths.cumsum(0) - 1
        self.run = torch.arange(len(starts), device=device).repeat_interleave(lengths)
        self.place = torch.arange(len(self.run), device=device) - self.last[self.run] + n - 1
        self.sees = self._seen(n)

    @torch.inference_mode()
    def through(self, checkpoint: Checkpoint, layer: int, rows: torch.Tensor) -> torch.Tensor:
        """Streams (N,C) before block `layer`, 0 to L, with what memory added there (`with_memory`) ->
        those behind the last block, (N,C). Trained memory and slots are the trace's.

        Raises model.run.turn.Overtaken between two layers if nobody waits any more.
        """
        stream, graft = rows[None], self.trace.graft
        first = None if graft is None else replace(graft, early=None, external=None)
        for block in blocks(checkpoint.model)[layer:]:
            with opened(first):
                stream = block(stream, memory=self)
            first = graft
        return stream[0]

    def _seen(self, n: int) -> torch.Tensor:
        """What is added to the scores of the tokens from the first new one on, (t,M+n): slots, then
        tokens; without a reading which tokens they see (bool)."""
        device, reading = self.trace.next_logits.device, self.trace.reading
        sees = torch.ones(n - self.first, n, dtype=torch.bool, device=device).tril(self.first)
        if reading is None:
            return sees
        slots = torch.ones(len(sees), len(reading.kept), dtype=torch.bool, device=device)
        if reading.behind_first and self.first == 0:
            slots[0] = False
        mask = torch.zeros(len(sees), slots.shape[1] + n, device=device)
        mask = mask.masked_fill(~torch.cat([slots, sees], 1), -torch.inf)
        mask[:, : slots.shape[1]] += reading.added(self.first, n).to(mask)[:, None]
        return mask

    def attend(
        self, module: GPT2Attention, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        scaling: float, **kwargs: Any,
    ) -> torch.Tensor:
        """q, k, v of the rows (1,H,N,D) -> what attention mixed, (1,N,H,D)."""
        layer = module.layer_idx
        reading = self.trace.reading
        read = (None, None) if reading is None else (reading.keys[layer], reading.values[layer])
        keys = self._beside(self.trace.layer_k(layer), key, read[0])
        values = self._beside(self.trace.layer_v(layer), value, read[1])
        n_runs, n_queries = len(self.last), len(self.sees)
        queries = query.new_zeros(n_runs, query.shape[1], n_queries, query.shape[3])  # (B,H,t,D)
        queries[self.run, :, self.place - self.first] = query[0].transpose(0, 1)
        sees = self.sees if self.sees.dtype == torch.bool else self.sees.to(queries)
        mixed = scaled_dot_product_attention(queries, keys, values, sees, scale=scaling)
        return mixed[self.run, :, self.place - self.first][None]

    def _beside(
        self, old: torch.Tensor, new: torch.Tensor, slots: torch.Tensor | None
    ) -> torch.Tensor:
        """The trace's keys or values (H,T,D) with each run's own rows (1,H,N,D) in their places,
        (B,H,T,D); of a run with a reading behind its slots', (B,H,M+T,D)."""
        whole = old.expand(len(self.last), *old.shape).clone()
        whole[self.run, :, self.place] = new[0].transpose(0, 1)
        if slots is None:
            return whole
        return torch.cat([slots.to(whole).expand(len(whole), *slots.shape), whole], 2)


@torch.inference_mode()
def with_memory(trace: Trace, layer: int, streams: torch.Tensor) -> torch.Tensor:
    """Streams (...,C) that come to block `layer`, 0 to L, of this run -> the same with what the run's
    trained memory adds before it."""
    graft = trace.graft
    if graft is None or graft.external is None or layer != graft.modules.external.layer:
        return streams
    rows = streams.reshape(1, -1, streams.shape[-1])
    return (rows + graft.modules.external.read(rows, graft.external)[0].to(rows)).view_as(streams)
