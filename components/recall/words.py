"""What the recall page says in HTML: the verdict, controls and before/after as bars.

Numbers and strings in, HTML out; every text is escaped.
"""

import html
from dataclasses import dataclass

from components.kit import palette
from components.kit.next_token import percent
from components.kit.units import show_change, show_number

HEADS = {
    "recalled": "Recalled", "another slot": "Recalled", "many slots": "Recalled, by several words",
    "carried": "Recalled, carried", "already likely": "Said anyway",
    "said otherwise": "Said, in other letters", "not recalled": "Not recalled",
    "no memory": "No memory", "no answer": "No answer to judge",
}
MOST_TOLD = 12  # prompts of an episode that are written out
GOOD = ("recalled", "another slot", "many slots", "carried")


@dataclass(frozen=True)
class Line:
    """A bar: its name, probability (None: nothing to draw), hue, and the words after it."""

    name: str
    p: float | None
    hue: str
    more: str = ""


def signed(nats: float) -> str:
    """+7.40, −0.02, 0."""
    return show_change(nats)


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def verdict(title: str, kind: str, words: str) -> str:
    """The verdict on a variant, large, then its evidence."""
    hue = palette.VALUE if kind in GOOD else palette.LABEL
    hue = palette.SURPRISAL if kind == "not recalled" else hue
    return (
        f'<div style="border-left:6px solid {hue};padding:.1em 0 .1em .8em;min-height:5.2em;'
        'overflow-wrap:anywhere"><div style="font-size:1.35em;font-weight:700;line-height:1.3">'
        f"{html.escape(title)}: {HEADS[kind].lower()}</div>"
        f'<div style="font-size:1.08em;line-height:1.45">{html.escape(sentence(words))}</div></div>'
    )


def bars(lines: list[Line]) -> str:
    """Probabilities below each other, each with its name, its number and the answer."""
    rows = "".join(_row(line) for line in lines)
    return (
        '<div style="display:grid;grid-template-columns:fit-content(9.5em) minmax(4em,1fr) '
        'max-content;gap:.42em .7em;align-items:center;font-variant-numeric:tabular-nums;'
        f'line-height:1.25;font-size:1.02em">{rows}</div>'
    )


def _row(line: Line) -> str:
    more = (
        f'<span style="grid-column:2 / 4;opacity:.8;font-size:.9em;margin-top:-.35em;'
        f'overflow-wrap:anywhere">{html.escape(line.more)}</span>' if line.more else ""
    )
    name = f'<b style="font-weight:600;white-space:pre-wrap">{html.escape(line.name)}</b>'
    if line.p is None:
        return f"{name}{_said(line.more)}"
    width = f"{100 * line.p:.2f}%"
    return (
        f'{name}<span style="background:{palette.EMPTY};border-radius:.2em;height:1.05em">'
        f'<span style="display:block;height:100%;width:{width};min-width:2px;border-radius:.2em;'
        f'background:{line.hue}"></span></span>'
        f'<b style="text-align:right">{html.escape(percent(line.p))}</b>{"<span></span>" if more else ""}{more}'
    )


def _said(text: str) -> str:
    return (
        f'<span style="grid-column:2 / 4;overflow-wrap:anywhere">{html.escape(text)}</span>'
    )


def said(before: str, now: str) -> str:
    """The answer before and after the change, large, in a box of fixed height."""
    row = "font-size:1.25em;font-weight:700;line-height:1.35;height:4.1em;overflow:hidden"
    small = "font-weight:400;font-size:.72em;opacity:.75"
    return (
        f'<div style="display:grid;grid-template-columns:1fr 1fr;gap:1em;margin:.4em 0;{row}">'
        f'<div><span style="{small}">before</span><br>{html.escape(before)}</div>'
        f'<div><span style="{small}">now</span><br>{html.escape(now)}</div></div>'
    )


def heading(title: str, more: str = "") -> str:
    """A panel's title, and what it shows in a few words."""
    small = f'<div style="opacity:.75;font-size:.95em">{html.escape(more)}</div>' if more else ""
    return (
        f'<div style="line-height:1.35"><b style="font-size:1.15em">{html.escape(title)}</b>'
        f"{small}</div>"
    )


