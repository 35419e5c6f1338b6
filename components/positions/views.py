"""Four views of the Positions page: side by side, the two tables, RoPE, ALiBi."""

from contextlib import nullcontext

import numpy as np
import streamlit as st

from components.frame import presenting, visit
from components.frame.choice_widgets import one_of
from components.frame.choices import choose, chosen
from components.kit import cell_grid
from components.kit.export.offers import notebook, offer
from components.kit.fact_strip import fact_strip
from components.kit.safe_text import for_markdown
from components.kit.units import show_number
from components.positions import choice, clocks, figures, head_maps, numbers, run

TAGS = {
    "learned": "as trained",
    "none": "what if: no position at all",
    "sinusoidal": "what if: formula for wpe",
    "rope": "what if: this head turned",
    "alibi": "what if: this head biased",
}
CHART = {"displayModeBar": False}


def side_by_side(tokens: list[str]) -> None:
    """One head's map under five schemes; one query's row in each; weight by distance."""
    layer, head = choice.head()
    maps = run.maps(layer, head)
    query, key = choice.pair(len(tokens))
    curves = {name: run.by_distance(weights) for name, weights in maps.items()}
    offer_schemes(layer, head, query)
    presenting.pictures({
        "Maps": lambda: _maps(maps, curves, tokens, layer, head, (query, key)),
        "One row": lambda: _row(maps, tokens, query, key),
        "By distance": lambda: _by_distance(curves, tokens),
    })


def _maps(maps, curves, tokens: list[str], layer: int, head: int, pair: tuple[int, int]) -> None:
    near = [f"the token before: {100 * c[1]:.0f} %" if len(c) > 1 else "" for c in curves.values()]
    head_maps.show(
        list(maps.values()), [figures.NAMES[name] for name in maps],
        [TAGS[name] for name in maps], near, tokens, pair, "positions_maps",
        choice.choose_pair,
    )
    offer("positions_maps", numbers.maps, layer, head)
    st.caption(
        f"Layer {layer}, head {head}, same prompt, same weights. *Learned* is the real model. For "
        "the others the model runs again without `wpe` in its input. *None* shows that run’s q and "
        "k of this head unchanged; *RoPE* turns the same q and k and *ALiBi* biases their scores, "
        "in this head alone; *Sinusoidal* adds the formula instead of `wpe`, scaled to the same "
        "mean length. The weights were not trained for these: this shows what each scheme does to "
        "attention, not which is better." + _pooled(len(tokens))
    )


def _row(maps, tokens: list[str], query: int, key: int) -> None:
    st.markdown(f"#### What {for_markdown(tokens[query])} ({query}) reads, in %")
    row = min(chosen(choice.SCHEME_ROW), len(maps) - 1)

    def take(row, column):
        choose(choice.SCHEME_ROW, row)
        choice.choose_pair(query, column)

    cell_grid.show(
        figures.row_grid(maps, tokens, query), (row, key), "positions_row", take
    )


def _by_distance(curves, tokens: list[str]) -> None:
    st.markdown("#### How far back this head reads, mean over the prompt’s queries")
    shown = {name: values[:64] for name, values in curves.items()}
    st.plotly_chart(figures.by_distance(shown), key="by_distance", config=CHART)
    if len(tokens) > 64:
        st.caption(f"Distances 0 to 63 of {len(tokens) - 1:,}.")


def offer_schemes(layer: int, head: int, query: int) -> None:
    """A notebook computes the head's attention under all five schemes."""
    slope = float(run.slopes()[head])
    notebook("schemes", layer=layer, head=head, query=query, slope=slope)


