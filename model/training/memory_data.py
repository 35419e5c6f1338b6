"""Episodes as tensors for training memory: told prompts, then questions in prompts of their own.

A batch has B rows (episodes), N told prompts and Q prompts that read; each belongs to a row. Knows
nothing of modules and losses.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

from model.recall import episodes, open_facts
from model.recall.episodes import Ask, Episode, Plan
from model.recall.open_facts import OpenPlan, Source
from model.recall.phrases import UNKNOWN
from model.training import corpus

LEAD_WEIGHT = 0.3  # of the words before the answer: "You live in"
ORDINARY = 64  # tokens of an ordinary text that is read with memory
GIST_WEIGHT = 0.1  # of a token of a book that goes on
PASSAGE = 350  # letters of one prompt of a book

ToldRow = tuple[int, list[int], list[float]]  # row, ids, value
AskedRow = tuple[int, list[int], list[float], list[bool], list[bool]]  # row, ids, weight, answer, never


@dataclass(frozen=True)
class Lesson:
    """How hard the episodes of one stretch are, and how much of it is other talk.

    between: prompts without facts after the telling, inclusive range. open: share of rows with open
    facts, of open_plan. gist: nothing is asked; the next words of a book are predicted from what
    was told of it.
    """

    name: str
    plan: Plan
    between: tuple[int, int]
    open: float = 0.0
    open_plan: OpenPlan = OpenPlan()
    gist: bool = False


@dataclass(frozen=True, eq=False)
class ToldPrompts:
    """N prompts, padded: ids (N,T); n (N,) real tokens; row (N,); value (N,T): 1 where a token
    belongs to the value of a fact or ends it."""

    ids: torch.Tensor
    n: torch.Tensor
    row: torch.Tensor
    value: torch.Tensor


@dataclass(frozen=True, eq=False)
class AskedPrompts:
    """Q prompts, padded: ids (Q,T); n (Q,); row (Q,): whose memory is read; weight (Q,T): how much
    token t, predicted from those before it, counts as an answer; 0 elsewhere. answer (Q,T) bool:
    the answer itself and its full stop. never (Q,T) bool: the reply to a question whose answer was
    never told, with its full stop."""

    ids: torch.Tensor
    n: torch.Tensor
    row: torch.Tensor
    weight: torch.Tensor
    answer: torch.Tensor
    never: torch.Tensor


@dataclass(frozen=True, eq=False)
class LessonBatch:
    """Everything one step sees; told prompts of a row stand in the order they were told."""

    episodes: list[Episode]
    told: ToldPrompts
    asked: AskedPrompts


class Data:
    """Draws batches. Ordinary text comes from a folder of books, or is made up where none is given.

    All randomness comes from the `rng` handed in.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, text: Path | None, start: int | None = None
    ) -> None:
        """start: the token in front of every prompt; None: the tokenizer's own."""
        self.tokenizer = tokenizer
        self.start = tokenizer.bos_token_id if start is None else start
        self.fillers: list[str] = []
        self.books: list[str] = []
        self.held_out = ""
        self.source, self.held_out_source = Source(), Source()
        if text is not None:
            books = corpus.read_books(text)
            self.fillers, self.held_out = corpus.sentences_of(books), books.left_out
            self.books = list(books.training.values())
            self.source = open_facts.source_of(self.books)
            self.held_out_source = open_facts.source_of([self.held_out])

    def batch(self, rng: random.Random, lessons: Sequence[Lesson], asks: int) -> LessonBatch:
        """A row for each lesson; each asks `asks` questions, every second one reads an ordinary text
        besides."""
        drawn = [self.episode(rng, lesson, asks) for lesson in lessons]
        prompts = [self.prompts(rng, one, lesson.between) for one, lesson in zip(drawn, lessons)]
        told = [(row, *self.told(text, one.facts))
                for row, (one, texts) in enumerate(zip(drawn, prompts)) for text in texts]
        asked = [(self._reader(rng, drawn, row, ask), *self.asked(ask))
                 for row, one in enumerate(drawn) for ask in one.asks]
        asked += [(row, *self._book(one.separator)) for row, one in enumerate(drawn) if not one.asks]
        asked += [(row, *self._ordinary(rng)) for row in range(0, len(drawn), 2)]
        return LessonBatch(drawn, self.as_told(told), _asked(asked, self.start))

    def episode(self, rng: random.Random, lesson: Lesson, asks: int) -> Episode:
        """One episode of a lesson with so many questions; of a gist lesson without any."""
        if lesson.gist and self.books:
            return self._gist(rng)
        if rng.random() < lesson.open:
            plan = replace(lesson.open_plan, asks=(asks, asks))
            source = self.held_out_source if plan.held_out else self.source
            return open_facts.episode(rng, plan, source)
        return episodes.episode(rng, replace(lesson.plan, asks=(asks, asks)), self.fillers)

    def _gist(self, rng: random.Random) -> Episode:
        """One to three passages of a book as prompts; the passage that follows is the separator."""
        book, n = rng.choice(self.books), rng.randint(1, 3)
        at = rng.randrange(max(1, len(book) - (n + 2) * PASSAGE))
        at += book[at : at + PASSAGE].find(" ") + 1
        parts = [" ".join(book[at + i * PASSAGE : at + (i + 1) * PASSAGE].split())
                 for i in range(n + 1)]
        return Episode(tuple(parts[:-1]), (), (), parts[-1], frozenset())

    def _cut(self, text: str) -> Encoding:
        """A text's own tokens, with nothing before and behind."""
        found: Encoding = self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
        return found

    def _book(self, text: str) -> tuple[list[int], list[float], list[bool], list[bool]]:
        """The passage that follows the told ones; every token of it is predicted."""
        ids = [self.start, *self._cut(text).ids][:ORDINARY]
        nothing = [False] * len(ids)
        return ids, [0.0, *[GIST_WEIGHT] * (len(ids) - 1)], nothing, nothing

    def as_told(self, rows: Sequence[ToldRow]) -> ToldPrompts:
        """Prompts as tensors, from (row, ids, value) of each."""
        return _told(rows, self.start)

    def prompts(self, rng: random.Random, one: Episode, between: tuple[int, int]) -> list[str]:
        """The episode's prompts, then some without facts."""
        return [*one.prompts, *(self.chatter(rng) for _ in range(rng.randint(*between)))]

    def chatter(self, rng: random.Random) -> str:
        """One prompt about nothing that is asked: one to three sentences."""
        return " ".join(self._sentence(rng) for _ in range(rng.choice((1, 1, 2, 3))))

    def told(self, text: str, facts: Sequence[episodes.Fact]) -> tuple[list[int], list[float]]:
        """A prompt's ids after <|endoftext|>, and 1 for every token of a fact's value and for the
        full stop after it, which shows that the value ends there."""
        one = self._cut(text)
        spans = [(at, at + len(fact.value)) for fact in facts for at in _places(text, fact)]
        spans = [(at, end + (text[end : end + 1] == ".")) for at, end in spans]
        value = [float(any(a < end and start < b for a, b in spans)) for start, end in one.offsets]
        return [self.start, *one.ids], [0.0, *value]

    def asked(self, ask: Ask) -> tuple[list[int], list[float], list[bool], list[bool]]:
        """A question with its answer as one prompt: ids, weights, which of them are the answer, and
        which are said because it was never told.

        What was never told weighs 0: there memory must not change the base model.
        """
        ids, weights, answer, never = [self.start], [0.0], [False], [False]
        for text, weight, counts in _pieces(ask):
            more = self._cut(text).ids
            ids += more
            weights += [weight] * len(more)
            answer += [counts and ask.answer != UNKNOWN] * len(more)
            never += [counts and ask.answer == UNKNOWN] * len(more)
        return ids, weights, answer, never

    def _ordinary(
        self, rng: random.Random
    ) -> tuple[list[int], list[float], list[bool], list[bool]]:
        encoded = self._cut(self.passage(rng)).ids
        ids = [self.start, *encoded][:ORDINARY]
        nothing = [False] * len(ids)
        return ids, [0.0] * len(ids), nothing, nothing

    def passage(self, rng: random.Random) -> str:
        """Some hundred letters of a book, from the beginning of a sentence; of made-up sentences
        where there is none."""
        if not self.books:
            return " ".join(self._sentence(rng) for _ in range(6))
        book = rng.choice(self.books)
        at = rng.randrange(max(1, len(book) - 800))
        text = book[at : at + 800]
        return " ".join(text[text.find(". ") + 1 :].split())

    def _sentence(self, rng: random.Random) -> str:
        if self.fillers and rng.random() < 0.7:
            return rng.choice(self.fillers)
        return episodes.filler(rng)

    def _reader(self, rng: random.Random, drawn: list[Episode], row: int, ask: Ask) -> int:
        """Whose memory is read: for questions never told, sometimes somebody else's."""
        other = (row + 1) % len(drawn)
        topic = (ask.fact.subject, ask.fact.kind) if ask.fact else None
        known = {(fact.subject, fact.kind) for fact in drawn[other].facts}
        return other if topic is None and not known and rng.random() < 0.5 else row


