"""Whether a stored sentence was told of something else than a prompt asks for: a near miss.

"My dog is called Rex." is told and "What is my cat called?" asked: where the told sentence has "dog"
the prompt has "cat". Decided from the words alone, by English grammar's small words; a synonym that
`english` does not list is another thing. What it does not see, it does not call a near miss. Knows no model.
"""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise, product
from os.path import commonprefix
from typing import NamedTuple

from model.memory.english import (
    ASKING,
    AUXILIARIES,
    BEING,
    DEFINITE,
    FAMILIES,
    INDEFINITE,
    NUMBERS,
    OWNERS,
    PREPOSITIONS,
    SMALL,
    SPEAKERS,
    TELLERS,
    TIMES,
)

WHOLE = 16  # words that are hardly more than a question and the beginning of its answer
APART, BEFORE = 6, 3  # words between two shared ones, and ahead of the first, that belong to them
ALIKE = 0.85  # from which likeness on two spellings are one word, mistyped


class WrittenWord(NamedTuple):
    """A word in lower case, or "," for a mark; whether it has a capital inside a sentence; and as it
    was written."""

    text: str
    is_name: bool
    said: str


class Exchange(NamedTuple):
    """The told word and the one that is asked for in its place."""

    told: str
    asked: str


def exchanged(told: str, prompt: str) -> Exchange | None:
    """The first pair of different words in the same place of a told sentence and of what the prompt
    asks; None: no near miss. Words that stand in both texts, in any form, are exchanged for nothing."""
    own = _of_told(told)
    other = _about(own, _of_prompt(prompt))
    pairs = [*_owners(own, other), *_speakers(own, other), *_things(own, other), *_numbers(own, other),
             *_times(own, other)]
    return pairs[0] if pairs else None


def is_related(told: str, prompt: str) -> bool:
    """Whether a told sentence and what the prompt asks share a word that is more than grammar."""
    pairs = product(_of_told(told), _of_prompt(prompt))
    return any(is_same(one.text, two.text) for one, two in pairs
               if one.text not in SMALL or one.text in OWNERS)


def names_more(prompt: str, told: str) -> bool:
    """Whether a prompt's question names something that a told sentence does not; if not, the
    sentence answers it."""
    own = _of_told(told)
    return any(not any(is_same(word.text, x.text) for x in own) for word in _of_prompt(prompt)
               if word.text not in ASKING | AUXILIARIES | {","})


def asking_part(prompt: str) -> str:
    """The prompt's last sentence; where that is the beginning of an answer, with the question before
    it. The end of a sentence ends nothing inside a word ("Mr. Brown")."""
    sentences = [s for s in re.split(r"(?<=[.!?])[\"'”’)\]]*\s+|\n+", prompt) if s.strip()]
    answers = len(sentences) > 1 and sentences[-1].strip()[-1] not in ".!?" and "?" in sentences[-2]
    return " ".join(sentences[-2 if answers else -1 :])


def _about(own: list[WrittenWord], other: list[WrittenWord]) -> list[WrittenWord]:
    """The end of a prompt that can be about a told sentence: of a long one from BEFORE words ahead of
    the words that both share, none of these more than APART words from the next. It begins no
    earlier than the sentence of these words. What stands before may be other talk that no mark
    ends."""
    start = len(other)
    for j in range(len(other) - 1, -1, -1):
        if start - j > APART:
            break
        start = j if _is_shared(other[j].text, own) else start
    first = start if start < len(other) else max(0, start - APART)
    back = max(0, first - BEFORE) if len(other) > WHOLE else 0
    last = start if start < len(other) else start - 1
    return other[max((k for k in range(back, last + 1) if _begins_sentence(other, k)), default=back) :]


def _begins_sentence(text: list[WrittenWord], at: int) -> bool:
    """Whether a small word has a capital behind no mark, as the first of a sentence has: "before noon
    The"."""
    word = text[at]
    return (word.text in SMALL and word.text != "i" and word.said[0].isupper()
            and _at(text, at - 1) not in ("", ","))


def _is_shared(word: str, own: list[WrittenWord]) -> bool:
    """Whether a told sentence has this word in any form, or of the same owner; no other small word."""
    if word in OWNERS:
        return any(OWNERS.get(x.text) == OWNERS[word] for x in own)
    return word not in SMALL and any(is_same(word, x.text) for x in own)


