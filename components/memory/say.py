"""Says in words whether the stores are read for this prompt, and if not, why not.

Knows what is shown now (look.Moment), nothing of widgets.
"""

import numpy as np

EXACTLY = "Nothing is read from memory: this is exactly GPT-2."


def is_read(now) -> bool:
    """Whether anything at all is read: the bank, the EDM or a recurrent state."""
    found = now.asked
    return found is not None and bool(len(found.kept) or found.recalled.trace.graft is not None)


def fusion(now) -> str:
    """What AM reads and who found it, or why AM reads nothing."""
    if "am" not in now.settings.modules:
        return "AM is switched off: the bank is not read."
    if not len(now.state.bank):
        return "AM: the bank is empty."
    if now.asked is None:
        what = "this prompt does not fit" if now.problem else "type a prompt"
        return f"AM reads nothing: {what}."
    return _found(now) if len(now.asked.kept) else _not_found(now)


def store(now) -> str:
    """Why nothing of the shown store is read."""
    if now.store == "bank":
        return fusion(now)
    if "edm" not in now.settings.modules:
        return "The EDM is switched off: its slots are not read."
    if now.state.external is not None and len(now.state.external) and now.asked is not None:
        return f"The EDM is not read: {_near_miss(now)}."
    return "The EDM is empty: there is no slot to read."


def _found(now) -> str:
    n = len(np.unique(now.state.bank.slots.block[now.asked.kept]))
    reads = f"AM reads {n:,} {'sentence' if n == 1 else 'sentences'}"
    moved = now.asked.recalled.moved
    return f"{reads}." if moved is None else f"{reads}: memory {_changes(moved, now.settings.fusion.needed)}."


def _not_found(now) -> str:
    moved = now.asked.recalled.moved
    if moved is None and now.asked.recalled.not_asked.nearest:
        return f"AM is not read: {_near_miss(now)}."
    if moved is None:
        return "AM is not read: no stored sentence fits the window beside this prompt."
    return f"AM is not read: memory {_changes(moved, now.settings.fusion.needed)}."


def _near_miss(now) -> str:
    """Of what the sentence that shares most with the prompt was told, and what is asked of."""
    left_out = now.asked.recalled.not_asked
    if not left_out.nearest:
        return "nothing that it holds is asked for"
    told, asked = left_out.pairs[left_out.nearest]
    return f"it was told of “{told}”, you ask of “{asked}”: a near miss"


def _changes(share: float, needed: float) -> str:
    """What memory changes and what is needed, with enough digits to see which is larger."""
    digits = 0
    while digits < 3 and (round(100 * share, digits) < round(100 * needed, digits)) != (
        share < needed
    ):
        digits += 1
    hidden = share > 0 and not round(100 * share, digits)
    said = "less than 1" if hidden else f"{100 * share:.{digits}f}"
    return f"changes the prediction by {said} % ({100 * needed:.{digits}f} % needed)"
