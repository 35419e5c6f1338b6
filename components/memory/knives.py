"""The memory page's interventions: what changes in memory changes in the next token, and what is left of
every told token after later prompts."""

from functools import partial

import numpy as np
import streamlit as st

from components.frame import presenting
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import choose, chosen
from components.frame.live_area import live_area
from components.kit import cell_grid, two_distributions
from components.kit.export.offers import notebook
from components.kit.safe_text import for_markdown
from components.kit.units import show_number
from components.memory import choice, conversation, left_figures, look, numbers, run
from components.memory.edges import KIND, SlotEdge, in_words
from components.memory.look import Moment
from components.memory.rest import Later
from model.recall import interventions
from model.recall.reads import Place

MOST_TOKENS, MOST_IN_HALL, MOST_PROMPTS = 16, 8, 12  # of the picture


def show(now: Moment) -> Later:
    """What is left of told tokens, and one intervention -> the causal effects, for when typing rests."""
    numbers.offer_reads(now)
    if now.asked is None:
        look.nothing_asked(now)
        return None
    if problem := _problem(now):
        st.info(problem)
        return None
    steps = conversation.after_each_prompt()[-MOST_PROMPTS:]
    told = _most_read(now, steps)
    place = _chosen(now, told)
    later: list[Later] = []
    presenting.pictures({
        "What is left": lambda: later.append(_left(now, steps, told, place)),
        "One intervention": lambda: _one(now, told, place),
    }, [1, 1])
    return later[0] if later else None


def _problem(now: Moment) -> str:
    if not now.state.prompts:
        return "Nothing is told yet. Type a sentence above and press Enter, then ask."
    if not now.settings.modules:
        return "Every module is off, so nothing is read that could change. Switch one on."
    if now.front is not None:
        return ("Prompt too long for interventions: its beginning would have to be told before its end can "
                "ask. Shorten it.")
    if not interventions.told([now.state]):
        return "No slot holds a token. Tell a sentence, or allow more slots in Settings."
    return ""


def _most_read(now: Moment, steps) -> list[interventions.Told]:
    """The told tokens that the prompt reads most, over all of these memories, in the order told."""
    every = interventions.told([step.state for step in steps])
    places = tuple(one.place for one in every)
    read = sum(sum(run.left_weights(step.key, step.state, now.asked, now.settings, places).values())
               for step in steps)
    most = MOST_IN_HALL if presenting.is_on() else MOST_TOKENS
    best = np.sort(np.argsort(-read, kind="stable")[:most])
    return [every[i] for i in best]


def _chosen(now: Moment, told: list[interventions.Told]) -> Place:
    """The chosen token where it is shown; else the one that the prompt reads most now."""
    places = [one.place for one in told]
    cell = chosen(choice.CUT_PLACE)
    if cell is not None and Place(*cell) in places:
        return Place(*cell)
    read = run.left_weights(now.key, now.state, now.asked, now.settings, tuple(places))
    return places[int(sum(read.values()).argmax())]


# -- what is left ----------------------------------------------------------------------------------


def _left(now: Moment, steps, told, place: Place) -> Later:
    """The grid; the causal effects once typing rests."""
    with presenting.row("left_row"):
        shown = one_of("What is left", choice.LEFT)
    places = tuple(one.place for one in told)
    given = now.asked, now.settings, places
    spot = st.empty()
    if shown == "read":
        weights = [sum(run.left_weights(step.key, step.state, *given).values()) for step in steps]
        _draw(spot, np.array(weights).T, shown, steps, told, place)
        return None
    kept = [run.left_effects_kept(step.key, *given) for step in steps]
    if all(effects is not None for effects in kept):
        _draw(spot, np.array(kept).T, shown, steps, told, place)
        return None
    _draw(spot, None, shown, steps, told, place)
    return partial(_fill, spot, given, steps, told, place)


def _fill(spot, given, steps, told, place: Place) -> None:
    found = [run.left_effects(step.key, step.state, *given) for step in steps]
    _draw(spot, np.array(found).T, "effect", steps, told, place)


def _draw(spot, values: np.ndarray | None, shown: str, steps, told, place: Place) -> None:
    prompts = steps[-1].state.prompts
    first = len(steps[0].state.prompts)
    columns = [f"after prompt {first + i}: {prompts[first + i - 1]}" for i in range(len(steps))]
    own = np.array([max(0, one.place.prompt - first) for one in told])
    grid, top = left_figures.left_grid(
        values, own, shown, [f"{one.place.prompt} {one.text}" for one in told],
        [f"{one.text} of prompt {one.place.prompt}" for one in told], columns)
    row = [one.place for one in told].index(place)
    key = "left_waits" if values is None else "left_grid"
    with spot.container():
        cell_grid.show(grid, (row, len(steps) - 1), key,
                       lambda row, _: choose(choice.CUT_PLACE, tuple(told[row].place)))
        st.caption(_says(shown, top, len(told)))


