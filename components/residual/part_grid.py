"""Layers × (heads, MLP, one more part) as a picture of cells. Knows no number of a model."""

from typing import Any

import numpy as np

from components.kit.cell_grid import Grid


def part_grid(values: np.ndarray, last: tuple[str, str], **own: Any) -> Grid:
    """values (L,H+2): of each head, of the MLP, and of what `last` names (short, and in words).

    own: whatever else the grid has, see Grid.
    """
    n_layers, n_heads = values.shape[0], values.shape[1] - 2
    names, layers = [str(h) for h in range(n_heads)], [f"layer {i}" for i in range(n_layers)]
    return Grid(
        rows=layers,
        row_words=layers,
        columns=[*names, "MLP", last[0]],
        column_words=[*(f"head {h}" for h in names), "MLP", last[1]],
        row_hues=["output"] * n_layers,
        arrays={"values": values},
        gap_before=n_heads,
        least=15,
        height=44 * n_layers,
        row_least=20,
        row_most=44,
        **own,
    )
