"""The Compare page's view of one prompt on two models, or on one model without and with memory."""

import weakref

import numpy as np
import streamlit as st

from components.compare import choice, figures, other_model
from components.compare.other_model import TwoModels
from components.frame import model_picker, presenting, visit
from components.frame.choice_widgets import holding
from components.frame.choices import choose, chosen
from components.frame.place import AT
from components.kit import cell_grid, difference, two_distributions
from components.kit.export.offers import notebook
from components.kit.safe_text import for_markdown
from components.kit.units import show_number
from model.analysis import comparison
from model.loading import hub


def choose_other() -> str:
    """The box of the second model -> what it says."""
    names = dict.fromkeys([choice.WITH_MEMORY, model_picker.EMBEDDED, *hub.SIZES, chosen(choice.OTHER_MODEL)])
    return st.selectbox(
        "Second model (the first is the sidebar's)", list(names), accept_new_options=True, width=420,
        format_func=lambda name: "This model with memory" if name == choice.WITH_MEMORY else name,
        help="Or type a hub name, or a folder of this machine.", **holding(choice.OTHER_MODEL),
    )


def show(name: str) -> None:
    """What follows on both, where their streams differ, which parts, and what one head reads."""
    two = other_model.both(name)
    if two is None:
        return
    _say_what(two, name)
    _offer_notebook(two, name)
    if not comparison.are_alike(*two.sides):
        _say_shapes(two)
        _next(two, None)
        return
    apart = other_model.apart(two)
    part = _part(apart, two.at)
    pictures = {
        "Where they differ": lambda: _apart(two, apart),
        "What follows": lambda: _next(two, apart),
        "Which parts differ": lambda: _parts(two, apart, part),
        "Attention": lambda: _attention(two, apart, part),
    }
    if presenting.is_on():
        presenting.pictures(pictures)
        return
    for place, names in zip(st.columns([6, 5], gap="medium"), (
            ("Where they differ", "Attention"), ("What follows", "Which parts differ"))):
        with place:
            for one in names:
                pictures[one]()


def _offer_notebook(two: TwoModels, name: str) -> None:
    """With memory, what it reads and what follows with it and without; of two models, both side by side."""
    if name != choice.WITH_MEMORY:
        second = two.sides[1]  # an offer keeps no model alive
        notebook("two models", second=weakref.ref(second.checkpoint), other=second.trace.ids.tolist(),
                 pairs=two.pairs.tolist())
        return
    run = two.sides[1].trace, visit.prompt().text
    notebook("memory", lambda: run, row=int(two.pairs[two.at, 0]) - two.n_start, head=None, edm_head=None,
             told=other_model.told())


def _say_what(two: TwoModels, name: str) -> None:
    if name != choice.WITH_MEMORY:
        st.caption(f"A: {for_markdown(two.names[0])}. B: {for_markdown(two.names[1])}. Δ = B − A.")
        return
    told = other_model.told()
    last = told[-1] if len(told[-1]) < 90 else told[-1][:89] + "…"
    more = f" and {len(told) - 1:,} before it" if len(told) > 1 else ""
    is_example = visit.memory()[0] is None
    st.caption(f"A: without memory. B: with memory, which was told “{for_markdown(last)}”{more}"
               + (": an example, because nothing is told on the Memory page yet." if is_example else "."))


def _say_shapes(two: TwoModels) -> None:
    sizes = [(c.n_layer, c.n_head, c.n_embd) for c in (side.checkpoint.model.config for side in two.sides)]
    words = ["{} layers, {} heads, width {}".format(*size) for size in sizes]
    st.info(f"A has {words[0]}; B has {words[1]}. Their streams and heads have no counterpart, so only "
            "what follows is compared. Choose a model of A's size to see inside.")


def _apart(two: TwoModels, apart) -> None:
    row, last = chosen(choice.STATION), len(apart.distance) - 1
    grid = figures.apart_grid(apart, two.texts, two.words())

    def take(row: int, column: int) -> None:
        choose(choice.STATION, row)
        choose(AT, int(two.pairs[column, 0]) - two.n_start)

    cell_grid.show(grid, (last if row is None else min(row, last), two.at), "models_grid", take)
    st.caption("Distance of the two streams, ‖a − b‖ ÷ the mean of their lengths; 0 = the same, full "
               "colour from 1 on. Click a token.")


def _next(two: TwoModels, apart) -> None:
    found = other_model.next_tokens(two)
    st.markdown(f"**What follows** {for_markdown(two.words()[two.at])}")
    st.html(figures.next_facts(found, None if apart is None else float(apart.distance[-1, two.at])))
    st.html(two_distributions.pairs(found.change, *two.names))
    st.caption(f"Δ = {for_markdown(two.names[1])} − {for_markdown(two.names[0])}. The "
               f"{len(found.change.ids)} tokens most probable in either, of the whole vocabulary.")


def _part(apart, at: int) -> tuple[int, int]:
    """The chosen head; else the one that wrote most differently."""
    n_layers, n_heads = apart.heads.shape[:2]
    cell = chosen(choice.PART)
    if cell is not None and cell[0] < n_layers and cell[1] <= n_heads:
        return cell
    layer, head = np.unravel_index(int(apart.heads[:, :, at].argmax()), (n_layers, n_heads))
    return int(layer), int(head)


def _parts(two: TwoModels, apart, part: tuple[int, int]) -> None:
    grid, top = figures.parts_grid(apart, two.at, two.words()[two.at])
    st.markdown("**Which parts differ** at this token")
    cell_grid.show(grid, part, "models_parts", choice.take_part(apart.heads.shape[1]))
    st.caption(f"Length of the difference of what each head and MLP wrote; full colour: "
               f"{show_number(top)}. Click a head to see what it reads.")


def _attention(two: TwoModels, apart, part: tuple[int, int]) -> None:
    layer, head = part
    if head == apart.heads.shape[1]:
        st.caption("An MLP reads no other token. Choose a head to see its attention.")
        return
    found = other_model.weight_difference(two, layer, head)[-difference.MOST:, -difference.MOST:]
    names, words = two.texts[-difference.MOST:], two.words()[-difference.MOST:]
    first = len(two.texts) - len(names)
    st.markdown(f"**Attention** of layer {layer} head {head}: Δ weight")
    cell = max(two.at - first, 0), int(np.abs(found[max(two.at - first, 0)]).argmax())
    grid = difference.weights(found, names, words, f"Attention of layer {layer} head {head}")
    cell_grid.show(grid, cell, "models_attention",
                   lambda row, column: choose(AT, int(two.pairs[first + row, 0]) - two.n_start))
    shorter = f" The last {len(names)} tokens." if first else ""
    st.caption(f"B's weight − A's: blue = B reads more, red = less; colour = √|Δ|, full at ±1. Reads of "
               f"memory are not drawn, so a row of B may sum to less than 1.{shorter}")
