"""Tokens as boxes in reading order, in a frame of fixed height that scrolls and fades at its ends.

Knows nothing of what the colours mean.
"""

from dataclasses import asdict, dataclass

from components.kit import assets

_mount = assets.component("token_row", "kit/token_row", '<div class="row"></div>')


@dataclass(frozen=True)
class TokenBox:
    """A token: what stands in its box and below it; CSS colours of its ground, of the line under
    it and of the words below ("" = none, the text's); is_dashed: framed, not filled."""

    text: str
    below: str = ""
    ground: str = ""
    line: str = ""
    below_hue: str = ""
    is_dashed: bool = False


def show(
    boxes: list[TokenBox], *, most: int, height_em: float, opens_at_end: bool, key: str
) -> None:
    """Draw the boxes; if there are more than `most`, the middle is folded, and the fold says how
    many tokens it hides."""
    n_hidden = max(0, len(boxes) - most)
    half = most // 2
    shown = boxes if not n_hidden else [*boxes[:half], *boxes[len(boxes) - (most - half) :]]
    data = {"boxes": [asdict(box) for box in shown], "n_hidden": n_hidden, "fold_at": half}
    data |= {"height": f"{height_em}em", "opens_at_end": opens_at_end}
    _mount(key=key, data=data)
