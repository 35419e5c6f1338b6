"""The plain model's runs of the latest texts, kept for the next memory that is told the same text.

A memory writes what the plain model computed from a prompt, and never reads itself for that. So
many memories that are told the same prompt need only one run. Knows nothing of memories.
"""

from collections import OrderedDict
from functools import lru_cache
from typing import Any

from transformers import GPT2LMHeadModel

from model.run.checkpoint import Checkpoint

KEPT = 48  # runs; a run of 64 tokens of the embedded model takes about 3 MB


class PlainRuns(OrderedDict[Any, Any]):
    """What `telling.tell` may keep in `heard`, for one checkpoint: the `most` entries used last."""

    def __init__(self, most: int = KEPT) -> None:
        super().__init__()
        self.most = most

    def __getitem__(self, key: Any) -> Any:
        self.move_to_end(key)
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        while len(self) > self.most:
            del self[next(iter(self))]


def of_process(checkpoint: Checkpoint) -> PlainRuns:
    """Those of a process that does nothing but measure: a command's, or a worker's."""
    return _of_model(checkpoint.model)


@lru_cache(maxsize=1)
def _of_model(model: GPT2LMHeadModel) -> PlainRuns:
    return PlainRuns()
