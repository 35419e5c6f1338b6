"""A model of which only the sizes are known: what a trace file's pictures are drawn with.

Whatever touches a weight of it, or its tokenizer, raises a ValueError that says so; what is derived
from q, k, v and the stream alone works as with the whole model.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from model.run.checkpoint import Checkpoint, Placement
from model.takeaway.trace_file import TraceFile

MISSING = (
    "This needs the model's weights or its tokenizer, and a trace file holds neither. Choose the model "
    "in the sidebar and close the trace file."
)
WHY = "Read from a trace file, without weights."


class WeightsMissing(ValueError):
    """A trace file was asked for what only the whole model knows."""


class _Absent(torch.Tensor):
    """A weight's shape without its numbers."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__ in ("__get__", "size", "dim", "numel", "element_size", "__repr__"):
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        raise WeightsMissing(MISSING)


class _NoTokenizer:
    """Stands where a tokenizer is; it knows no token."""

    def __getattr__(self, name: str) -> Any:
        raise WeightsMissing(MISSING)

    def __len__(self) -> int:
        raise WeightsMissing(MISSING)

    def __call__(self, *given: Any, **named: Any) -> Any:
        raise WeightsMissing(MISSING)


def checkpoint(found: TraceFile) -> Checkpoint:
    """The file's model without weights; its fingerprint is the file's own, so that nothing made from
    it is taken for the whole model's."""
    with torch.device("meta"):
        model = GPT2LMHeadModel(GPT2Config(**found.config, bos_token_id=None, eos_token_id=None)).eval().requires_grad_(False)
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = weight.data.as_subclass(_Absent)
    placement = Placement(torch.device("cpu"), found.trace.next_logits.dtype, WHY, "")
    mark = f"{found.fingerprint} in trace file {found.mark}"
    return Checkpoint(found.model, Path(), model, _NoTokenizer(), placement, mark)  # type: ignore[arg-type]
