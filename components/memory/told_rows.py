"""The conversation so far as rows of words, each with the slot it was written to.

A long conversation is folded: the words that this prompt reads stay, then the newest ones. Strings
and arrays in, plain lists out.
"""

from collections.abc import Callable

import numpy as np

MOST_WORDS = 150  # tokens drawn; more would be too small to read


def rows(prompts: tuple[str, ...], slots, kept: np.ndarray, show: Callable) -> list[dict]:
    """prompts told, the slot table, the slots read -> one {"number", "words"} a row.

    A word is {"t": text, "s": slot or -1 when it is not in memory}, a fold {"fold": n words}.
    show(text) gives a prompt's tokens as visible strings. Slots that belong to no word (the start
    of the text) come first in their row.
    """
    place = {one: i for i, places in enumerate(slots.places) for one in places}
    oldest = max(0, len(prompts) - 40)  # older prompts are shown only if they hold a slot
    wanted = sorted({p for p, _ in place} | set(range(oldest + 1, len(prompts) + 1)))
    wanted = [n for n in wanted if 1 <= n <= len(prompts)]
    words = {n: _words(n, show(prompts[n - 1]), place) for n in wanted}
    _fold(words, set(kept.tolist()))
    out: list[dict] = []
    for n in range(1, len(prompts) + 1):
        grouped = _grouped(words[n]) if n in words else [{"fold": 0}]
        folded = len(grouped) == 1 and "fold" in grouped[0]
        if folded and out and out[-1]["folded"]:
            out[-1]["words"][0]["fold"] += grouped[0]["fold"]
            out[-1]["last"] = n
        else:
            out.append({"first": n, "last": n, "words": grouped, "folded": folded})
    return [{"number": _span(row["first"], row["last"]), "words": row["words"]} for row in out]


def _words(number: int, texts: list[str], place: dict) -> list[dict]:
    start = [{"t": "‹start›", "s": place[number, -1]}] if (number, -1) in place else []
    return start + [{"t": t, "s": place.get((number, i), -1)} for i, t in enumerate(texts)]


def _fold(words: dict[int, list[dict]], kept: set[int]) -> None:
    """Mark what is left out: the read words stay, then the newest, MOST_WORDS in all."""
    every = [word for n in sorted(words, reverse=True) for word in words[n]]
    room = MOST_WORDS - sum(word["s"] in kept for word in every)
    for word in every:
        if word["s"] in kept:
            continue
        word["hidden"] = room <= 0
        room -= 1


def _grouped(words: list[dict]) -> list[dict]:
    out: list[dict] = []
    for word in words:
        if not word.pop("hidden", False):
            out.append(word)
        elif out and "fold" in out[-1]:
            out[-1]["fold"] += 1
        else:
            out.append({"fold": 1})
    return out


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"
