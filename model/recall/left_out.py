"""The next token of an asked prompt without some slots, beside the one with all that was read.

Knows nothing of looks. The memory stays as it is: slots are left out of one run.
"""

from collections.abc import Iterable, Sequence

from model.memory import asking, effect
from model.memory.effect import Compared
from model.memory.question import AskedPrompt
from model.memory.settings import Settings
from model.memory.state import MemoryState
from model.recall import causal
from model.recall.reads import Place
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace

SHOWN = 6  # tokens compared


def of_bank(
    checkpoint: Checkpoint, state: MemoryState, asked: AskedPrompt, gone: Sequence[int],
    settings: Settings,
) -> Compared:
    """Without the slots `gone` of the bank (indices)."""
    left = effect.without(checkpoint, state.bank, asked.recalled, gone, settings)
    return _beside(checkpoint, left, asked)


def of_external(
    checkpoint: Checkpoint, state: MemoryState, asked: AskedPrompt, gone: Sequence[int],
    settings: Settings,
) -> Compared:
    """Without the slots `gone` of the EDM (indices)."""
    left = effect.without_external(checkpoint, state, asked.recalled, gone, settings)
    return _beside(checkpoint, left, asked)


def never_told(
    checkpoint: Checkpoint, state: MemoryState, asked: AskedPrompt,
    gone: Iterable[tuple[int, int]], settings: Settings,
) -> Compared:
    """Asked anew, as if the tokens `gone` (prompt, position) had never been stored."""
    left = causal.without(state, (Place(*place) for place in gone))
    return _beside(checkpoint, asking.ask(checkpoint, left, asked.ids, settings).trace, asked)


def _beside(checkpoint: Checkpoint, left: Trace, asked: AskedPrompt) -> Compared:
    return effect.compare(checkpoint, left.next_logits, asked.recalled.trace.next_logits, SHOWN)
