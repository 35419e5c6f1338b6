"""What the memory page says in HTML: laws at work, writes, a slot's facts.

Arrays and strings in, HTML out; every text is escaped.
"""

import html
import time

import numpy as np

from components.kit import palette
from components.kit.units import show_number

LINE = """<style>
.line { height: 1.9em; line-height: 1.5; font-size: .94em; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap }
@media (max-width: 1000px) { .line { height: 3.3em; white-space: normal } }
</style>"""


def laws(facts: list[tuple[str, str, bool, str]]) -> str:
    """(law, what it does now, whether it is active, more on hover) -> lamps in a row."""
    lamps = "".join(_lamp(*fact) for fact in facts)
    row = "display:flex;flex-wrap:wrap;gap:.35em .5em;line-height:1.3;font-size:.94em"
    return f'<div style="{row}">{lamps}</div>'


def line(text: str) -> str:
    """A sentence of fixed height, one line or in a narrow window two; the whole of it on hover."""
    shown = html.escape(text)
    return f'{LINE}<div class="line" title="{shown}">{shown}</div>'


def _lamp(law: str, words: str, lit: bool, more: str) -> str:
    hue = palette.MEMORY if lit else "transparent"
    edge = palette.MEMORY if lit else "rgba(128,128,128,.6)"
    return (
        f'<span title="{html.escape(more)}" style="border:1.5px solid {edge};border-radius:1em;'
        f'padding:.05em .6em;opacity:{1 if lit else 0.65};white-space:nowrap">'
        f'<span style="display:inline-block;width:.6em;height:.6em;border-radius:50%;'
        f'border:1.5px solid {edge};background:{hue};margin-right:.4em"></span>'
        f"<b>{html.escape(law)}</b> {html.escape(words)}</span>"
    )


# -- writes ----------------------------------------------------------------------------------------


def sentence_rows(names: list[str], written, threshold: float, best: int) -> str:
    """A prompt's sentences: every token tinted by its salience, the mean as a bar with the
    threshold as a line, and whether it is written (names, and telling.Written, of T tokens; best:
    at most so many of those that reach the threshold are written, 0: all)."""
    groups = _sentences(written.sentence)
    top = max([float(written.salience.max()), threshold if np.isfinite(threshold) else 0, 1e-9])
    means = [float(written.salience[group].mean(dtype=np.float64)) for group in groups]
    place = _scale([*means, *([threshold] if np.isfinite(threshold) else [])])
    rows = "".join(
        _sentence(names, written, group, top, (place(mean), place(threshold)),
                  f"mean {show_number(mean)}", _why_not(mean, threshold, best))
        for group, mean in zip(groups, means)
    )
    return f'<div style="display:grid;gap:.7em">{rows}</div>'


def _sentences(sentence: np.ndarray) -> list[np.ndarray]:
    """Index arrays of neighbours of one sentence; <|endoftext|> (−1) is left out."""
    cuts = np.flatnonzero(np.diff(sentence)) + 1
    return [g for g in np.split(np.arange(len(sentence)), cuts) if len(g) and sentence[g[0]] >= 0]


def _scale(ends: list[float]):
    """value -> its place in percent, 0 at the left: from the least of `ends` or 0, a little more
    where that is below 0, to the largest."""
    low, high = min([0.0, *ends]), max([1e-9, *ends])
    low, high = low + 0.06 * low, high + 0.08 * (high - low)
    return lambda x: 100 * float(np.clip((x - low) / (high - low), 0, 1))


def _why_not(mean: float, threshold: float, best: int) -> str:
    if best and mean >= threshold:
        return f"not written: not among the best {best:,}"
    return "not written: its mean is below the threshold"


def _sentence(names, written, group, top, places, mean, why_not) -> str:
    is_written = bool(written.stored[group[0]])
    words = "".join(_salient(names[i], float(written.salience[i]), top) for i in group[:160])
    more = f" … {len(group) - 160:,} more tokens" if len(group) > 160 else ""
    bar, threshold = places
    verdict = "written" if is_written else why_not
    return (
        f'<div style="opacity:{1 if is_written else 0.6}"><div style="display:flex;flex-wrap:wrap;'
        f'gap:.2em .15em;font-size:1.12em">{words}{more}</div>'
        '<div style="display:grid;grid-template-columns:minmax(6em,22em) 1fr;gap:.8em;'
        'align-items:center;margin-top:.25em">'
        f'<span style="position:relative;background:{palette.EMPTY};height:.8em">'
        f'<span style="display:block;height:100%;width:{bar:.2f}%;'
        f'background:{palette.MEMORY if is_written else palette.LABEL}"></span>'
        f'<span style="position:absolute;left:{threshold:.2f}%;top:-.3em;bottom:-.3em;width:2px;'
        'background:currentColor"></span></span>'
        f"<span>{mean} · {len(group):,} tokens · <b>{verdict}</b></span></div></div>"
    )


def _salient(name: str, value: float, top: float) -> str:
    tint = 72 * min(1.0, max(0.0, value / top))
    return (
        f'<span title="salience {value:.4g}" style="padding:.08em .3em;border-radius:.3em;'
        "max-width:16em;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;background:"
        f'color-mix(in srgb,{palette.MEMORY} {tint:.1f}%,transparent)"><bdi>{html.escape(name)}'
        "</bdi></span>"
    )


