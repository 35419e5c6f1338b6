"""The shape tour as HTML: the residual stream down the left, every tensor drawn beside it, its
symbols above its live shape.

Takes a Tour; knows nothing of how it was observed.
"""

import html

import pandas as pd

from components.kit import palette
from components.kit.fact_strip import fact_strip
from components.kit.units import show_bytes, show_number
from model.analysis.shape_tour import Observed, Tour, evaluate

STAGES = [
    ("Tokens become vectors", "", [("wte",), ("wpe",), ("stream",)]),
    (
        "Attention: who reads whom",
        "block",
        [
            ("ln_1",), ("c_attn",), ("q_split", "k_split", "v_split"), ("q", "k", "v"),
            ("k_turned",), ("scores",), ("scaled",), ("masked",), ("weights",),
            ("mixed",), ("joined",), ("c_proj",), ("mid",),
        ],
    ),
    (
        "MLP: each token on its own",
        "block",
        [("ln_2",), ("c_fc",), ("act",), ("mlp_proj",), ("after",)],
    ),
    ("Scores for what comes next", "after", [("ln_f",), ("lm_head",), ("next",)]),
]
THIRDS = (
    f"linear-gradient(90deg,{palette.QUERY} 33.3%,{palette.KEY} 33.3% 66.7%,{palette.VALUE} 66.7%)"
)
COLOURS = {
    "wte": palette.EMBEDDING,
    "wpe": palette.POSITION,
    **dict.fromkeys(("stream", "mid", "after"), palette.RESIDUAL),
    **dict.fromkeys(("ln_1", "ln_2", "ln_f"), palette.NORM),
    "c_attn": THIRDS,
    **dict.fromkeys(("q_split", "q"), palette.QUERY),
    **dict.fromkeys(("k_split", "k", "k_turned"), palette.KEY),
    **dict.fromkeys(("v_split", "v", "mixed", "joined"), palette.VALUE),
    **dict.fromkeys(("scores", "scaled", "masked", "weights", "c_proj"), palette.ATTENTION),
    **dict.fromkeys(("c_fc", "act", "mlp_proj"), palette.MLP),
    **dict.fromkeys(("lm_head", "next"), palette.OUTPUT),
}
TOGETHER = {
    "q_split": ("query, key, value", "columns 0…D, D…2D, 2D…3D", "the product cut in three"),
    "q": ("q, k, v by head", "D = H × d_h", "each head gets its own d_h columns"),
}
LETTERS = {
    "B": "prompts at once",
    "T": "tokens",
    "D": "model width",
    "H": "heads",
    "d_h": "head width",
    "F": "MLP width",
    "V": "vocabulary",
}
WIDEST, TALLEST, POWER = 236, 44, 0.3  # a side of n is drawn as n^0.3


def letters(tour: Tour) -> str:
    """What each letter stands for and is now, as a strip of large numbers."""
    return fact_strip(
        (f"{name} = {tour.dims[name]:,}", meaning, "") for name, meaning in LETTERS.items()
    )


def ladder(tour: Tour) -> str:
    """All operations of the tour from top to bottom, beside the residual stream they feed."""
    seen = {step.operation.key: step for step in tour.steps}
    scale = _scale(tour.steps)
    rows = []
    for title, where, groups in STAGES:
        rows.append(_heading(title, where, tour, is_first=not rows))
        rows += [_row([seen[key] for key in keys], tour, scale) for keys in groups]
    return f'<div style="max-width:58em">{"".join(rows)}</div>'


def verdict(tour: Tour) -> str:
    """Whether all observed shapes equal the shapes by letters; wrong ones are named."""
    wrong = [s for s in tour.steps if evaluate(s.operation.symbols, tour.dims) != s.shape]
    n = len(tour.steps)
    if wrong:
        names = ", ".join(s.operation.title for s in wrong)
        return f"✗ {n - len(wrong)} of {n} shapes are as the letters say; not: {names}."
    return f"✓ All {n} tensors, computed from this prompt, have the shape that the letters say."


def table(tour: Tour) -> pd.DataFrame:
    """One row per tensor: operation, formula, symbols, actual shape, dtype, bytes, range."""
    rows = [
        (
            s.operation.title,
            _formula(s, tour),
            _tuple(s.operation.symbols),
            _tuple(s.shape),
            s.dtype,
            s.n_bytes,
            s.minimum,
            s.maximum,
        )
        for s in tour.steps
    ]
    columns = ["operation", "formula", "symbols", "actual", "dtype", "bytes", "smallest", "largest"]
    return pd.DataFrame(rows, columns=columns)


def _heading(title: str, where: str, tour: Tour, is_first: bool) -> str:
    last = tour.n_layer - 1
    block = f"block {tour.layer}; all blocks, 0 to {last}, have these shapes"
    note = {"block": block, "after": f"after block {last}"}.get(where, "")
    return (
        f'<div style="display:flex">{_spine("none" if is_first else "pass")}'
        '<div style="flex:1;display:flex;flex-wrap:wrap;gap:0 .8em;align-items:baseline;'
        'padding:.7em 0 .2em;border-bottom:1px solid rgba(127,127,127,.35)">'
        f'<b style="font-size:1.2em">{html.escape(title)}</b>'
        f'<span style="opacity:.75">{note}</span></div></div>'
    )


