"""Whether the stores are read for this prompt, and if not, why not: in words.

Knows the moment that is looked at (look.Look), nothing of widgets.
"""

import numpy as np

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
    n = len(np.unique(now.state.bank.slots.block[now.asked.kept]))
    reads = f"AM reads {n:,} {'sentence' if n == 1 else 'sentences'}"
    moved = now.asked.recalled.moved
    return f"{reads}." if moved is None else f"{reads}: memory {_changes(moved, now.settings.fusion.needed)}."


def _not_found(now) -> str:
    moved = now.asked.recalled.moved
    if moved is None:
        return "AM is not read: no stored sentence fits the window beside this prompt."
    return f"AM is not read: memory {_changes(moved, now.settings.fusion.needed)}."


def _changes(share: float, needed: float) -> str:
    """What memory does and what it needs to, with as many digits as it takes to see which is larger."""
    digits = 0
    while digits < 3 and (round(100 * share, digits) < round(100 * needed, digits)) != (
        share < needed
    ):
        digits += 1
    hidden = share > 0 and not round(100 * share, digits)
    said = "less than 1" if hidden else f"{100 * share:.{digits}f}"
    return f"changes the prediction by {said} % ({100 * needed:.{digits}f} % needed)"
