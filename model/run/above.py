"""A run that differs from another only in what it reads of the EDM: the blocks below the EDM are the
other's, and only those above are run. Knows nothing of why they differ.
"""

from typing import Any

import torch

from model.grafts.blocks import blocks
from model.grafts.graft import Graft, opened
from model.run.checkpoint import Checkpoint
from model.run.tap import Tap
from model.run.trace import Rows, Trace


def can_take(below: Trace, graft: Graft | None) -> bool:
    """Whether there are blocks below the EDM; the graft may differ from the trace's in the EDM alone."""
    layer = _layer(below, graft)
    return layer is not None and layer > 0


@torch.inference_mode()
def run_above(checkpoint: Checkpoint, below: Trace, graft: Graft | None) -> Trace:
    """The run of the same T tokens, with the same reading, and with the EDM of `graft` or none.

    n_run is T: every row is run, from the EDM's block on. Raises model.run.turn.Overtaken between
    two layers if nobody waits any more.
    """
    layer, model, tap = _layer(below, graft), checkpoint.model, Tap()
    assert layer, "no blocks below the EDM"
    query = below.external_query()
    stream = (below.layer_stream(2 * layer) if query is None else query)[None]  # (1,T,C)
    memory: dict[str, Any] = {} if below.reading is None else {"memory": below.reading}
    with opened(graft), tap.open():
        for block in blocks(model)[layer:]:
            stream = block(stream, tap=tap, **memory)
        last = model.transformer.ln_f(stream)[:, -1:]
        logits = model.lm_head(last)[0, -1]
    return Trace(below.ids, (_rows(below, layer, tap),), logits, len(below), below.reading, graft)


def _rows(below: Trace, layer: int, tap: Tap) -> Rows:
    """All rows: of the blocks below the EDM as they are, of the others as the tap saw them."""
    q, k, v = (tuple(of(i) for i in range(layer))
               for of in (below.layer_q, below.layer_k, below.layer_v))
    first = below.layer_stream(0).clone()  # a place of its own: by it the store knows these rows
    stream = (first, *(below.layer_stream(i) for i in range(1, 2 * layer)))
    return Rows((*q, *tap.q), (*k, *tap.k), (*v, *tap.v), (*stream, *tap.stream), tuple(tap.query))


def _layer(below: Trace, graft: Graft | None) -> int | None:
    """The block before which the EDM is read; None where neither run has trained memory."""
    trained = graft or below.graft
    return None if trained is None else trained.modules.external.layer
