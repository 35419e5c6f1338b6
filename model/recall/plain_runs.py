"""The plain model's runs of the latest texts, kept for the next memory that is told the same text.

A memory writes what the plain model computed from a prompt, and never reads itself for that. So
many memories that are told the same prompt need only one run. Knows nothing of memories.
"""

from collections import OrderedDict
from functools import lru_cache
from typing import Any

from transformers import GPT2LMHeadModel

from model.memory.heard import PlainRun
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace

KEPT = 4096  # tokens; one of the embedded model takes about 47 kB


class PlainRuns(OrderedDict[Any, Any]):
    """What `telling.tell` may keep in `heard`, for one checkpoint: the entries used last, of at most
    `most` tokens in all. What is no run counts as one token."""

    def __init__(self, most: int = KEPT) -> None:
        super().__init__()
        self.most, self.n_tokens = most, 0

    def __getitem__(self, key: Any) -> Any:
        self.move_to_end(key)
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if key in self:
            self.n_tokens -= _tokens(super().__getitem__(key))
        super().__setitem__(key, value)
        self.n_tokens += _tokens(value)
        while self.n_tokens > self.most and len(self) > 1:
            first = next(iter(self))
            self.n_tokens -= _tokens(super().__getitem__(first))
            del self[first]


def _tokens(value: Any) -> int:
    run = value.trace if isinstance(value, PlainRun) else value
    return len(run) if isinstance(run, Trace) else 1


def of_process(checkpoint: Checkpoint) -> PlainRuns:
    """Those of a process that does nothing but measure: a command's, or a worker's."""
    return _of_model(checkpoint.model)


@lru_cache(maxsize=1)
def _of_model(model: GPT2LMHeadModel) -> PlainRuns:
    return PlainRuns()
