"""What the memory page's views show now: a conversation, a prompt, settings, a store."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from components.frame import presenting, visit
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import choose
from components.memory import choice, conversation, run
from components.memory.steps import Conversation
from model.memory import slots
from model.memory.question import AskedPrompt
from model.memory.slots import READ_FLOOR

TOO_LONG = (
    "Prompt too long to follow each key: at most {:,} tokens fit. Shorten it, or remember it "
    "(Enter): all of it is told, in windows."
)


@dataclass(frozen=True, eq=False)
class Moment:
    """What is shown. text: the prompt; asked: its run, None without one; problem: why a typed
    prompt has no run; store: "edm" or "bank", the store that the views show.
    n_layers, n_heads of the model; head: the chosen (layer, head), None for the mean; edm: sizes of
    the model's EDM, None without one; edm_head: its chosen head, None for the mean; chosen_row: the
    chosen token of the prompt, counted without <|endoftext|>, None for the last."""

    now: Conversation
    settings: object
    text: str
    asked: AskedPrompt | None
    problem: str
    store: str
    n_layers: int
    n_heads: int
    head: tuple[int, int] | None
    edm: object
    edm_head: int | None
    chosen_row: int | None

    @property
    def state(self):
        """The memory that is asked: as it is, and the front of a prompt that is too long."""
        return self.now.state if self.front is None else self.front.state

    @property
    def key(self) -> str:
        """The key of `state`, for caches."""
        return self.now.key if self.asked is None else self.asked.key

    @property
    def front(self):
        """If the prompt is too long, what telling all but its end did (telling.Written)."""
        return None if self.asked is None else self.asked.front

    @property
    def table(self):
        """The slots of the store that is looked at."""
        if self.store == "bank":
            return self.state.bank.slots
        return slots.empty() if self.state.external is None else self.state.external.slots

    @property
    def budget(self) -> int:
        """How many slots the store may have."""
        return self.settings.edm.slots if self.store == "edm" else self.settings.fusion.slots

    @property
    def weight_now(self) -> np.ndarray:
        """Read weight of every slot of the store by this prompt; 0 where it is not read."""
        read = None
        if self.asked is not None:
            read = self.asked.external_now if self.store == "edm" else self.asked.now
        n = len(self.table)
        return read if read is not None and len(read) == n else np.zeros(n)

    @property
    def read(self) -> np.ndarray:
        """Slots of the store that this prompt reads: in the bank, the retrieved ones; in the EDM,
        which weighs every slot, those whose weight counts as a read."""
        if self.store == "edm":
            return np.flatnonzero(self.weight_now >= READ_FLOOR)
        return self.asked.kept if self.asked else np.zeros(0, np.int64)

    @property
    def row(self) -> int:
        """The token that is looked at, counted without <|endoftext|>; by default the last one."""
        last = len(self.asked.names) - self.asked.n_start - 1
        return last if self.chosen_row is None else min(self.chosen_row, last)

    @property
    def of(self) -> str:
        """Whose weights are shown, in words."""
        if self.store == "edm":
            place, n_heads = f"EDM before block {self.edm.layer}", self.edm.heads
            return f"{place}, " + (f"mean over {n_heads} heads." if self.edm_head is None
                                   else f"head {self.edm_head} alone.")
        if self.head is None:
            return f"Mean over {self.n_layers} layers × {self.n_heads} heads."
        return "Layer {}, head {} alone.".format(*self.head)


def look() -> Moment:
    """The present moment; nothing in it is stored anywhere."""
    now, settings = conversation.current(), choice.settings()
    text, asked = st.session_state.get("prompt", ""), None
    problem = "" if run.can_preview(text) else TOO_LONG.format(run.most())
    if not problem:
        try:
            asked = run.ask(now.key, now.state, text, settings, choice.for_writing())
        except ValueError as error:
            problem = str(error)
    config, memory = visit.checkpoint().model.config, visit.checkpoint().memory
    edm = None if memory is None else memory.sizes
    return Moment(
        now, settings, text, asked, problem, choice.store(), config.n_layer, config.n_head,
        choice.head(config.n_layer, config.n_head), edm,
        None if edm is None else choice.edm_head(edm.heads), choice.row(),
    )


def reads(now: Moment) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """What the prompt's tokens read of the store: weights (T,K), the K slots they belong to, and the
    weight on the null slot (T,), None where there is none."""
    asked = now.asked
    if now.store == "bank":
        whole = run.weights(now.key, asked, now.head)
        return whole[asked.n_start :, : len(asked.kept)], asked.kept, None
    whole = asked.external_weights(now.edm_head)[asked.n_start :]
    return whole[:, 1:], np.arange(asked.n_external), whole[:, 0]


def choose_store() -> None:
    """The choice of a store, and of the EDM's head; draws nothing if there is only the bank."""
    memory = visit.checkpoint().memory
    if "edm" not in choice.available():
        return
    choose(choice.STORE, choice.store())
    row = st.container(horizontal=True, vertical_alignment="center", key="memory_store_row")
    with row, presenting.folded(f"Shown: {choice.STORES[choice.store()]}", "memory_store_choice"):
        store = st.segmented_control(
            "Store", list(choice.STORES), format_func=choice.STORES.get, required=True,
            label_visibility="collapsed", on_change=choice.forget_places, **holding(choice.STORE),
        )
        if store == "edm" and memory.sizes.heads > 1:
            heads = [choice.MEAN, *range(memory.sizes.heads)]
            titles = choice.EDM_HEAD.kind.titles
            one_of("Head of the EDM", choice.EDM_HEAD, {head: titles[head] for head in heads})


def nothing_asked(now: Moment) -> None:
    """The hint of a view that needs a prompt."""
    if not now.problem:  # the page has shown the problem already
        st.info("Type a prompt above: this view follows each key.")
