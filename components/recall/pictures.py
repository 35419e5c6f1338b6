"""From results to pictures: a variant's card, and the told text with what was read from it."""

from itertools import groupby

import numpy as np

from components.kit import palette
from components.recall import choice, run
from components.recall.cards import Bar, Card
from components.recall.run import VariantOutcome
from components.recall.told_text import ToldPicture, Word, WordRow
from components.recall.words import HEADS, Line, signed
from model.recall.reads import Place, tables

MOST_ROWS = 8  # prompts drawn word by word
MOST_WORDS = 160  # words of one prompt
PARTS = {"am": "Attention with memory", "edm": "External memory"}


def card(looked: VariantOutcome) -> Card:
    """A variant's card."""
    one = looked.one
    untrained = looked.variant in run.untrained()
    right = one.said
    what = "not trained for this model: exactly GPT-2" if untrained else (
        choice.WHAT[looked.variant])
    return Card(
        looked.variant, choice.TITLES[looked.variant], what,
        said=f"“{one.continuation.strip()}”" if one.continuation.strip() else "(nothing)",
        mark="" if right is None else "right" if right else "wrong",
        tokens=[Bar(t, float(p), int(r)) for t, p, r in zip(
            one.scored.texts, one.scored.probability, one.scored.rank)],
        gained=f"Δ {signed(one.delta)} nats compared with memory off",
        head=HEADS[looked.verdict.kind],
    )


def told(looked: VariantOutcome, marks: dict[Place, str], clicks: str) -> ToldPicture:
    """The told text of one variant; marks: how the visitor changed a word."""
    one = looked.one
    reads, lost = _with_summaries(looked, _reads(looked)), _lost(looked)
    stored = {Place(*p) for table in tables(one.state).values() for held in table.places for p in held}
    rows, shown, prompts = [], _shown(one, reads), _prompts(one)
    for is_shown, numbers in groupby(range(1, len(prompts) + 1), key=shown.__contains__):
        if not is_shown:
            rows.append(_folded(list(numbers), stored))
            continue
        for number in numbers:
            texts = run.show(prompts[number - 1])
            rows += _row(number, texts, stored, reads, lost, marks)
    answer = tuple((t, float(p)) for t, p in zip(one.scored.texts, one.scored.probability))
    ask = (*run.show(one.plan.probe.ask), *(["…"] if one.lead else []))
    return ToldPicture(tuple(rows), ask, answer, clicks)


def most_read(looked: VariantOutcome, n: int = 8) -> list[tuple[str, Place, float, float | None]]:
    """(word, place, largest mean read weight, share lost without it) of the words that were removed
    one at a time, the most costly first."""
    reads, lost = _reads(looked), _lost(looked)
    texts = {read.place: read.text for read in looked.one.read}
    rows = [(texts[p], p, float(reads[p][0].max(initial=0)), lost.get(p)) for p in reads]
    return sorted(rows, key=lambda row: (-(row[3] or 0), -row[2]))[:n]


def controls(looked: VariantOutcome, found) -> list[Line]:
    """The controls as bars; found: probe_controls.Controls."""
    one, grey = looked.one, palette.LABEL
    other = (
        f"told “{found.other.value}” there; says “{found.other.continuation.strip()}”"
        if found.other.value else f"says “{found.other.continuation.strip()}”"
    )
    never = found.never
    refused = "it does not know, so no false recall" if never.refused else "a false recall"
    anyway = ", as without memory" if never.continuation == never.base else ""
    lines = [
        Line("this memory", one.scored.joint, palette.MEMORY),
        Line("memory off", found.prior.joint, grey, "its probability without any memory"),
        Line("empty memory", found.empty.joint, grey,
             "exactly the same" if found.empty.joint == found.prior.joint else ""),
        Line("another person's", found.other.right.joint, grey, other),
    ]
    if found.in_context is not None:
        lines.append(Line("all in one prompt", found.in_context.joint, palette.IN_CONTEXT,
                          "needs no memory: attention sees the fact"))
    else:
        lines.append(Line("all in one prompt", None, grey, "does not fit the window"))
    says = f"says “{never.continuation.strip()}”: {refused}{anyway}" if never.left_out else (
        "no told sentence holds an answer, so there is nothing to leave out")
    return [*lines, Line("never told", None, grey, says)]


