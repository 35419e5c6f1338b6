"""The memory page's views of one moment: a conversation, a prompt, settings."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from components import memory_choice as choice
from components import (
    memory_controls,
    memory_heads,
    memory_map,
    memory_reads,
    memory_slots,
    memory_told,
    memory_vectors,
    palette,
    run,
    run_memory,
)
from components import memory_conversation as conversation
from components import memory_words as words
from components.fact_strip import fact_strip

MOST_HISTORY = 12


@dataclass(frozen=True, eq=False)
class Look:
    """What is looked at. text: the prompt; asked: its run, None without one; problem: why there is
    none though a prompt was typed. state is what the run read: blank when memory is off."""

    now: conversation.Conversation
    state: object
    key: str
    settings: object
    text: str
    asked: run_memory.Asked | None
    problem: str

    @property
    def head(self) -> tuple[int, int] | None:
        """The chosen (layer, head), None for the mean."""
        config = run.checkpoint().model.config
        return choice.head(config.n_layer, config.n_head)

    @property
    def row(self) -> int:
        """The chosen token of the prompt, counted without <|endoftext|>."""
        return choice.row(len(self.asked.names) - self.asked.n_start)

    @property
    def of(self) -> str:
        """Whose weights are shown, in words."""
        config = run.checkpoint().model.config
        if self.head is None:
            return f"Mean over {config.n_layer} layers × {config.n_head} heads."
        return "Layer {}, head {} alone.".format(*self.head)


def look() -> Look:
    """The present moment; nothing in it is stored anywhere."""
    now, settings = conversation.current(), choice.settings()
    text = st.session_state.get("prompt", "")
    state, key = now.state, now.key
    if not choice.is_on():
        state, key = run_memory.blank(), "off"
    try:
        asked, problem = run_memory.ask(key, state, text, settings), ""
    except ValueError as error:
        asked, problem = None, str(error)
    return Look(now, state, key, settings, text, asked, problem)


def show_laws(now: Look) -> None:
    """The laws, with what this prompt would add to them."""
    written = now.now.written
    difference = None if now.asked is None else now.asked.off_difference
    memory_controls.show_laws(written, difference)


# -- reads -----------------------------------------------------------------------------------------


def show_reads(now: Look) -> None:
    """The picture: lines from the prompt's words to the words, in earlier prompts, they read."""
    left, right = st.columns([2, 1], gap="medium")
    with left:
        _show_picture(now)
    if now.asked is None:
        return
    with right:
        st.markdown("##### The next token, twice")
        st.html(words.next_token(now.asked.compared, "with memory", "without: GPT-2"))
    with left:
        heads, sentences = st.columns([1, 1.2], gap="large")
    with heads:
        _show_heads(now)
    with sentences:
        _show_retrieved(now)


def _show_heads(now: Look) -> None:
    st.markdown("##### Memory's share, head by head")
    row = now.row + now.asked.n_start
    memory_heads.show(
        now.asked.share[:, :, row], now.asked.names[row], now.head, "memory_heads",
        choice.choose_head,
    )


def _show_picture(now: Look) -> None:
    asked, table = now.asked, now.now.state.bank.slots
    kept = np.zeros(0, np.int64) if asked is None else asked.kept
    told = memory_told.rows(now.now.state.prompts, table, kept, run_memory.show)
    if asked is None:
        picture = memory_reads.Picture(told, [], np.zeros((0, 0)), kept, 0, "", [])
    else:
        weights = run_memory.weights(now.key, asked, now.head)[asked.n_start :, : len(kept)]
        best = [(asked.compared.texts[i], float(p[i])) for p, i in (
            (p, int(p.argmax())) for p in (asked.compared.after, asked.compared.before))]
        guesses = best if len(kept) else best[1:]
        picture = memory_reads.Picture(
            told, asked.names[asked.n_start :], weights, kept, now.row, now.of, guesses,
        )
    memory_reads.show(picture, "memory_reads", choice.choose_row, choice.choose_slot)
    st.caption(
        "A line's width: how much a word you type reads from a remembered one. Kept are keys and "
        "values, not the text. Struck out: not in memory."
    )


# -- all weights -----------------------------------------------------------------------------------


