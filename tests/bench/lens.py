"""The logit lens against the LM head alone, on the same stream vectors."""

from collections.abc import Iterator
from types import SimpleNamespace

import torch

from model.analysis import lens
from model.run import trace
from tests.bench.model import _medians, gpt2_small, ids
from tests.bench.result import Result

N_TOKENS = 256


def measure() -> Iterator[Result]:
    """The lens of 256 tokens × (12 + 1) rows: ids, probabilities and ranks of every cell, divided by
    lm_head alone on the same 13 × 256 vectors, whichever is faster: in one call or a row at a time."""
    checkpoint = SimpleNamespace(model=gpt2_small("tapped"))
    run = trace.run(checkpoint, ids(N_TOKENS))
    with torch.inference_mode():
        rows = [checkpoint.model.transformer.ln_f(x) for x in run.residual]  # 13 of (256,C)
        stacked = torch.cat(rows)
    head = checkpoint.model.lm_head
    whole, by_row, mine = _medians(
        lambda: head(stacked),
        lambda: [head(x) for x in rows],
        lambda: lens.lens(checkpoint, run),
    )
    bare = min(whole, by_row)
    detail = f"{1000 * mine:.0f} ms against {1000 * bare:.0f} ms for 13 × 256 vectors, cpu float32"
    yield Result(f"logit lens of {N_TOKENS} tokens ÷ LM head", mine / bare, "×", detail, 2)
