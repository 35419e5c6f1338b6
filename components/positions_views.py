"""The six views of the Positions page: what is chosen, what is computed for it, what is drawn."""

import numpy as np
import streamlit as st

from components import (
    positions_clocks,
    positions_figures,
    positions_maps,
    residual_grid,
    run,
    run_positions,
)
from components import positions_choice as choice
from components.fact_strip import fact_strip
from components.tokens_panels import plain

TAGS = {
    "learned": "as trained",
    "none": "what if: no position at all",
    "sinusoidal": "what if: formula for wpe",
    "rope": "what if: this head turned",
    "alibi": "what if: this head biased",
}
EDITS = {
    "words": "Shuffle the words",
    "positions": "Shuffle the positions",
    "both": "Shuffle words with their positions",
    "shift": "Shift all positions",
    "none": "No positions",
    "none_words": "No positions, words shuffled",
}
EDIT_WORDS = {
    "words": "The words change places, the position vectors stay.",
    "positions": "The words stay; each gets the position vector of another.",
    "both": "Every word keeps its own position vector, so only the causal mask sees another order: "
    "with no mask nothing at all would change.",
    "shift": "Same words, same distances, rows of `wpe` further down: a learned table has no notion "
    "of distance but what it learned at these very rows.",
    "none": "What if: the same weights without `wpe`; they were trained with it.",
    "none_words": "What if: neither run has positions. What still changes is what the mask alone "
    "tells: who can see how much.",
}
CHART = {"displayModeBar": False}


def side_by_side(tokens: list[str]) -> None:
    """One head's map under five schemes; one query's row in each; weight by distance."""
    layer, head = choice.head()
    maps = run_positions.maps(layer, head)
    query, key = choice.pair(len(tokens))
    curves = {name: run_positions.by_distance(weights) for name, weights in maps.items()}
    near = [f"the token before: {100 * c[1]:.0f} %" if len(c) > 1 else "" for c in curves.values()]
    positions_maps.show(
        list(maps.values()), [positions_figures.NAMES[name] for name in maps],
        [TAGS[name] for name in maps], near, tokens, (query, key), "positions_maps",
        choice.choose_pair,
    )
    st.caption(
        f"Layer {layer}, head {head}, same prompt, same weights. *Learned* is the real model. For "
        "the others the model is run again with `wpe` taken out of its input: *None* shows that "
        "head’s q and k as they come; *RoPE* turns and *ALiBi* biases those very q and k, in this "
        "head alone; *Sinusoidal* runs with the formula added in place of `wpe`, as long "
        "as its rows here. The weights were never trained so: this shows what each scheme does to attention, "
        "not which is better." + _pooled(len(tokens), positions_maps.MOST_SQUARES, "the largest weight")
    )
    st.markdown(f"#### What {plain(tokens[query])} ({query}) reads, in %")
    row = min(st.session_state.get("positions:row", 0), len(maps) - 1)

    def take(row, column):
        st.session_state["positions:row"] = row
        choice.choose_pair(query, column)

    residual_grid.show(
        positions_figures.row_grid(maps, tokens, query), (row, key), "positions_row", take
    )
    st.markdown("#### How far back this head reads, mean over the prompt’s queries")
    shown = {name: values[:64] for name, values in curves.items()}
    st.plotly_chart(positions_figures.by_distance(shown), key="by_distance", config=CHART)
    if len(tokens) > 64:
        st.caption(f"Distances 0 to 63 of {len(tokens) - 1:,}.")