def tables(tokens: list[str]) -> None:
    """The learned table, and the sinusoidal one of the same size, measured the same way."""
    n_positions, width = _config().n_positions, _config().n_embd
    titles = choice.TABLES | {"learned": f"Learned: wpe, {n_positions:,} × {width:,} numbers"}
    with presenting.row("positions_table_row"):
        kind = one_of("Table", choice.TABLE, titles)
        with presenting.folded("Position", "positions_position"):
            at = choice.position(n_positions, min(n_positions // 4, 40))
    found = run.table(kind)
    notebook("positions" if kind == "learned" else "sinusoids", at=at)
    presenting.pictures({
        "Which are alike": lambda: _alike(found, at), "Main directions and length": lambda: _long(found, at),
    }, [6, 7])
    st.caption(_about(kind, found))


def _alike(found, at: int) -> None:
    if not presenting.is_on():
        st.markdown("#### Which positions are alike: cosine")
    places = st.columns(2) if presenting.is_on() else [nullcontext()] * 2
    with places[0]:
        st.plotly_chart(figures.likeness(found, at), key="likeness", config=CHART)
    with places[1]:
        st.plotly_chart(figures.likeness_of(found, at), key="likeness_of", config=CHART)


def _long(found, at: int) -> None:
    places = st.columns(2) if presenting.is_on() else [nullcontext()] * 2
    with places[0]:
        kept = 100 * float(found.explained.sum())
        n = len(found.explained)
        st.markdown(f"#### The {n} main directions: {kept:.0f} % of the differences")
        st.plotly_chart(figures.components(found, at), key="components", config=CHART)
    with places[1]:
        st.markdown("#### Length of each position’s vector")
        st.plotly_chart(figures.norms(found), key="norms", config=CHART)


def _about(kind: str, found) -> str:
    pooled = f" Each square of the map is the mean of {found.cell} × {found.cell} pairs." \
        if found.cell > 1 else ""
    if kind == "sinusoidal":
        return (
            "Vaswani et al. 2017: sin and cos of p / 10000^(2i/C). All rows have the same length, "
            "and the cosine depends only on the distance: bands along the diagonal. GPT-2 does not "
            "use it; here it is scaled to the mean length of this model’s `wpe`." + pooled
        )
    return (
        "`wpe` as this model learned it; nobody told the model that 7 is next to 8. Rows that "
        "training rarely reached stay near their random start: short and similar to no other row. "
        "Curves: principal components (PCA); their signs are arbitrary." + pooled
    )


def rope(tokens: list[str]) -> None:
    """Clocks: every pair of dimensions turned by position; the score by distance."""
    layer, head, query, key = choice.head_and_pair(tokens)
    offer_schemes(layer, head, query)
    q, k, scale = run.bare_qk(layer, head)
    frequencies = run.frequencies()
    scores = run.rope_by_distance(q[query], k[key], _config().n_positions) * scale
    clocks.show(
        q[query], k[key], frequencies, scores, scaling=scale, names=(tokens[query], tokens[key]),
        places=(query, key), key="clocks",
    )
    st.caption(
        f"Su et al. 2021: pair i of the {len(q[0])} dimensions turns by position × 10000^(−2i/d). "
        "Blue hand: the query’s pair; orange: the key’s; under each clock, tokens for a full turn. "
        "Move both: all hands turn, but every angle between them stays, so q·k depends on the "
        f"distance alone. What if: GPT-2 has no RoPE; q and k are layer {layer}, head {head} of a "
        "run without `wpe`, so that they do not contain the position already."
    )


def alibi(tokens: list[str]) -> None:
    """The bias of each head, and the same q and k through near- and far-sighted heads."""
    layer, head = choice.head()
    slopes = run.slopes()
    slope = float(slopes[head])
    offer_schemes(layer, head, choice.pair(len(tokens))[0])
    st.html(fact_strip([
        (show_number(slope, 4), f"slope of head {head} (of {len(slopes)})", repr(slope)),
        (f"−{show_number(slope, 4)} × distance", "added to its scaled scores", ""),
        (f"{show_number(np.log(2) / slope)} tokens", "further back, an equal key counts half", ""),
    ]))
    presenting.pictures({
        "The bias": lambda: _bias(slopes, head),
        "Far and near": lambda: _sights(tokens, layer, head, slopes),
    })


def _bias(slopes: np.ndarray, head: int) -> None:
    n = min(_config().n_positions, 256)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("#### The bias: a straight line for each head")
        st.plotly_chart(
            figures.alibi_bias(slopes, head, n), key="alibi_bias", config=CHART
        )
    with right:
        st.markdown("#### The weight of a key that is equal but further away")
        st.plotly_chart(
            figures.alibi_factor(slopes, head, n), key="alibi_factor", config=CHART
        )


def _sights(tokens: list[str], layer: int, head: int, slopes: np.ndarray) -> None:
    order = np.argsort(-slopes)
    n = len(slopes)
    picked = order[np.unique(np.linspace(0, n - 1, min(4, n)).round().astype(int))]
    maps = run.alibi_maps(layer, head, picked.tolist())
    none = run.maps(layer, head)["none"]
    st.markdown("#### The same q and k, from far-sighted to near-sighted")
    maps, names = [none, *maps[::-1]], ["None", *(f"slope {show_number(slopes[h])}" for h in picked[::-1])]
    tags = ["what if: no position", *(f"what if: as head {h}" for h in picked[::-1])]
    head_maps.show(
        maps, names, tags, [""] * len(maps), tokens, choice.pair(len(tokens)), "alibi_maps",
        choice.choose_pair,
    )
    st.caption(
        "Press et al. 2021: no position vectors; the further back a key is, the more is subtracted "
        f"from its score, each head with its own slope. q and k: layer {layer}, head {head} of a "
        "run without `wpe`. GPT-2 was not trained this way." + _pooled(len(tokens))
    )


def _pooled(n_tokens: int) -> str:
    cell = -(-n_tokens // head_maps.MOST_SQUARES)
    largest = f" Each square shows the largest weight of {cell} × {cell}."
    return largest if cell > 1 else ""


def _config():
    return visit.checkpoint().model.config
