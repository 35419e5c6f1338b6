"""Five memories answer one question: a card each. Data in, HTML out."""

import html

from components.kit import palette
from components.kit.next_token import percent
from components.kit.units import show_bytes
from components.notes.prompt import said

KINDS = {
    "weights": (
        "Weights alone", palette.MLP,
        ("What training left in the weights. It is the same for every visitor and learns nothing "
        "from you."),
    ),
    "prompt": (
        "Prompt", palette.EMBEDDING,
        ("The facts pasted in front of every question: read again each time, and gone with the "
         "prompt."),
    ),
    "cache": (
        "KV cache kept", palette.KEY,
        ("The same facts read once, keys and values kept: the same answer for less work, no new "
         "knowledge."),
    ),
    "memory": (
        "In the network", palette.ATTENTION,
        "Told once. Slots of keys and values outlive the prompt, and attention reads them.",
    ),
    "notes": (
        "Notes", palette.MEMORY,
        ("Text outside: found by a search, put into the prompt. The network itself remembers "
         "nothing."),
    ),
}


def cards(memories, n_positions: int) -> str:
    """memories: run.AskedMemory, five of them -> cards side by side, as many as fit."""
    inside = "".join(_card(memory, n_positions) for memory in memories)
    grid = "display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:.9em"
    return f'<div style="{grid}">{inside}</div>'


def _card(memory, n_positions: int) -> str:
    name, hue, what = KINDS[memory.name]
    body = _problem(memory) if memory.answer is None else _answer(memory, n_positions, hue)
    return (
        f'<div data-memory="{memory.name}" style="border:1px solid rgba(127,127,127,.35);'
        f'border-top:6px solid {hue};border-radius:.5em;padding:.7em .8em;display:flex;'
        'flex-direction:column;gap:.45em;line-height:1.3">'
        f'<b style="font-size:1.15em">{name}</b>{body}'
        f'<div style="margin-top:auto;font-size:.95em">{what}</div></div>'
    )


def _answer(memory, n_positions: int, hue: str) -> str:
    first, p = memory.answer.top.texts[0], float(memory.answer.top.probability[0])
    return (
        '<div style="font-size:1.5em;font-weight:700;line-height:1.2;min-height:2.4em;'
        f'overflow-wrap:anywhere"><bdi>{html.escape(said(memory.answer))}</bdi></div>'
        f'<div><span style="white-space:nowrap">p(<b><bdi>{html.escape(first)}</bdi></b>) {_is(p)}'
        f"</span>{_bar(p, hue)}</div>"
        f"<div><b>{memory.n_window:,}</b> of {n_positions:,} tokens of the window"
        f"{_bar(memory.n_window / n_positions, palette.EMBEDDING)}</div>"
        f"<div><b>{show_bytes(memory.n_bytes)}</b> kept<br>"
        f'<small style="opacity:.8">{html.escape(memory.kept)}</small></div>'
        f'<small style="opacity:.8">{html.escape(memory.note)}</small>'
    )


def _problem(memory) -> str:
    return f"<div><i>Cannot be asked:</i> {html.escape(memory.problem)}</div>"


def _is(p: float) -> str:
    """ "= 4.6 %", or "> 99.9 %" as it is."""
    words = percent(p)
    return words if words[0] in "<>" else f"= {words}"


def _bar(p: float, hue: str) -> str:
    return (
        f'<span style="display:block;height:.7em;background:{palette.EMPTY};border-radius:.2em">'
        f'<span style="display:block;height:100%;width:{100 * p:.2f}%;min-width:2px;'
        f'background:{hue};border-radius:.2em"></span></span>'
    )