def words(text: str) -> list[WrittenWord]:
    """All words and marks of a text, in order."""
    found: list[WrittenWord] = []
    for match in re.finditer(r"([^\W_]+)|([.,;:!?()])", text):
        is_inside = bool(found) and match.string[: match.start()].rstrip()[-1:] not in ".!?"
        word = match[1]
        found.append(WrittenWord(word.casefold(), is_inside and word[0].isupper(), word) if word
                     else WrittenWord(",", False, match[2]))
    return found


@lru_cache(maxsize=4096)  # each key compares the same told sentences with another prompt
def _of_told(told: str) -> list[WrittenWord]:
    """Its words; shared by all who ask, nobody changes them."""
    return words(told)


@lru_cache(maxsize=64)  # and each of them with the same prompt
def _of_prompt(prompt: str) -> list[WrittenWord]:
    """The words of what it asks; shared likewise."""
    return words(asking_part(prompt))


@lru_cache(maxsize=65_536)
def is_same(one: str, other: str) -> bool:
    """Whether two words are forms of one: all but an ending, or spellings much alike."""
    if one == other:
        return True
    if one in SMALL or other in SMALL:
        return False
    if FAMILIES.get(one, set()) & FAMILIES.get(other, set()):
        return True
    start = len(commonprefix([one, other]))
    short, long = sorted((len(one), len(other)))
    if start >= 3 and start >= short - 1 and start >= long - 3:
        return True
    return start > 0 and SequenceMatcher(None, one, other).ratio() >= ALIKE


def _things(own: list[WrittenWord], other: list[WrittenWord]) -> Iterator[Exchange]:
    """Words that name different things. What an open prompt ends with may not be whole, and may be a
    verb: it is left out."""
    mine = [i for i, word in enumerate(own) if _is_alone(word.text, other)]
    its = [j for j, word in enumerate(other[:-1]) if _is_alone(word.text, own) and not _is_asked(other, j)]
    for i, j in product(mine, its):
        if _same_place(own, i, other, j):
            yield Exchange(own[i].said, other[j].said)


def _same_place(own: list[WrittenWord], i: int, other: list[WrittenWord], j: int) -> bool:
    """Behind the same small word; behind the same word; or both before the same verb, as its
    subject."""
    before, its_before = _at(own, i - 1), _at(other, j - 1)
    behind, its_behind = _at(own, i + 1), _at(other, j + 1)
    if _opens(before) and _opens(before) == _opens(its_before):
        return True
    if _is_verb(other, j, own):
        return False
    if before and before not in SMALL and is_same(before, its_before):
        return not _has_object(own, i)
    if behind not in SMALL and behind != its_behind and is_same(behind, its_behind):
        return _opens_subject(before) and _opens_subject(its_before)
    starts, asks = before in ("", ",", "that"), its_before in AUXILIARIES | {"", ",", "of"}
    if starts and its_before in ("", ",") and behind not in SMALL and behind == its_behind:
        return True
    return starts and asks and (own[i].is_name or i == 0) and other[j].is_name


def _opens_subject(before: str) -> bool:
    """Whether a subject may stand behind this word."""
    return before not in SMALL or before in AUXILIARIES | {",", "that"} or bool(_opens(before))


def _is_asked(text: list[WrittenWord], at: int) -> bool:
    """Whether a word says of what kind the answer is: "which town", "what kind of animal"."""
    if _at(text, at - 1) == "of" and is_same(_at(text, at - 2), "kind"):
        return True
    return _at(text, at - 1) in ASKING - {"many"}


def _opens(word: str) -> str:
    """What kind of small word opens a noun's place; "" for no such word."""
    if word in DEFINITE:
        return "the"
    if word in INDEFINITE:
        return "a"
    if word in OWNERS:
        return "whose"
    if word == "many" or word in NUMBERS or word.isdecimal():
        return "many"
    return word if word in PREPOSITIONS else ""


def _has_object(text: list[WrittenWord], at: int) -> bool:
    """Whether an article or a number stands behind it, as behind a verb; "a month ago" is a time."""
    behind = _at(text, at + 1)
    if _at(text, at + 3) == "ago":
        return False
    return behind in NUMBERS or (_opens(behind) in ("the", "a", "whose") and behind != "that")


def _is_verb(text: list[WrittenWord], at: int, others: list[WrittenWord]) -> bool:
    """Whether a word of a question stands where a verb does: before its object, or behind the subject
    if there is an auxiliary, whose verb is not said before it (in another form)."""
    behind = _at(text, at + 1)
    if _has_object(text, at):
        return True
    first = next((k for k in range(at - 1, -1, -1) if text[k].text in AUXILIARIES), None)
    if first is None or at - first < 2 or behind in AUXILIARIES or behind not in SMALL:
        return False
    if text[first].text in BEING:
        return text[at].text.endswith(("ed", "en", "ing"))
    return not any(_is_inflected(word.text, others) or (word.text not in SMALL and _opens(two.text) in ("the", "a", "whose"))
                   for word, two in zip(text[first + 1 : at], text[first + 2 : at + 1]))


