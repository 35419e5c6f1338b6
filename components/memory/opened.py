"""The Memory page of an opened trace file: what was told, the slots, what the prompt read of them.

Drawn from the file alone: no weights, no tokenizer. Nothing of it can be changed.
"""

from functools import partial

import numpy as np
import streamlit as st

from components.frame import opened_trace
from components.frame.choices import chosen
from components.kit import next_token
from components.kit.export.offers import no_notebook, offer
from components.kit.export.table import Table
from components.kit.safe_text import for_markdown
from components.memory import choice, slots, weights_map
from model.takeaway.memory_reads import HeldMemory, Reads

NO_NOTEBOOK = (
    "This view has no notebook: it shows what a trace file holds. Remove the file and tell memory the "
    "same; then it has one."
)
MOST_TOLD = 40  # prompts that are listed, the newest
MOST_LETTERS = 200  # of one of them


def show() -> bool:
    """Draw the memory of the trace file that is open; False where none is."""
    file = opened_trace.current()
    if file is None or file.found.held is None:
        return False
    held, reads = file.found.held, file.found.reads
    no_notebook(NO_NOTEBOOK)
    left, right = st.columns([2, 1], gap="large")
    with right:
        _show_told(held)
    with left:
        _show_reads(held, reads)
        _show_slots("The attention bank", held.bank, *_bank_reads(held, reads), "memory_slots")
        if len(held.external):
            _show_slots("The EDM", held.external, *_external_reads(held, reads), "memory_external_slots")
    return True


def rests(text: str) -> bool:
    """Enter tells nothing while a trace file is open."""
    return False


def _show_told(held: HeldMemory) -> None:
    st.markdown("##### Told, each in a prompt of its own")
    first = max(0, len(held.prompts) - MOST_TOLD)
    if first:
        st.caption(f"{first:,} earlier prompts are not listed.")
    st.markdown("\n".join(f"{i}. {for_markdown(_short(text))}" for i, text in enumerate(held.prompts[first:], first + 1)))


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"


def _show_reads(held: HeldMemory, reads: Reads | None) -> None:
    if reads is None:
        st.info("The file holds this memory and no run that read it, so there are no read weights.")
        return
    told = reads.told
    st.markdown("##### The next token, twice")
    st.html(next_token.twice(told, "with memory", "without: GPT-2"))
    if not told.kept:
        st.caption("The attention bank was not read.")
        return
    st.markdown("##### Attention over Memory ∪ Local")
    texts = [held.bank.text[i] for i in told.kept]
    last = len(told.tokens) - told.n_start - 1
    row = last if chosen(choice.ROW) is None else min(chosen(choice.ROW), last)
    drawn = weights_map.WeightsMap(
        reads.union, told.tokens, texts, told.tokens, "Mean over all layers and heads.", start=told.n_start)
    weights_map.show(drawn, row + told.n_start, "memory_map",
                     lambda at: choice.choose_row(max(0, at - told.n_start)))
    offer("memory_map", partial(_union, told.tokens, told.kept, texts, reads.union))


def _union(tokens: list[str], kept: list[int], texts: list[str], union: np.ndarray) -> Table:
    columns = [*(f"memory {i} {text}" for i, text in zip(kept, texts)), *tokens]
    return Table({"token": tokens, "reads": columns}, {"weight": union}, future_from=len(kept))


def _bank_reads(held: HeldMemory, reads: Reads | None) -> tuple[np.ndarray, np.ndarray]:
    """(M,) read weight now, and the slots that were read."""
    now = np.zeros(len(held.bank))
    kept = np.zeros(0, np.int64) if reads is None else np.array(reads.told.kept, dtype=np.int64)
    if reads is not None:
        now[kept] = reads.union[reads.told.n_start :, : len(kept)].max(0, initial=0)
    return now, kept


def _external_reads(held: HeldMemory, reads: Reads | None) -> tuple[np.ndarray, np.ndarray]:
    now = np.zeros(len(held.external))
    if reads is not None and reads.external.shape[-1] > 1:
        now = reads.external[:, reads.told.n_start :, 1:].mean(0).max(0, initial=0)
    return now, np.flatnonzero(now >= 0.01)


def _show_slots(title: str, table, now: np.ndarray, kept: np.ndarray, key: str) -> None:
    st.markdown(f"##### {title}: {len(table):,} slots")
    if not len(table):
        return
    slot = choice.slot(len(table), int(now.argmax()))
    slots.show(table, now, kept, len(table), slot, key, choice.mark_slot)
    offer(key, partial(_slots, table, now))
    st.caption(f"Slot {slot}: {for_markdown(str(table.text[slot]))}, read weight {now[slot]:.3f}, of prompt "
               f"{int(table.prompt[slot])}: “{for_markdown(_short(str(table.around[slot])))}”.")


def _slots(table, now: np.ndarray) -> Table:
    columns = {"prompt": table.prompt, "position": table.position, "salience": table.salience}
    return Table({"token": table.text.tolist()}, columns | {"read_weight": now})
