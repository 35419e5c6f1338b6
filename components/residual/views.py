"""The six views of the residual page."""

import numpy as np
import streamlit as st

from components.frame import presenting, visit
from components.frame.choice_widgets import one_of
from components.frame.choices import choose, chooser, chosen
from components.frame.place import HEAD, LAYER
from components.kit import cell_grid, two_distributions
from components.kit.export.offers import notebook
from components.residual import (
    ablation_figures,
    attribution_figures,
    choice,
    figures,
    neuron_figures,
    norm,
    river,
    run,
)

N_TOP = 20
FEW = 8  # of them, for a hall


def stream(tokens: list[str], at: int) -> None:
    """One token's stream as a river; below, the stream of all tokens as a map."""
    notebook("stream")
    column = run.lenses(visit.trace(), *_block(at, len(tokens)))
    own = at - column.start
    words = visit.show_tokens(column.ids[:, own])
    found = run.stream(visit.trace())
    presenting.pictures({
        "Its stream": lambda: _river(found, column, own, words, tokens, at),
        "All tokens": lambda: _all_tokens(found, tokens, at),
    })


def _river(found, column, own: int, words: list[str], tokens: list[str], at: int) -> None:
    n_layers = _config().n_layer
    river.show(found, at, words, column.probability[:, own], tokens[at], "river")
    st.caption(
        f"The stream of **{_md(tokens[at])}** ({at}), left to right through {n_layers} layers. "
        "Thickness = its length √Σx². Arrows = what attention and MLPs add, with length on the "
        "same scale and exact angle to the stream. Words: the next token if the model stopped "
        "there (logit lens)."
    )


def _all_tokens(found, tokens: list[str], at: int) -> None:
    shown = one_of("Show of all tokens", choice.STREAM_SHOWN)
    grid = figures.stream_grid(found, tokens, shown)
    row = min(chosen(choice.STREAM_ROW), len(grid.rows) - 1)

    def take(row, column):
        choose(choice.STREAM_ROW, row)
        choice.choose_position(column)

    cell_grid.show(grid, (row, at), "stream_grid", take)
    st.caption(figures.LEGENDS[shown])


def logit_lens(tokens: list[str], at: int) -> None:
    """What every layer would say at every position; the chosen cell's top tokens below."""
    row = choice.row(_config().n_layer)
    notebook("lens", at=at)
    shown = one_of("Show in each cell", choice.LENS_SHOWN)
    start, stop = run.lens_window(at, len(tokens))
    found = run.lenses(visit.trace(), start, stop)
    words = visit.show_tokens(found.ids.ravel())
    came = [*tokens[start + 1 : stop + 1], *([""] if stop == len(tokens) else [])]
    grid = figures.lens_grid(found, shown, tokens[start:stop], words, came)
    presenting.pictures({
        "All layers": lambda: _lens(grid, shown, row, at, (start, stop, len(tokens))),
        "One cell": lambda: _lens_top(row, at, tokens),
    })


def _lens(grid, shown: str, row: int, at: int, window: tuple[int, int, int]) -> None:
    start = window[0]
    cell_grid.show(
        grid, (row, at - start), "lens_grid", lambda r, c: choice.choose_cell(r, c + start)
    )
    st.caption(figures.LENS_LEGENDS[shown])
    _window_buttons(*window)


def _lens_top(row: int, at: int, tokens: list[str]) -> None:
    n_layers = _config().n_layer
    place = "Embedding" if row == 0 else f"After {figures.lens_rows(n_layers)[row]}"
    heading = f"{place}, having read {at} {tokens[at]}:"
    n = FEW if presenting.is_on() else N_TOP
    st.html(figures.word_bars(run.lens_top(row, at, n), heading))


def _window_buttons(start: int, stop: int, n_tokens: int) -> None:
    if stop - start == n_tokens:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        half = (stop - start) // 2
        st.button("← earlier", key="lens_earlier", disabled=start == 0,
                  on_click=choice.choose_position, args=(max(0, start - half),))
        st.button("later →", key="lens_later", disabled=stop == n_tokens,
                  on_click=choice.choose_position, args=(min(n_tokens - 1, stop + half),))
        st.markdown(f"Positions {start} to {stop - 1} of {n_tokens:,}: this model's vocabulary is "
                    "large, so a window is read at a time.")


