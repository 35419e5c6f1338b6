"""The Memory page's comparison: the same view without memory, or of a prompt B that asks the same memory.

B − A is with memory minus without, or prompt B minus the box's prompt. Colours of both sides mean the same.
"""

from dataclasses import replace

import numpy as np
import streamlit as st

from components.frame import presenting, results, second_prompt, visit
from components.frame.choice_widgets import one_of
from components.frame.choices import chosen
from components.frame.live_area import live_area
from components.kit import cell_grid, difference, next_token, two_distributions
from components.kit.cell_grid import Grid, signed_levels
from components.kit.fact_strip import fact_strip
from components.kit.units import show_number
from components.memory import choice, look, run, views, weights_map
from components.memory.look import Moment
from model.analysis import attention, comparison

SHOWN = {"reads", "weights"}  # views that are drawn of both sides
MOST_SLOTS = 30  # columns of the difference


def show_bar() -> str:
    """The switch beside the views, and what is compared -> "", "without" or "prompt"."""
    second_prompt.switch("Compare")
    return one_of("With what", choice.BESIDE_WHAT) if chosen(second_prompt.BESIDE) else ""


def shows(now: Moment, what: str) -> bool:
    """Whether this view is drawn of both sides; of another, the way to Compare."""
    if not what or now.asked is None or not now.state.prompts:
        return False
    if chosen(choice.VIEW) not in SHOWN:
        second_prompt.lead_to_compare(f"“{choice.VIEWS[chosen(choice.VIEW)]}” shows one run at a time.")
        return False
    return True


def show(now: Moment, what: str) -> None:
    """This view twice, and the difference."""
    if what == "without":
        _without(replace(now, store="bank"))  # of the EDM nothing stands beside it without memory
        return
    look.choose_store()
    if (other := _prompt_b(now)) is not None:
        _of_b(now, other)


# -- without memory -------------------------------------------------------------------------------


def _without(now: Moment) -> None:
    asked = now.asked
    if len(asked.plain) != len(asked.recalled.trace):
        st.info("With positions `continue` the prompt has no <|endoftext|> in front, so its places differ from "
                "those without memory. Choose other positions in Settings.")
        return
    plain = _plain_weights(now)
    union = run.weights(now.key, asked, now.head)
    n_read = union.shape[1] - len(plain)
    own = union[:, n_read:] - plain
    presenting.pictures({
        "Without memory": lambda: _map(now, plain, [], "without memory", "memory_map_without"),
        "With memory": lambda: _map(now, union, [now.state.bank.slots.text[i] for i in asked.kept], "with memory",
                                    "memory_map"),
        "Difference": lambda: _own_apart(now, own),
    }, [1, 1, 1])
    st.markdown("##### The next token, twice")
    st.html(next_token.twice(asked.compared, "with memory", "without: GPT-2"))


def _plain_weights(now: Moment) -> np.ndarray:
    """(T,T) of the run without memory: one head's, or the mean over layers and heads."""
    plain = now.asked.plain
    if now.head is not None:
        return visit.derived_of(plain, attention.weights, *now.head)
    layers = [visit.derived_of(plain, attention.layer_weights, i).mean(0) for i in range(now.n_layers)]
    return np.mean(layers, axis=0)


def _map(now: Moment, weights: np.ndarray, read: list[str], name: str, key: str) -> None:
    asked, start = now.asked, now.asked.n_start
    st.markdown(f"**{name.capitalize()}**")
    drawn = weights_map.WeightsMap(weights, asked.names, read, asked.names, now.of, start=start)
    weights_map.show(drawn, now.row + start, key, lambda at: choice.choose_row(max(0, at - start)))


def _own_apart(now: Moment, change: np.ndarray) -> None:
    names, start = now.asked.names, now.asked.n_start
    first = max(0, len(names) - difference.MOST)
    grid = difference.weights(change[first:, first:], names[first:],
                              [f"{i - start} {name}" if i >= start else name
                               for i, name in enumerate(names)][first:],
                              "Weights on the prompt's own tokens", 330)
    row = max(0, now.row + start - first)
    st.markdown("**With − without**: the prompt's own tokens")
    cell_grid.show(grid, (row, int(np.abs(change[first:, first:][row]).argmax())), "memory_apart",
                   lambda row, _: choice.choose_row(max(0, row + first - start)))
    taken = float(-change[now.row + start].sum())
    st.caption(f"Δ weight; red: memory takes it away. Of the chosen token's weight, {show_number(100 * taken)} % "
               "went to the attention bank; the EDM is read beside attention. Colour = √|Δ|, full at ±1.")


# -- a prompt B -----------------------------------------------------------------------------------


