"""Episodes: somebody tells facts, talks about other things, and asks. Made from a seed alone.

One generator for all training: the base model sees an episode as one text (`pieces`); the memory
training sees its prompts one by one. This file does not know tokens or tensors.
"""
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model.recall import words
from model.recall.phrases import (
    ADJECTIVES,
    KINDS,
    NOUNS,
    OPENERS,
    PLACES,
    RELATIONS,
    REMARKS,
    UNKNOWN,
    VERBS,
    Kind,
)

# "known": from the trained lists. "unseen": held out. "training": lists and made-up words, mixed.
SOURCES = ("known", "unseen", "training")
ME = "me"


@dataclass(frozen=True)
class Fact:
    """One told fact. `sentence` contains `value` letter for letter."""
    subject: str     # ME, or another person as named in the text: "Mary", "my sister"
    kind: str        # a key of phrases.KINDS
    value: str
    sentence: str


@dataclass(frozen=True)
class Ask:
    """One question. The text is `question lead answer` and the tail that ends the sentence; question
    or lead may be empty, not both."""
    question: str    # "Where do I live?", or "" for a bare continuation
    lead: str        # "You live in", "I live in"; "" where the answer is UNKNOWN
    answer: str      # "New York", or UNKNOWN
    fact: Fact | None    # the fact asked for; None: it was never told
    tail: str = "."      # what stands behind the answer: ".", " leaves at noon."


@dataclass(frozen=True)
class Episode:
    """Prompts in the order typed, then the questions; the last one is the main question."""
    prompts: tuple[str, ...]
    asks: tuple[Ask, ...]
    facts: tuple[Fact, ...]      # told, in order; an update comes after what it replaces
    separator: str               # between prompts when they are one text: "\n" or " "
    held_out: frozenset[str]     # which parts are not trained on: of {"values", "phrasings"}

    @property
    def question(self) -> str:
        return self.asks[-1].question

    @property
    def lead(self) -> str:
        return self.asks[-1].lead

    @property
    def answer(self) -> str:
        return self.asks[-1].answer


@dataclass(frozen=True)
class Plan:
    """How large and how hard an episode is. Ranges are inclusive."""
    facts: tuple[int, int] = (1, 4)      # facts about the speaker
    others: tuple[int, int] = (0, 3)     # facts about other people
    fillers: tuple[int, int] = (0, 4)    # sentences about nothing
    asks: tuple[int, int] = (1, 3)
    near: float = 0.3                    # chance of a near miss for each fact
    update: float = 0.15                 # chance that a fact is replaced later
    unknown: float = 0.15                # chance that a question was never told
    source: str = "training"             # of values: one of SOURCES
    held_out_phrasing: bool = False      # say and ask with the phrasings never trained on


def value_of(rng: random.Random, kind: Kind, source: str, texts: Sequence[str] = ()) -> str:
    """One value of a kind; "unseen" values never occur in a training episode.

    "training" values may also be any word of `texts`, so that copying works for the whole
    vocabulary.
    """
    if source not in SOURCES:
        raise ValueError(f"No source of values {source!r}. Choose one of {', '.join(SOURCES)}.")
    if kind.name == "birthday":
        return _day(rng, source == "unseen")
    if kind.name == "number":
        return _number(rng, source == "unseen")
    listed = _listed(rng, kind, source == "unseen")
    if source == "known" or (source == "training" and rng.random() < 0.35) and listed:
        return listed
    if source == "training" and texts and rng.random() < 0.5:
        return _in_case(kind, [_word_of(rng, texts)])
    return _invented(rng, kind, source == "unseen")


def _listed(rng: random.Random, kind: Kind, held_out: bool) -> str:
    pool = kind.values[held_out]
    if kind.name == "name" and rng.random() < 0.6:
        return f"{rng.choice(words.FIRST[0])} {rng.choice(words.LAST[held_out])}"
    return rng.choice(pool) if pool else ""


def _invented(rng: random.Random, kind: Kind, held_out: bool) -> str:
    """A listed (unseen only), an ordinary or a made-up word, or two of them, in the kind's case."""
    draw = rng.random()
    if held_out and draw < 0.25:
        return _listed(rng, kind, True) or rng.choice(words.PLAIN[1])
    if draw < 0.45:
        parts = [rng.choice(words.PLAIN[held_out])]
    else:
        parts = [words.made_up(rng, held_out) for _ in range(rng.choice((1, 1, 1, 2)))]
    return _in_case(kind, parts)


