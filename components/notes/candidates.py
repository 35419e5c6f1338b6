"""What a search found, with both scores and how they were combined. Data in, HTML out."""

import html

from components.kit import palette

_CELL = "padding:.3em .5em;border-bottom:1px solid rgba(127,127,127,.25);vertical-align:middle;"


def table(found, used: dict[int, tuple[int, int]], constant: int) -> str:
    """found: Candidates, the best first; used: id of a passage in the prompt -> its tokens [start,
    stop); constant of the fusion -> one row a passage. Cosine bars end at 1, BM25's at the largest
    score found, the sum's at the largest that two ranks can give."""
    most = max((c.bm25 for c in found if c.bm25 is not None), default=0) or 1
    rows = "".join(_row(i, c, used, most, constant) for i, c in enumerate(found, 1))
    titles = "".join(
        f'<th style="padding:.2em .5em;text-align:left;opacity:.75;white-space:nowrap" '
        f'title="{html.escape(more)}">{words}</th>'
        for words, more in (
            ("", ""), ("passage", ""),
            ("words: BM25", "Larger is better. A word that most passages contain weighs nothing."),
            ("meaning: cosine", ("Between the question's vector and the passage's; 1: same "
                                "direction.")),
            ("together", f"1 / ({constant} + rank) of either, added: reciprocal rank fusion"),
        )
    )
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;width:100%;'
        f'font-variant-numeric:tabular-nums"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(i: int, c, used: dict[int, tuple[int, int]], most: float, constant: int) -> str:
    inside = c.passage in used
    hue = palette.MEMORY if inside else "transparent"
    start, stop = used.get(c.passage, (0, 0))
    place = f"in the prompt, tokens {start} to {stop - 1}"
    mark = f'<b style="color:color-mix(in srgb,{palette.MEMORY} 75%,currentColor)">{place}</b>'
    page = f", page {c.page}" if c.page else ""
    where = f"{c.title}{page}"
    where = "" if c.text.startswith(c.title.removesuffix(" …")) else where
    where = " · ".join(filter(None, [html.escape(where), f"{c.n_tokens:,} tokens"]))
    short = c.text if len(c.text) <= 220 else c.text[:220].rsplit(" ", 1)[0] + " …"
    return (
        f'<tr><td style="{_CELL}border-left:5px solid {hue};text-align:right">{i}</td>'
        f'<td style="{_CELL}min-width:15em" title="{html.escape(c.text[:2000])}">'
        f"<bdi>{html.escape(short)}</bdi><br><small><bdi>{where}</bdi>"
        f'{" · " + mark if inside else ""}</small></td>'
        f"{_score(c.bm25, c.bm25_rank, most, palette.QUERY, 'no telling word shared')}"
        f"{_score(c.cosine, c.cosine_rank, 1, palette.ATTENTION, 'not among the nearest')}"
        f"{_score(c.fused, None, 2 / (constant + 1), palette.MEMORY, '', 4)}</tr>"
    )


def _score(x, rank, most: float, hue: str, nothing: str, digits: int = 3) -> str:
    if x is None:
        return f'<td style="{_CELL}min-width:8em;opacity:.6"><small>{nothing}</small></td>'
    width = 100 * min(max(x / most, 0), 1)
    place = f'<small style="opacity:.75"> · rank {rank}</small>' if rank else ""
    return (
        f'<td style="{_CELL}min-width:8em"><span style="white-space:nowrap"><b>{x:.{digits}f}</b>'
        f'{place}</span><span style="display:block;height:.5em;background:{palette.EMPTY};'
        f'border-radius:.2em"><span style="display:block;height:100%;width:{width:.2f}%;'
        f'background:{hue};border-radius:.2em"></span></span></td>'
    )