def _prompt_b(now: Moment) -> Moment | None:
    """Draw the box of prompt B -> the moment in which it asks; None, and a sentence, where it cannot."""
    with presenting.folded("Prompt B", "beside_prompt"):
        text = live_area(second_prompt.OTHER, "Prompt B asks the same memory",
                         "Type the other prompt: everything below follows each key", 1, 1000)
    if not text:
        st.info("Prompt B is empty, so nothing can be compared. Type it, or compare without memory.")
        return None
    asked = run.ask(now.now.key, now.now.state, text, now.settings, choice.for_writing(), run.LATEST_B)
    if asked is None or asked.front is not None or now.front is not None:
        st.info("One prompt is too long to fit beside this memory. Its beginning would be told first, so A "
                "and B would ask different memories. Shorten it.")
        return None
    return replace(now, text=text, asked=asked, chosen_row=None)


def _of_b(now: Moment, other: Moment) -> None:
    traces = now.asked.recalled.trace, other.asked.recalled.trace
    way = chosen(second_prompt.WAY) if np.intersect1d(traces[0].ids, traces[1].ids).size else "position"
    pairs = comparison.paired(*traces, way) - [now.asked.n_start, other.asked.n_start]
    pairs = pairs[(pairs >= 0).all(1)]
    if not len(pairs):
        st.info("No token of A stands for one of B. Type prompts that share words.")
        return
    at = max(0, int(np.searchsorted(pairs[:, 0], now.row, side="right")) - 1)
    other = replace(other, chosen_row=int(pairs[at, 1]))
    is_map = chosen(choice.VIEW) == "weights"
    draw = views.show_union if is_map and now.store == "bank" else views.show_picture
    presenting.pictures({
        "A": lambda: draw(now, "memory_map" if is_map else "memory_reads"),
        "B": lambda: draw(other, "memory_map_b" if is_map else "memory_reads_b", _taker(pairs)),
    }, [1, 1])
    _reads_apart(now, other, pairs, at)
    _next_apart(now, other)


def _taker(pairs: np.ndarray):
    """A click on a token of B chooses the one of A that stands for it."""
    def take(place: int) -> None:
        found = np.flatnonzero(pairs[:, 1] == place)
        if len(found):
            choice.choose_row(int(pairs[found[0], 0]))

    return take


def _reads_apart(now: Moment, other: Moment, pairs: np.ndarray, at: int) -> None:
    """What each pair reads of each slot, B minus A; the slots that differ most."""
    a, b = (_of_every_slot(one) for one in (now, other))
    change = b[pairs[:, 1]] - a[pairs[:, 0]]
    columns = np.sort(np.argsort(-np.abs(change).max(0, initial=0), kind="stable")[:MOST_SLOTS])
    if not len(columns) or not change.any():
        st.markdown("**B − A**: both read the same of every slot.")
        return
    names, words = _names(now, other, pairs)
    slots = [str(now.table.text[i]) for i in columns]
    top = float(np.abs(change).max())
    first = max(0, len(names) - difference.MOST)
    shown = change[first:, columns]
    grid = Grid(
        title=f"What is read of memory, B minus A: {len(shown)} pairs of tokens, {len(slots)} slots",
        levels=signed_levels(shown, top), rows=names[first:], columns=slots, row_words=words[first:],
        column_words=[f"slot {i} {text}" for i, text in zip(columns, slots)], row_hues=["query"] * len(shown),
        details=[("Δ read weight", "change", "signed")], arrays={"change": shown}, signed=True,
        height=22 * len(shown) if len(shown) < 18 else 400, most=60,
    )
    st.markdown("**B − A**: what is read of every slot")
    row = max(0, at - first)
    cell_grid.show(grid, (row, int(np.abs(shown[row]).argmax())), "memory_apart",
                   lambda row, _: choice.choose_row(int(pairs[row + first, 0])))
    st.caption(f"Δ read weight; blue: B reads more, red: less; full colour: ±{show_number(top)}. The "
               f"{len(slots)} slots that differ most. {now.of}")


def _of_every_slot(one: Moment) -> np.ndarray:
    """What the prompt's tokens read of every slot of the store, (T,M)."""
    weights, columns, _ = look.reads(one)
    found = np.zeros((len(weights), len(one.table)))
    found[:, columns] = weights
    return found


def _names(now: Moment, other: Moment, pairs: np.ndarray) -> tuple[list[str], list[str]]:
    own, new = (one.asked.names[one.asked.n_start :] for one in (now, other))
    names = [own[i] if own[i] == new[j] else f"{own[i]}/{new[j]}" for i, j in pairs]
    return names, [f"A {i} {own[i]}, B {j} {new[j]}" for i, j in pairs]


def _next_apart(now: Moment, other: Moment) -> None:
    model = visit.checkpoint()
    first, second = (comparison.Side(model, one.asked.recalled.trace) for one in (now, other))
    pair = np.array([[len(first.trace) - 1, len(second.trace) - 1]])
    found = results.computed(None, lambda: comparison.next_tokens(first, second, pair))
    st.markdown("**What follows** A and B, both with memory")
    st.html(fact_strip([
        (show_number(found.js_nats), "Jensen-Shannon, nats", "0 = the same, 0.693 = nothing in common"),
        (f"A: {found.change.top_before}  B: {found.change.top_after}", "most probable next token", ""),
    ]))
    st.html(two_distributions.pairs(found.change, "A", "B"))
