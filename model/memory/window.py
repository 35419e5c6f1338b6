"""One window of a prompt on its way into memory: what it would write, and why.

Knows nothing of budgets and of the windows after it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch

from model.grafts.modules import Modules
from model.memory import cuts, fusion, held, salience, slots
from model.memory.fusion import Bank
from model.memory.heard import ToldBefore, received, surprisal
from model.memory.settings import Settings
from model.memory.state import MemoryState
from model.run import borders, tokens
from model.run.bits import as_bits
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, run


class Window:
    """One window of a prompt, read by the plain model, on its way into memory."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        bank: Bank,
        ids: np.ndarray,
        before: ToldBefore,
        settings: Settings,
        now: float,
    ) -> None:
        self.checkpoint, self.settings, self.before, self.now = checkpoint, settings, before, now
        self.number, self.offset, self._ids = bank.n_prompts, len(before.front), ids
        self._heard = before.plain(ids)
        self.plain, self.nats, self.gate = self._heard.trace, self._heard.nats, self._heard.gate
        self.continued = settings.fusion.positions == "continue" and "am" in settings.modules
        self.trace = self.plain
        if self.continued and len(bank):
            stored = fusion.reading(bank, "continue", None, 0.0)
            self.trace = run(checkpoint, ids, reading=stored)

    def into_bank(
        self, bank: Bank
    ) -> tuple[Bank, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Fusion's part -> the bank, and (ids, salience, sentence, stored) of the tokens."""
        trace, n_start = self.trace, borders.start_length(self.checkpoint, self.trace.ids)
        sentence, texts = self._sentences(trace)
        if "am" not in self.settings.modules:
            blank = np.zeros(len(trace))
            return bank, (trace.ids, blank, sentence, blank > 0)
        score = _score(self.settings.fusion.score)(self._evidence(bank))
        stored = np.full(len(trace), self.continued)  # <|endoftext|>: else the reader brings its own
        stored[n_start:] = salience.chosen(
            score[n_start:], sentence[n_start:], self.settings.fusion.threshold, self.settings.best
        )
        chosen = np.flatnonzero(stored)
        columns = self._columns(trace, chosen, sentence, texts, score, bank.slots)
        return fusion.remember(bank, trace, chosen, columns), (trace.ids, score, sentence, stored)

    def into_modules(
        self, state: MemoryState
    ) -> tuple[MemoryState, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None]:
        """The trained modules' part -> the state, and (ids, salience, gate, stored) of the EDM."""
        modules, told = self.checkpoint.memory, None
        if modules is None:
            return state, None
        on = self.settings.modules & set(modules.parts)
        if on & {"early", "late"}:
            carried = held.carry(state.carried, modules, self.checkpoint, self.plain)
            state = replace(state, carried=carried, memory=modules.fingerprint)
        if "edm" in on:
            external, told = self._into_slots(modules, state.external)
            state = replace(state, external=external, memory=modules.fingerprint)
        return state, told

    def _into_slots(
        self, modules: Modules, before: held.Held | None
    ) -> tuple[held.Held, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        plain, logit = self.plain, self.gate
        assert logit is not None, "an EDM without its gate"
        before = held.nothing(modules, plain.next_logits.device) if before is None else before
        gate = logit.cpu().numpy()
        score = _score(self.settings.edm.score)(self._evidence_of_slots(modules, before))
        sentence, texts = self._sentences(plain)
        stored = salience.chosen(
            score[1:], np.arange(len(plain) - 1), self.settings.edm.threshold, self.settings.best
        )
        stored = np.r_[False, stored]
        chosen = np.flatnonzero(stored)
        columns = self._columns(plain, chosen, sentence, texts, score, before.slots)
        after = held.write(before, modules, plain, chosen, logit, columns)
        return after, (plain.ids, score, gate, stored)

    def _sentences(self, trace: Trace) -> tuple[np.ndarray, list[str]]:
        texts = self._heard.texts[len(self.plain) - len(trace) :]
        n_start = borders.start_length(self.checkpoint, trace.ids)
        return np.r_[[-1] * n_start, cuts.sentences(texts[n_start:])].astype(np.int64), texts

    def _columns(
        self,
        trace: Trace,
        chosen: np.ndarray,
        sentence: np.ndarray,
        texts: list[str],
        score: np.ndarray,
        table: slots.Slots,
    ) -> slots.Slots:
        n_start = borders.start_length(self.checkpoint, trace.ids)
        first_block = int(table.block.max(initial=-1)) + 2
        said = {int(n): tokens.joined(self.checkpoint.tokenizer, trace.ids[sentence == n])
                for n in np.unique(sentence[chosen])}
        return slots.written(
            prompt=self.number,
            position=chosen - n_start + self.offset,
            token=trace.ids[chosen],
            block=first_block + sentence[chosen],
            text=[texts[i] for i in chosen],
            around=[said[n] for n in sentence[chosen].tolist()],
            now=self.now,
            salience=score[chosen],
        )

    def _evidence(self, bank: Bank) -> "_Evidence":
        trace = self.trace
        nats = self.nats if trace is self.plain else surprisal(self.checkpoint, trace)
        gate = None if self.gate is None else self.gate[-len(trace) :]
        return _Evidence(self, trace, nats, gate, _flat(trace.k), _flat(bank.keys))

    def _evidence_of_slots(self, modules: Modules, before: held.Held) -> "_Evidence":
        """For the EDM, novelty is against its own keys."""
        keys = held.keys_of(modules, self.plain)
        return _Evidence(self, self.plain, self.nats, self.gate, keys, before.keys)

    @cached_property
    def in_context(self) -> np.ndarray:
        """See salience.Evidence, of the tokens behind <|endoftext|>."""
        return self.before.bits_behind(self._ids)

    def received(self, trace: Trace) -> np.ndarray:
        """See salience.Evidence, (T,)."""
        if trace is self.plain:
            return self._heard.received
        return received(self.checkpoint, trace)

    def sentence(self, trace: Trace) -> np.ndarray:
        """Number of each token's sentence, (T,), −1 for <|endoftext|>."""
        return self._sentences(trace)[0]


class _Evidence:
    """salience.Evidence of one prompt; each part is computed when a score looks at it."""

    def __init__(
        self,
        window: Window,
        trace: Trace,
        nats: torch.Tensor,
        gate: torch.Tensor | None,
        keys: torch.Tensor,
        stored: torch.Tensor,
    ) -> None:
        self._window, self._trace, self._nats, self._gate = window, trace, nats, gate
        self._keys, self._stored = keys, stored

    @property
    def surprisal(self) -> np.ndarray:
        return as_bits(self._nats)

    @property
    def received(self) -> np.ndarray:
        return self._window.received(self._trace)

    @property
    def sentence(self) -> np.ndarray:
        return self._window.sentence(self._trace)

    @property
    def rarity(self) -> np.ndarray:
        return salience.rarity_of(self._trace.ids)

    @property
    def in_context(self) -> np.ndarray:
        bits = self._window.in_context
        every: np.ndarray = np.r_[np.zeros(len(self._trace) - len(bits)), bits]
        return every

    @property
    def keys(self) -> np.ndarray:
        return self._keys.float().cpu().numpy()

    @property
    def stored(self) -> np.ndarray:
        return self._stored.float().cpu().numpy()

    @property
    def gate(self) -> np.ndarray | None:
        return None if self._gate is None else self._gate.cpu().numpy()


def _flat(keys: torch.Tensor) -> torch.Tensor:
    """(L,H,M,D) -> (M,L·H·D)."""
    return keys.permute(2, 0, 1, 3).flatten(1)


def _score(name: str) -> Callable[[salience.Evidence], np.ndarray]:
    if name not in salience.SCORES:
        raise ValueError(f"No salience {name!r}. Choose one of {', '.join(salience.SCORES)}.")
    return salience.SCORES[name]