def _word_of(rng: random.Random, texts: Sequence[str]) -> str:
    while True:
        word = rng.choice(rng.choice(texts).split()).strip(".,;'").lower()
        if len(word) > 3 and word.isalpha() and not words.is_held_out(word):
            return word


def _in_case(kind: Kind, parts: list[str]) -> str:
    return " ".join(part.capitalize() if kind.capital else part for part in parts)


def _day(rng: random.Random, held_out: bool) -> str:
    """A day of the year; every seventh of the 31 days of every month is held out."""
    while True:
        day, month = rng.randint(1, 28), rng.randrange(12)
        if ((day + 3 * month) % 7 == 0) == held_out:
            name = words.MONTHS[month]
            return rng.choice((f"{day} {name}", f"{name} {day}"))


def _number(rng: random.Random, held_out: bool) -> str:
    """Two to four digits; multiples of 7 are held out."""
    while True:
        number = rng.randint(10, 10 ** rng.choice((2, 3, 4)) - 1)
        if (number % 7 == 0) == held_out:
            return str(number)


def _phrase(rng: random.Random, phrasings: Sequence[str], held_out: bool) -> str:
    return phrasings[-1] if held_out else rng.choice(phrasings[:-1])


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _tell(
    rng: random.Random,
    subject: str,
    kind: Kind,
    plan: Plan,
    texts: Sequence[str],
    update: bool = False,
) -> Fact:
    mine = kind.changes if update else kind.says
    phrasings = mine if subject == ME else kind.says_of
    phrase = _phrase(rng, phrasings, plan.held_out_phrasing)
    value = value_of(rng, kind, plan.source, texts)
    return Fact(subject, kind.name, value, _capital(agree(phrase.format(v=value, s=subject))))


def agree(sentence: str) -> str:
    """"a owl" -> "an owl"."""
    return re.sub(r"\b([aA]) (?=[aeioAEIO])", r"\1n ", sentence)


def _ask(rng: random.Random, subject: str, kind: Kind, fact: Fact | None, plan: Plan) -> Ask:
    asks = kind.asks if subject == ME else kind.asks_of
    question = _phrase(rng, asks, plan.held_out_phrasing).format(s=subject)
    if fact is None:
        return Ask(question, "", UNKNOWN, None)
    if subject == ME:
        lead = kind.lead_you if rng.random() < 0.6 else kind.lead_me
    else:
        lead = kind.lead_of.format(s=_other_in_answer(rng, subject))
    if rng.random() < 0.15:
        question = ""
    lead = _capital(lead)
    if lead.endswith(" a") and fact.value[0] in "aeioAEIO":
        lead += "n"
    return Ask(question, lead, fact.value, fact)


def _other_in_answer(rng: random.Random, subject: str) -> str:
    if subject.startswith("my ") and rng.random() < 0.6:
        return "your " + subject[3:]
    return subject


def filler(rng: random.Random) -> str:
    """One sentence that tells nothing that is ever asked."""
    if rng.random() < 0.35:
        return rng.choice(REMARKS)
    return (f"{rng.choice(OPENERS)} {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} "
            f"{rng.choice(VERBS)} {rng.choice(PLACES)}.")


def _subjects(rng: random.Random, count: int) -> list[str]:
    people = [*rng.sample(words.FIRST[0], max(4, count - 3)), *(f"my {r}" for r in rng.sample(RELATIONS, 3))]
    return rng.sample(people, min(count, len(people)))


def _topics(rng: random.Random, plan: Plan) -> list[tuple[str, Kind]]:
    """Different (subject, kind) pairs that will be told."""
    kinds = list(KINDS.values())
    topics = [(ME, kind) for kind in rng.sample(kinds, min(rng.randint(*plan.facts), len(kinds)))]
    of_others = [kind for kind in kinds if kind.says_of]
    favoured = [kind for _, kind in topics if kind.says_of] or of_others
    for subject in _subjects(rng, rng.randint(*plan.others)):
        topics.append((subject, rng.choice(favoured if rng.random() < 0.6 else of_others)))
    return topics