def episode(line: dict, probe, right) -> str:
    """What was told and, for each question, the expected answer and the result."""
    told = "".join(f"<div>{html.escape(text)}</div>" for text in probe.tell[:MOST_TOLD])
    if len(probe.tell) > MOST_TOLD:
        told += f'<div style="opacity:.75">… {len(probe.tell) - MOST_TOLD:,} more prompts …</div>'
    if line["distance"]:
        told += f'<div style="opacity:.75">… {line["distance"]:,} tokens of other talk …</div>'
    asked = "".join(_asked(answer, right) for answer in line["answers"])
    return (
        f'<div style="line-height:1.45"><b>seed {line["seed"]}</b>'
        f'<div style="margin:.2em 0 .5em;max-height:13em;overflow:auto">{told}</div>{asked}</div>'
    )


def _asked(answer: dict, right) -> str:
    if answer["answer"] is None:
        good, wanted = not answer.get("false", False), "never told"
        how = f"says “{answer.get('said', '').strip()}”"
    else:
        good, wanted = right(answer), answer["answer"].strip()
        how = f"p {percent(answer['p'])}, rank {', '.join(map(str, answer['rank']))}"
    hue, mark = (palette.VALUE, "✓") if good else (palette.SURPRISAL, "✗")
    return (
        f'<div style="margin:.15em 0"><b style="color:{hue}">{mark}</b> {html.escape(answer["ask"])} '
        f'<b>{html.escape(wanted)}</b> <span style="opacity:.75">{html.escape(how)}</span></div>'
    )


def tallies(reports: dict[str, dict]) -> str:
    """Variant -> report of a file's lines: exact, said, false recall as shares, and the means."""
    head = ("", "exact", "said somewhere", "false recall", "probability, geometric mean",
            "reciprocal rank")
    titles = "".join(f'<th style="text-align:left;padding:.3em .9em .3em 0;opacity:.75;'
                     f'font-weight:600">{title}</th>' for title in head)
    rows = ""
    for name, one in reports.items():
        means = (one["probability_geometric_mean"], one["reciprocal_rank"])
        cells = [_share(one[key]) for key in ("exact", "said", "false_recall")]
        cells += ["–" if x is None else f"<b>{show_number(x)}</b>" for x in means]
        row = "".join(f'<td style="padding:.3em .9em .3em 0">{cell}</td>' for cell in cells)
        rows += f'<tr><th style="text-align:left;padding-right:1em">{html.escape(name)}</th>{row}</tr>'
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;font-size:1.08em;'
        f'font-variant-numeric:tabular-nums"><tr>{titles}</tr>{rows}</table></div>'
    )


def labelled(labels: dict[str, dict[str, dict]]) -> str:
    """Label -> variant -> report: exact, said and false recall as shares, a row each."""
    head = ("label", "variant", "exact", "said somewhere", "false recall")
    cell = "text-align:left;padding:.3em .9em .3em 0;vertical-align:top"
    titles = "".join(f'<th style="{cell};opacity:.75;font-weight:600">{title}</th>' for title in head)
    rows = "".join(
        _labelled_row(label if i == 0 else "", name, one, cell)
        for label, group in labels.items() for i, (name, one) in enumerate(group.items())
    )
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;font-size:1.08em;'
        f'font-variant-numeric:tabular-nums"><tr>{titles}</tr>{rows}</table></div>'
    )


def _labelled_row(label: str, name: str, one: dict, cell: str) -> str:
    shares = "".join(
        f'<td style="{cell}">{_share(one[key])}</td>' for key in ("exact", "said", "false_recall")
    )
    line = "border-top:1px solid rgba(128,128,128,.4)" if label else ""
    return (
        f'<tr style="{line}"><th style="{cell};overflow-wrap:anywhere;max-width:16em"><bdi>'
        f"{html.escape(label)}</bdi></th>"
        f'<th style="{cell};font-weight:600">{html.escape(name)}</th>{shares}</tr>'
    )


def _share(found: dict | None) -> str:
    if found is None:
        return "–"
    return (
        f"<b>{found['share']:.1%}</b> <small>{found['low']:.0%} to {found['high']:.0%}, "
        f"n = {found['n']:,}</small>"
    )


def plain(text: str) -> str:
    """Safe inside Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|$:~" else c for c in text)


def notes(lines: tuple[str, ...]) -> str:
    """Small print, a line each."""
    rows = "".join(f"<div>{html.escape(sentence(line))}</div>" for line in dict.fromkeys(lines))
    return f'<div style="opacity:.8;font-size:.95em;line-height:1.4">{rows}</div>'