def _prompts(one) -> tuple[str, ...]:
    """What was told; for a variant without memory, the same text, marked as not told."""
    return one.state.prompts or one.plan.probe.tell


def _reads(looked: VariantOutcome) -> dict[Place, tuple[np.ndarray, str]]:
    """Place -> read weight of each answer token, the larger of its modules', and words on each."""
    found: dict[Place, tuple[np.ndarray, str]] = {}
    for read in looked.one.read:
        if not read.kept:
            continue
        before, words = found.get(read.place, (np.zeros_like(read.mean), ""))
        words += (f"{PARTS[read.part]}: {read.weight:.3f} in the mean, {read.peak:.2f} in layer "
                  f"{read.layer}, head {read.head}. ")
        found[read.place] = (np.maximum(before, read.mean), words)
    return found


def _with_summaries(
    looked: VariantOutcome, reads: dict
) -> dict[Place, tuple[np.ndarray | None, str]]:
    """The same, and every token of a summary with the reads of the whole; None: it is not read."""
    found = dict(reads)
    for read in looked.one.read:
        weight, words = reads.get(read.place, (None, ""))
        for place in read.held:
            found[place] = weight, f"{words}Of a summary of {len(read.held):,} tokens. "
    return found


def _lost(looked: VariantOutcome) -> dict[Place, float]:
    """Place -> the share of the answer's probability that is lost without it, 0 to 1; empty if the
    answer was not said: there is nothing to lose."""
    p = looked.one.scored.joint
    if not looked.one.scored.exact:
        return {}
    return {
        effect.gone[0]: float(np.clip(1 - effect.scored.joint / p, 0, 1)) if p > 0 else 0.0
        for effect in looked.verdict.alone
    }


def _shown(one, reads) -> set[int]:
    """Prompts drawn word by word: the first ones told, and those read most."""
    most: dict[int, float] = {}
    for place, (mean, _) in reads.items():
        if mean is not None:
            most[place.prompt] = max(most.get(place.prompt, 0.0), float(mean.max(initial=0)))
    first = range(1, min(len(one.plan.probe.tell), MOST_ROWS - 2) + 1)
    by_read = sorted(most, key=lambda number: -most[number])
    return set([*first, *(n for n in by_read if n not in first)][:MOST_ROWS])


def _folded(numbers: list[int], stored) -> WordRow:
    first, last = numbers[0], numbers[-1]
    name = f"prompt {first:,}" if first == last else f"prompts {first:,}–{last:,}"
    n = sum(first <= place.prompt <= last for place in stored)
    held = f"{n:,} of their words in memory, read less than those shown" if n else (
        "none of their words in memory" if last > first else "none of its words in memory")
    return WordRow(0, fold=f"… {name}: {held} …")


def _row(number: int, texts: list[str], stored, reads, lost, marks) -> list[WordRow]:
    start, end = _window(number, len(texts), reads)
    words = tuple(_word(number, i, texts[i], stored, reads, lost, marks) for i in range(start, end))
    row = [WordRow(number, words)]
    left_out = len(texts) - (end - start)
    fold = f"… {left_out:,} more tokens of prompt {number} …"
    return row + ([WordRow(0, fold=fold)] if left_out else [])


def _window(number: int, n: int, reads) -> tuple[int, int]:
    """The part of a long prompt that is drawn: around the word that is read most."""
    if n <= MOST_WORDS:
        return 0, n
    own = {place.position: float(mean.max(initial=0)) for place, (mean, _) in reads.items()
           if place.prompt == number and mean is not None}
    middle = max(own, key=own.get) if own else 0
    start = int(np.clip(middle - MOST_WORDS // 2, 0, n - MOST_WORDS))
    return start, start + MOST_WORDS


def _word(number: int, i: int, text: str, stored, reads, lost, marks) -> Word:
    place = Place(number, i)
    mean, more = reads.get(place, (None, ""))
    return Word(
        text, i, place in stored, None if mean is None else tuple(float(x) for x in mean),
        lost.get(place), more, marks.get(place, ""),
    )
