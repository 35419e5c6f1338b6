"""The memory page's view of all slots of a store, and of one slot in detail."""

import html

import numpy as np
import streamlit as st

from components.frame import visit
from components.frame.choice_widgets import holding, one_of
from components.kit import next_token, palette
from components.kit.export.offers import offer
from components.kit.fact_strip import fact_strip
from components.kit.units import show_number
from components.memory import choice, conversation, look, numbers, run, say, slots, vectors, words
from components.memory.look import Moment

MOST_HISTORY = 12
STRONG = {
    "edm": "read with at least 1 %", "bank": "retrieved for this prompt",
}


def show(now: Moment) -> None:
    """All slots, and the chosen one in detail."""
    numbers.offer_reads(now)
    look.choose_store()
    weight = now.weight_now
    most = int(weight.argmax()) if len(weight) else 0
    slot = choice.slot(len(now.table), most)
    slots.show(
        now.table, weight, now.read, now.budget, slot, "memory_slots", choice.choose_slot,
        STRONG[now.store],
    )
    offer("memory_slots", numbers.slots)
    if len(now.table):
        _show_slot(now, slot, float(weight[slot]))
    else:
        st.info(_why_empty(now))


def _why_empty(now: Moment) -> str:
    external, gone = now.state.external, now.state.n_evicted
    if now.store == "edm":
        gone = 0 if external is None else external.n_evicted
    if not now.budget:
        return "This store has no slots: Settings allow 0."
    if gone:
        return f"Every slot is empty: {gone:,} were written, and all were evicted."
    if now.state.prompts:
        return "Every slot is empty: nothing told so far was written to this store. See Writes."
    return "Every slot is empty. Type a prompt above and press Enter; Writes shows what is written."


def _show_slot(now: Moment, slot: int, weight: float) -> None:
    table = now.table
    with st.container(horizontal=True, vertical_alignment="center", key="memory_slot_title"):
        st.html(words.slot_title(table, slot))
        if now.front is None:  # else these are not yet the slots of the conversation
            _show_pin(now, bool(table.pinned[slot]), slot)
    facts = words.slot_facts(table, slot, len(now.state.prompts), weight)
    if now.store == "edm":
        facts.append((show_number(now.state.external.gate[slot]), "learned gate, a logit",
                      "its log-sigmoid is added to the score of every query"))
    st.html(fact_strip(facts))
    if table.origins[slot]:
        with st.expander(words.summary_title(table, slot)):
            st.html(words.origins(table, slot))
    left, middle, right = st.columns([1, 1, 1.3], gap="medium")
    with left:
        _show_external_vectors(now, slot) if now.store == "edm" else _show_vectors(now, slot)
    with middle:
        _show_readers(now, slot)
        _show_history(now, slot)
    with right:
        _show_knock_out(now, slot)


def _show_pin(now: Moment, pinned: bool, slot: int) -> None:
    st.button(
        "Unpin its sentence" if pinned else "Pin its sentence", key="memory_pin", width="content",
        icon=":material/keep_off:" if pinned else ":material/keep:", on_click=conversation.pin,
        args=(now.store, slot, not pinned),
        help="A pinned sentence is evicted last: only when no unpinned one is left",
    )


# -- vectors ---------------------------------------------------------------------------------------


def _show_external_vectors(now: Moment, slot: int) -> None:
    st.markdown("##### Its key and its value")
    vectors.show(*run.external_vectors(now.state, slot), key="memory_vectors")
    texts, scores = run.external_points_to(now.state, slot)
    st.markdown("**Its value points to**")
    st.html(words.weighted(texts, scores, palette.VALUE))
    layer = visit.checkpoint().memory.sizes.layer
    st.caption("An approximation: the value through the EDM's output matrix and straight to the LM "
               f"head (ln_f's gain kept; blocks {layer} and above, biases and its scale left out).")