def chips(texts: list[str], struck: bool) -> str:
    """Slots as words in a row; struck: they leave."""
    line = "text-decoration:line-through;opacity:.75;" if struck else ""
    spans = "".join(
        f'<span style="{line}border:1.5px solid rgba(128,128,128,.5);border-radius:.3em;'
        f'padding:.03em .35em"><bdi>{html.escape(text)}</bdi></span>' for text in texts[:150]
    )
    more = f"<span>… {len(texts) - 150:,} more</span>" if len(texts) > 150 else ""
    return f'<div style="display:flex;flex-wrap:wrap;gap:.25em">{spans}{more}</div>'


# -- a slot ----------------------------------------------------------------------------------------


def slot_title(slots, i: int) -> str:
    """The slot's word in its sentence, and the place of that sentence."""
    token, around = html.escape(slots.text[i]), html.escape(slots.around[i][:400])
    return (
        f'<div style="font-size:1.25em;line-height:1.35">Slot {i}: '
        f'<b style="color:color-mix(in srgb,{palette.MEMORY} 75%,currentColor)"><bdi>{token}</bdi>'
        f'</b> <span style="font-size:.8em;opacity:.8">in “<bdi>{around}</bdi>”</span></div>'
    )


def summary_title(slots, i: int) -> str:
    """How many tokens and sentences a summary slot summarises."""
    n_tokens, n = int(slots.n_tokens[i]), len(slots.origins[i])
    tokens = "1 token" if n_tokens == 1 else f"{n_tokens:,} tokens"
    return f"A summary of {tokens} from {'1 sentence' if n == 1 else f'{n:,} sentences'}"


def origins(slots, i: int) -> str:
    """Every sentence that went into a summary slot: its prompt, its places, its words."""
    rows = "".join(
        f"<tr><td>prompt {o.prompt}</td><td>{span(o.positions)}</td>"
        f'<td><bdi>{html.escape("".join(o.texts))}</bdi></td></tr>' for o in slots.origins[i]
    )
    return (
        '<div style="max-height:20em;overflow:auto"><table style="width:100%"><tr><th>prompt</th>'
        f"<th>positions</th><th>its tokens</th></tr>{rows}</table></div>"
    )


def span(positions) -> str:
    """Positions in words: the first and the last."""
    first, last = positions[0], positions[-1]
    return f"{first}" if first == last else f"{first} to {last}"


def age(seconds: float) -> str:
    """How long ago, in the largest unit that fits."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def slot_facts(slots, i: int, n_prompts: int, now: float) -> list[tuple[str, str, str]]:
    """(number, what it is, more) for a strip of facts; now: weight read from it at this moment."""
    ago = n_prompts - int(slots.prompt[i])
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(slots.written[i])))
    later = "1 prompt" if ago == 1 else f"{ago} prompts"
    times = "once" if int(slots.n_reads[i]) == 1 else f"{int(slots.n_reads[i])} times"
    return [
        (f"{int(slots.prompt[i])}", "prompt", "number of the prompt that wrote it"),
        (f"{int(slots.position[i])}", "position in it", "counted in tokens, from 0"),
        (age(time.time() - float(slots.written[i])), f"old, {later} ago", f"written {when}"),
        (show_number(slots.salience[i]), "salience", "what the chosen score gave this token"),
        (show_number(now), "read now", "the largest of the prompt's tokens; mean over layers and heads"),
        (show_number(slots.total_read[i]), f"read in all, {times}",
         "sum over all prompts told after it; a read is a weight of 0.01 or more"),
    ]


def weighted_sentences(texts: list[str], weights, hue: str) -> str:
    """Sentences of display strings with one weight each -> each above its bar, two lines at most,
    broken between words."""
    largest = max([float(w) for w in weights] + [1e-12])
    return "".join(
        '<div style="margin:.5em 0;line-height:1.35"><div style="overflow:hidden;display:-webkit-box;'
        '-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow-wrap:anywhere"><bdi>'
        f'{html.escape(text).replace("·", "·<wbr>")}</bdi></div>'
        '<div style="display:grid;grid-template-columns:1fr 4em;gap:.6em;align-items:center;'
        f'font-variant-numeric:tabular-nums"><span style="background:{palette.EMPTY};'
        f'border-radius:.2em"><span style="display:block;height:.6em;border-radius:.2em;'
        f'background:{hue};width:{100 * max(0.0, float(w)) / largest:.1f}%"></span></span>'
        f"<span>{show_number(w)}</span></div></div>"
        for text, w in zip(texts, weights)
    )


def weighted(texts: list[str], weights, hue: str) -> str:
    """Strings with one weight each -> bars in the order given."""
    largest = max([float(w) for w in weights] + [1e-12])
    rows = "".join(
        '<b style="text-align:right;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;'
        f'max-width:8em"><bdi>{html.escape(text)}</bdi></b>'
        f'<span style="background:{palette.EMPTY};border-radius:.2em"><span style="display:block;'
        f'height:1em;border-radius:.2em;background:{hue};'
        f'width:{100 * max(0.0, float(w)) / largest:.1f}%"></span></span>'
        f"<span>{show_number(w)}</span>"
        for text, w in zip(texts, weights)
    )
    return (
        '<div style="display:grid;gap:.25em .6em;'
        "grid-template-columns:minmax(0,max-content) minmax(3.5em,1fr) auto;"
        f'align-items:center;font-variant-numeric:tabular-nums">{rows}</div>'
    )