def show_weights(now: Look) -> None:
    """The whole attention over Memory ∪ Local; a row's bars; every head's share of memory."""
    if now.asked is None:
        return _nothing_typed()
    asked, table = now.asked, now.now.state.bank.slots
    left, right = st.columns([3.2, 1], gap="medium")
    with left:
        weights = run_memory.weights(now.key, asked, now.head)
        memory_map.show(
            weights, asked.names, [table.text[i] for i in asked.kept], now.row + asked.n_start,
            of=now.of, key="memory_map",
            on_choose=lambda at: choice.choose_row(max(0, at - asked.n_start)),
        )
    with right:
        _show_heads(now)
        st.button("Mean of all heads", key="memory_mean", on_click=choice.all_heads,
                  disabled=now.head is None)
        _show_retrieved(now)


def _show_retrieved(now: Look) -> None:
    """Every stored sentence's share of the question's attention in the first pass."""
    mass, table = now.asked.recalled.block_mass, now.now.state.bank.slots
    if not mass:
        return
    best = sorted(mass, key=mass.get, reverse=True)[:8]
    st.markdown("##### Stored sentences, first pass")
    texts = [str(table.around[table.block == block][0]) for block in best]
    st.html(words.weighted(texts, [mass[block] for block in best], palette.MEMORY, "11em"))
    st.caption("Share of the prompt's attention, mean of all layers and heads; the best are "
               "retrieved and read again alone.")


# -- writes ----------------------------------------------------------------------------------------


def show_writes(now: Look) -> None:
    """What remembering this prompt would write, and whom it would evict."""
    if not len(run_memory.encode(now.text)):
        return _nothing_typed()
    if not run_memory.can_preview(now.text):
        st.info("This prompt is long: it is written in windows when you remember it, without a "
                "preview at every key.")
        return
    read = now.asked if len(now.state.bank) else None
    try:
        written = run_memory.tell(now.now.key, now.now.state, now.text, now.settings, read)
    except ValueError as problem:
        st.warning(str(problem))
        return
    n_written, n_sentences = conversation.sentences_written(written)
    st.markdown(f"##### Remembering this prompt would write {n_written} of {n_sentences} sentences")
    names = run.show_tokens(written.ids)
    st.html(words.sentence_rows(names, written, now.settings.threshold))
    st.caption(
        f"Colour: salience (“{now.settings.score}”) of each token. Bar: the sentence's mean; "
        f"line: the threshold, {now.settings.threshold:.3g}. Sentences are written whole."
    )
    _show_evicted(now, written)


def _show_evicted(now: Look, written) -> None:
    before, after = now.now.state.bank.slots, written.state.bank.slots
    stays = set(zip(after.prompt.tolist(), after.position.tolist()))
    leaves = [i for i, place in enumerate(zip(before.prompt.tolist(), before.position.tolist()))
              if place not in stays]
    n_after, budget = len(after), now.settings.budget
    st.markdown(f"##### Then {n_after:,} of {budget:,} slots are full; {len(leaves):,} of the "
                f"present ones leave")
    if leaves:
        st.html(words.chips([before.text[i] for i in leaves], struck=True))
    own = written.n_evicted - len(leaves)
    if own > 0:
        st.caption(f"{own:,} tokens of this prompt itself find no slot.")


# -- slots -----------------------------------------------------------------------------------------


def show_slots(now: Look) -> None:
    """All slots, and the chosen one from close by."""
    bank = now.now.state.bank
    weight = _read_now(now)
    kept = now.asked.kept if now.asked else np.zeros(0, np.int64)
    most = int(weight.argmax()) if len(weight) else 0
    slot = choice.slot(len(bank), most)
    memory_slots.show(
        bank.slots, weight, kept, now.settings.budget, slot, "memory_slots", choice.choose_slot,
    )
    if len(bank):
        _show_slot(now, slot, float(weight[slot]))
    else:
        st.info("Every slot is empty. Type a prompt above and press Enter: its tokens move in.")


def _read_now(now: Look) -> np.ndarray:
    n = len(now.now.state.bank)
    return now.asked.now if now.asked and len(now.asked.now) == n else np.zeros(n)


