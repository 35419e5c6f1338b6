"""The Compare page's views of two prompts. The page orders them."""

import numpy as np
import streamlit as st

from components.compare import choice, figures, patches, remembered, run, two_models
from components.frame import presenting, visit
from components.frame.choice_widgets import one_of
from components.frame.choices import choose, chooser, chosen
from components.frame.live_area import live_area
from components.frame.place import AT
from components.frame.second_prompt import OTHER, WAY, TwoPrompts, next_tokens, pair, show_counts
from components.kit import cell_grid, two_distributions
from components.kit.export.offers import no_notebook, notebook
from components.kit.safe_text import for_markdown


def show_bar():
    """The row above the pictures: the view, prompt B, how tokens are aligned, or the second model ->
    the row, the view, B's text or the second model's name."""
    bar = st.container(horizontal=True, vertical_alignment="bottom", key="compare_bar")
    with bar:
        view = one_of("View", choice.VIEW)
        if view == "models":
            with presenting.folded("Second model", "compare_models"):
                return bar, view, two_models.choose_other()
        with presenting.folded("Prompt B", "compare_prompts"):
            with st.container(width=570):
                text = live_area(
                    OTHER, "Prompt B (A is the box above)",
                    "Type the other prompt: everything below follows each key", 1, 1000,
                )
            with st.popover("Pairs", key="compare_pairs"):
                if view != "paths":
                    one_of("Align tokens by", WAY, shown=True)
                for name in choice.PAIRS:
                    st.button(name, key=f"pair {name}", on_click=choice.take_pair, args=(name,),
                              width="stretch")
    return bar, view, text


def has_prompt() -> bool:
    """Whether the prompt box holds a token."""
    return visit.trace() is not None


# -- two prompts ----------------------------------------------------------------------------------


def two_prompts(two: TwoPrompts) -> None:
    """Where two prompts differ, layer by layer; what follows each; which heads and MLPs differ."""
    notebook("comparison", other=two.second.ids.tolist(), pairs=two.pairs.tolist())
    at = pair(two)
    apart = run.apart(two.first, two.second, two.way)
    pictures = {
        "Where they differ": lambda: _apart(two, apart, at),
        "What follows": lambda: _next(two, apart, at),
        "Which parts differ": lambda: _parts(two, apart, at),
        "Neighbours": lambda: _neighbours(two, at),
    }
    if presenting.is_on():
        presenting.pictures(pictures)
        return
    left, right = st.columns([6, 5], gap="medium")
    for place, names in ((left, ("Where they differ", "Which parts differ")),
                         (right, ("What follows", "Neighbours"))):
        with place:
            for name in names:
                pictures[name]()


def _apart(two: TwoPrompts, apart, at: int) -> None:
    row = chosen(choice.STATION)
    last = len(apart.distance) - 1
    grid = figures.apart_grid(apart, two.pair_names(), two.pair_words())

    def take(row: int, column: int) -> None:
        choose(choice.STATION, row)
        choose(AT, int(two.pairs[column, 0]))

    cell_grid.show(grid, (last if row is None else min(row, last), at), "apart_grid", take)
    show_counts(two)
    st.caption("Distance of the two streams, ‖a − b‖ ÷ the mean of their lengths, from the embedding "
               "down to the last layer; 0 = the same, full colour from 1 on. Click a pair.")


def _next(two: TwoPrompts, apart, at: int) -> None:
    i, j = (int(place) for place in two.pairs[at])
    found = next_tokens(two, i, j)
    names = for_markdown(two.tokens[i]), for_markdown(two.others[j])
    st.markdown(f"**What follows** {names[0]} ({i}) in A and {names[1]} ({j}) in B")
    st.html(figures.next_facts(found, float(apart.distance[-1, at])))
    st.html(two_distributions.pairs(found.change, "A", "B"))
    st.caption(f"Δ = B − A. The {len(found.change.ids)} tokens most probable in A or B, of the whole "
               "vocabulary; Jensen-Shannon is over all of it.")


