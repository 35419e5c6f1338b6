"""One training episode as a picture: told, distracted, asked, and each word's part in the loss."""

import html
from collections.abc import Iterator
from dataclasses import dataclass

from components.kit import palette
from model.recall.episodes import UNKNOWN, Ask, Episode

VALUE, FACT = "rgba(16,185,129,.38)", "rgba(236,72,153,.13)"
KINDS = {"told": palette.MEMORY, "other talk": palette.LABEL, "asked": palette.QUERY}


@dataclass(frozen=True)
class Spoken:
    """One prompt of an episode: its kind (a key of KINDS) and its parts (text, mark), the mark
    being "", "fact" or "value"."""

    kind: str
    parts: tuple[tuple[str, str], ...]


def spoken(one: Episode, prompts: list[str]) -> list[Spoken]:
    """The prompts in order, the values of their facts marked."""
    found = []
    for text in prompts:
        parts = tuple(_parts(text, one))
        found.append(Spoken("told" if len(parts) > 1 else "other talk", parts))
    return found


def _parts(text: str, one: Episode) -> Iterator[tuple[str, str]]:
    """The text cut at its facts and their values."""
    at = 0
    for start, sentence, value in sorted(_facts_in(text, one)):
        if start < at:
            continue
        inside = start + sentence.rfind(value)
        yield text[at:start], ""
        yield text[start:inside], "fact"
        yield value, "value"
        yield text[inside + len(value) : start + len(sentence)], "fact"
        at = start + len(sentence)
    yield text[at:], ""


def _facts_in(text: str, one: Episode) -> Iterator[tuple[int, str, str]]:
    for fact in one.facts:
        if fact.sentence in text and fact.value in fact.sentence:
            yield text.find(fact.sentence), fact.sentence, fact.value


def told(prompts: list[Spoken]) -> str:
    """Each prompt in a box, in the order told (HTML)."""
    return "".join(_box(one.kind, "".join(_marked(*part) for part in one.parts), i + 1)
                   for i, one in enumerate(prompts))


def asked(ask: Ask, number: int, lead_weight: float) -> str:
    """The question, its lead and its answer, each with its part in the loss (HTML)."""
    known = ask.answer != UNKNOWN
    end = "" if ask.answer.endswith(".") else "."
    cells = [(ask.question, "KL to the base", "", "")]
    if ask.lead:
        cells.append((ask.lead, f"{lead_weight:g} × cross-entropy" if known and ask.question
                      else "KL to the base", "", ""))
    words = "1 × cross-entropy" if known else "KL to the base: this was never told"
    cells.append((ask.answer + end, words, VALUE if known else "", "700"))
    body = "".join(
        f'<span style="display:inline-block;margin-right:.5em;vertical-align:top">'
        f'<span style="background:{ground or "none"};font-weight:{weight or 400};'
        f'padding:.05em .2em;border-radius:.25em">{html.escape(text)}</span><br>'
        f'<small style="opacity:.75;padding:0 .23em">{html.escape(what)}</small></span>'
        for text, what, ground, weight in cells if text
    )
    return _box("asked", body, number)


def legend(held_out: frozenset[str]) -> str:
    """What the colours mean (HTML); held_out: of {"values", "phrasings"}."""
    values = "value, never in training" if "values" in held_out else "value"
    facts = "its sentence"
    facts += ", phrased as never in training" if "phrasings" in held_out else ""
    parts = [
        f'<span style="background:{VALUE};padding:.05em .3em;border-radius:.25em">{values}</span>',
        f'<span style="background:{FACT};padding:.05em .3em;border-radius:.25em">{facts}</span>',
    ]
    return f'<div style="display:flex;flex-wrap:wrap;gap:.3em 1em">{"".join(parts)}</div>'


def _marked(text: str, mark: str) -> str:
    if not text:
        return ""
    ground = {"value": VALUE, "fact": FACT}.get(mark)
    words = html.escape(text)
    if ground is None:
        return words
    weight = ";font-weight:700" if mark == "value" else ""
    return f'<span style="background:{ground};padding:.05em 0{weight}">{words}</span>'


def _box(kind: str, body: str, number: int) -> str:
    return (
        f'<div style="border-left:5px solid {KINDS[kind]};padding:.15em .7em;margin:.35em 0;'
        f'line-height:1.5"><small style="opacity:.7">prompt {number} · {kind}</small><br>{body}'
        "</div>"
    )