def who_made_it(tokens: list[str], at: int) -> None:
    """One logit as a sum over everything that wrote into the stream."""
    token, against = pick_logit(tokens, at)
    notebook("logit parts", at=at, token=token, against=against)
    found = run.attribute(visit.trace(), at, token, against)
    rows = attribution_figures.parts(found, tokens[at])
    few, many = attribution_figures.FEW_BARS, attribution_figures.MOST_BARS
    shown = attribution_figures.folded(rows, few if presenting.is_on() else many)
    name = visit.show_tokens([token])[0]
    versus = "" if against is None else f" − {visit.show_tokens([against])[0]}"
    if not presenting.is_on():
        st.html(attribution_figures.facts(found, shown, len(rows)))
    presenting.pictures({
        "Step by step": lambda: st.plotly_chart(
            attribution_figures.waterfall(shown, f"logit of {name}{versus}"), key="waterfall",
            config={"displayModeBar": False},
        ),
        "By head": lambda: _draw_map(found, name),
    }, [11, 10])
    if presenting.is_on():
        with st.expander("Whether the parts add up"):
            st.html(attribution_figures.facts(found, shown, len(rows)))


def pick_logit(tokens: list[str], at: int) -> tuple[int, int | None]:
    """Draw whose logit is taken apart, and which is compared with it -> ids."""
    config = _config()
    top = run.lens_top(config.n_layer, at, N_TOP)
    boxes = st.columns(3, vertical_alignment="bottom")
    with boxes[0]:
        choice.pick_position(tokens, at)
    first = f"{choice.MOST_PROBABLE}: {top.texts[0]}"
    with boxes[1]:
        wanted = choice.logit(choice.LOGIT_OF, "Logit of", first, top, config.vocab_size)
    with boxes[2]:
        against = choice.logit(
            choice.LOGIT_AGAINST, "compared with", choice.NOTHING, top, config.vocab_size
        )
    return int(top.ids[0]) if wanted is None else wanted, against


def _draw_map(found, name: str) -> None:
    grid = attribution_figures.layer_map(found)
    n_heads = found.heads.shape[1]
    layer, column = chosen(choice.MAKER) or choice.strongest(found.heads)
    layer, column = min(layer, len(grid.rows) - 1), min(column, n_heads + 1)

    def take(layer, column):
        choose(choice.MAKER, (layer, column))
        choose(LAYER, layer)
        if column < n_heads:
            choose(HEAD, column)

    cell_grid.show(grid, (layer, column), "maker_grid", take)
    if column < n_heads:
        words = f"What layer {layer} head {column} reads →"
        st.page_link("pages/attention.py", label=words)
    st.caption(
        f"In logits of {_md(name)}; red lowers it; an empty cell rounds to 0.0. Direct effect "
        "only: a part's effect through later layers counts there. The final LayerNorm's σ is "
        f"frozen at {found.sigma:.3f}. Heads contain the bias of their values; the "
        "attention's output bias stands apart."
    )


def switch_off(tokens: list[str], at: int) -> None:
    """Switches for every head, MLP and layer; the next token with and without."""
    config = _config()
    off = choice.off(config.n_layer, config.n_head)
    top = st.columns([5, 3, 3, 2], vertical_alignment="bottom")
    with top[0]:
        choice.pick_position(tokens, at)
    with top[1]:
        one_of("A part that is off writes", choice.OFF_FILL, shown=True,
               help="zero, or its mean over this prompt's positions")
    effort = run.effort_of_all(at)
    measure = effort == "instant" or top[2].button(
        "Each part alone", key="alone", width="stretch", disabled=effort == "too long",
        help="Switches off each part alone; the colours show how much that changes (KL)"
        if effort == "minutes" else "Too many tokens for this machine. Choose an earlier token",
    )
    top[3].button("All on", key="all_on", width="stretch", disabled=not len(off),
                  on_click=chooser(choice.OFF, None))
    left, right = st.columns(2, gap="medium")
    with left:
        alone = _draw_board(off, at, measure)
    with right:
        shown = off if len(off) or alone is None else choice.most_missed(alone, off)
        if shown is not off:
            st.markdown(f"**What if {choice.in_words(shown)} were off?** No other head matters as "
                        "much here.")
        notebook("off", at=at, off=shown)
        change = run.change(shown, at)
        st.html(ablation_figures.facts(change, len(shown)))
        st.html(two_distributions.pairs(change, "original", "switched off"))
        st.caption(f"After {_md(tokens[at])} ({at}); the {len(change.ids)} tokens most probable "
                   "before or after, of the whole vocabulary. KL is over all of it.")