def _is_inflected(word: str, others: list[WrittenWord]) -> bool:
    """Whether it stands among the others in another form only."""
    return any(is_same(word, x.text) for x in others) and all(word != x.text for x in others)


def _owners(own: list[WrittenWord], other: list[WrittenWord]) -> Iterator[Exchange]:
    """Possessives of different persons before the same word; mine is yours, because who tells and who
    is told turn."""
    for one, two, thing, its_thing in _before_the_same(own, other):
        if one.text in OWNERS and two.text in OWNERS and not (
            _owns(own, two.text, its_thing) or _owns(other, one.text, thing)
        ):
            yield Exchange(one.said, two.said)


def _owns(text: list[WrittenWord], owner: str, thing: str) -> bool:
    """Whether the thing, in any form, stands behind a possessive of the same person."""
    return any(OWNERS.get(a.text) == OWNERS[owner] and is_same(b.text, thing)
               for a, b in pairwise(text))


def _speakers(own: list[WrittenWord], other: list[WrittenWord]) -> Iterator[Exchange]:
    """Before the same verb, one who speaks or is spoken to, and someone or something else."""
    tells = any(word.text in TELLERS for word in own)  # the sentence is about its teller, too
    for one, two, verb, its_verb in _before_the_same(own, other):
        if verb in SMALL or _speaks(own, its_verb) == _speaks(other, verb):
            continue
        if (one.text in SPEAKERS and _is_alone(two.text, own)) or (
            two.text in SPEAKERS and not tells and _is_alone(one.text, other)
        ):
            yield Exchange(one.said, two.said)


def _speaks(text: list[WrittenWord], verb: str) -> bool:
    """Whether the verb, in any form, stands behind I, you or we."""
    return any(a.text in SPEAKERS and is_same(b.text, verb) for a, b in pairwise(text))


def _before_the_same(
    own: list[WrittenWord], other: list[WrittenWord]
) -> Iterator[tuple[WrittenWord, WrittenWord, str, str]]:
    """Two words that stand before forms of one word, and these."""
    for (one, behind), (two, its_behind) in product(pairwise(own), pairwise(other)):
        if behind.text != "," and is_same(behind.text, its_behind.text):
            yield one, two, behind.text, its_behind.text


def _numbers(own: list[WrittenWord], other: list[WrittenWord]) -> Iterator[Exchange]:
    """Different numbers behind the same word: "room 12" and "room 14"."""
    said = {word.text for word in own}, {word.text for word in other}
    for (before, one), (its_before, two) in product(pairwise(own), pairwise(other)):
        if (one.text.isdecimal() and two.text.isdecimal() and before.text not in SMALL
                and is_same(before.text, its_before.text)
                and one.text not in said[1] and two.text not in said[0]):
            yield Exchange(one.said, two.said)


def _times(own: list[WrittenWord], other: list[WrittenWord]) -> Iterator[Exchange]:
    """Different times, where no time is asked for."""
    if {"when", "day", "date", "time"} & {word.text for word in other}:
        return
    for kind in TIMES:
        told, asked = _times_of(kind, own), _times_of(kind, other)
        if told and asked and not told.keys() & asked.keys():
            yield Exchange(next(iter(told.values())), next(iter(asked.values())))


def _times_of(kind: frozenset[str], text: list[WrittenWord]) -> dict[str, str]:
    """The times in a text, in the singular -> as written; so is a number behind "at", and how long
    ago."""
    found: dict[str, str] = {}
    for i, (word, _, said) in enumerate(text):
        bare, before = word.removesuffix("s"), _at(text, i - 1)
        if bare in kind or (kind is TIMES[0] and before == "at" and word in NUMBERS):
            found[bare] = said
        elif kind is TIMES[0] and word == "ago" and (before == "long" or before not in SMALL):
            found[f"{before} ago"] = f"{text[i - 1].said} {said}"
    return found


def _is_alone(word: str, others: list[WrittenWord]) -> bool:
    is_thing = word not in SMALL and not word[0].isdecimal() and not _is_time(word)
    return is_thing and not any(is_same(word, other.text) for other in others)


def _is_time(word: str) -> bool:
    return any(word.removesuffix("s") in kind for kind in TIMES) or word == "ago"


def _at(text: list[WrittenWord], i: int) -> str:
    return text[i].text if 0 <= i < len(text) else ""