def _places(text: str, fact: episodes.Fact) -> list[int]:
    """Positions in the text where the fact's value begins, one for every time its sentence
    occurs."""
    inside, found, at = fact.sentence.rfind(fact.value), [], text.find(fact.sentence)
    while at >= 0 and inside >= 0:
        found.append(at + inside)
        at = text.find(fact.sentence, at + 1)
    return found


def _pieces(ask: Ask) -> list[tuple[str, float, bool]]:
    """(text, weight, is what is said) in order; joined, the prompt."""
    told = ask.answer != UNKNOWN
    parts = [(ask.question, 0.0, False),
             (ask.lead, LEAD_WEIGHT * told * bool(ask.question), False),
             (ask.answer.removesuffix("."), 1.0 * told, True)]
    spoken = [part for part in parts if part[0]]
    gaps = ["", *[" "] * (len(spoken) - 1)]
    return [(gap + text, weight, counts)
            for gap, (text, weight, counts) in zip(gaps, spoken)] + _ending(ask, told)


def _ending(ask: Ask, told: bool) -> list[tuple[str, float, bool]]:
    """The full stop belongs to the answer; of a longer tail, only its first word does."""
    if ask.tail == ".":
        return [(".", 1.0 * told, True)]
    first, gap, rest = ask.tail.strip().partition(" ")
    first = (" " if ask.tail.startswith(" ") else "") + first
    return [(first, 1.0 * told, True), (gap + rest, LEAD_WEIGHT * told, False)]


def _padded(rows: list[list], fill: float, dtype: torch.dtype) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [fill] * (longest - len(row)) for row in rows], dtype=dtype)


def _told(rows: Sequence[ToldRow], fill: int) -> ToldPrompts:
    numbers, ids, value = zip(*rows)
    return ToldPrompts(_padded(list(ids), fill, torch.long), torch.tensor(list(map(len, ids))),
                       torch.tensor(numbers), _padded(list(value), 0.0, torch.float32))


def _asked(rows: Sequence[AskedRow], fill: int) -> AskedPrompts:
    numbers, ids, weight, answer, never = zip(*rows)
    return AskedPrompts(_padded(list(ids), fill, torch.long), torch.tensor(list(map(len, ids))),
                        torch.tensor(numbers), _padded(list(weight), 0.0, torch.float32),
                        _padded(list(answer), False, torch.bool),
                        _padded(list(never), False, torch.bool))
