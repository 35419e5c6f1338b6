"""A treemap whose boxes can be clicked: areas are exact shares, groups hold their boxes.

The first group is a column of its own, the others stand beside it in order. (Plotly's treemap tells Streamlit nothing about clicks.) Knows nothing of what the boxes mean.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

from components.kit import assets

_mount = assets.component("treemap", "anatomy/treemap", '<div class="map" role="group"></div>')


@dataclass(frozen=True)
class TreemapBox:
    """One box: `name` is sent back on a click, `label` and `size` stand in it, `title` on hover."""

    name: str
    label: str
    size: str
    title: str
    weight: float
    colour: str


@dataclass(frozen=True)
class Rectangle:
    """A place on the map, in parts of its width and height."""

    x: float
    y: float
    width: float
    height: float


def treemap(
    groups: dict[str, list[TreemapBox]], chosen: str | None, key: str, height: int,
    on_choose: Callable
) -> str | None:
    """Draw the groups; returns the name of the box just clicked (on_choose runs first)."""
    boxes, frames = placed(groups, aspect=2.2)
    state = _mount(
        key=key,
        data={"boxes": boxes, "frames": frames, "chosen": chosen, "height": height},
        on_clicked_change=on_choose,
    )
    return state.get("clicked")


def placed(groups: dict[str, list[TreemapBox]], aspect: float) -> tuple[list[dict], list[dict]]:
    """Boxes with their places, and the groups' own; aspect: width ÷ height of the map."""
    weights = [sum(box.weight for box in boxes) for boxes in groups.values()]
    frames, all_boxes = shelve(weights, aspect, 1.0), []
    for frame, boxes in zip(frames, groups.values()):
        inner = squarify([b.weight for b in boxes], frame.width, frame.height)
        for at, box in zip(inner, boxes):
            moved = Rectangle(frame.x + at.x, frame.y + at.y, at.width, at.height)
            all_boxes.append(asdict(box) | _shares(moved, aspect))
    return all_boxes, [_shares(frame, aspect) for frame in frames]


def shelve(weights: list[float], width: float, height: float) -> list[Rectangle]:
    """The first weight as a column of its own, the others in order, in columns of equal length.

    Areas are exact: a column is as wide as its weights need, so the last one may hold fewer.
    """
    first, rest = weights[0], weights[1:]
    n = _column_length(len(rest), width * (1 - first / sum(weights)), height)
    columns = [[first]] + [rest[i : i + n] for i in range(0, len(rest), n)]
    rectangles, x = [], 0.0
    for column in columns:
        wide, y = width * sum(column) / sum(weights), 0.0
        for weight in column:
            high = height * weight / sum(column)
            rectangles.append(Rectangle(x, y, wide, high))
            y += high
        x += wide
    return rectangles


def _column_length(n: int, width: float, height: float) -> int:
    """How many of n equal boxes to stack so that they come out squarest, with none left over."""
    whole = [k for k in range(1, n + 1) if n % k == 0] or [1]
    return min(whole, key=lambda k: abs(math.log(width * k * k / (n * height))) if n else 0)


def _shares(r: Rectangle, aspect: float) -> dict[str, float]:
    return {"x": r.x / aspect, "y": r.y, "width": r.width / aspect, "height": r.height}


def squarify(weights: list[float], width: float, height: float) -> list[Rectangle]:
    """Cut width × height into one rectangle per weight (> 0), in order, as square as possible.

    Rows along the shorter side are filled while that makes their worst box squarer (Bruls,
    Huizing, van Wijk 2000, "Squarified treemaps"). Areas are exact; largest weights first look best.
    """
    scale = width * height / sum(weights)
    areas, placed, x, y = [w * scale for w in weights], [], 0.0, 0.0
    while areas:
        short = min(width, height)
        n = _row_length(areas, short)
        row, areas = areas[:n], areas[n:]
        thick, along = sum(row) / short, 0.0
        for area in row:
            long = area / thick
            if width >= height:
                placed.append(Rectangle(x, y + along, thick, long))
            else:
                placed.append(Rectangle(x + along, y, long, thick))
            along += long
        if width >= height:  # the rest, from its area: subtracting would lose thin boxes
            x, width = x + thick, sum(areas) / height
        else:
            y, height = y + thick, sum(areas) / width
    return placed


def _row_length(areas: list[float], short: float) -> int:
    n = 1
    while n < len(areas) and _worst(areas[: n + 1], short) <= _worst(areas[:n], short):
        n += 1
    return n


def _worst(row: list[float], short: float) -> float:
    """The worst ratio of long to short side among the boxes of a row."""
    total = sum(row)
    return max(short**2 * max(row) / total**2, total**2 / (short**2 * min(row)))
