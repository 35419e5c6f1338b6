"""A prompt as its tokens: each in its own box, its id below. Strings in, HTML out."""

import html

from components.kit import palette

MOST = 160  # boxes drawn; nobody reads more


def strip(texts: list[str], ids) -> str:
    """texts (T,) display strings, ids (T,) -> boxes in reading order; the middle of a long prompt
    is folded, and the fold says how many tokens it hides."""
    if not texts:
        return '<p style="opacity:.7">No token yet: the prompt is empty. Type something above.</p>'
    boxes = [_box(text, i) for text, i in zip(texts, ids)]
    if len(boxes) > MOST:
        hidden = len(boxes) - MOST
        fold = f'<span style="opacity:.7;align-self:center">… {hidden:,} more tokens …</span>'
        boxes = [*boxes[: MOST // 2], fold, *boxes[-MOST // 2 :]]
    return (  # column-reverse: a long prompt opens at its end, where the visitor types
        '<div style="display:flex;flex-direction:column-reverse;max-height:11em;overflow:auto">'
        '<div style="display:flex;flex-wrap:wrap;gap:.25em .2em">'
        f'{"".join(boxes)}</div></div>'
    )


def _box(text: str, token_id: int) -> str:
    return (
        f'<span style="border-bottom:3px solid {palette.EMBEDDING};border-radius:.3em;'
        "background:rgba(14,165,164,.13);padding:.05em .3em .1em;text-align:center;"
        'max-width:14em;overflow:hidden;text-overflow:ellipsis;white-space:nowrap">'
        f'<bdi>{html.escape(text)}</bdi><br><small style="opacity:.65">{token_id}</small></span>'
    )