def _neighbours(two: TwoPrompts, at: int) -> None:
    i, j = (int(place) for place in two.pairs[at])
    a, b = run.neighbours(two.first, i), run.neighbours(two.second, j)
    words = visit.show_tokens(np.concatenate([a.ids, b.ids], 1).ravel())
    grid = figures.neighbours_grid(a, b, words)
    row, column = chosen(choice.NEIGHBOUR) or (len(grid.rows) - 1, 0)
    st.markdown(f"**Where their neighbours go**: {for_markdown(two.tokens[i])} in A, "
                f"{for_markdown(two.others[j])} in B")
    cell_grid.show(grid, (min(row, len(grid.rows) - 1), min(column, len(grid.columns) - 1)), "apart_neighbours",
                   lambda row, column: choose(choice.NEIGHBOUR, (row, column)))
    st.caption("The tokens of the whole vocabulary whose vectors lie nearest to each stream, by cosine. It is "
               "where the stream points, not what the model predicts: that is the logit lens.")


def _parts(two: TwoPrompts, apart, at: int) -> None:
    grid, top = figures.parts_grid(apart, at, two.pair_words()[at])
    n_layers, n_columns = grid.levels.shape
    values = grid.arrays["values"]
    best = tuple(int(x) for x in np.unravel_index(values.argmax(), values.shape))
    layer, column = chosen(choice.PART) or best
    layer, column = min(layer, n_layers - 1), min(column, n_columns - 1)

    name = "MLP" if best[1] == n_columns - 1 else f"head {best[1]}"
    st.markdown(f"**Which parts differ** at this pair: most of all, {name} of layer {best[0]}")
    cell_grid.show(grid, (layer, column), "apart_parts", choice.take_part(n_columns - 1))
    st.caption(f"Length of the difference of what each head and MLP wrote into the two streams; full "
               f"colour: {figures.show_number(top)}.")
    if column < n_columns - 1:
        st.page_link("pages/attention.py", label=f"What layer {layer} head {column} reads →")


# -- patching -------------------------------------------------------------------------------------


def patch(two: TwoPrompts, bar) -> None:
    """Every cell of A put into B alone; the chosen one, and what it changes. bar: the row above, where
    a hall finds what is patched."""
    if two.way == "position" and len(two.tokens) != len(two.others):
        _say_counts_differ(two)
        return
    row = st.container(horizontal=True, vertical_alignment="bottom", key="patch_row")
    with bar if presenting.is_on() else row, presenting.folded("What is patched", "patch_what"):
        asked = patches.asked(two)
    site, metric = asked.site, choice.METRIC_WORDS[asked.metric]
    remembered.say()
    if chosen(choice.RUNS) == "alone":
        notebook("patching", corrupt=two.second.ids.tolist(), pairs=asked.sources.tolist(), site=site,
                 metric=asked.metric, answer=asked.answers[0], against=asked.answers[1], fill=asked.fill)
    else:
        no_notebook("A notebook of patching runs the model alone. Take the grid's numbers as CSV or NPZ.")
    read = patches.every_cell(two, asked)
    if read is None:
        return
    is_kept = chosen(choice.PATCH_FROM) is not None or patches.is_alone(asked, chosen(choice.PATCHED))
    cell = patches.chosen_cell(choice.PATCHED, read.share, is_kept)
    pictures = {
        "Every cell": lambda: _cells(two, asked, read, cell, metric),
        "One patch": lambda: _one(two, asked, read, cell, metric),
        "What it changes": lambda: _moved(two, asked, cell),
    }
    if presenting.is_on():
        presenting.pictures(pictures)
        return
    left, right = st.columns([8, 5], gap="medium")
    with left:
        pictures["Every cell"]()
    with right:
        pictures["One patch"]()
    pictures["What it changes"]()


