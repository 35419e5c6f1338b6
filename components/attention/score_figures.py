"""Who wrote a score, and what a cut changes: arrays in, grids and HTML out."""

from dataclasses import dataclass

import numpy as np

from components.kit.cell_grid import Grid, signed_levels
from components.kit.fact_strip import fact_strip
from components.kit.units import show_number

MOST_WRITERS = 14  # on each side; the smaller ones are summed up


@dataclass(frozen=True, eq=False)
class Folded:
    """The largest writers of each side and the sum of the others. parts (R,N), whose sum is the
    score; rows, columns: index of each writer, None for the others; writers: all of them."""

    parts: np.ndarray
    rows: list[int | None]
    columns: list[int | None]
    writers: tuple

    @property
    def largest(self) -> tuple[int, int]:
        """The cell of the largest pair of writers that are not summed up."""
        n, m = len(self.rows) - (None in self.rows), len(self.columns) - (None in self.columns)
        row, column = np.unravel_index(np.abs(self.parts[:n, :m]).argmax(), (n, m))
        return int(row), int(column)


def folded(*found) -> list[Folded]:
    """found: model.analysis.score_parts.ScoreParts of one head -> each with the same writers: those
    that are largest in all together."""
    size = sum(np.abs(one.parts) for one in found)
    rows, columns = _largest(size.sum(1)), _largest(size.sum(0))
    return [Folded(_fold(_fold(one.parts, rows).T, columns).T, rows, columns, one.writers) for one in found]


def _largest(size: np.ndarray) -> list[int | None]:
    """size (W,) -> the largest writers in their order; None behind them: the others."""
    if len(size) <= MOST_WRITERS + 1:
        return list(range(len(size)))
    return [*np.sort(np.argsort(-size)[:MOST_WRITERS]).tolist(), None]


def _fold(parts: np.ndarray, rows: list[int | None]) -> np.ndarray:
    """(W,N) -> these rows, and the sum of the others."""
    kept = parts[[i for i in rows if i is not None]]
    return np.vstack([kept, parts.sum(0) - kept.sum(0)]) if None in rows else kept


def names(writers) -> list[str]:
    """Each writer in short: "token", "head 3.6", "MLP 2", "bias"."""
    return [_name(writer) for writer in writers]


def _name(writer) -> str:
    if writer.kind == "head":
        return f"head {writer.layer}.{writer.head}"
    if writer.kind in ("mlp", "memory"):
        return f"{'MLP' if writer.kind == 'mlp' else 'memory'} {writer.layer}"
    return writer.kind


def writers_grid(found: Folded, top: float) -> Grid:
    """The map writer × writer; top: what full colour stands for."""
    rows, columns = (
        ["others" if i is None else _name(found.writers[i]) for i in side]
        for side in (found.rows, found.columns)
    )
    return Grid(
        title=f"One score by its writers: {len(rows)} of the query, {len(columns)} of the key",
        levels=signed_levels(found.parts, top),
        rows=rows,
        columns=columns,
        row_words=[f"query: {name}" for name in rows],
        column_words=[f"key: {name}" for name in columns],
        row_hues=["query"] * len(rows),
        details=[("adds to the score", "part", "signed")],
        arrays={"part": found.parts},
        texts=[_short(x) for x in found.parts.ravel()],
        signed=True,
        column_title="written into the key →",
        left=84,
        height=22 * len(rows),
        row_least=10,
        row_most=26,
    )


def _short(x: float) -> str:
    if abs(x) < 0.05:
        return ""
    text = f"{x:.1f}" if abs(x) < 9.95 else f"{x:.0f}"
    return text.replace("0.", ".", 1).replace("-", "−")


def cut_facts(change) -> str:
    """How cuts change the next token, in three numbers (HTML)."""
    top = float(np.abs(change.probability_after - change.probability_before).max())
    return fact_strip([
        (show_number(change.kl_nats), "KL(original ‖ cut), nats", repr(change.kl_nats)),
        (f"{change.top_before} → {change.top_after}", "most probable next token", ""),
        (f"{show_number(100 * top)} points", "largest change of a probability shown", ""),
    ])
