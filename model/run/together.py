"""Several runs of one prompt that read different memories, as one batch: each layer's weights are
read once for all of them. Knows nothing of why there are several.

Only what was typed is run: every run goes on with the rows of its prefix.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from model.grafts.external import Contents
from model.grafts.graft import Graft, opened
from model.grafts.reading import Reading
from model.run.beside import Beside
from model.run.checkpoint import Checkpoint
from model.run.tap import Tap
from model.run.trace import Rows, Trace, checked, common_prefix, first_rows, gathered


class _BatchTap(Tap):
    """Collects the new rows of B runs: what a Tap sees, with the batch in front."""

    def see_attention(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> None:
        for kept, seen in ((self.q, query), (self.k, key), (self.v, value)):
            kept.append(seen.contiguous())

    def see_stream(self, stream: torch.Tensor) -> None:
        self.stream.append(stream)

    def see_query(self, stream: torch.Tensor) -> None:
        self.query.append(stream)

    def rows(self, b: int, reads_slots: bool) -> Rows:
        """Those of one run; copies, so that none keeps the others' alive."""
        q, k, v, stream, query = (
            tuple(x[b].clone() for x in part)
            for part in (self.q, self.k, self.v, self.stream, self.query if reads_slots else [])
        )
        return Rows(q, k, v, stream, query)


def can_join(ids: np.ndarray, prefix: Trace) -> bool:
    """Whether a run of ids (T,) can go on with this one in a batch: something is shared, something
    is new, and no LoRA is on, which has one switch for a whole batch."""
    n_old = common_prefix(ids, prefix.ids)
    return 0 < n_old < len(ids) and (prefix.graft is None or not prefix.graft.lora)


@torch.inference_mode()
def run_together(
    checkpoint: Checkpoint, ids: np.ndarray, prefixes: Sequence[Trace]
) -> list[Trace]:
    """The run of ids (T,) behind each prefix, with what that prefix reads. All prefixes share as
    many leading ids with `ids`, and `can_join`. Raises as model.run.trace.run does."""
    model, device = checkpoint.model, checkpoint.model.device
    starts = [0 if p.reading is None else p.reading.start for p in prefixes]
    ids = checked(model.config, ids, max(starts))
    shared = {common_prefix(ids, p.ids) for p in prefixes}
    assert len(shared) == 1, f"runs that share {sorted(shared)} ids cannot be run together"
    n_old = shared.pop()
    old = [first_rows(p.rows, n_old) for p in prefixes]
    places = [torch.arange(n_old, len(ids)) if p.reading is None
              else p.reading.positions(n_old, len(ids)) for p in prefixes]
    layers = range(model.config.n_layer)
    beside = Beside(
        [[tuple(r.k[i] for r in rows) for i in layers] for rows in old],
        [[tuple(r.v[i] for r in rows) for i in layers] for rows in old],
        [p.reading for p in prefixes],
        [_added(p.reading, n_old, len(ids), device) for p in prefixes],
    )
    tap, graft = _BatchTap(), _batched([p.graft for p in prefixes])
    new = torch.tensor(ids[n_old:], device=device).expand(len(prefixes), -1)
    with opened(graft), tap.open():
        out = model(
            new, position_ids=torch.stack(places).to(device), use_cache=False, logits_to_keep=1,
            tap=tap, memory=beside,
        ).logits
    return [
        Trace(
            ids, gathered((*old[b], tap.rows(b, p.graft is not None and p.graft.external is not None))),
            out[b, -1].clone(), len(ids) - n_old, p.reading, p.graft,
        )
        for b, p in enumerate(prefixes)
    ]


def _added(
    reading: Reading | None, first: int, last: int, device: torch.device
) -> torch.Tensor | None:
    """Nats (t,1) added to the memory scores of the tokens `first` to `last` - 1; None: nothing."""
    added = None if reading is None else reading.added(first, last)
    return added[:, None].to(device) if added is not None and added.any() else None


def _batched(grafts: Sequence[Graft | None]) -> Graft | None:
    """One graft of B rows. A row that a module is off for has a state of zeros, or no filled slot:
    then the module adds exactly nothing to it."""
    some = [graft for graft in grafts if graft is not None]
    if not some:
        return None
    early, late = (_states([getattr(g, name, None) for g in grafts]) for name in ("early", "late"))
    return Graft(some[0].modules, early, late, _contents(
        [None if g is None else g.external for g in grafts]))


def _states(parts: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    like = next((part for part in parts if part is not None), None)
    if like is None:
        return None
    return torch.cat([torch.zeros_like(like) if part is None else part for part in parts])


def _contents(parts: Sequence[Contents | None]) -> Contents | None:
    like = max((p for p in parts if p is not None), key=lambda p: p.keys.shape[1], default=None)
    if like is None:
        return None
    rows = [_padded(part, like) for part in parts]
    return Contents(*(torch.cat(same) for same in zip(*(vars(row).values() for row in rows))))


def _padded(part: Contents | None, like: Contents) -> Contents:
    """This row's slots, and empty ones up to as many as `like` has."""
    if part is None:
        return replace(like, filled=torch.zeros_like(like.filled))
    n, width = part.keys.shape[1], like.keys.shape[1]
    if n == width:
        return part
    return Contents(*(
        torch.cat([own, torch.zeros_like(wide[:, n:])], dim=1)
        for own, wide in zip(vars(part).values(), vars(like).values())
    ))
