"""Noun phrases: "my sister", "the old key of the cabin", "Captain Weber", as text with their pronouns.

This file does not know in which sentence a phrase will stand (open_frames.py).
"""
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.recall import grammar_words as g
from model.recall import words

MINE = ("my", "our", "his", "her", "their", "your", "this", "that")
_FREE = {"in", "on", "at", "of", "to", "by", "for", "with", "under", "from"}


@dataclass(frozen=True)
class Phrase:
    """A noun phrase. it, obj: the pronouns that stand for it; bare: without "the" or "my"."""
    text: str
    it: str
    obj: str
    bare: str

    def __str__(self) -> str:
        return self.text

    @property
    def s(self) -> str:
        """"the cabin's"."""
        return self.text + ("'" if self.text.endswith("s") else "'s")


class Phrases:
    """Draws words and phrases from the trained or the held-out side of the lists."""

    def __init__(self, rng: random.Random, held_out: bool = False) -> None:
        self.rng, self.held_out = rng, held_out

    def word(self, listed: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
        """One word of a list that `words.split` made."""
        return self.rng.choice(listed[self.held_out] or listed[0])

    def verb(self, listed: Any) -> g.Verb:
        return g.verb(self.word(listed))

    def choose(self, options: Sequence[Any]) -> Any:
        """One of a short list of texts, or of tuples with a text in the middle; in training none with a
        held-out noun, verb or adjective in it."""
        trained = [one for one in options if not _is_held_out(one if isinstance(one, str) else one[1])]
        return self.rng.choice(options if self.held_out else trained)

    def person(self) -> Phrase:
        """Somebody."""
        he = self.rng.choice((("he", "him"), ("she", "her")))
        draw = self.rng.random()
        if draw < 0.30:
            bare = self.word(g.RELATIVES)
            return Phrase(f"{self.rng.choice(MINE[:6])} {bare}", *he, bare)
        if draw < 0.60:
            bare = self._with_adjective(self.word(g.PEOPLE), 0.3)
            return Phrase(f"{self._the(0.75)} {bare}", *he, bare)
        if draw < 0.70:
            kin = self.word(g.KIN)
            return Phrase(kin, *he, kin)
        if draw < 0.82:
            name = self.word(words.FIRST)
            return Phrase(name, *he, name)
        if draw < 0.92:
            name = f"{self.word(g.TITLES)} {self.word(words.LAST)}"
            return Phrase(name, *he, name)
        bare = f"{self.word(g.PEOPLE)} of the {self.word(g.PLACES)}"
        return Phrase(f"the {bare}", *he, bare)

    def subject(self) -> Phrase:
        """Somebody, or the speaker: for verbs whose form does not tell them apart."""
        draw = self.rng.random()
        if draw < 0.25:
            return Phrase("I", "I", "me", "I")
        return Phrase("we", "we", "us", "we") if draw < 0.33 else self.person()

    def thing(self) -> Phrase:
        """Something."""
        return self._neuter(self.word(g.THINGS))

    def named(self) -> Phrase:
        """Something that can have a name."""
        return self._neuter(self.word(g.NAMED))

    def place(self) -> Phrase:
        return self._neuter(self.word(g.PLACES))

    def event(self) -> Phrase:
        return self._neuter(self.word(g.EVENTS))

    def group(self) -> Phrase:
        return self._neuter(self.word(g.GROUPS))

    def anything(self) -> Phrase:
        """A phrase of any kind."""
        kinds = (self.thing, self.named, self.place, self.event, self.group, self.person)
        return self.rng.choice(kinds)()

    def attribute(self) -> Phrase:
        """"the secret code": what something has."""
        bare = self.word(g.ATTRIBUTES)
        if self.rng.random() < 0.25:
            bare = f"{self.word(g.MODIFIERS)} {bare}"
        elif self.rng.random() < 0.2:
            bare = self._with_adjective(bare, 1.0)
        return Phrase(f"the {bare}", "it", "it", bare)

    def where(self) -> str:
        """"behind the old mill"."""
        noun = self.place() if self.rng.random() < 0.6 else self.thing()
        return f"{self.rng.choice(g.PREPOSITIONS)} {noun}"

    def _neuter(self, noun: str) -> Phrase:
        bare, draw = noun, self.rng.random()
        if draw < 0.35:
            bare = self._with_adjective(noun, 1.0)
        elif draw < 0.50:
            bare = f"{self.word(g.MODIFIERS)} {noun}"
        if self.rng.random() < 0.12:
            link = self.rng.choice(("of", "in", "to", "from", "near"))
            bare = f"{bare} {link} {self._the(0.7)} {self.word(g.PLACES)}"
        if self.rng.random() < 0.08:
            return Phrase(f"{self.person().s} {bare}", "it", "it", bare)
        return Phrase(f"{self._the(0.6)} {bare}", "it", "it", bare)

    def _the(self, share: float) -> str:
        return "the" if self.rng.random() < share else self.rng.choice(MINE)

    def _with_adjective(self, noun: str, chance: float) -> str:
        return f"{self.word(g.ADJECTIVES)} {noun}" if self.rng.random() < chance else noun


def _is_held_out(text: str) -> bool:
    return any(words.is_held_out(word) for word in text.split() if word not in _FREE)