def _show_slot(now: Look, slot: int, weight: float) -> None:
    bank = now.now.state.bank
    column = _column(now, slot)
    head = now.head
    if head is None:
        head = (run.checkpoint().model.config.n_layer // 2, 0)
        if column is not None:
            head = run_memory.best_head(now.asked, column)[:2]
    with st.container(horizontal=True, vertical_alignment="center", key="memory_slot_title"):
        st.html(words.slot_title(bank.slots, slot))
        _show_pin(bool(bank.slots.pinned[slot]), slot)
    st.html(fact_strip(words.slot_facts(bank.slots, slot, len(now.now.state.prompts), weight)))
    left, middle, right = st.columns(3, gap="large")
    with left:
        _show_vectors(now, slot, column, head)
    with middle:
        _show_readers(now, slot, column, head)
    with right:
        _show_knock_out(now, slot, column)


def _show_pin(pinned: bool, slot: int) -> None:
    st.button(
        "Unpin its sentence" if pinned else "Pin its sentence", key="memory_pin", width="content",
        icon=":material/keep_off:" if pinned else ":material/keep:", on_click=conversation.pin,
        args=(slot, not pinned),
        help="A pinned sentence does not leave, whoever comes, while any other can leave",
    )


def _column(now: Look, slot: int) -> int | None:
    found = np.flatnonzero(now.asked.kept == slot) if now.asked else []
    return int(found[0]) if len(found) else None


def _show_vectors(now: Look, slot: int, column: int | None, head: tuple[int, int]) -> None:
    st.markdown("##### Layer {}, head {}".format(*head))
    if now.head is None:
        st.caption("The head that reads this slot most now; choose another under Reads.")
    held, at = now.now.state.bank, slot
    if column is not None:
        held, at = now.asked.recalled.trace.reading, column
    if now.settings.positions == "replay":
        st.caption("As stored: it is not retrieved." if column is None else
                   "As run again for this prompt (replay), not as stored.")
    memory_vectors.show(*run_memory.vectors(held, at, *head), key="memory_vectors")
    texts, scores = run_memory.value_points_to(held, at, *head)
    st.markdown("**Its value points to**")
    st.html(words.weighted(texts, scores, palette.VALUE))
    st.caption("An approximation: this head's value through its rows of c_proj and straight to the "
               "LM head (ln_f's gain kept; later layers, biases and its scale left out).")


def _show_readers(now: Look, slot: int, column: int | None, head: tuple[int, int]) -> None:
    st.markdown("##### Read by")
    if column is None:
        st.caption("Not retrieved for this prompt." if now.asked else "Type a prompt to read it.")
    else:
        asked = now.asked
        whole = run_memory.weights(now.key, asked, now.head)[asked.n_start :, column]
        best = np.argsort(-whole, kind="stable")[:6]
        texts = [asked.names[asked.n_start + t] for t in best]
        st.html(words.weighted(texts, whole[best], palette.QUERY))
        st.caption(now.of)
    st.markdown("##### Its history")
    names, weights = _history(now, slot)
    if names:
        st.html(words.weighted(names, weights, palette.MEMORY))
    st.caption("What each later prompt, told in this tab, read from it." if names
               else "No prompt was told after it in this tab.")


def _history(now: Look, slot: int) -> tuple[list[str], list[float]]:
    table = now.now.state.bank.slots
    place = (int(table.prompt[slot]), int(table.position[slot]))
    later = [(n, read.get(place, 0.0)) for n, read in now.now.history if n > place[0]]
    latest = later[-MOST_HISTORY:]
    return [f"prompt {n}" for n, _ in latest], [weight for _, weight in latest]


def _show_knock_out(now: Look, slot: int, column: int | None) -> None:
    st.markdown("##### Knock it out")
    scope = st.segmented_control(
        "Leave out", ["the slot", "its sentence", "its prompt"], default="its sentence",
        required=True, key="memory_scope", label_visibility="collapsed", persist_state="session",
        format_func=lambda scope: scope.split()[-1],
    )
    if column is None:
        st.caption("It is not read now: leaving it out changes nothing.")
        return
    table = now.now.state.bank.slots
    gone = {
        "the slot": np.array([slot]),
        "its sentence": np.flatnonzero(table.block == table.block[slot]),
        "its prompt": np.flatnonzero(table.prompt == table.prompt[slot]),
    }[scope]
    compared = run_memory.without(now.key, now.state, now.asked, gone, now.settings)
    st.html(words.next_token(compared, f"without {scope}", "with all that was read"))
    n_gone = len(np.intersect1d(gone, now.asked.kept))
    n_left = len(now.asked.kept) - n_gone
    st.caption(
        f"{n_gone:,} of {n_gone + n_left:,} slots left out of this one run; nothing is changed."
        + ("" if n_left else " None is left: this is GPT-2 from position 0.")
    )


def _nothing_typed() -> None:
    st.info("Type a prompt above: this view follows each key.")