def _say_counts_differ(two: TwoPrompts) -> None:
    words = f"Different token counts: {len(two.tokens):,} in A, {len(two.others):,} in B"
    if chosen(WAY) != "position":
        st.info(f"{words}, and no token is in both. Type prompts that share words, or have equal counts.")
        return
    st.info(f"{words}, so a place is not the same word in both. Align the tokens that both have, or "
            "make the counts equal.")
    st.button("Align common tokens", key="compare_align",
              on_click=chooser(WAY, "subsequence"))


def _cells(two: TwoPrompts, asked, read, cell: tuple[int, int], metric: str) -> None:
    names, words = patches.columns(two, asked)
    start, stop = patches.window(two, asked)
    grid = figures.share_grid(read.share[:, start:stop], read.value[:, start:stop], asked.site,
                              names[start:stop], words[start:stop], metric)
    cell_grid.show(grid, (cell[0], cell[1] - start), "patch_grid",
                   lambda row, column: choice.take_patched(row, column + start), _dragger(two, asked, start))
    patches.show_range(two, asked)
    show_counts(two)
    st.caption(f"Each cell: {figures.FILL_WORDS[asked.fill]}, and how much of A's {metric} comes back: "
               "(patched − B) ÷ (A − B). 0 = as B, +1 (blue) = as A, below 0 (red) = away from A; "
               "full colour from ±1 on. An empty cell has no partner in A. Click a cell, or drag one onto "
               "another: A's value at the first goes into B at the second.")
    is_same = two.is_whole and remembered.is_same_memory(two)
    if asked.fill == "patch" and is_same and not (asked.sources < 0).any():
        largest = run.last_layer(two.first, two.second, asked.sources)
        st.caption(figures.identity(largest, len(asked.sources)))


def _dragger(two: TwoPrompts, asked, start: int):
    """A cell dragged onto another: the value of A that stands for the first goes into B at the second."""
    def take(source: tuple[int, int], onto: tuple[int, int]) -> None:
        column = source[1] + start
        place = column if asked.is_head else two.of_a(column)
        choice.take_patched(onto[0], onto[1] + start)
        if place is not None:
            choose(choice.PATCH_FROM, (source[0], place))

    return take


def _one(two: TwoPrompts, asked, read, cell: tuple[int, int], metric: str) -> None:
    layer, column = cell
    _, words = patches.columns(two, asked)
    where = figures.SITE_WORDS[asked.site].format(layer)
    st.markdown(f"**One patch** into B: {where}, {for_markdown(words[column])}")
    taken = patches.taken(two, asked, cell)
    patches.pick_source(two, asked, cell, taken)
    if taken is None:
        return
    given = two.first, two.second, asked.site, asked.fill, taken, cell
    found = run.one_patch(*given)
    one = run.one_recovered(*given, asked.metric, asked.answers)
    share, value = float(one.share[0, 0]), float(one.value[0, 0])
    st.html(figures.patch_facts(found.change, share, value, read, metric))
    st.html(two_distributions.pairs(found.change, "B", f"B with {figures.WITH[asked.fill]}"))


def _moved(two: TwoPrompts, asked, cell: tuple[int, int]) -> None:
    taken = patches.taken(two, asked, cell, is_said=presenting.is_on())  # on a desk _one says it
    if taken is None:
        return
    found = run.one_patch(two.first, two.second, asked.site, asked.fill, taken, cell)
    words = [f"B {i} {token}" for i, token in enumerate(two.others)]
    grid, top = figures.moved_grid(found.moved, two.others, words)
    last = (len(found.moved) - 1, len(two.others) - 1)
    row, column = chosen(choice.CHANGED) or last
    st.markdown("**What it changes** in B's streams")
    cell_grid.show(grid, (min(row, last[0]), min(column, last[1])), "patch_cone",
                   lambda row, column: choose(choice.CHANGED, (row, column)))
    st.caption(f"‖patched − B‖ ÷ ‖B‖ of every token's stream; full colour: "
               f"{figures.show_number(top)}. Empty: exactly unchanged, because earlier tokens "
               "and earlier layers cannot read the patch.")
