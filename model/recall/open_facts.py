"""Open copying: any sentence may hold a fact, and any of its words may ask for it.

Two sources of frames: sentences of the books with one word replaced by a value, and a grammar
(open_frames.py). An episode has the same shape as those of episodes.py, so that everything that
trains on the one trains on the other. This file does not know tokens or tensors.
"""
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from model.recall import open_frames, open_values
from model.recall.episodes import Ask, Episode, Fact, agree, filler, group
from model.recall.open_asking import Asking, asking, lower, upper
from model.recall.open_frames import Frame, V
from model.recall.phrases import UNKNOWN

KIND = "open"  # of every open Fact
# How often each style of asking is chosen.
MIX = {"word": 0.24, "last": 0.08, "other": 0.14, "thin": 0.08, "front": 0.06, "turned": 0.04,
       "question": 0.36}
_OPENED = ("I think that ", "Remember that ", "Please note that ", "By the way, ", "They say that ",
           "Listen, ", "I must tell you that ", "You should know that ", "Well, ", "Yes, ", "And ")
_CHANGED = ("Now ", "No, ", "From now on ", "Since today ", "I was wrong, ", "But now ", "In fact ")


@dataclass(frozen=True)
class OpenPlan:
    """How large and how hard an open episode is. Ranges are inclusive."""
    facts: tuple[int, int] = (1, 4)
    rivals: float = 0.55      # chance that sentences of the same form are told beside a fact
    update: float = 0.08      # chance that a fact is replaced later
    twice: float = 0.06       # chance that it is told twice
    unknown: float = 0.14     # chance that a question was never told
    lead: float = 0.35        # of those, how many have the beginning of an answer
    fillers: tuple[int, int] = (0, 5)
    long: float = 0.15        # chance of a whole passage of a book among the prompts
    asks: tuple[int, int] = (1, 4)
    books: float = 0.4        # share of facts that are sentences of the books
    held_out: bool = False    # values and words of the frames are those never trained on
    mix: dict[str, float] = field(default_factory=lambda: MIX)


@dataclass(frozen=True)
class Source:
    """What open facts are made from: sentences of books, rare words in them, passages."""
    sentences: Sequence[str] = ()
    rare: Sequence[str] = ()
    passages: Sequence[str] = ()


@dataclass(eq=False)
class _Topic:
    """A frame and the way it was told; rivals: other topics of the same form."""
    frame: Frame
    way: str
    fact: Fact
    rivals: list["_Topic"] = field(default_factory=list)
    earlier: list[Fact] = field(default_factory=list)  # which no longer hold


def source_of(texts: Sequence[str]) -> Source:
    """Sentences of 4 to 24 words, words that come at most six times, passages of 200 to 900
    letters."""
    sentences: list[str] = []
    counts: dict[str, int] = {}
    for text in texts:
        found = re.findall(r"(?<=[.!?] )[A-Z][A-Za-z ,;'-]+[.!?](?=\s)", text)
        sentences += [s for s in found if 4 <= len(s.split()) <= 24]
        for word in re.findall(r"\b[a-z]{4,12}\b", text):
            counts[word] = counts.get(word, 0) + 1
    passages = [p for text in texts for p in text.splitlines() if 200 <= len(p) <= 900]
    return Source(sentences, sorted(w for w, n in counts.items() if n <= 6), passages)


def book_frame(rng: random.Random, source: Source) -> Frame:
    """A sentence of a book with one of its words, not the first, replaced by the value. Its other
    words are those of the book: only the value is held out by rule."""
    while True:
        said = rng.choice(source.sentences).split()
        places = [i for i, word in enumerate(said) if i and len(word.strip(",;.!?'")) > 3]
        if not places:
            continue
        at = rng.choice(places)
        core = said[at].strip(",;.!?'-")
        said[at] = said[at].replace(core, V, 1)
        text = " ".join(said)
        if text.count(V) == 1 and core:
            return Frame((text,), (), "name" if core[0].isupper() else "word")


def near_book_frame(rng: random.Random, frame: Frame, source: Source) -> Frame | None:
    """The same sentence with a word before the value replaced by another word of the books."""
    before, _, after = frame.ways[0].partition(V)
    said = before.split()
    places = [i for i, word in enumerate(said) if i and word.isalpha() and len(word) > 3]
    if not places:
        return None
    said[rng.choice(places)] = rng.choice(source.rare)
    return Frame((" ".join(said) + (" " if before.endswith(" ") else "") + V + after,), (), frame.value)


