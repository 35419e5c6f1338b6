"""A fact's way from memory to the answer, as one row of links. A chain in, HTML out."""

import html

from components.kit import palette
from model.recall.chain import Chain
from model.recall.link import NAMES, Link, number, percent
from model.recall.told_facts import ToldSentence

SHARES = ("of the attention", "of the probability moved")
STYLE = """<style>
.links { display: flex; flex-wrap: wrap; gap: .3em .25em; align-items: stretch; line-height: 1.25;
  font-variant-numeric: tabular-nums }
.links > span { display: flex; align-items: center; gap: .25em }
.links .link { border-radius: .5em; padding: .25em .7em; border: 2px solid; min-width: 6.2em }
.links small { display: block; opacity: .85; white-space: nowrap }
</style>"""
HUES = {True: palette.VALUE, False: palette.SURPRISAL, None: "rgba(128,128,128,.45)"}
MARKS = {True: "✓", False: "✗", None: "·"}


def row(chain: Chain, title: str = "") -> str:
    """Green up to the break, the broken link red with its sentence, the later ones grey."""
    broken, links = chain.broken, chain.links
    behind = links.index(broken) + 1 if broken else len(links)
    drawn = "".join(
        _link(link, is_reached=i < behind, is_first=i == 0) for i, link in enumerate(links)
    )
    return _framed(chain.fact, drawn, _sentence(chain), title)


def waiting(fact: ToldSentence) -> str:
    """The same row before its chain is computed."""
    drawn = "".join(_waiting(name, i == 0) for i, name in enumerate(NAMES))
    return _framed(fact, drawn, '<div style="margin-top:.35em">…</div>')


def _framed(fact: ToldSentence, links: str, sentence: str, title: str = "") -> str:
    return (
        f'{STYLE}<div style="margin:.2em 0 .4em"><div style="opacity:.8;margin-bottom:.3em;'
        f'overflow-wrap:anywhere">{html.escape(title or "The told fact")}: “<bdi>'
        f'{html.escape(_short(fact.text))}</bdi>”</div><div class="links">{links}</div>'
        f"{sentence}</div>"
    )


def _waiting(name: str, is_first: bool) -> str:
    arrow = "" if is_first else '<b style="opacity:.6">→</b>'
    return (f'<span>{arrow}<span class="link" style="border-color:{HUES[None]};opacity:.65"><b>'
            f"{MARKS[None]} {name}</b><small>…</small></span></span>")


def _link(link: Link, is_reached: bool, is_first: bool) -> str:
    passed = link.passed if is_reached else None
    arrow = "" if is_first else '<b style="opacity:.6">→</b>'
    more = html.escape(link.sentence or "Not reached: an earlier link broke.")
    ground = "" if passed is None else f"color-mix(in srgb,{HUES[passed]} 16%,transparent)"
    return (
        f'<span>{arrow}<span class="link" data-link="{link.name}" data-passed="{passed}" '
        f'title="{more}" style="border-color:{HUES[passed]};background:{ground};'
        f'opacity:{0.65 if passed is None else 1}"><b>{MARKS[passed]} {link.name}</b>'
        f"<small>{html.escape(_number(link)) if is_reached else '–'}</small></span></span>"
    )


def _number(link: Link) -> str:
    if link.number is None:
        return "–"
    if link.unit in SHARES:
        return f"{percent(link.number)} {link.unit}"
    if link.unit == "probability":
        return f"probability {percent(link.number)}"
    return f"{link.unit} {number(link.number)}" if link.unit in ("rank", "salience") else (
        f"{number(link.number)} {link.unit}")


def _sentence(chain: Chain) -> str:
    """The broken link's sentence and, if it differs, what was said instead."""
    broken, said = chain.broken, chain.links[-1]
    if broken is None:
        return f'<div style="margin-top:.35em">{html.escape(said.sentence)}</div>'
    more = "" if broken is said else f'<div style="opacity:.8">{html.escape(said.sentence)}</div>'
    return (
        f'<div style="border-left:4px solid {palette.SURPRISAL};padding-left:.6em;margin-top:.35em;'
        f'overflow-wrap:anywhere"><b>{html.escape(broken.sentence)}</b>{more}</div>'
    )


def _short(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:159]}…"