def _says(shown: str, top: float, n: int) -> str:
    what = {
        "effect": "how far this prompt's next token moves (KL, nats) when the read of this token alone is "
                  "cut, once typing rests",
        "read": "the read weight of this prompt's last token: mean over layers and heads, plus the EDM's",
    }[shown]
    return (f"Row: one of the {n} told tokens read most; column: the memory as it was after each prompt. "
            f"Each cell: {what}. Full colour: {show_number(top)}. Click a row.")


# -- one intervention ------------------------------------------------------------------------------


def _one(now: Moment, told, place: Place) -> None:
    text = next(one.text for one in told if one.place == place)
    with st.container(horizontal=True, vertical_alignment="bottom", key="knife_row"):
        kind = st.selectbox("Intervention", list(choice.KNIVES), format_func=choice.KNIVES.get, width=250,
                            **holding(choice.KNIFE))
        other = ""
        if kind in choice.FROM_ELSEWHERE:
            with st.container(width=330):
                other = live_area(choice.ELSEWHERE, "The other conversation was told",
                                  "A line for each prompt", 1, 1000)
    if kind == "edge":
        _edges(now, place)
        return
    try:
        change, said = run.intervened(now.key, now.state, now.asked, now.settings, kind, place, other)
    except ValueError as problem:
        st.warning(for_markdown(str(problem)))
        return
    st.html(left_figures.effect_facts(change))
    st.html(two_distributions.pairs(change, "memory as it is", choice.KNIVES[kind].lower()))
    changed = partial(run.changed, now.key, now.state, now.asked, now.settings, kind, place, other)
    notebook("memory", lambda: (changed(), now.text), row=now.row, head=None, edm_head=None,
             told=now.state.prompts)
    name = f"{for_markdown(text)} (prompt {place.prompt})"
    st.caption({
        "cut": f"Without the read of {name} in any store; what was retrieved stays.",
        "all": "Without the read of any slot; what the recurrent memories carry is still read.",
        "off": "Without any read and with an empty recurrent state: exactly GPT-2.",
        "value": f"The value of {name} is that of {for_markdown(said)} in the other conversation; its key "
                 "stays, so as much is read.",
        "empty": "As if the recurrent memories had read no prompt; slots stay.",
        "state": "The recurrent memories carry what the other conversation left; slots stay.",
    }[kind] + " KL is over the whole vocabulary.")


# -- edges ----------------------------------------------------------------------------------------


def _edges(now: Moment, place: Place) -> None:
    """The edge from a typed token to the chosen told one, the edges that are cut, and what they change."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="slot_edge_row"):
        typed = now.asked.names[now.asked.n_start :]
        st.selectbox("From the typed token", [None, *range(len(typed))], width=170, **holding(choice.ROW),
                     format_func=lambda i: "the last" if i is None else f"{i} {typed[i]}",
                     placeholder="the last")  # Streamlit shows it for the chosen None
        scope = one_of("Where the edge is cut", choice.EDGE_IN)
        edge = _edge(now, place, scope)
        kept = chosen(choice.EDGES)
        st.button("Keep this cut", key="slot_edge_keep", disabled=len(kept) >= KIND.most,
                  on_click=choose, args=(choice.EDGES, [*kept, edge]))
    told = {tuple(one.place): one.text for one in interventions.told([now.state])}
    if not kept:
        st.markdown(f"**What if** {for_markdown(in_words(edge, typed, told))} is cut?")
    for at, one in enumerate(kept):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Undo", key=f"undo slot edge {at}", on_click=choose,
                      args=(choice.EDGES, kept[:at] + kept[at + 1 :] or None))
            st.markdown(for_markdown(in_words(one, typed, told)))
    _show_edges(now, tuple(kept) or (edge,))


def _edge(now: Moment, place: Place, scope: str) -> SlotEdge:
    """The chosen edge; a head: the chosen one, else the one that reads the told token most."""
    layer = head = None
    if scope != "all":
        read = [now.state.bank.slots.places[i] for i in now.asked.kept]
        column = next((i for i, places in enumerate(read) if tuple(place) in places), None)
        best = (0, 0) if column is None else run.best_head(now.asked, column)[:2]
        layer, head = now.head or best
    return SlotEdge(now.row, tuple(place), layer, head if scope == "head" else None)


def _show_edges(now: Moment, edges: tuple[SlotEdge, ...]) -> None:
    try:
        change = run.edges_cut(now.key, now.state, now.asked, now.settings, edges)
    except ValueError as problem:  # the list must stay, so that the cut can be undone
        st.warning(for_markdown(str(problem)))
        return
    notebook("slot cut", lambda: (now.asked.recalled.trace, now.text), told=now.state.prompts,
             edges=run.in_run(now.state, now.asked, edges))
    st.html(left_figures.effect_facts(change))
    st.html(two_distributions.pairs(change, "memory as it is", "cut"))
    st.caption("A cut score is −∞ before the softmax over Local ∪ Memory: the other weights still sum "
               "to 1. The EDM's slots are read beside attention and have no such edges.")
