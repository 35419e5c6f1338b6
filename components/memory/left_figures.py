"""What is left of told tokens, prompts later: arrays and strings in, a grid and facts out."""

import numpy as np

from components.kit.cell_grid import Grid, levels
from components.kit.fact_strip import fact_strip
from components.kit.units import show_number

WORDS = {"effect": "moves the next token by, nats", "read": "read weight"}


def left_grid(values: np.ndarray | None, own: np.ndarray, shown: str, names: list[str],
              words: list[str], columns: list[str]) -> tuple[Grid, float]:
    """values (W,P): of W told tokens after each of P prompts, None while they are computed; own (W,):
    the column of each token's own prompt; shown: a key of WORDS; names, words: of the tokens; columns:
    the prompts in words -> the grid, and what full colour stands for."""
    shape = len(names), len(columns)
    found = np.full(shape, np.nan) if values is None else values.copy()
    found[np.arange(shape[1]) < own[:, None]] = np.nan  # not told yet
    at_first = found[np.arange(len(names)), own][:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = np.where(at_first > 0, found / at_first, np.nan)
    top = float(np.nanmax(found)) if np.isfinite(found).any() else 1.0
    grid = Grid(
        title=f"What is left of {shape[0]} told tokens after {shape[1]} prompts",
        levels=levels(found, top),
        rows=names,
        columns=[str(i + 1) for i in range(shape[1])],
        row_words=words,
        column_words=columns,
        row_hues=["memory"] * shape[0],
        details=[(WORDS[shown], "value", "number"), ("× what it was when told", "kept", "number")],
        arrays={"value": found, "kept": kept},
        texts=["" if np.isnan(x) else _short(x) for x in found.ravel()],
        column_title="after prompt →",
        left=120,
        least=34,
        most=72,
        height=26 * shape[0],
        row_least=14,
        row_most=26,
    )
    return grid, top


def effect_facts(change) -> str:
    """change: model.analysis.ablation.AblationChange (HTML)."""
    logit = change.logit_after - change.logit_before
    top = int(change.probability_before.argmax())
    return fact_strip([
        (show_number(change.kl_nats), "KL, nats", "0 = nothing changed"),
        (f"{change.top_before} → {change.top_after}", "most probable next token", ""),
        (show_number(float(logit[top]), sign=True), f"Δ logit of {change.texts[top]}", ""),
    ])


def _short(x: float) -> str:
    return f"{x:.1f}" if x >= 0.995 else "0" if x < 0.005 else f"{x:.2f}".replace("0.", ".", 1)
