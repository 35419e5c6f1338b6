"""What the visitor chose on the Start page: what the widths of the picture mean, and for which word.

The chosen token is shared with other pages (frame/place.py).
"""

from components.frame.choices import Choice, Flag, OneOf, Whole, choose, chosen
from components.frame.place import AT

MEANINGS = {"share": "Information flow", "logit": "What made the word"}

FLOW = Choice("flow", OneOf(MEANINGS), "share")
FLOW_OF = Choice("flow_of", Whole())  # id of the next token whose logit is split; None: the first
FLOW_MEMORY = Choice("flow_memory", Flag(), True)
CHOICES = (FLOW, FLOW_OF, FLOW_MEMORY)


def position(n_tokens: int) -> int:
    """The chosen token of a prompt; the last one while none is chosen."""
    at = chosen(AT)
    return n_tokens - 1 if at is None or at >= n_tokens else at


def choose_position(at: int, n_tokens: int) -> None:
    """Choose a token; choosing the last one means: follow the last one."""
    choose(AT, None if at == n_tokens - 1 else at)
