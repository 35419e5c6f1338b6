"""Switching parts off: the board of switches and two distributions side by side."""

import html

import numpy as np

from components.kit import palette
from components.kit.cell_grid import Grid, levels
from components.kit.fact_strip import fact_strip
from components.kit.next_token import points
from components.kit.units import show_number
from components.residual.figures import percent
from components.residual.part_grid import part_grid

AFTER = palette.KEY


def board(n_layers: int, n_heads: int, marks: list[int], alone: np.ndarray | None) -> Grid:
    """Layers × (heads, MLP, whole layer) as switches; crossed out = off. alone (L,H+2): KL in nats
    with only that part off, or None if that was not measured."""
    values = np.full((n_layers, n_heads + 2), np.nan) if alone is None else alone
    return part_grid(
        values, ("all", "the whole layer"),
        title=f"Switches of {n_layers} layers: {n_heads} heads each, MLP, whole layer. "
        "Arrow keys move, Enter switches.",
        levels=np.full(values.shape, 60, np.uint8) if alone is None else levels(np.sqrt(alone), 1),
        details=[("off alone: KL in nats", "values", "number")],
        texts=None if alone is None else [_short(x) for x in values.ravel()],
        marks=marks,
        toggles=True,
        column_title="head →   click = switch off, click again = on",
        left=76,
        most=54,
    )


def _short(x: float) -> str:
    if x >= 9.95:
        return f"{x:.0f}"
    return f"{x:.1f}" if x >= 0.995 else f"{x:.2f}"[1:] if x >= 0.005 else ""


def facts(change, n_off: int) -> str:
    """How switching off changes the next token, in three numbers (HTML)."""
    top = float(np.abs(change.probability_after - change.probability_before).max())
    return fact_strip([
        (show_number(change.kl_nats, 4), "KL(original ‖ switched off), nats", repr(change.kl_nats)),
        (f"{change.top_before} → {change.top_after}", "most probable next token", ""),
        (f"{show_number(100 * top)} points", "largest change of a probability shown", ""),
        (str(n_off), "part off" if n_off == 1 else "parts off", ""),
    ])


def pairs(change) -> str:
    """The tokens that matter before or after: two bars each, Δ probability, Δ logit (HTML)."""
    rows = [
        _row(*row)
        for row in zip(change.texts, change.probability_before, change.probability_after,
                       change.logit_after - change.logit_before)
    ]
    head = (
        f'<div style="{_WRAP};opacity:.75"><span style="flex:1 1 auto">'
        f'{_key(palette.OUTPUT, "original")} {_key(AFTER, "switched off")}</span>'
        f'{_differences("Δ probability", "Δ logit")}</div>'
    )
    return f'<div style="display:grid;gap:.28em">{head}{"".join(rows)}</div>'


_WRAP = "display:flex;flex-wrap:wrap;gap:.1em .6em;align-items:center"


def _key(colour: str, name: str) -> str:
    return (
        '<span style="white-space:nowrap;margin-right:.6em"><span style="display:inline-block;'
        f'width:.8em;height:.8em;border-radius:.2em;background:{colour}"></span> {name}</span>'
    )


def _differences(probability: str, logit: str) -> str:
    """Two columns at the right; where the bars need the room, they stand below."""
    return (
        '<span style="flex:0 0 auto;margin-left:auto;display:grid;grid-template-columns:7em 4.4em;'
        'text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums">'
        f"<span>{probability}</span><span>{logit}</span></span>"
    )


def _row(text: str, before: float, after: float, logit: float) -> str:
    bars = _bar(before, palette.OUTPUT) + _bar(after, AFTER)
    change = f"{points(100 * (after - before))} pt"
    return (
        f'<div style="{_WRAP}"><bdi style="flex:0 0 5em;text-align:right;font-weight:600;'
        f'overflow:hidden;text-overflow:ellipsis;white-space:nowrap">{html.escape(text)}</bdi>'
        f'<span style="flex:1 1 9.5em;min-width:0;display:grid;gap:1px">{bars}</span>'
        f'{_differences(change, f"{logit:+.2f}".replace("-", "−"))}</div>'
    )


def _bar(p: float, colour: str) -> str:
    return (
        '<span style="display:grid;grid-template-columns:minmax(3em,1fr) 4.2em;gap:.4em;'
        'align-items:center;line-height:1.05">'
        f'<span class="bar" style="background:{palette.EMPTY};border-radius:.15em;height:.72em">'
        f'<span style="display:block;width:{100 * p:.2f}%;height:100%;'
        f'border-radius:.15em;background:{colour}"></span></span>'
        f'<small style="font-size:.82em;white-space:nowrap">{percent(p)}</small></span>'
    )
