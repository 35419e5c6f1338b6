"""Who made a logit: its parts sorted as a waterfall, and as a map. Arrays in, figures out."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from components.kit import palette
from components.kit.cell_grid import Grid, signed_levels
from components.kit.fact_strip import fact_strip
from components.kit.units import show_error
from components.residual.part_grid import part_grid

MOST_BARS = 14
FEW_BARS = 7  # in a hall: as many as have a line of large type each
COLOURS = {
    "token": palette.EMBEDDING,
    "position": palette.POSITION,
    "head": palette.ATTENTION,
    "bias": palette.NORM,
    "mlp": palette.MLP,
    "rest": palette.RESIDUAL,
    "total": palette.OUTPUT,
}


@dataclass(frozen=True)
class Addend:
    """One addend of a logit: its name, its kind (a key of COLOURS) and its value in logits."""

    name: str
    kind: str
    value: float


def parts(found, token: str) -> list[Addend]:
    """found: what `run.attribute` gives -> every addend, the largest size first."""
    n_layers, n_heads = found.heads.shape
    rows = [Addend(f"token {token}", "token", found.token)]
    rows.append(Addend("position", "position", found.position))
    for i in range(n_layers):
        rows += [
            Addend(f"layer {i} head {h}", "head", float(found.heads[i, h])) for h in range(n_heads)
        ]
        rows.append(Addend(f"layer {i} attention bias", "bias", float(found.attention_bias[i])))
        rows.append(Addend(f"layer {i} MLP", "mlp", float(found.mlp[i])))
    rows.append(Addend("final LayerNorm β", "bias", found.final_bias))
    return sorted(rows, key=lambda part: -abs(part.value))


def folded(rows: list[Addend], most: int = MOST_BARS) -> list[Addend]:
    """The `most` largest parts, and the sum of all others as one."""
    if len(rows) <= most + 1:
        return rows
    rest = sum(part.value for part in rows[most:])
    return [*rows[:most], Addend(f"rest: {len(rows) - most} smaller parts", "rest", rest)]


def waterfall(rows: list[Addend], total_name: str) -> go.Figure:
    """Each bar begins where the one above ends; the last bar is the sum. Bars that lower the logit
    are hatched."""
    values = np.array([part.value for part in rows])
    ends = values.cumsum()
    names = [part.name for part in rows] + [f"<b>{total_name}</b>"]
    lengths, bases = [*values, ends[-1]], [*(ends - values), 0.0]
    kinds = [part.kind for part in rows] + ["total"]
    figure = go.Figure(
        go.Bar(
            y=list(range(len(names))), x=lengths, base=bases, orientation="h",
            marker={
                "color": [COLOURS[kind] for kind in kinds],
                "pattern": {"shape": ["/" if x < 0 else "" for x in lengths],
                            "fillmode": "replace", "solidity": 0.45, "size": 9},
            },
            text=[f"{x:+.2f}".replace("-", "−") for x in lengths], textposition="outside",
            cliponaxis=False, textfont_size=15, constraintext="none",
            customdata=[[name, f"{x:+.6g}"] for name, x in zip(names, lengths)],
            hovertemplate="%{customdata[0]}<br><b>%{customdata[1]}</b> logits<extra></extra>",
        )
    )
    figure.update_yaxes(
        autorange="reversed", tickvals=list(range(len(names))), ticktext=names, tickfont_size=15
    )
    reach = np.array([0.0, *ends])
    room = 0.2 * ((reach.max() - reach.min()) or 1)
    low = min(0.0, *(end - room for end, x in zip([*ends, ends[-1]], lengths) if x < 0), 0.0)
    figure.update_xaxes(
        title="logit, adding up from the top; hatched: lowers it", range=[low, reach.max() + room],
        tickfont_size=14, title_font_size=15, zeroline=True, zerolinewidth=2,
    )
    margin = {"l": 8, "r": 8, "t": 8, "b": 8}
    return figure.update_layout(height=560, bargap=0.22, font_size=15, margin=margin)


def facts(found, shown: list[Addend], n_parts: int) -> str:
    """The logit, the sum of the parts and their difference (HTML)."""
    gap = found.total - found.logit
    n_folded = n_parts - len(shown) + 1 if shown[-1].kind == "rest" else 0
    fold = (f"{len(shown) - 1} largest shown", f"{n_folded} folded into rest", "")
    return fact_strip([
        (f"{found.logit:.3f}".replace("-", "−"), "the model's own logit", repr(found.logit)),
        (f"{found.total:.3f}".replace("-", "−"), f"sum of {n_parts} parts", repr(found.total)),
        (show_error(gap), "difference", "rounding of the model's number format"),
        fold if n_folded else ("all shown", "nothing folded", ""),
    ])


def layer_map(found) -> Grid:
    """Layers × (heads, MLP, bias), in logits; blue-violet raises, red lowers."""
    values = parts_of_layers(found)
    return parts_map(values, float(np.abs(values).max()) or 1.0)


def parts_of_layers(found) -> np.ndarray:
    """What each layer's heads, MLP and attention bias add to the logit, (L,H+2)."""
    return np.concatenate([found.heads, found.mlp[:, None], found.attention_bias[:, None]], 1)


def parts_map(values: np.ndarray, top: float) -> Grid:
    """values (L,H+2) in logits, or a difference of two such; top: what full colour stands for."""
    n_layers, n_heads = values.shape[0], values.shape[1] - 2
    return part_grid(
        values, ("bias", "attention bias"),
        title=f"Share of the logit of {n_layers} layers, {n_heads} heads each, MLPs and biases",
        levels=signed_levels(values, top),
        details=[("adds", "values", "signed")],
        texts=[_short(x) for x in values.ravel()],
        signed=True,
        column_title="head →",
        left=66,
        most=58,
    )


def _short(x: float) -> str:
    size = abs(x)
    words = f"{x:+.0f}" if size >= 9.95 else f"{x:+.1f}" if size >= 0.05 else ""
    return words.replace("-", "−")
