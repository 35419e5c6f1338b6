"""The attention page's views of a prompt, a head, a cell. The page orders them."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from components.attention import (
    bertviz_views,
    choice,
    grid,
    head_facts,
    head_map,
    numbers,
    query_steps,
    run,
)
from components.frame import presenting, visit
from components.kit import canvas
from components.kit.export.offers import notebook, offer


@dataclass(frozen=True, eq=False)
class ChosenHead:
    """What is shown.

    model: its name; n_layers, n_heads of it; survey: all heads (model.analysis.attention.Survey);
    tokens: T strings; weights (T,T) of the chosen head; query, key: the chosen cell.
    """

    model: str
    n_layers: int
    n_heads: int
    survey: object
    tokens: list[str]
    layer: int
    head: int
    weights: np.ndarray
    query: int
    key: int

    @property
    def title(self) -> str:
        """The chosen head's name."""
        return f"Layer {self.layer} · head {self.head}"


def look() -> ChosenHead | None:
    """The present prompt and choices; None for an empty prompt."""
    model = visit.checkpoint()
    sizes = model.model.config.n_layer, model.model.config.n_head
    survey = visit.survey(canvas.squares(*sizes))
    if survey is None:
        return None
    tokens = visit.token_texts()
    if choice.follow_text(tokens):
        st.rerun()  # the prompt box has written the old cell into the address
    layer, head = choice.head(survey.facts, len(tokens))
    weights = run.weights(layer, head)
    cell = choice.cell(weights)
    notebook("attention", layer=layer, head=head, query=cell[0])
    return ChosenHead(model.name, *sizes, survey, tokens, layer, head, weights, *cell)


def show_grid(now: ChosenHead, shown: str) -> None:
    """All heads: their maps ("map"), or one fact of each; and the chosen head's facts in words."""
    facts, chosen = now.survey.facts, (now.layer, now.head)
    notes = head_facts.notes(facts)
    if shown == "map":
        grid.show_maps(
            now.survey.pooled, notes, chosen, key="grid", on_choose=choice.choose_head
        )
    else:
        top = head_facts.top(shown, facts[shown])
        grid.show_numbers(
            facts[shown], top, notes, chosen, key="grid", on_choose=choice.choose_head
        )
    offer("grid", numbers.all_heads, shown)
    legend = head_facts.legend(shown, facts.get(shown), now.survey.cell)
    own = f"**{now.title}.** {head_facts.words(facts, now.layer, now.head)}"
    if presenting.is_on():
        st.caption(f"{own} {legend}")
    else:
        st.caption(legend)
        st.markdown(own)


def show_map(now: ChosenHead, most_px: int) -> None:
    """The chosen head; a click chooses a cell."""
    head_map.show(
        now.weights, now.tokens, (now.query, now.key), title=now.title, most_px=most_px,
        key="map", on_choose=choice.choose_cell,
    )
    offer("map", numbers.one_head, now.layer, now.head)


def show_cell(now: ChosenHead) -> None:
    """The arithmetic of the chosen cell."""
    cell = run.cell(now.layer, now.head, now.query, now.key)
    query_steps.show_cell(cell, now.tokens, now.query, now.key, "cell")
    offer("cell", numbers.one_weight, now.layer, now.head, now.query, now.key)


def pick_query(now: ChosenHead) -> None:
    """The box of the token that reads."""
    st.session_state.reader = now.query
    st.selectbox(
        "The query: the token that reads", range(len(now.tokens)), key="reader",
        format_func=lambda i: f"{i}  {now.tokens[i]}",
        label_visibility="collapsed" if presenting.is_on() else "visible",
        on_change=lambda: choice.choose_cell(st.session_state.reader, None),
    )


def show_steps(now: ChosenHead) -> None:
    """How the chosen query reads."""
    pick_query(now)
    steps = run.steps(now.layer, now.head, now.query)
    query_steps.show_steps(
        steps, now.tokens, now.query, now.key, key="steps", on_choose=choice.choose_cell
    )
    offer("steps", numbers.one_query, now.layer, now.head, now.query)


def show_bertviz(now: ChosenHead, kind: str) -> None:
    """bertviz's head, model or neuron view; our map if bertviz cannot draw this prompt."""
    fits = bertviz_views.choice(kind, len(now.tokens), now.n_layers, now.n_heads)
    place = now.tokens, now.layer, now.head
    if fits.view == "map":
        st.caption(fits.reason)
        show_map(now, most_px=760)
    elif kind == "model":
        maps = [run.layer_weights(layer) for layer in range(now.n_layers)]
        bertviz_views.show(kind, maps, *place, is_large=presenting.is_on())
    else:
        q, k = run.queries_and_keys(now.layer)
        bertviz_views.show(
            kind, run.layer_weights(now.layer), *place, q, k, is_large=presenting.is_on()
        )
