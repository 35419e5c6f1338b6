"""The memory page's view of what remembering this prompt would write, and which slots it evicts."""

import numpy as np
import streamlit as st

from components.frame import presenting, visit
from components.kit.units import show_number
from components.memory import bars, choice, look, numbers, run, steps, words
from components.memory.look import Moment
from model.run import borders


def show(now: Moment) -> None:
    """A preview at every key; Enter commits it."""
    numbers.offer_writes()
    if not len(run.encode(now.text)):
        return look.nothing_asked(now)
    if not run.can_preview(now.text):
        st.info("This prompt is long, so there is no preview at every key. When you remember it, "
                "it is written in windows.")
        return
    try:
        written = run.tell(
            now.now.key, now.now.state, now.text, choice.for_writing(), now.asked
        )
    except ValueError as problem:
        st.warning(str(problem))
        return
    tokens = {} if written.gated is None else {"The EDM": lambda: _show_tokens(now, written)}
    presenting.pictures({**tokens, "The attention bank": lambda: _show_sentences(now, written)})


def _show_tokens(now: Moment, written) -> None:
    """The EDM's part: tokens by their salience."""
    gated, settings = written.gated, now.settings
    n_written, n_tokens = steps.what_was_written(written)["edm"]
    st.markdown(f"##### The EDM would store {n_written} of {n_tokens} tokens")
    own = _behind_start(gated.ids)
    names = visit.show_tokens(gated.ids[own])
    score, stored = gated.salience[own], gated.stored[own]
    st.html(bars.gate_strip(names, score, stored, settings.edm.threshold))
    st.caption(
        f"Bar: salience (“{settings.edm.score}”) of each token; line: the threshold, "
        f"{show_number(settings.edm.threshold)}. Framed: would be stored, each in a slot of its own."
        + (" The gate is a logit: above 0 it votes to write." if settings.edm.score
           == choice.TRAINED else "")
    )
    before = now.now.state.external
    table = None if before is None else before.slots
    _show_evicted(table, written.state.external.slots, settings.edm.slots, gated.n_evicted)


def _behind_start(ids) -> np.ndarray:
    return np.arange(borders.start_length(visit.checkpoint(), ids), len(ids))


def _show_sentences(now: Moment, written) -> None:
    """The bank's part: whole sentences."""
    n_written, n_sentences = steps.what_was_written(written)["bank"]
    settings = choice.for_writing()
    st.markdown(f"##### The attention bank would store {n_written} of {n_sentences} sentences")
    names = visit.show_tokens(written.ids)
    st.html(words.sentence_rows(names, written, settings.fusion.threshold, settings.best))
    st.caption(
        f"Colour: salience (“{settings.fusion.score}”) of each token. Bar: the sentence's mean; "
        f"line: the threshold, {show_number(settings.fusion.threshold)}. Sentences are written whole."
    )
    _show_evicted(now.now.state.bank.slots, written.state.bank.slots, settings.fusion.slots,
                  written.n_evicted)


def _show_evicted(before, after, budget: int, n_evicted: int) -> None:
    """before, after: slot tables of one store; before None: it held nothing."""
    stays = {place: n for places, n in zip(after.places, after.n_tokens) for place in places}
    places = [] if before is None else before.places
    leaves = [i for i, held in enumerate(places) if held[0] not in stays]
    folded = sum(stays.get(held[0], 0) > len(held) for held in places)
    st.markdown(f"Then **{len(after):,} of {budget:,}** slots are full; **{len(leaves):,}** "
                f"present slots are evicted.")
    if leaves:
        st.html(words.chips([before.text[i] for i in leaves], struck=True))
    if folded:
        st.caption(f"{folded:,} of the present ones are folded into {(after.n_tokens > 1).sum():,} "
                   "summaries.")
        return
    own = n_evicted - len(leaves)
    if own > 0:
        st.caption(f"{own:,} tokens of this prompt itself get no slot.")