def episode(rng: random.Random, plan: OpenPlan, source: Source) -> Episode:
    """One episode. Its facts' `subject` is their frame, their `kind` "open"."""
    topics = _topics(rng, plan, source)
    sentences = [topic.fact.sentence for topic in topics]
    rng.shuffle(sentences)
    told = {topic.fact.sentence: topic for topic in topics}
    topics = [told[sentence] for sentence in dict.fromkeys(sentences)]
    _told_again(rng, plan, topics, sentences, source)
    for other in _idle(rng, plan, source):
        sentences.insert(rng.randint(0, len(sentences)), other)
    asks = _asks(rng, plan, topics, source)
    held_out = {"values", "phrasings"} if plan.held_out else set()
    return Episode(group(rng, sentences), asks, tuple(fact for topic in topics for fact in (*topic.earlier, topic.fact)),
                   rng.choice(("\n", " ", " ")), frozenset(held_out))


def untold(rng: random.Random) -> Episode:
    """Nothing is told, and something is asked: it is not known."""
    frame = open_frames.grammar_frame(rng)
    found = _question(rng, frame)
    return Episode((), (Ask(found.question, "", UNKNOWN, None),), (), rng.choice("\n "), frozenset())


def _question(rng: random.Random, frame: Frame) -> Asking:
    """A frame of the grammar, which has a question, asked."""
    found = asking(frame, frame.ways[0], "question", f"untold {rng.random()}")
    assert found is not None, f"a frame without a question: {frame.ways[0]!r}"
    return found


def _topics(rng: random.Random, plan: OpenPlan, source: Source) -> list[_Topic]:
    topics: list[_Topic] = []
    for _ in range(rng.randint(*plan.facts)):
        frame = _frame(rng, plan, source)
        if any(frame.ways[0] == topic.frame.ways[0] for topic in topics):
            continue
        first = _topic(rng, plan, frame, source)
        family = [first]
        while len(family) < 4 and rng.random() < plan.rivals:
            near = _near(rng, plan, rng.choice(family).frame, source)
            if near is None or any(near == other.frame for other in (*family, *topics)):
                break
            index = first.frame.ways.index(first.way)
            family.append(_topic(rng, plan, near, source, index))
        for topic in family:
            topic.rivals = [other for other in family if other is not topic]
        topics += family
    return topics


def _frame(rng: random.Random, plan: OpenPlan, source: Source) -> Frame:
    if source.sentences and rng.random() < plan.books:
        return book_frame(rng, source)
    return open_frames.grammar_frame(rng, plan.held_out)


def _near(rng: random.Random, plan: OpenPlan, frame: Frame, source: Source) -> Frame | None:
    if not frame.asks:
        return near_book_frame(rng, frame, source)
    return open_frames.near(rng, frame, plan.held_out)


def _topic(rng: random.Random, plan: OpenPlan, frame: Frame, source: Source, way: int | None = None,
           opened: Sequence[str] = _OPENED, chance: float = 0.1) -> _Topic:
    chosen = rng.choice(frame.ways) if way is None else frame.ways[way]
    value = open_values.value_of(rng, frame.value, plan.held_out, source.rare)
    sentence = _put(chosen, value)
    if rng.random() < chance:
        sentence = rng.choice(opened) + lower(sentence)
    return _Topic(frame, chosen, Fact(frame.ways[0], KIND, value, sentence))


def _put(way: str, value: str) -> str:
    """The sentence with its value; "a owl" -> "an owl"."""
    before, _, after = way.partition(V)
    if re.search(r"\b[aA] $", before) and value[0] in "aeioAEIO":
        before = before[:-1] + "n "
    return before + (upper(value) if not before and value[0].isascii() else value) + after


def _told_again(
    rng: random.Random, plan: OpenPlan, topics: list[_Topic], sentences: list[str], source: Source
) -> None:
    """Now and then a fact is told twice, or replaced: the later one holds."""
    for i, topic in enumerate(topics):
        at, draw = sentences.index(topic.fact.sentence), rng.random()
        if draw < plan.update:
            new = _topic(rng, plan, topic.frame, source, opened=_CHANGED, chance=0.6)
            if new.fact.value != topic.fact.value:
                topic.earlier.append(topic.fact)
                topic.fact, topic.way = new.fact, new.way
                sentences.insert(rng.randint(at + 1, len(sentences)), new.fact.sentence)
        elif draw < plan.update + plan.twice:
            sentences.insert(rng.randint(at + 1, len(sentences)), topic.fact.sentence)


