"""The memory page's views of what is read: the picture, the whole map, the next token."""

from functools import partial

import numpy as np
import streamlit as st

from components.kit import next_token, palette
from components.kit.export.offers import offer
from components.memory import (
    bars,
    choice,
    controls,
    heads_grid,
    look,
    numbers,
    reads,
    run,
    say,
    slot_views,
    steps,
    told_rows,
    weights_map,
    words,
)
from components.memory.look import Moment
from components.memory.rest import Later
from model.memory import alone

MOST_ALONE = 3  # tokens whose probability is shown module by module


def show_laws(now: Moment):
    """What fusion reads, and the laws with what this prompt would change -> where they stand, for
    `prove`."""
    place = st.empty()
    _laws(now, place, None if now.asked is None else run.measured_off(now.asked))
    return place


def prove(now: Moment, place) -> Later:
    """The measurement, for when typing rests, that memory switched off is GPT-2."""
    if now.asked is None or run.measured_off(now.asked) is not None:
        return None
    return lambda: _laws(now, place, run.off_difference(now.asked))


def _laws(now: Moment, place, off_difference: float | None) -> None:
    written = now.now.written if now.front is None else steps.what_was_written(now.front)
    with place:
        controls.show_laws(
            now.state, written, off_difference, say.fusion(now), now.asked is not None)


# -- reads -----------------------------------------------------------------------------------------


def show_reads(now: Moment) -> Later:
    """The picture: lines from the prompt's words to the words, in earlier prompts, they read -> what
    each module did alone, for when typing rests."""
    numbers.offer_reads(now)
    left, right = st.columns([2, 1], gap="medium")
    with left:
        look.choose_store()
        show_picture(now)
    if now.asked is None:
        return None
    with right:
        if not slot_views.show_forgetting(now):
            st.markdown("##### The next token, twice")
            st.html(next_token.twice(now.asked.compared, "with memory", "without: GPT-2"))
    with left:
        each = _show_each(now)
    if now.store == "bank":
        with left:
            heads, sentences = st.columns([1, 1.2], gap="large")
        with heads:
            _show_heads(now)
        with sentences:
            _show_retrieved(now)
    return each


def _show_each(now: Moment) -> Later:
    """Which module moved the probability; the modules alone once typing rests."""
    if not now.settings.modules or not now.state.prompts:
        return None
    given = now.asked, now.settings, MOST_ALONE
    known = run.each_alone_kept(now.key, *given)
    each = alone.not_yet(*given) if known is None else known
    st.markdown("##### Which module moved it")
    place = st.empty()
    place.html(bars.by_module(each.texts, each.probabilities))
    st.caption("One run for each module alone, once typing rests, and one with all that are switched "
               "on. Percentage points are against GPT-2 and need not add up.")
    is_whole = all(p is not None for p in each.probabilities.values())
    return None if is_whole else partial(_fill_each, now, place)


def _fill_each(now: Moment, place) -> None:
    each = run.each_alone(now.key, now.state, now.asked, now.settings, MOST_ALONE)
    place.html(bars.by_module(each.texts, each.probabilities))


def _show_heads(now: Moment) -> None:
    st.markdown("##### Memory's share, head by head")
    row = now.row + now.asked.n_start
    heads_grid.show(
        now.asked.share[:, :, row], now.asked.names[row], now.head, "memory_heads",
        choice.choose_head,
    )
    offer("memory_heads", numbers.shares)


def show_picture(now: Moment, key: str = "memory_reads", take=choice.choose_row) -> None:
    """The conversation, the prompt, and lines for what is read; `take(token)` runs at a click."""
    read = now.read
    told = told_rows.rows(now.state.prompts, now.table, read, run.show)
    store = choice.STORES[now.store]
    if now.asked is None:
        is_struck = now.store == "bank"
        drawn = reads.ReadsPicture(told, [], np.zeros((0, 0)), read, 0, "", [], store, is_struck)
    else:
        drawn = _picture(now, told, store)
    reads.show(drawn, key, take, choice.choose_slot)
    if now.asked is None or take is choice.choose_row:
        offer(key, numbers.read)
    st.caption(
        "A line's width: how much a typed word reads from a remembered one. "
        + ("Memory keeps keys and values, not the text. Struck out: not in memory."
           if now.store == "bank" else
           "Pale: not in a slot. The bar under a typed word is its read weight on slots. The rest is "
           "on the null slot: that part reads nothing.")
    )


