"""What runs have made, kept for every visitor: one store, bounded in entries and in bytes.

An entry is shared by all who ask for its key and is never changed; whoever has more puts a new one
in its place. Knows nothing of pages, and of runs only what they hold.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import Cache, CacheLayerMixin

from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids
from model.run.trace import Rows, Trace, common_prefix

ABSENT = object()  # None is a result like any other


@dataclass(frozen=True)
class RunKey:
    """What a result belongs to. Whatever changes it stands here; nothing else is part of a key.

    what: the name of the result. model: the checkpoint's fingerprint; device, dtype: of its
    weights. prompt: the ids' bytes, b"" where the result belongs to the model alone. memory:
    fingerprint of the trained memory, "" where none can be read. settings: all that was chosen.
    """

    what: str
    model: str
    device: str
    dtype: str
    prompt: bytes = b""
    memory: str = ""
    settings: tuple[Hashable, ...] = ()

    @classmethod
    def of(cls, checkpoint: Checkpoint, what: str, ids: Ids = (), *settings: Hashable) -> "RunKey":
        """A result that trained memory cannot change; ids (T,) of the prompt, or none."""
        weight = checkpoint.model.transformer.wte.weight
        prompt = np.asarray(ids, dtype=np.int64).tobytes()
        mark = (checkpoint.fingerprint, str(weight.device), str(weight.dtype))
        return cls(what, *mark, prompt, settings=settings)

    @classmethod
    def with_memory(
        cls, checkpoint: Checkpoint, what: str, ids: Ids = (), *settings: Hashable
    ) -> "RunKey":
        """A result that may read this checkpoint's trained memory."""
        plain = cls.of(checkpoint, what, ids)
        trained = checkpoint.memory.fingerprint if checkpoint.memory is not None else "none"
        return cls(plain.what, plain.model, plain.device, plain.dtype, plain.prompt, trained,
                   settings)

    @property
    def placed_model(self) -> tuple[str, str, str]:
        """Which weights, where, in which number format."""
        return (self.model, self.device, self.dtype)


class ResultStore:
    """The latest results; what several of them hold counts once. Safe to use from any thread.

    max_bytes bounds tensors and arrays; the newest entry stays whatever its size.
    """

    def __init__(self, max_entries: int = 2048, max_bytes: int = 2 << 30):
        self.max_entries, self.max_bytes = max_entries, max_bytes
        self.n_bytes = 0
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, tuple[Any, dict[int, int]]] = OrderedDict()
        self._uses: dict[int, int] = {}  # address of a piece of memory -> entries that hold it
        self._askers: dict[Hashable, set[str]] = {}  # key -> visitors who asked for it

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, default: Any = None) -> Any:
        """The result of this key, now the most recently used; or the default."""
        with self._lock:
            if key not in self._entries:
                return default
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a result; the least recently used leave until both bounds hold."""
        pieces = held(value)
        with self._lock:
            askers = self._askers.get(key)
            if key in self._entries:
                self._drop(key)
            self._entries[key] = (value, pieces)
            if askers:
                self._askers[key] = askers
            for address, n_bytes in pieces.items():
                self._uses[address] = self._uses.get(address, 0) + 1
                self.n_bytes += n_bytes if self._uses[address] == 1 else 0
            while len(self) > 1 and (len(self) > self.max_entries or self.n_bytes > self.max_bytes):
                self._drop(next(iter(self._entries)))

    def note(self, visitor: str, key: Hashable) -> None:
        """This visitor asked for a result that is here."""
        with self._lock:
            if key in self._entries:
                self._askers.setdefault(key, set()).add(visitor)

    def leave(self, visitor: str) -> None:
        """This visitor has gone: what nobody else asked for leaves, too."""
        with self._lock:
            for key, askers in [*self._askers.items()]:
                if visitor in askers:
                    askers.remove(visitor)
                    if not askers:
                        self._drop(key)

    def longest_prefix(self, key: RunKey, ids: np.ndarray) -> Trace | None:
        """The trace under a key like this one, but for its prompt, that shares the most leading
        ids; None if none shares any."""
        with self._lock:
            traces = [trace for other, (trace, _) in self._entries.items() if _is_like(other, key)]
        best = max(traces, key=lambda trace: common_prefix(ids, trace.ids), default=None)
        return best if best is not None and common_prefix(ids, best.ids) else None

    def _drop(self, key: Hashable) -> None:
        self._askers.pop(key, None)
        for address, n_bytes in self._entries.pop(key)[1].items():
            self._uses[address] -= 1
            if self._uses[address] == 0:
                del self._uses[address]
                self.n_bytes -= n_bytes


def held(value: Any) -> dict[int, int]:
    """Address -> bytes of every piece of memory that tensors and arrays of a value lie in. A
    model's own weights are not counted: a result that holds the model does not keep a copy."""
    found: dict[int, int] = {}
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            found.update(_pieces(one))
            waiting += _inside(one)
    return found


def _pieces(one: Any) -> dict[int, int]:
    if isinstance(one, Rows):  # its tensors are made, cut and dropped together: one piece
        return {_address(one.stream[0]): one.held_bytes}
    if isinstance(one, torch.Tensor):
        return {_address(one): one.untyped_storage().nbytes()}
    if isinstance(one, np.ndarray):
        while isinstance(one.base, np.ndarray):
            one = one.base
        return {one.__array_interface__["data"][0]: one.nbytes}
    return {}


def _inside(one: Any) -> Iterator[Any]:
    if isinstance(one, dict):
        yield from one.values()
    elif isinstance(one, (list, tuple, set, frozenset)):
        yield from one
    elif isinstance(one, (Cache, CacheLayerMixin)) or _holds_fields(one):
        yield from vars(one).values()


def _holds_fields(one: Any) -> bool:
    return is_dataclass(one) and not isinstance(one, (type, Rows)) and hasattr(one, "__dict__")


def _address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _is_like(other: Hashable, key: RunKey) -> bool:
    return (
        isinstance(other, RunKey) and other.what == key.what and other.memory == key.memory
        and other.settings == key.settings and other.placed_model == key.placed_model
    )