def _idle(rng: random.Random, plan: OpenPlan, source: Source) -> list[str]:
    """Sentences that are never asked for."""
    idle = [rng.choice(source.sentences) if source.sentences and rng.random() < 0.7 else agree(filler(rng))
            for _ in range(rng.randint(*plan.fillers))]
    if source.passages and rng.random() < plan.long:
        idle.append(rng.choice(source.passages))
    return idle


def _asks(
    rng: random.Random, plan: OpenPlan, topics: list[_Topic], source: Source
) -> tuple[Ask, ...]:
    asks, left = [], list(topics)
    rng.shuffle(left)
    left.sort(key=lambda topic: not topic.rivals and rng.random() < 0.5)
    for _ in range(rng.randint(*plan.asks)):
        ask, left = None, left or rng.sample(topics, len(topics))  # each again, in another way
        if rng.random() >= plan.unknown:
            ask = _ask(rng, plan, left.pop(0), topics)
        elif plan.unknown:
            ask = _ask_untold(rng, plan, topics, source)
        asks += [ask] if ask else []
    while not asks:
        ask = _ask_untold(rng, plan, topics, source) if plan.unknown >= 1 else _ask(
            rng, plan, rng.choice(topics), topics, ("word", "question"))
        if ask is None:  # nothing here can be asked for: the whole first sentence is
            ask = _ask(rng, plan, topics[0], topics[:1], ("last", "word"))
        asks += [ask] if ask else [Ask("What is told?", "", topics[0].fact.value, topics[0].fact)]
    return tuple(asks)


def _ask(
    rng: random.Random,
    plan: OpenPlan,
    topic: _Topic,
    topics: Sequence[_Topic],
    styles: Sequence[str] = (),
) -> Ask | None:
    """A question that only this topic answers."""
    for _ in range(6):
        style = rng.choice(styles) if styles else _style(rng, plan)
        seed = f"asking {rng.random()}"
        found = asking(topic.frame, topic.way, style, seed)
        if found is None or _answers_too(found, topic, style, seed, topics):
            continue
        return Ask(found.question, _an(found.lead, topic.fact.value), topic.fact.value, topic.fact,
                   found.tail)
    return None


def _style(rng: random.Random, plan: OpenPlan) -> str:
    return rng.choices(list(plan.mix), list(plan.mix.values()))[0]


def _answers_too(
    found: Asking, topic: _Topic, style: str, seed: str, topics: Sequence[_Topic]
) -> bool:
    """Whether another fact that was told is asked for with the same words."""
    said = (found.question + " " + found.lead).strip().lower()
    for rival in topic.rivals:
        other = asking(rival.frame, rival.way, style, seed)
        if other and (other.question + " " + other.lead).strip().lower() == said:
            return True
    if found.question:
        return False
    ending = " ".join(found.lead.lower().split()[-4:])
    befores = [other.way.partition(V)[0].lower() for other in topics if other is not topic]
    return any(before.strip().endswith(ending) for before in befores)


def _an(lead: str, value: str) -> str:
    return lead + "n" if re.search(r"\b[aA]$", lead) and value[0] in "aeioAEIO" else lead


def _ask_untold(
    rng: random.Random, plan: OpenPlan, topics: list[_Topic], source: Source
) -> Ask | None:
    """A question that nothing told answers: about something near, or about anything."""
    frame, told = None, {topic.frame for topic in topics}
    asked = [topic.frame for topic in topics if topic.frame.asks]
    if asked and rng.random() < 0.6:
        frame = open_frames.near(rng, rng.choice(asked), plan.held_out)
    if frame is None or frame in told:
        frame = open_frames.grammar_frame(rng, plan.held_out)
    found = _question(rng, frame)
    asked_for = [question.lower() for one in told for question, _ in one.asks]
    if any(found.question.lower().endswith(question) for question in asked_for):
        return None  # the word that differs does not stand in the question: it was told
    lead = found.lead if rng.random() < plan.lead else ""
    return Ask(found.question, lead, UNKNOWN, None)
