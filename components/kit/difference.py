"""B minus A as pictures of cells: 0 is the ground's own colour, red lies below it, blue above.

Arrays and strings in, grids out. Knows nothing of what was compared.
"""

import numpy as np

from components.kit.cell_grid import Grid, levels, signed_levels

MOST = 40  # tokens of a map; of more, the last ones are drawn


def weights(
    change: np.ndarray, names: list[str], words: list[str], of: str, height: int = 430
) -> Grid:
    """change (N,N): weights of B minus those of A, row = query; names, words: of the N tokens; of:
    whose weights these are; height: of all rows, in pixels. The colour is the root of the change, as a
    map's is of its weights."""
    return Grid(
        title=f"{of}, B minus A: {len(names)} × {len(names)} tokens",
        levels=signed_levels(np.sign(change) * np.sqrt(np.abs(change)), 1),
        rows=names,
        columns=names,
        row_words=[f"query {word}" for word in words],
        column_words=[f"key {word}" for word in words],
        row_hues=["query"] * len(names),
        details=[("Δ weight", "change", "signed")],
        arrays={"change": change},
        signed=True,
        height=height,
        most=34,
        row_least=9,
    )


def of_heads(values: np.ndarray, what: str, top: float, is_signed: bool) -> Grid:
    """values (L,H): one number of each head; what: its name; top: what full colour stands for."""
    layers, heads = ([f"{name} {i}" for i in range(n)] for name, n in zip(("layer", "head"), values.shape))
    return Grid(
        title=f"{what} of {values.shape[0]} layers, {values.shape[1]} heads each",
        levels=(signed_levels if is_signed else levels)(values, top),
        rows=layers,
        columns=[str(h) for h in range(values.shape[1])],
        row_words=layers,
        column_words=heads,
        row_hues=["query"] * len(layers),
        details=[(what, "values", "signed" if is_signed else "number")],
        arrays={"values": values},
        texts=["" if np.isnan(x) else short(x) for x in values.ravel()],
        signed=is_signed,
        column_title="head →",
        left=66,
        least=15,
        most=104,
        height=48 * len(layers),
        row_most=60,
    )


def row(
    values: np.ndarray, names: list[str], words: list[str], what: str, top: float = 1.0,
    is_signed: bool = True,
) -> Grid:
    """values (N,): one number of each pair of tokens, B minus A, or, where it has no sign, how far apart
    both are; names, words: of the pairs; top: what full colour stands for."""
    name, between = ("B − A", "B minus A") if is_signed else ("apart", "between A and B")
    return Grid(
        title=f"{what}, {between}: {len(names)} pairs of tokens",
        levels=(signed_levels if is_signed else levels)(values[None], top),
        rows=[name],
        columns=names,
        row_words=[name],
        column_words=words,
        row_hues=["query"],
        details=[(what, "values", "signed" if is_signed else "number")],
        arrays={"values": values[None]},
        texts=[short(x) for x in values] if len(values) <= 48 else None,
        signed=is_signed,
        height=34,
        most=110,
    )


def short(x: float) -> str:
    """A number in two digits for a cell; empty for one that is not there."""
    if np.isnan(x):
        return ""
    if abs(x) >= 9.95:
        return f"{x:.0f}".replace("-", "−")
    text = f"{x:.1f}" if abs(x) >= 0.995 else f"{x:.2f}".replace("0.", ".", 1)
    return "0" if text in (".00", "-.00") else text.replace("-", "−")
