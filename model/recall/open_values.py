"""Values of open facts: made-up words, rare words, numbers, codes, two words, in any case.

A value is held out where one of its words is, by the rule of words.py, or one of its numbers is a
multiple of 7. This file does not know where a value will stand (open_facts.py).
"""
import random
import re
from collections.abc import Sequence

from model.recall import words

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SCRIPTS = ("абвгдежзиклмнопрстуфх", "αβγδεζηθικλμνξοπρστυ", "äöüßéèñçåøœ", "日本語山川火水木金土人",
           "🐶🐱🌍🚲🎈🍎🌻⭐", "אבגדהוזחטיכ")


def value_of(rng: random.Random, kind: str, held_out: bool, rare: Sequence[str] = ()) -> str:
    """One value for a frame's kind: "name", "word", "number" or "any"; rare: words of the books."""
    while True:
        value = _drawn(rng, kind, rare, held_out)
        if is_held_out(value) == held_out:
            return value


def is_held_out(value: str) -> bool:
    """Whether a value, or a word or a number in it, is never a value in training."""
    if words.is_held_out(value):
        return True
    parts = re.findall(r"[0-9]+|[^\W\d_]+", value)  # "AX-204" -> "AX", "204"
    return any(int(part) % 7 == 0 if part.isdigit() else words.is_held_out(part) for part in parts)


def _drawn(rng: random.Random, kind: str, rare: Sequence[str], held_out: bool) -> str:
    draw = rng.random()
    if kind == "number" and draw < 0.8 or draw < 0.07:
        return str(rng.randint(2, 10 ** rng.choice((1, 2, 2, 3, 3, 4, 5)) + 1))
    if draw < 0.10:
        return _code(rng)
    if draw < 0.115:
        script = rng.choice(SCRIPTS)
        return "".join(rng.choice(script) for _ in range(rng.randint(2, 6)))
    parts = [_word(rng, rare, held_out) for _ in range(rng.choice((1, 1, 1, 1, 1, 2)))]
    capital = rng.random() < {"name": 0.9, "word": 0.15}.get(kind, 0.6)
    value = " ".join(part.capitalize() if capital else part for part in parts)
    if rng.random() < 0.02:
        return value.upper()
    return value.replace(" ", rng.choice((" ", " ", "-")))


def _word(rng: random.Random, rare: Sequence[str], held_out: bool) -> str:
    draw = rng.random()
    if draw < 0.45 or not rare:
        return words.made_up(rng, held_out)
    if draw < 0.60:
        return _spliced(rng, rare)
    if draw < 0.68:
        return "".join(rng.choice(LETTERS) for _ in range(rng.randint(3, 8)))
    if draw < 0.76:
        return rng.choice(words.PLAIN[held_out])
    return rng.choice(rare)


def _spliced(rng: random.Random, rare: Sequence[str]) -> str:
    """The beginning of one word and the end of another: looks like English, is none."""
    one, other = rng.choice(rare), rng.choice(rare)
    return one[: rng.randint(2, 4)] + other[-rng.randint(2, 5):]


def _code(rng: random.Random) -> str:
    """"K7", "AX-204", "B 12"."""
    letters = "".join(rng.choice(LETTERS).upper() for _ in range(rng.randint(1, 3)))
    return letters + rng.choice(("", "-", " ")) + str(rng.randint(1, 999))
