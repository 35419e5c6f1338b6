"""Generation that goes through memory: a reader for `model.run.generate`.

The prompt is asked of the memory in two passes (`asking`), its rows become a KV cache, and every
later token attends over that cache and the slots that were retrieved. Draws nothing.
"""

import numpy as np
import torch

from model.grafts.graft import opened
from model.memory import asking
from model.memory.settings import Settings
from model.memory.state import MemoryState
from model.run.cache import KVCache
from model.run.checkpoint import Checkpoint
from model.run.generate import GenerationPass, check_rows, now, window_full
from model.run.tokens import Ids
from model.run.trace import Rows


class WithMemory:
    """Reads a prompt with a memory. After the first read, `recalled` says what was found.

    The state is only read; whoever owns it counts the reads (`asking.after_reading`).
    """

    def __init__(self, checkpoint: Checkpoint, state: MemoryState, settings: Settings) -> None:
        self.checkpoint, self.state, self.settings = checkpoint, state, settings
        self.cache = KVCache(checkpoint.model.config.n_layer)
        self.recalled: asking.Recalled | None = None

    @torch.inference_mode()
    def read(self, ids: np.ndarray) -> GenerationPass:
        """The prompt first, both passes; then token by token."""
        device = self.checkpoint.model.device
        start = now(device)
        first = self.recalled is None
        logits, rows = self._ask(ids) if first else (self._go_on(ids), None)
        seconds = now(device) - start
        if rows is not None:
            check_rows(logits, rows)
        n_bytes = self.cache.n_bytes
        phase = "prefill" if first else "decode"
        return GenerationPass(phase, len(ids), self.cache.n_entries, n_bytes, seconds, logits, rows)

    def full(self) -> str:
        """The window's end; it comes sooner if the reader begins after the stored prompts."""
        return window_full(self._next_position(), self.checkpoint.model.config.n_positions)

    def _ask(self, ids: Ids) -> tuple[torch.Tensor, Rows]:
        self.recalled = asking.ask(self.checkpoint, self.state, ids, self.settings)
        trace = self.recalled.trace
        for layer in range(trace.n_layers):
            self.cache.update(trace.layer_k(layer)[None], trace.layer_v(layer)[None], layer)
        return trace.next_logits, trace.rows[0]

    def _go_on(self, ids: Ids) -> torch.Tensor:
        model, start = self.checkpoint.model, self._next_position()
        positions = torch.arange(start, start + len(ids), device=model.device)[None]
        batch = torch.tensor(np.asarray(ids), device=model.device)[None]
        assert self.recalled is not None, "the prompt is read first"
        trace = self.recalled.trace
        with opened(trace.graft):
            logits: torch.Tensor = model(
                batch, past_key_values=self.cache, use_cache=True, logits_to_keep=1,
                position_ids=positions, memory=trace.reading,
            ).logits
        return logits[0, -1]

    def _next_position(self) -> int:
        reading = self.recalled.trace.reading if self.recalled else None
        return self.cache.n_entries + (reading.start if reading else 0)
