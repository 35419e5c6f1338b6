"""Switching parts off: the board of switches, and what changes."""

import numpy as np

from components.kit.cell_grid import Grid, levels
from components.kit.fact_strip import fact_strip
from components.kit.units import show_number
from components.residual.part_grid import part_grid


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
