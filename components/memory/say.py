"""Whether the stores are read for this prompt, and if not, why not: in words.

Knows the moment that is looked at (look.Look), nothing of widgets.
"""

import numpy as np

NO_SAY = "The EDM holds nothing and has no say: fusion finds for itself."
EXACTLY = "Nothing is read from memory: this is exactly GPT-2."


def is_read(now) -> bool:
    """Whether anything at all is read: the bank, the EDM or a recurrent state."""
    found = now.asked
    return found is not None and bool(len(found.kept) or found.recalled.trace.graft is not None)


def fusion(now) -> str:
    """Of AM: what it reads and who found it, or why it reads nothing."""
    if "am" not in now.settings.modules:
        return "AM is switched off: the bank is not read."
    if not len(now.state.bank):
        return "AM: the bank is empty."
    if now.asked is None:
        what = "this prompt does not fit" if now.problem else "type a prompt"
        return f"AM reads nothing: {what}."
    return _found(now) if len(now.asked.kept) else _not_found(now)


def store(now) -> str:
    """Why nothing of the store that is looked at is read."""
    if now.store == "bank":
        return fusion(now)
    if "edm" not in now.settings.modules:
        return "The EDM is switched off: its slots are not read."
    return "The EDM holds nothing: there is no slot to read."


def _found(now) -> str:
    table = now.state.bank.slots
    n = len(np.unique(table.block[now.asked.kept]))
    reads = f"AM reads {n:,} {'sentence' if n == 1 else 'sentences'}"
    moved, needed = now.asked.recalled.moved, now.settings.needed
    if moved is not None:
        what = "it" if n == 1 else "them"
        return f"{reads}; the EDM found {what}: it {_changes(moved, needed)}."
    if _is_empty(now):
        return f"{reads}. {NO_SAY}"
    return f"{reads} that it found for itself."


def _not_found(now) -> str:
    moved, needed = now.asked.recalled.moved, now.settings.needed
    if moved is None:
        return "AM is not read: no stored sentence fits the window beside this prompt."
    changes = _changes(moved, needed)
    if moved < needed:
        return f"AM is not read: the EDM {changes}."
    what = "does not fit the window" if _is_in_bank(now) else "has left the bank"
    return f"AM is not read: the EDM {changes}, but the best one's sentence {what}."


def _is_in_bank(now) -> bool:
    """Whether the slot that the last token reads most, all read but the bank, has its sentence
    there."""
    asked = now.asked
    most = asked.external[:, -1, 1:].mean(0).max(initial=0)
    return max(asked.recalled.relevance.values(), default=0) >= (1 - 1e-5) * most > 0


def _is_empty(now) -> bool:
    """Whether the EDM is switched on and has no slot."""
    return "edm" in now.settings.modules and not now.asked.n_external


def _changes(share: float, needed: float) -> str:
    """What the EDM does and what it needs to, with as many digits as it takes to see which is larger."""
    digits = 0
    while digits < 3 and (round(100 * share, digits) < round(100 * needed, digits)) != (
        share < needed
    ):
        digits += 1
    hidden = share > 0 and not round(100 * share, digits)
    said = "less than 1" if hidden else f"{100 * share:.{digits}f}"
    return f"changes the prediction by {said} % ({100 * needed:.{digits}f} % needed)"