def _draw_board(off, at: int, measure: bool) -> np.ndarray | None:
    config, place = _config(), st.empty()

    def follow(n_done):
        place.progress(n_done / config.n_layer, f"layer {n_done} of {config.n_layer}")

    alone = run.each_alone(at, off.fill, measure, follow)
    place.empty()
    grid = ablation_figures.board(
        config.n_layer, config.n_head, choice.marks(off, config.n_head), alone
    )
    cell = chosen(choice.OFF_CELL)
    cell = (min(cell[0], config.n_layer - 1), min(cell[1], config.n_head + 1))
    cell_grid.show(
        grid, cell, "off_grid", lambda r, c: choice.toggle(off, config.n_head, r, c)
    )
    st.markdown(f"**Off:** {choice.in_words(off)}." if len(off) else
                "Nothing is off: this is the untouched model, bit for bit.")
    measured = (" Number: KL in nats with only this part off, full colour from 1 nat on; an empty "
                "cell rounds to 0.00.")
    st.caption("A head that is off leaves the layer's output bias; *all* skips the whole block, "
               f"biases too. Parts are off at every position.{'' if alone is None else measured}")
    return alone


def mlp(tokens: list[str], at: int) -> None:
    """The neurons of one layer at one token."""
    n_layers = _config().n_layer
    layer = choice.layer(n_layers)
    boxes = st.columns(2)
    with boxes[0]:
        choice.pick_position(tokens, at)
    with boxes[1]:
        choice.pick_layer(n_layers, layer)
    notebook("mlp", layer=layer, at=at)
    found = run.activations(layer, at)
    presenting.pictures({
        "Every neuron": lambda: _neurons(found), "The strongest": lambda: _writers(found, layer, at),
    })


def _neurons(found) -> None:
    st.html(neuron_figures.facts(found))
    st.plotly_chart(neuron_figures.curve(found), key="gelu", config={"displayModeBar": False})
    st.caption(f"{len(found.pre):,} neurons, each a dot on {found.name}(x) = {found.formula}. "
               "Area grows with the length of what it adds to the stream: |post| × ‖its row of "
               "W_out‖.")


def _writers(found, layer: int, at: int) -> None:
    best = neuron_figures.strongest(found, 4 if presenting.is_on() else 10)
    st.html(neuron_figures.table(run.describe_neurons(layer, at, best)))
    st.caption(
        "The neurons that write most. Δ logit: what the neuron does directly to each token's logit "
        "here, post × its row of W_out through the final LayerNorm's γ / σ (σ frozen at this "
        "token's value) and the unembedding, relative to the mean over the vocabulary. cos: with "
        "the stream it is added to."
    )


def layer_norm(tokens: list[str], at: int) -> None:
    """One LayerNorm on one token's vector, step by step."""
    n_layers = _config().n_layer
    station = choice.station(n_layers)
    boxes = st.columns(2)
    with boxes[0]:
        choice.pick_position(tokens, at)
    with boxes[1]:
        choice.pick("LayerNorm", norm.names(n_layers), station, choice.NORM.name,
                    lambda i: choose(choice.NORM, i))
    notebook("norm", station=station, at=at)
    steps = run.norm_steps(station, at)
    if not presenting.is_on():
        st.html(norm.facts(steps))
    norm.show(steps, "norm_steps")
    if presenting.is_on():
        with st.expander("Its mean, spread and lengths"):
            st.html(norm.facts(steps))
    st.caption(f"All {len(steps.x)} numbers of one vector, each row on its own scale; a bar that "
               "stands for several shows the largest. Point at one.")


def _config():
    return visit.checkpoint().model.config


def _block(at: int, n_tokens: int) -> tuple[int, int]:
    """The smallest part of a lens that holds a position."""
    start = at // run.BLOCK * run.BLOCK
    return start, min(n_tokens, start + run.BLOCK)


def _md(text: str) -> str:
    """A token, safe inside Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|$:~" else c for c in text)