def _column(now: Moment, slot: int) -> int | None:
    """The slot's column among the slots that the prompt reads; None: it is not read."""
    if now.asked is None:
        return None
    found = np.flatnonzero(look.reads(now)[1] == slot)
    return int(found[0]) if len(found) else None


def _show_vectors(now: Moment, slot: int) -> None:
    column, head = _column(now, slot), now.head
    if head is None:
        head = (visit.checkpoint().model.config.n_layer // 2, 0)
        if column is not None:
            head = run.best_head(now.asked, column)[:2]
    st.markdown("##### Layer {}, head {}".format(*head))
    if now.head is None:
        st.caption(("No head reads this slot now" if column is None else
                    "This head reads the slot most now") + "; choose another under Reads.")
    stored, at = now.state.bank, slot
    if column is not None:
        stored, at = now.asked.recalled.trace.reading, column
    if now.settings.fusion.positions == "replay":
        st.caption("As stored: it is not retrieved." if column is None else
                   "As run again for this prompt (replay), not as stored.")
    vectors.show(*run.vectors(stored, at, *head), key="memory_vectors")
    texts, scores = run.value_points_to(stored, at, *head)
    st.markdown("**Its value points to**")
    st.html(words.weighted(texts, scores, palette.VALUE))
    st.caption("An approximation: this head's value through its rows of c_proj and straight to the "
               "LM head (ln_f's gain kept; later layers, biases and its scale left out).")


# -- use -------------------------------------------------------------------------------------------


def _show_readers(now: Moment, slot: int) -> None:
    st.markdown("##### Read by")
    column = _column(now, slot)
    if column is None:
        st.caption(_why_unread(now))
        return
    whole = look.reads(now)[0][:, column]
    best = np.argsort(-whole, kind="stable")[:6]
    texts = [now.asked.names[now.asked.n_start + t] for t in best]
    st.html(words.weighted(texts, whole[best], palette.QUERY))
    st.caption(now.of)


def _why_unread(now: Moment) -> str:
    if now.asked is None:
        return "This prompt is not read." if now.problem else "Type a prompt to read it."
    if now.store == "edm" or not len(now.asked.kept):
        return say.store(now)
    return "This prompt does not read its sentence."


def _show_history(now: Moment, slot: int) -> None:
    places = now.table.places[slot]
    later = [t for t in now.now.history if t.number > places[0][0]][-MOST_HISTORY:]
    st.markdown("##### Its history")
    if later:
        reads = [told.reads.get(now.store, {}) for told in later]
        weights = [max(read.get(place, 0.0) for place in places) for read in reads]
        names = [f"prompt {told.number}" for told in later]
        st.html(words.weighted(names, weights, palette.MEMORY))
    st.caption("What each later prompt, told in this tab, read from this slot." if later
               else "No prompt was told after this slot in this tab.")


def _show_knock_out(now: Moment, slot: int) -> None:
    st.markdown("##### Knock it out")
    scope = one_of("Leave out", choice.SCOPE)
    everywhere = _reads_both(now) and st.toggle(
        "Out of both stores", **holding(choice.BOTH),
        help="As if it had never been stored: the prompt asks anew and may find something else",
    )
    if not everywhere and _column(now, slot) is None:
        st.caption("This prompt does not read the slot, so leaving it out changes nothing.")
        return
    table = now.table
    gone = {
        "the slot": np.array([slot]),
        "its sentence": np.flatnonzero(table.block == table.block[slot]),
        "its prompt": np.flatnonzero(table.of_prompt(int(table.prompt[slot]))),
    }[scope]
    if everywhere:
        return _show_forgotten(now, scope, _in_both(now, slot, gone, scope))
    leave_out = run.without_external if now.store == "edm" else run.without
    compared = leave_out(now.key, now.state, now.asked, gone, now.settings)
    st.html(next_token.twice(compared, f"without {scope}", "with all that was read"))
    readable = look.reads(now)[1]
    n_gone = len(np.intersect1d(gone, readable))
    left = "" if n_gone < len(readable) else " No slot is left in this store."
    st.caption(
        f"{n_gone:,} of {len(readable):,} slots left out of this one run; the memory stays as it "
        f"is.{left} Other modules read as before."
    )


def show_forgetting(now: Moment) -> bool:
    """A switch beside the picture: the next token without the sentence that fits the prompt best.
    Returns whether it is shown."""
    weights, columns, _ = look.reads(now)
    if not len(columns) or now.front is not None:
        return False
    is_on = st.toggle("Forget this sentence", **holding(choice.FORGET), help=(
        "Shows the next token as if the sentence that fits the prompt best had never been told. "
        "The memory stays as it is"))
    if is_on:
        slot = _of_best_sentence(now, columns, weights)
        st.html(f"“<bdi>{html.escape(str(now.table.around[slot]))}</bdi>”")
        compared = _without_sentence(now, slot)
        st.html(next_token.twice(compared, "without it", "with all that was read"))
    return is_on


def _of_best_sentence(now: Moment, columns: np.ndarray, weights: np.ndarray) -> int:
    """A slot, of those in columns (n,), of the sentence that fits best as fusion finds it; where it
    drew nothing, or holds another one, the slot that the chosen word reads most: weights (T, n)."""
    drawn, bank = now.asked.recalled.relevance, now.state.bank.slots
    if drawn:
        best = bank.block == max(drawn, key=drawn.__getitem__)
        prompt, at = bank.prompt[best][0], bank.position[best]
        table = now.table
        found = columns[(table.prompt[columns] == prompt) & (table.position[columns] >= at.min())
                        & (table.position[columns] <= at.max())]
        if len(found):
            return int(found[0])
    return int(columns[weights[now.row].argmax()])


def _without_sentence(now: Moment, slot: int):
    """The next token without a slot's sentence, in both stores where both are read."""
    table = now.table
    gone = np.flatnonzero(table.block == table.block[slot])
    if _reads_both(now):
        places = _in_both(now, slot, gone, "its sentence")
        return run.forgotten(now.key, now.state, now.asked, places, now.settings)
    leave_out = run.without_external if now.store == "edm" else run.without
    return leave_out(now.key, now.state, now.asked, gone, now.settings)


def _reads_both(now: Moment) -> bool:
    both = {"edm", "am"} <= now.settings.modules and len(now.state.bank)
    return bool(both and now.asked is not None and now.asked.n_external)


def _in_both(now: Moment, slot: int, gone, scope: str) -> frozenset[tuple[int, int]]:
    """(prompt, position) of the tokens `gone` of one store, and of the same sentence or prompt all
    that either store holds."""
    tables = (now.state.bank.slots, now.state.external.slots)
    own = frozenset(_places(now.table, gone))
    if scope == "its prompt":
        number = now.table.prompt[slot]
        return own.union(*(_places(t, np.flatnonzero(t.of_prompt(number))) for t in tables))
    if scope == "its sentence":
        parts = (t.block[[not own.isdisjoint(held) for held in t.places]] for t in tables)
        return own.union(*(_places(t, np.flatnonzero(np.isin(t.block, blocks)))
                           for t, blocks in zip(tables, parts)))
    return own


def _places(table, at) -> list[tuple[int, int]]:
    return [place for held in table.select(at).places for place in held]


def _show_forgotten(now: Moment, scope: str, gone: frozenset[tuple[int, int]]) -> None:
    """The next token had these tokens, (prompt, position) each, been stored in neither store."""
    compared = run.forgotten(now.key, now.state, now.asked, gone, now.settings)
    st.html(next_token.twice(compared, f"without {scope}", "with all that was read"))
    st.caption(f"{len(gone):,} {'token' if len(gone) == 1 else 'tokens'} left out of both stores "
               "for this one run, which asked anew; the memory stays as it is. A recurrent state "
               "cannot be split by token.")
