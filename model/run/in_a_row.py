"""The new tokens of several prompts in one row: each layer's weights are read once for all of them.

No token is padded: what belongs to one prompt (positions, attention) is done for each by itself, and
all else sees every token alone. Ten prompts that are being typed take two to four passes' time
(measured: embedded model and GPT-2 small's shape, 1 to 8 new tokens, CPU). Knows nothing of who types.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

from model.run.beside import few, mixed
from model.run.checkpoint import Checkpoint
from model.run.tap import Tap
from model.run.tokens import Ids
from model.run.trace import Rows, Trace, checked, common_prefix, first_rows, gathered


@dataclass(frozen=True, eq=False)
class InARow:
    """What each of B prompts reads, whose new tokens lie one behind the other: the blocks of its earlier
    rows, and its part of the row."""

    old: list[tuple[Rows, ...]]
    parts: list[slice]

    def attend(
        self, module: GPT2Attention, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        scaling: float, **kwargs: Any,
    ) -> torch.Tensor:
        """q, k, v of all new tokens (1,H,T,D) -> what attention mixed, (1,T,H,D)."""
        i, found = module.layer_idx, []
        for rows, part in zip(self.old, self.parts):
            keys = few([*(r.k[i] for r in rows), key[0, :, part]])
            values = few([*(r.v[i] for r in rows), value[0, :, part]])
            found.append(mixed(query[0, :, part] * scaling, keys, values))
        return torch.cat(found, dim=1).transpose(0, 1)[None]


@torch.inference_mode()
def run_in_a_row(
    checkpoint: Checkpoint, prompts: Sequence[tuple[Ids, Trace | None]]
) -> list[Trace]:
    """(ids (T,), an earlier trace or None) of each prompt -> its trace, as model.run.trace.run makes it
    without memory; each has at least one token that its earlier trace lacks. Raises as that does."""
    model, device = checkpoint.model, checkpoint.model.device
    ids = [checked(model.config, given, 0) for given, _ in prompts]
    n_old = [0 if prefix is None else common_prefix(own, prefix.ids)
             for own, (_, prefix) in zip(ids, prompts)]
    old = [() if prefix is None else first_rows(prefix.rows, n)
           for n, (_, prefix) in zip(n_old, prompts)]
    new = [own[n:] for own, n in zip(ids, n_old)]
    assert all(map(len, new)), f"nothing is new in one of the prompts: {[*map(len, new)]} tokens"
    ends = np.cumsum([*map(len, new)]).tolist()
    parts = [slice(end - len(own), end) for end, own in zip(ends, new)]
    places = np.concatenate([np.arange(n, len(own)) for n, own in zip(n_old, ids)])
    tap = Tap()
    with tap.open():
        logits = model(
            torch.tensor(np.concatenate(new), device=device)[None], use_cache=False,
            position_ids=torch.tensor(places, device=device)[None],
            logits_to_keep=torch.tensor(ends, device=device) - 1, tap=tap, memory=InARow(old, parts),
        ).logits[0]
    return [
        Trace(ids[b], gathered((*old[b], _rows(tap, part))), logits[b].clone(), len(new[b]))
        for b, part in enumerate(parts)
    ]


def _rows(tap: Tap, part: slice) -> Rows:
    """One prompt's rows; copies, so that none keeps the others' alive."""
    q, k, v = (tuple(x[:, part].clone() for x in kind) for kind in (tap.q, tap.k, tap.v))
    return Rows(q, k, v, tuple(x[part].clone() for x in tap.stream))