def tables(tokens: list[str]) -> None:
    """The learned table, and the sinusoidal one of the same size, measured alike."""
    n_positions, width = _config().n_positions, _config().n_embd
    kinds = {"learned": f"Learned: wpe, {n_positions:,} × {width:,} numbers",
             "sinusoidal": "Sinusoidal: a formula, nothing learned"}
    kind = choice.one_of("Table", kinds, "positions_table")
    found = run_positions.table(kind)
    at = choice.position(n_positions, min(n_positions // 4, 40))
    left, right = st.columns([6, 7], gap="medium")
    with left:
        st.markdown("#### Which positions are alike: cosine")
        st.plotly_chart(positions_figures.likeness(found, at), key="likeness", config=CHART)
        st.plotly_chart(positions_figures.likeness_of(found, at), key="likeness_of", config=CHART)
    with right:
        kept = 100 * float(found.explained.sum())
        st.markdown(f"#### The {len(found.explained)} main directions: {kept:.0f} % of the differences")
        st.plotly_chart(positions_figures.components(found, at), key="components", config=CHART)
        st.markdown("#### Length of each position’s vector")
        st.plotly_chart(positions_figures.norms(found), key="norms", config=CHART)
    st.caption(_about(kind, found))


def _about(kind: str, found) -> str:
    pooled = f" Each square of the map is the mean of {found.cell} × {found.cell} pairs." \
        if found.cell > 1 else ""
    if kind == "sinusoidal":
        return (
            "Vaswani et al. 2017: sin and cos of p / 10000^(2i/C). All rows are equally long, and the "
            "cosine depends on the distance alone: bands along the diagonal. GPT-2 does not use "
            "it; here scaled to the mean length of this model’s `wpe`." + pooled
        )
    return (
        "`wpe` as this model learned it; nobody told it that 7 lies beside 8. Rows that training "
        "seldom reached stay near their random start: short and alike to nothing. Principal "
        "components (PCA), their signs are free." + pooled
    )


def rope(tokens: list[str]) -> None:
    """Clocks: every pair of dimensions turned by position; the score by distance."""
    layer, head, query, key = choice.head_and_pair(tokens)
    q, k, scale = run_positions.bare_qk(layer, head)
    frequencies = run_positions.frequencies()
    scores = run_positions.rope_by_distance(q[query], k[key], _config().n_positions) * scale
    positions_clocks.show(
        q[query], k[key], frequencies, scores, scaling=scale, names=(tokens[query], tokens[key]),
        places=(query, key), key="clocks",
    )
    st.caption(
        f"Su et al. 2021: pair i of the {len(q[0])} dimensions turns by position × 10000^(−2i/d). Blue "
        "hand: the query’s pair; orange: the key’s; under each clock, tokens for a full turn. Moved "
        "together, all hands turn and every angle between them stays: q·k depends on the distance "
        f"alone. What if: GPT-2 has no RoPE; q and k are layer {layer}, head {head} of a run without "
        "`wpe`, so that position is not in them already."
    )


def alibi(tokens: list[str]) -> None:
    """The bias of each head, and the same q and k through near- and far-sighted heads."""
    layer, head = choice.head()
    slopes = run_positions.slopes()
    slope = float(slopes[head])
    st.html(fact_strip([
        (f"{slope:.4g}", f"slope of head {head} (of {len(slopes)})", repr(slope)),
        (f"−{slope:.4g} × distance", "added to its scaled scores", ""),
        (f"{np.log(2) / slope:.3g} tokens", "further back, an equal key counts half", ""),
    ]))
    n = min(_config().n_positions, 256)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("#### The bias: a straight line for each head")
        st.plotly_chart(
            positions_figures.alibi_bias(slopes, head, n), key="alibi_bias", config=CHART
        )
    with right:
        st.markdown("#### What that makes of an equal key")
        st.plotly_chart(
            positions_figures.alibi_factor(slopes, head, n), key="alibi_factor", config=CHART
        )
    _sights(tokens, layer, head, slopes)


def _sights(tokens: list[str], layer: int, head: int, slopes: np.ndarray) -> None:
    order = np.argsort(-slopes)
    picked = order[np.unique(np.linspace(0, len(slopes) - 1, min(4, len(slopes))).round().astype(int))]
    maps = run_positions.alibi_maps(layer, head, picked.tolist())
    none = run_positions.maps(layer, head)["none"]
    st.markdown("#### The same q and k, from far-sighted to near-sighted")
    maps, names = [none, *maps[::-1]], ["None", *(f"slope {slopes[h]:.3g}" for h in picked[::-1])]
    tags = ["what if: no position", *(f"what if: as head {h}" for h in picked[::-1])]
    positions_maps.show(
        maps, names, tags, [""] * len(maps), tokens, choice.pair(len(tokens)), "alibi_maps",
        choice.choose_pair,
    )
    st.caption(
        "Press et al. 2021: no vectors at all; the further back, the more is taken off the score, "
        f"each head with its own slope. q and k: layer {layer}, head {head} of a run without `wpe`. "
        "GPT-2 was not trained so." + _pooled(len(tokens), positions_maps.MOST_SQUARES, "the largest weight")
    )


def order(tokens: list[str]) -> None:
    """The prompt in another order: what is said next, and what the mask alone knows."""
    edit = choice.one_of("Change", EDITS, "order")
    shift = min(100, _config().n_positions - len(tokens))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if edit == "shift":
            shift = choice.shift(len(tokens), _config().n_positions)
        elif edit != "none":
            st.button("Shuffle again", key="again", on_click=choice.again)
        st.markdown(EDIT_WORDS[edit])
    changed = run_positions.order(edit, choice.seed(), shift)
    found = run_positions.change(edit, choice.seed(), shift)
    st.html(positions_figures.boxes(tokens, changed))
    before, after = ("no positions", "and shuffled") if edit == "none_words" else ("before", "after")
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"#### The next token: KL {found.kl_bits:.3g} bits")
        texts = run.show_tokens(found.ids)
        st.plotly_chart(
            positions_figures.pairs(found, texts, before, after), key="order_pairs", config=CHART
        )
    with right:
        _prices(edit, shift)
    if len(tokens) >= 3:
        _mask()


def _prices(edit: str, shift: int) -> None:
    st.markdown("#### What each change costs")
    room = _config().n_positions - len(run.prompt().ids)
    shift = min(shift, room)
    names = [name for name in run_positions.cheap_edits(edit) if name != "shift" or room > 0]
    kl = {name: run_positions.change(name, choice.seed(), shift).kl_bits for name in names}
    titles = EDITS | {"shift": f"Shift by {shift:,}"}
    st.plotly_chart(positions_figures.prices(kl, titles, edit), key="prices", config=CHART)
    st.caption(
        "KL(before ‖ after) in bits over the whole vocabulary, after the last token, which keeps its "
        "place. The last row is compared with *No positions*."
        + ("" if len(names) > 1 else " For a prompt this long only the chosen change is run.")
    )


def _mask() -> None:
    if len(run_positions.cheap_edits("words")) == 1:
        return
    st.markdown("#### Order without positions: what the causal mask alone tells the last token")
    seed = choice.seed()
    curves = {
        "words shuffled, with positions": run_positions.change("words", seed, 0).moved,
        "words shuffled, no positions": run_positions.change("none_words", seed, 0).moved,
    }
    st.plotly_chart(positions_figures.moved(curves), key="moved", config=CHART)
    st.caption(
        "How far the last token’s stream moves when the words before it are shuffled. Without "
        "positions the first layer cannot tell: its sum over the words is the same in any order. "
        "From the second on it can, because each earlier word saw other words before it."
    )


ENDS = {
    "learned": "Learned: the table ends",
    "rope": "RoPE: angles never seen",
    "alibi": "ALiBi: out of sight",
    "norm": "Louder positions: LayerNorm",
}


def ends(tokens: list[str]) -> None:
    """Where each scheme stops."""
    show = {"learned": _end_of_table, "rope": _end_of_rope, "alibi": _end_of_alibi, "norm": _louder}
    show[choice.one_of("Scheme", ENDS, "ends")](tokens)


def _end_of_table(tokens: list[str]) -> None:
    n_positions = _config().n_positions
    st.markdown(
        f"`wpe` has {n_positions:,} rows. Position {n_positions:,} has none: not a bad answer, an "
        "index error. And inside the table: the same text, read further down."
    )
    if len(tokens) < 2:
        st.info("One token predicts nothing of this prompt: type a second one.")
        return
    box, _ = st.columns([2, 5])
    with box:
        shift = choice.shift(len(tokens), n_positions)
    shifts, bits = run_positions.bits_by_shift()
    chosen = None
    try:
        chosen = (shift, run_positions.bits_at(shift))
    except ValueError as error:
        st.error(str(error))
    st.plotly_chart(positions_figures.shift_curve(shifts, bits, chosen), key="shifts", config=CHART)
    noun = "shift" if len(shifts) == 1 else "shifts"
    st.caption(
        f"Mean bits this prompt’s tokens cost (the first is not counted), {len(shifts)} {noun} "
        "measured, each a pass of its own; lines only join them. Distances between the words are "
        "the same at every shift: RoPE and ALiBi would give one flat line."
    )


def _end_of_rope(tokens: list[str]) -> None:
    layer, head, query, key = choice.head_and_pair(tokens)
    n = _config().n_positions
    frequencies = run_positions.frequencies()
    q, k, scale = run_positions.bare_qk(layer, head)
    scores = run_positions.rope_by_distance(q[query], k[key], 2 * n) * scale
    n_slow = int((frequencies * (n - 1) < 2 * np.pi).sum())
    st.markdown(
        f"No table, no end: any position has its angles. But within {n:,} tokens {n_slow} of "
        f"{len(frequencies)} pairs do not finish one turn: beyond, their hands point where training "
        "never saw them."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("#### Turns of each pair within the window")
        st.plotly_chart(positions_figures.rope_turns(frequencies, n), key="turns", config=CHART)
    with right:
        st.markdown(f"#### q·k of {plain(tokens[query])} and {plain(tokens[key])}, to twice the window")
        st.plotly_chart(positions_figures.rope_beyond(scores, n), key="beyond", config=CHART)
    st.caption(
        f"What if: layer {layer}, head {head} of a run without `wpe`. Orange bars: less than one turn. "
        "Models with RoPE that must read further slow the clocks down (position interpolation) so "
        "that old angles come back."
    )


def _end_of_alibi(tokens: list[str]) -> None:
    n = _config().n_positions
    _, head = choice.head()
    slopes = run_positions.slopes()
    gentle = float(np.exp(-slopes.min() * n))
    st.markdown(
        "The line goes on: a key twice as far gets twice the bias, and its weight only fades. Nothing "
        f"breaks, and nothing far is seen: a key {n:,} tokens back counts {gentle:.2g} of a near one "
        "in the gentlest head."
    )
    st.plotly_chart(
        positions_figures.alibi_factor(slopes, head, 2 * n, n), key="alibi_far", config=CHART
    )
    st.caption(
        "e^(−slope × distance), all heads, your head in red. That is why models with ALiBi can be run "
        "past their training length (Press et al. 2021), and why that gives them little more to read."
    )


def _louder(tokens: list[str]) -> None:
    at = st.session_state.get("at")
    at = len(tokens) - 1 if at is None or at >= len(tokens) else at
    found = run_positions.scaled(at, np.logspace(-1, 2, 61))
    width = _config().n_embd
    st.markdown(
        "Could a position outside the table simply be a larger vector? The first thing a block does "
        f"is LayerNorm: whatever comes in leaves with length √{width:,} = {width**0.5:.1f}. A louder "
        "position does not add, it drowns the word."
    )
    lengths, shares = positions_figures.scaled(found)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("#### Length, before and after")
        st.plotly_chart(lengths, key="lengths", config=CHART)
    with right:
        st.markdown("#### What is left of word and position")
        st.plotly_chart(shares, key="shares", config=CHART)
    st.caption(
        f"What if: {plain(tokens[at])} at {at}, `wte` + × · `wpe`, normalised by mean and variance "
        "(before γ and β). Dotted: × 1, the real input."
    )


def _pooled(n_tokens: int, most: int, what: str) -> str:
    cell = -(-n_tokens // most)
    return f" Each square shows {what} of {cell} × {cell} tokens." if cell > 1 else ""


def _config():
    return run.checkpoint().model.config