def _told(rng: random.Random, plan: Plan, texts: Sequence[str]) -> tuple[list[Fact], list[str]]:
    """Facts in the order told, and all sentences in the order said (facts among the others)."""
    topics = _topics(rng, plan)
    rng.shuffle(topics)
    facts = [_tell(rng, subject, kind, plan, texts) for subject, kind in topics]
    sentences = [fact.sentence for fact in facts]
    for fact in list(facts):
        if fact.subject == ME and rng.random() < plan.update:
            new = _tell(rng, ME, KINDS[fact.kind], plan, texts, update=True)
            if new.value != fact.value:
                facts.append(new)
                sentences.insert(rng.randint(sentences.index(fact.sentence) + 1, len(sentences)),
                                 new.sentence)
    return facts, sentences


def _distract(rng: random.Random, facts: list[Fact], plan: Plan,
              fillers: Sequence[str]) -> list[str]:
    near = [rng.choice(kind.near).format(v=value_of(rng, kind, plan.source, fillers))
            for kind in (KINDS[fact.kind] for fact in facts) if rng.random() < plan.near]
    idle = [rng.choice(fillers) if fillers and rng.random() < 0.5 else filler(rng)
            for _ in range(rng.randint(*plan.fillers))]
    return [_capital(agree(sentence)) for sentence in (*near, *idle)]


def _questions(rng: random.Random, facts: list[Fact], plan: Plan) -> tuple[Ask, ...]:
    latest = {(fact.subject, fact.kind): fact for fact in facts}
    topics = list(latest)
    rng.shuffle(topics)
    topics.sort(key=lambda topic: topic[0] != ME and rng.random() < 0.5)
    asks = []
    for _ in range(rng.randint(*plan.asks)):
        if not topics or rng.random() < plan.unknown:
            subject, kind = _untold(rng, latest)
            asks.append(_ask(rng, subject, kind, None, plan))
        else:
            topic = topics.pop(0)
            asks.append(_ask(rng, topic[0], KINDS[topic[1]], latest[topic], plan))
    return tuple(asks)


def _untold(rng: random.Random, latest: dict[tuple[str, str], Fact]) -> tuple[str, Kind]:
    """A (subject, kind) that nobody told, of the speaker or of somebody else."""
    while True:
        subject = ME if rng.random() < 0.7 else rng.choice(
            [topic[0] for topic in latest] + _subjects(rng, 1))
        kind = rng.choice(list(KINDS.values()))
        if (subject, kind.name) not in latest and (subject == ME or kind.asks_of):
            return subject, kind


def group(rng: random.Random, sentences: list[str]) -> tuple[str, ...]:
    """Sentences -> prompts of one to three sentences."""
    prompts, rest = [], list(sentences)
    while rest:
        size = rng.choice((1, 1, 2, 3))
        prompts.append(" ".join(rest[:size]))
        rest = rest[size:]
    return tuple(prompts)


def episode(rng: random.Random, plan: Plan, fillers: Sequence[str] = ()) -> Episode:
    """One episode. `fillers`: sentences to scatter, and to take values from, as from books."""
    facts, sentences = _told(rng, plan, fillers)
    for sentence in _distract(rng, facts, plan, fillers):
        sentences.insert(rng.randint(0, len(sentences)), sentence)
    held_out = {"values"} if plan.source == "unseen" else set()
    held_out |= {"phrasings"} if plan.held_out_phrasing else set()
    return Episode(group(rng, sentences), _questions(rng, facts, plan), tuple(facts),
                   rng.choice(("\n", " ")), frozenset(held_out))


def pieces(one: Episode) -> Iterator[tuple[str, str]]:
    """The episode as one text, cut where tokens may be: (text, role).

    Roles: "told", "asked", "lead", "answer", then "end" or "tail". Joined, the texts are the whole episode.
    """
    yield one.separator.join(one.prompts), "told"
    gap = one.separator if one.prompts else ""
    for ask in one.asks:
        if ask.question:
            yield gap + ask.question, "asked"
            gap = " "
        if ask.lead:
            yield gap + ask.lead, "lead"
            gap = " "
        yield gap + ask.answer.removesuffix("."), "answer"
        yield ask.tail, "end" if ask.tail == "." else "tail"
        gap = one.separator


def text_of(one: Episode) -> str:
    """The whole episode as one text."""
    return "".join(text for text, _ in pieces(one))
