"""Whether a text says an answer, as whole words. Knows nothing of models and probes.

"7" is not said in "71" or in "7.5", "Ann" not in "Anna" or "Ann-Marie", but in "Ann's". Scripts that
write no space between words (Chinese, Japanese, Thai …) have no whole words to look for there.
"""

import unicodedata
from collections.abc import Iterator

SPACELESS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
ROUND = ".,;:!?…\"'“”‘’«»"  # round an answer, no part of its words
JOINS_NUMBERS, JOINS_LETTERS = ".,:/", "-'’"
MINUS = "-−"


def says(text: str, answer: str) -> bool:
    """Whether the text contains the answer's words; capitals and white space make no difference.

    An answer without words, such as ".", counts only if the text begins with it.
    """
    text, answer = _plain(text), _plain(answer)
    wanted = answer.strip(ROUND + " ")
    if not any(_is_word(c) or _is_symbol(c) for c in wanted):
        return bool(answer) and text.startswith(answer)
    return any(_is_whole(text, at, at + len(wanted)) for at in _places(text, wanted))


def _plain(text: str) -> str:
    """One form for each letter, no capitals, one space for any white space."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _places(text: str, wanted: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] is not part of a longer word or number."""
    behind = text[end - 1 : end + 2]
    front = text[max(0, start - 2) : start + 1][::-1]  # read outwards too
    return not (_goes_on(behind) or _goes_on(front, is_front=True))


def _goes_on(outwards: str, is_front: bool = False) -> bool:
    """outwards: the last letter of what was found, and the two next to it, inside to outside."""
    edge, near, far = (outwards[i : i + 1] for i in range(3))
    if not near:
        return False
    if unicodedata.category(near)[0] == "M" or near == "\u200d":  # an accent; a joined emoji
        return not is_front
    if not _is_word(edge) or is_spaceless(edge):
        return False
    if _is_word(near):
        return not is_spaceless(near)
    if is_front and near in MINUS and edge.isdigit():
        return not far or far.isspace() or far.isdigit()
    if edge.isdigit() and far.isdigit():
        return near in JOINS_NUMBERS
    is_owner = not is_front and near in "'’" and far == "s"
    return near in JOINS_LETTERS and far.isalpha() and edge.isalpha() and not is_owner


def _is_word(c: str) -> bool:
    return c == "_" or c.isalnum() or unicodedata.category(c)[0] == "M"


def _is_symbol(c: str) -> bool:
    return unicodedata.category(c)[0] == "S"


def is_spaceless(c: str) -> bool:
    """Whether a letter is of a script that writes no space between words."""
    return unicodedata.name(c, "").startswith(SPACELESS)