def _picture(now: Moment, told: list[dict], store: str) -> reads.ReadsPicture:
    asked, (weights, columns, nothing) = now.asked, look.reads(now)
    best = [(asked.compared.texts[i], float(p[i])) for p, i in (
        (p, int(p.argmax())) for p in (asked.compared.after, asked.compared.before))]
    is_read = say.is_read(now)
    guesses = best if is_read else best[1:]
    return reads.ReadsPicture(
        told, asked.names[asked.n_start :], weights, columns, now.row, now.of, guesses, store,
        now.store == "bank", nothing, say.store(now) if is_read else say.EXACTLY,
    )


# -- all weights -----------------------------------------------------------------------------------


def show_front(now: Moment) -> None:
    """Which part of a prompt asks, if the whole is too long to ask with."""
    if now.front is not None:
        n_asked = len(now.asked.names) - now.asked.n_start
        st.info(
            f"Prompt too long for the room beside this memory: its last {n_asked:,} tokens ask, "
            f"with memory and without. The {now.asked.n_front:,} tokens before them are in memory "
            f"for this question, {_with_a_slot(now):,} of them with a slot in the bank. Nothing is "
            "kept until you press Enter."
        )


def _with_a_slot(now: Moment) -> int:
    table = now.state.bank.slots
    return int((table.prompt == len(now.state.prompts)).sum())


def show_weights(now: Moment) -> None:
    """Everything that is read, token by slot; a row's bars; every head's share of memory."""
    numbers.offer_reads(now)
    look.choose_store()
    if now.asked is None:
        return look.nothing_asked(now)
    if now.store == "edm":
        return _show_external_map(now)
    left, right = st.columns([3.2, 1], gap="medium")
    with left:
        show_union(now)
    with right:
        _show_heads(now)
        st.button("Mean of all heads", key="memory_mean", on_click=choice.all_heads,
                  disabled=now.head is None)
        _show_retrieved(now)


def show_union(now: Moment, key: str = "memory_map", take=choice.choose_row) -> None:
    """Memory's columns, then the prompt's own, as one map; `take(token)` runs at a click."""
    asked, texts = now.asked, now.state.bank.slots.text
    drawn = weights_map.WeightsMap(
        run.weights(now.key, asked, now.head), asked.names,
        [texts[i] for i in asked.kept], asked.names, now.of, start=_token_0(asked),
    )
    _show_map(now, drawn, key, take)
    if take is choice.choose_row:
        offer(key, numbers.union)


def _show_external_map(now: Moment) -> None:
    asked = now.asked
    if not asked.n_external:
        return st.info(say.store(now))
    whole = asked.external_weights(now.edm_head)
    drawn = weights_map.WeightsMap(
        np.concatenate([whole[:, 1:], whole[:, :1]], axis=1), asked.names,
        now.table.text.tolist(), ["nothing"], now.of, "EDM", "nothing (null slot)", causal=False,
        start=_token_0(asked),
    )
    _show_map(now, drawn)
    offer("memory_map", numbers.read)
    st.caption("Empty slots weigh exactly 0 and are left out. Every row is one softmax over the "
               "slots and the null slot, which takes the weight when nothing fits.")


def _token_0(asked) -> int:
    """The row of the prompt's first token among the tokens that ask; negative if it was told."""
    return asked.n_start - asked.n_front


def _show_map(now: Moment, drawn: weights_map.WeightsMap, key: str = "memory_map",
              take=choice.choose_row) -> None:
    start = now.asked.n_start
    weights_map.show(drawn, now.row + start, key, lambda at: take(max(0, at - start)))


def _show_retrieved(now: Moment) -> None:
    """How well every stored sentence fits the prompt, and which are read."""
    recalled, table = now.asked.recalled, now.state.bank.slots
    drawn, moved = recalled.relevance, recalled.moved
    if moved is None and not drawn:
        return
    st.markdown("##### Stored sentences: which are read?")
    st.markdown(say.fusion(now))
    best = sorted(drawn, key=drawn.get, reverse=True)[:8]
    texts = [str(table.around[table.block == block][0]) for block in best]
    st.html(words.weighted_sentences(texts, [drawn[block] for block in best], palette.MEMORY))
    st.caption("How well a sentence fits: the largest weight from one token of the prompt to one "
               "token of the sentence (mean of all layers and heads, plus the EDM's), times 1 + "
               "the weight of the words they share."
               + (" The best are read." if len(recalled.kept) else
                  " None was read, so no read of a slot is counted."))