def _row(steps: list[Observed], tour: Tour, scale: float) -> str:
    o = steps[0].operation
    name, formula, meaning = TOGETHER.get(o.key, (o.title, _formula(steps[0], tour), o.meaning))
    hover = html.escape("\n".join(_hover(s) for s in steps))
    pictures = "".join(_picture(s, scale) for s in steps)
    times = f"{len(steps)} × " if len(steps) > 1 else ""
    symbols = html.escape(", ".join(o.symbols))
    ground = "background:rgba(127,127,127,.12);" if _joins(o.key) == "join" else ""
    return (
        f'<div style="display:flex" title="{hover}">{_spine(_joins(o.key))}'
        '<div style="flex:1;display:flex;flex-wrap:wrap;align-items:center;gap:.1em .9em;'
        f'padding:.22em .5em;border-radius:6px;{ground}">'
        f'<div style="flex:0 0 {WIDEST + 10}px;display:flex;gap:6px;align-items:center">{pictures}'
        '</div><div style="flex:1 1 9em;line-height:1.25">'
        f'<b>{html.escape(name)}</b>&ensp;<span style="font-family:ui-monospace,monospace;'
        f'font-size:.9em">{html.escape(formula)}</span>'
        f'<div style="font-size:.88em;opacity:.75">{html.escape(meaning)}</div></div>'
        '<div style="margin-left:auto;text-align:right;line-height:1.25;white-space:nowrap">'
        f'<div style="font-size:.9em;opacity:.75">{times}({symbols})</div>'
        f'<b style="font-family:ui-monospace,monospace;font-size:1.1em">{_tuple(steps[0].shape)}</b>'
        "</div></div></div>"
    )


def _joins(key: str) -> str:
    """How a row connects to the residual stream: see _spine."""
    special = {"wte": "feed", "stream": "start", "mid": "join", "after": "join"}
    special |= {"ln_1": "leave", "ln_2": "leave", "ln_f": "end", "lm_head": "out", "next": "stop"}
    return special.get(key, "beside" if key != "wpe" else "beside_only")


def _spine(how: str) -> str:
    """The drawing left of a row: the stream runs down at x = 14, a branch at x = 40."""
    ink = "background:rgba(127,127,127,.75);"
    main, branch = f"background:{palette.RESIDUAL};width:6px;left:11px;", f"{ink}width:2px;left:39px;"
    across = f"{ink}left:14px;width:26px;height:2px;top:calc(50% - 1px);"
    full, upper, lower = "top:0;bottom:0;", "top:0;bottom:50%;", "top:50%;bottom:0;"
    lines = {
        "none": [],
        "pass": [main + full],
        "feed": [branch + lower],
        "beside_only": [branch + full],
        "start": [main + lower, branch + upper, across],
        "leave": [main + full, branch + lower, across],
        "beside": [main + full, branch + full],
        "join": [main + full, branch + upper, across],
        "end": [main + upper, branch + lower, across],
        "out": [branch + full],
        "stop": [branch + upper],
    }[how]
    marks = "".join(f'<i style="position:absolute;{line}"></i>' for line in lines)
    if how in ("start", "join"):
        marks += (
            '<b style="position:absolute;left:2px;top:calc(50% - 12px);width:24px;height:24px;'
            f'border-radius:50%;background:{palette.RESIDUAL};color:#fff;text-align:center;'
            'line-height:23px">+</b>'
        )
    return f'<div style="flex:0 0 56px;position:relative">{marks}</div>'


def _hover(step: Observed) -> str:
    return (
        f"{step.operation.title}: {_tuple(step.shape)} {step.dtype}, {show_bytes(step.n_bytes)}, "
        f"values {show_number(step.minimum, 4)} to {show_number(step.maximum, 4)}"
    )


def _formula(step: Observed, tour: Tour) -> str:
    if step.operation.key == "scaled":
        return f"× {show_number(tour.scaling, 4)}" + (" (1/√d_h)" if _is_plain_scaling(tour) else "")
    return tour.activation if step.operation.key == "act" else step.operation.formula


def _is_plain_scaling(tour: Tour) -> bool:
    return abs(tour.scaling - tour.dims["d_h"] ** -0.5) < 1e-9


def _scale(steps: tuple[Observed, ...]) -> float:
    widest = max(s.shape[-1] for s in steps) ** POWER
    tallest = max(s.shape[-2] for s in steps) ** POWER
    third = next(s.shape[-1] for s in steps if s.operation.key == "q_split") ** POWER
    return min(WIDEST / widest, TALLEST / tallest, (WIDEST - 12) / (3 * third))


def _picture(step: Observed, scale: float) -> str:
    """The last two axes as a rectangle; heads as sheets behind it (at most four drawn)."""
    width = max(3.0, step.shape[-1] ** POWER * scale)
    height = max(3.0, step.shape[-2] ** POWER * scale) if len(step.shape) > 2 else 4.0
    sheets = min(4, step.shape[1]) if len(step.shape) == 4 else 1
    look = f"position:absolute;width:{width:.1f}px;height:{height:.1f}px;border-radius:1px;"
    look += f"background:{COLOURS[step.operation.key]};box-shadow:0 0 0 .6px rgba(127,127,127,.9);"
    marks = [
        f'<i style="{look}left:{3 * i}px;top:{3 * (sheets - 1 - i)}px;'
        f'opacity:{1 if i == 0 else 0.55}"></i>'
        for i in reversed(range(sheets))
    ]
    w, h = width + 3 * (sheets - 1), height + 3 * (sheets - 1)
    return f'<div style="position:relative;width:{w:.1f}px;height:{h:.1f}px">{"".join(marks)}</div>'


def _tuple(values: tuple) -> str:
    return "(" + ", ".join(map(str, values)) + ")"
