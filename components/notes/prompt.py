"""A prompt with notes in it, token by token, and the window it costs. Strings in, HTML out."""

import html

from components.kit import palette

NOTE, ASKED, START = palette.MEMORY, palette.EMBEDDING, palette.NORM


def marked(names: list[str], parts, titles: list[str]) -> str:
    """names (T,) display strings; parts of notes.prompt.NotesPrompt; titles of the passages by
    number -> boxes in reading order: injected notes marked and named, then the question."""
    groups = "".join(_group(names[part.start : part.stop], part, titles) for part in parts)
    return (
        '<div style="max-height:19em;overflow:auto;line-height:1.5">'
        '<div style="display:flex;flex-wrap:wrap;gap:.35em .2em;align-items:end">'
        f"{groups}</div></div>"
    )


def _group(names: list[str], part, titles: list[str]) -> str:
    if part.of is not None:
        hue, label = NOTE, f"note {part.of + 1}: {titles[part.of]}"
    elif part.start == 0:
        hue, label = START, ""
    else:
        hue, label = ASKED, "your question"
    boxes = "".join(_box(name, hue) for name in names)
    count = f" · {len(names):,} token{'s' if len(names) != 1 else ''}" if label else ""
    head = (
        f'<small style="flex-basis:100%;color:color-mix(in srgb,{hue} 75%,currentColor);'
        f'font-weight:600;line-height:1.2"><bdi>{html.escape(label)}</bdi>{count}</small>'
    )
    shape = f"border-left:4px solid {hue};padding-left:.35em;" if label else ""
    return (
        f'<span data-part="{part.of if part.of is not None else "own"}" style="display:inline-flex;'
        f'flex-wrap:wrap;gap:.15em .12em;max-width:100%;{shape}">'
        f"{head if label else ''}{boxes}</span>"
    )


def _box(name: str, hue: str) -> str:
    return (
        f'<span style="border-bottom:3px solid {hue};border-radius:.25em;padding:0 .22em;'
        f"background:color-mix(in srgb,{hue} 16%,transparent);max-width:14em;overflow:hidden;"
        f'text-overflow:ellipsis;white-space:nowrap"><bdi>{html.escape(name)}</bdi></span>'
    )


def window(n_notes: int, n_asked: int, n_positions: int) -> str:
    """Tokens of notes and of the question (with <|endoftext|>) -> the window as one bar, exact
    shares, but never too thin to see."""
    left = n_positions - n_notes - n_asked
    bars = "".join(
        f'<span style="width:{100 * n / n_positions:.3f}%;min-width:{2 if n else 0}px;'
        f'background:{hue}"></span>'
        for n, hue in ((n_notes, NOTE), (n_asked, ASKED))
    )
    legend = "".join(
        '<span><span style="display:inline-block;width:.75em;height:.75em;'
        f'background:{hue}"></span> '
        f"<b>{n:,}</b> {words}</span>"
        for n, hue, words in (
            (n_notes, NOTE, "for the notes"), (n_asked, ASKED, "for the question"),
            (left, palette.EMPTY, f"of {n_positions:,} left"),
        )
    )
    return (
        f'<div style="display:flex;height:1.1em;background:{palette.EMPTY};border-radius:.2em;'
        f'overflow:hidden">{bars}</div><div style="display:flex;flex-wrap:wrap;gap:.1em 1.2em;'
        f'margin-top:.25em">{legend}</div>'
    )


def two_answers(with_notes, without) -> str:
    """Answers (texts, ended) with notes and without, large, one under the other."""
    rows = "".join(
        f'<div style="border-left:5px solid {hue};padding-left:.6em"><small style="opacity:.75">'
        f'{words}</small><div style="font-size:1.45em;font-weight:700;line-height:1.25;'
        f'overflow-wrap:anywhere"><bdi>{html.escape(said(answer))}</bdi></div></div>'
        for answer, words, hue in (
            (with_notes, "with notes in the prompt", NOTE),
            (without, "without: the question alone", palette.LABEL),
        )
    )
    return f'<div style="display:grid;gap:.5em;min-height:7.6em">{rows}</div>'


def said(answer) -> str:
    """An answer on one line, with an ellipsis if it was cut."""
    text = " ".join("".join(answer.texts).replace("·", " ").split())
    return (text or "(nothing: the text ends here)") + ("" if answer.ended else " …")
