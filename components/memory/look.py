"""What the memory page's views show now: a conversation, a prompt, settings, a store."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from components.frame import visit
from components.memory import choice, conversation, run
from model.memory import slots
from model.memory.slots import READ_FLOOR

TOO_LONG = (
    "Prompt too long to follow each key: at most {:,} tokens fit. Shorten it, or remember it "
    "(Enter): all of it is told, in windows."
)


@dataclass(frozen=True, eq=False)
class Look:
    """What is shown. text: the prompt; asked: its run, None without one; problem: why a typed
    prompt has no run; store: "edm" or "bank", the store that the views show."""

    now: conversation.Conversation
    settings: object
    text: str
    asked: run.Asked | None
    problem: str
    store: str

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
    def head(self) -> tuple[int, int] | None:
        """The chosen (layer, head), None for the mean."""
        config = visit.checkpoint().model.config
        return choice.head(config.n_layer, config.n_head)

    @property
    def edm_head(self) -> int | None:
        """The chosen head of the EDM, None for the mean."""
        memory = visit.checkpoint().memory
        return choice.edm_head(memory.sizes.heads) if memory is not None else None

    @property
    def row(self) -> int:
        """The chosen token of the prompt, counted without <|endoftext|>."""
        return choice.row(len(self.asked.names) - self.asked.n_start)

    @property
    def of(self) -> str:
        """Whose weights are shown, in words."""
        config, memory = visit.checkpoint().model.config, visit.checkpoint().memory
        if self.store == "edm":
            place = f"EDM before block {memory.sizes.layer}"
            n_heads = memory.sizes.heads
            return f"{place}, " + (f"mean over {n_heads} heads." if self.edm_head is None
                                   else f"head {self.edm_head} alone.")
        if self.head is None:
            return f"Mean over {config.n_layer} layers × {config.n_head} heads."
        return "Layer {}, head {} alone.".format(*self.head)

    def reads(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """What the prompt's tokens read of the store: weights (T,K), the K slots they belong to,
        and the weight on the null slot (T,), None where there is none."""
        asked = self.asked
        if self.store == "bank":
            whole = run.weights(self.key, asked, self.head)
            return whole[asked.n_start :, : len(asked.kept)], asked.kept, None
        whole = asked.external_weights(self.edm_head)[asked.n_start :]
        return whole[:, 1:], np.arange(asked.n_external), whole[:, 0]


def look() -> Look:
    """What is shown now; this stores nothing."""
    now, settings = conversation.current(), choice.settings()
    text = st.session_state.get("prompt", "")
    if not run.can_preview(text):
        return Look(now, settings, text, None, TOO_LONG.format(run.most()), choice.store())
    try:
        asked = run.ask(now.key, now.state, text, settings, choice.for_writing())
        problem = ""
    except ValueError as error:
        asked, problem = None, str(error)
    return Look(now, settings, text, asked, problem, choice.store())


def choose_store() -> None:
    """The choice of a store, and of the EDM's head; draws nothing if there is only the bank."""
    memory = visit.checkpoint().memory
    if "edm" not in choice.available():
        return
    st.session_state.memory_store = choice.store()
    with st.container(horizontal=True, vertical_alignment="center", key="memory_store_row"):
        store = st.segmented_control(
            "Store", list(choice.STORES), format_func=choice.STORES.get, key="memory_store",
            required=True, label_visibility="collapsed", persist_state="session",
            on_change=choice.forget_places,
        )
        if store == "edm" and memory.sizes.heads > 1:
            st.segmented_control(
                "Head of the EDM", ["mean", *range(memory.sizes.heads)], default="mean",
                format_func=lambda head: "all heads" if head == "mean" else f"head {head}",
                required=True, key="edm_head", label_visibility="collapsed",
                persist_state="session",
            )


def nothing_asked(now: Look) -> None:
    """The hint of a view that needs a prompt."""
    if not now.problem:  # the page has shown the problem already
        st.info("Type a prompt above: this view follows each key.")
