"""The Compare page's view of paths: one head of A heard by one later head of B alone."""

import streamlit as st

from components.compare import choice, figures, look, patches, run
from components.frame import presenting
from components.frame.choice_widgets import one_of
from components.frame.choices import choose, chosen
from components.frame.second_prompt import TwoPrompts
from components.kit import cell_grid, two_distributions
from components.kit.export.offers import notebook
from model.analysis import patching

EQUAL = "A word comes back"  # an example whose prompts have equal token counts, and short ones


def show(two: TwoPrompts, bar) -> None:
    """Every head of A put into B, the paths from the chosen one, and what the chosen receiver reads.
    bar: the row above, where a hall finds what is measured."""
    if problem := _problem(two):
        st.info(problem)
        st.button(f"Take the pair “{EQUAL}”", key="path_pair", on_click=choice.take_pair, args=(EQUAL,))
        return
    two = look.by_position(two)
    row = st.container(horizontal=True, vertical_alignment="bottom", key="path_row")
    with bar if presenting.is_on() else row, presenting.folded("What is measured", "path_what"):
        inputs = one_of("What of a receiver hears A's head", choice.INPUTS_READ, shown=True)
        asked = patches.heads_asked(two)
    sender = look.sender(two)
    found = run.paths(two.first, two.second, sender, inputs, asked.metric, asked.answers)
    receiver = patches.chosen_cell(choice.RECEIVER, found.read.share)
    _offer_notebook(two, asked, sender, receiver, inputs)
    pictures = {
        "Every receiver": lambda: _receivers(found, sender, receiver, asked),
        "Every sender": lambda: _senders(two, asked, sender),
        "What the receiver reads": lambda: _reads(two, sender, receiver, inputs),
        "What follows": lambda: _follows(two, asked, sender, receiver, inputs, found),
    }
    if presenting.is_on():
        presenting.pictures(pictures)
        return
    for names in (("Every sender", "Every receiver"), ("What the receiver reads", "What follows")):
        for place, name in zip(st.columns(2, gap="medium"), names):
            with place:
                pictures[name]()


def _problem(two: TwoPrompts) -> str:
    n, m = len(two.tokens), len(two.others)
    if n != m:
        return (f"Different token counts: {n:,} in A, {m:,} in B. A path goes through a head at "
                "every token, so both prompts need as many tokens. Make the counts equal.")
    if n > patching.MOST_TOKENS:
        return (f"{n:,} tokens are too many for paths: a path goes through a head at all tokens at "
                f"once, and at most {patching.MOST_TOKENS} fit. Shorten both prompts.")
    if two.first.n_layers < 2:
        return "This model has one layer, so no head hears another. Choose a model of 2 layers or more."
    return ""


def _offer_notebook(two: TwoPrompts, asked, sender, receiver, inputs: str) -> None:
    notebook("path", corrupt=two.second.ids.tolist(), sender=sender, receiver=receiver, inputs=inputs,
             metric=asked.metric, answer=asked.answers[0], against=asked.answers[1])


def _senders(two: TwoPrompts, asked, sender: tuple[int, int]) -> None:
    read = patches.every_cell(two, asked)
    if read is None:
        return
    grid = figures.heads_grid(read.share[:-1], read.value[:-1], choice.METRIC_WORDS[asked.metric])
    st.markdown(f"**Sender: layer {sender[0]} head {sender[1]}** of A")
    cell_grid.show(grid, sender, "path_senders", lambda layer, head: choose(choice.SENDER, (layer, head)))
    st.caption("Each cell: a head's output of A put into B, heard by everything behind it; how much of "
               f"A's {choice.METRIC_WORDS[asked.metric]} comes back. Click the head that sends.")


def _receivers(found, sender: tuple[int, int], receiver: tuple[int, int], asked) -> None:
    first = sender[0] + 1
    read, metric = found.read, choice.METRIC_WORDS[asked.metric]
    grid = figures.receivers_grid(
        read.share[first:], read.value[first:], found.moved[first:], first, metric)
    share = figures.show_number(float(read.share[receiver]))
    st.markdown(f"**Receiver: layer {receiver[0]} head {receiver[1]}** of B: this path alone recovers "
                f"{share}")
    cell_grid.show(grid, (receiver[0] - first, receiver[1]), "path_receivers",
                   lambda row, head: choose(choice.RECEIVER, (row + first, head)))
    st.caption(f"Each cell: only this head of B hears A's head {sender[0]}.{sender[1]}, straight through the "
               f"residual stream; how much of A's {metric} comes back. 0 = as B, +1 (blue) = as A, below 0 "
               "(red) = away from A; full colour from ±1 on. Click a head.")


def _reads(two: TwoPrompts, sender, receiver, inputs: str) -> None:
    found = run.one_path(two.first, two.second, sender, receiver, inputs)
    grid = figures.reads_grid(found.rows, two.pair_names(), two.pair_words(), receiver)
    st.markdown(f"**What head {receiver[0]}.{receiver[1]} reads** at the last token")
    row, column = chosen(choice.READ) or (1, int(found.rows[1].argmax()))
    row, column = min(row, len(found.rows) - 1), min(column, len(two.others) - 1)
    cell_grid.show(grid, (row, column), "path_reads", lambda row, column: choose(choice.READ, (row, column)))
    st.caption("Its attention weights in B, in B with the path, and in A; each row sums to 1.")
    st.page_link("pages/attention.py", label="Why does a head read this? →")


def _follows(two: TwoPrompts, asked, sender, receiver, inputs: str, found) -> None:
    change = run.one_path(two.first, two.second, sender, receiver, inputs).change
    st.markdown(f"**What follows** B, with head {sender[0]}.{sender[1]} of A heard by head "
                f"{receiver[0]}.{receiver[1]} alone")
    share, value = (float(x[receiver]) for x in (found.read.share, found.read.value))
    st.html(figures.patch_facts(change, share, value, found.read, choice.METRIC_WORDS[asked.metric]))
    st.html(two_distributions.pairs(change, "B", "B with the path"))
