"""A prompt asked of a memory, with all that its picture needs: the run with memory and without it,
where its tokens looked, and the next token of both.

Composed key by key: what two prompts share is taken over from the one before. Knows nothing of
visitors and stores.
"""

from dataclasses import dataclass

import numpy as np

from model.memory import asking, effect, fusion, telling
from model.memory.settings import Settings
from model.memory.spread import Spread, spread
from model.memory.state import MemoryState
from model.run import tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids
from model.run.trace import Trace, common_prefix

MOST_WINDOWS = 4  # a prompt longer than this many windows is written, but not previewed
SHOWN = 7  # tokens compared with memory and without


@dataclass(frozen=True, eq=False)
class AskedPrompt:
    """A prompt of T tokens, <|endoftext|> in front included, asked of a memory; K slots were read.

    names: T display strings; n_start: 1 where names[0] is <|endoftext|>; settings: how it
    was read; recalled: the run; plain: the run without any memory.
    looked: where its tokens looked. now (M,): read weight of every slot of the bank: mean over
    layers and heads, the largest over the tokens behind <|endoftext|>.
    compared: the next token with memory and without.
    key: the caller's name for the memory that was asked; front: if the prompt is too long, what
    telling its first n_front tokens did; the rest asked the state after that.
    """

    names: list[str]
    n_start: int
    settings: Settings
    recalled: asking.Recalled
    plain: Trace
    looked: Spread
    now: np.ndarray
    compared: effect.Compared
    key: str = ""
    front: telling.Written | None = None
    n_front: int = 0

    @property
    def mean(self) -> np.ndarray:
        """(T,K+T): weights over Memory ∪ Local, mean over layers and heads; rows sum to 1."""
        return self.looked.mean

    @property
    def share(self) -> np.ndarray:
        """(L,H,T): how much of each row went to memory."""
        return self.looked.share

    @property
    def external(self) -> np.ndarray:
        """(H,T,1+N): what was read of the EDM's N slots, the null slot first; N = 0: not read."""
        return self.looked.external

    @property
    def ids(self) -> np.ndarray:
        """The prompt as it was asked, (T - n_start,): without <|endoftext|>."""
        found: np.ndarray = self.recalled.trace.ids[self.n_start :]
        return found

    @property
    def kept(self) -> np.ndarray:
        """(K,): slots of the bank that were retrieved, in the order of the columns."""
        return self.recalled.kept

    @property
    def read_tokens(self) -> np.ndarray:
        """(K,): the tokens of these slots."""
        assert self.recalled.passes is not None, "an ask without the runs that led to it"
        found: np.ndarray = self.recalled.passes.state.bank.slots.token[self.kept]
        return found

    @property
    def n_external(self) -> int:
        """How many slots of the EDM could be read."""
        return int(self.external.shape[-1]) - 1

    @property
    def external_now(self) -> np.ndarray:
        """(N,): read weight of the EDM's slots: mean over its heads, the largest over the tokens
        behind <|endoftext|>."""
        found: np.ndarray = self.external[:, self.n_start :, 1:].mean(0).max(0, initial=0)
        return found

    def external_weights(self, head: int | None) -> np.ndarray:
        """(T,1+N): one head's reads of the EDM, or the mean of all (None); the null slot first."""
        found: np.ndarray = self.external.mean(0) if head is None else self.external[head]
        return found


def ask(
    checkpoint: Checkpoint, state: MemoryState, ids: Ids, settings: Settings,
    before: AskedPrompt | None = None, key: str = "", front: telling.Written | None = None,
    n_front: int = 0,
) -> AskedPrompt:
    """A prompt of ids (T,), without <|endoftext|>, asked of a memory; key, front, n_front: see
    AskedPrompt.

    before: of the prompt typed before; rows that both prompts share are not run again.
    """
    last, plain = _gone_on(checkpoint, state, ids, settings, before)
    recalled = asking.ask(checkpoint, state, ids, settings, last)
    plain = asking.plain(checkpoint, ids, plain)
    looked = spread(checkpoint, recalled.trace, None if before is None else before.looked)
    n_start = int(len(recalled.trace) > len(ids))
    now = np.zeros(len(state.bank))
    now[recalled.kept] = looked.mean[n_start:, : len(recalled.kept)].max(0, initial=0)
    return AskedPrompt(
        names=_names(checkpoint, recalled.trace.ids, before),
        n_start=n_start,
        settings=settings,
        recalled=recalled,
        plain=plain,
        looked=looked,
        now=now,
        compared=effect.compare(checkpoint, recalled.trace.next_logits, plain.next_logits, SHOWN),
        key=key,
        front=front,
        n_front=n_front,
    )


def tell(
    checkpoint: Checkpoint, state: MemoryState, text: str, settings: Settings,
    asked: AskedPrompt | None = None,
) -> telling.Written:
    """What telling a prompt does; what it read when it was asked (None: nothing) counts first."""
    if asked is not None:
        behind = None if asked.front is None else asked.front.state
        state = asking.after_reading(checkpoint, state, asked.recalled, behind)
    return telling.tell(checkpoint, state, text, settings)


def most(checkpoint: Checkpoint) -> int:
    """The most tokens that are asked and told on trial at every key."""
    return MOST_WINDOWS * checkpoint.model.config.n_positions


def check_room(
    checkpoint: Checkpoint, state: MemoryState, settings: Settings, n: int, n_typed: int
) -> None:
    """Raise ValueError if n tokens, the end of a prompt of n_typed, do not fit after this memory."""
    room = asking.room(checkpoint, state, settings)
    if n > room:
        raise ValueError(
            f"Prompt too long: {n_typed:,} tokens, {max(room, 0):,} fit after this memory "
            f"(positions “{settings.fusion.positions}”, a window of "
            f"{checkpoint.model.config.n_positions:,}). Shorten the prompt, choose other positions or "
            "forget the memory. Remembering it still works."
        )


def check_told_fits(
    checkpoint: Checkpoint, state: MemoryState, settings: Settings, n: int
) -> None:
    """Raise ValueError if a prompt of n tokens with positions `continue` does not fit the window.
    With other positions a prompt is cut into windows and always fits."""
    room = asking.room(checkpoint, state, settings)
    if settings.fusion.positions == "continue" and n > room:
        raise ValueError(
            f"Prompt too long: {n:,} tokens, {max(room, 0):,} fit. With positions “continue” the "
            "whole conversation shares one window. Choose “parallel”, or forget the memory."
        )


def head_weights(checkpoint: Checkpoint, asked: AskedPrompt, layer: int, head: int) -> np.ndarray:
    """(T,K+T): one head's weights over Memory ∪ Local; rows sum to 1."""
    union = fusion.union_weights(checkpoint, asked.recalled.trace, layer)
    found: np.ndarray = union[head].cpu().numpy()
    return found


def best_head(checkpoint: Checkpoint, asked: AskedPrompt, column: int) -> tuple[int, int, float]:
    """(layer, head, weight) that reads a retrieved slot most, over the tokens behind the start."""
    read = fusion.read_weights(checkpoint, asked.recalled.trace)[..., column]  # (L,H,T)
    most_read = read[..., asked.n_start :].max(-1)
    layer, head = np.unravel_index(most_read.argmax(), most_read.shape)
    return int(layer), int(head), float(most_read.max())


def _names(checkpoint: Checkpoint, ids: np.ndarray, before: AskedPrompt | None) -> list[str]:
    """ids (T,) as visible strings; those that the prompt before shares are taken over."""
    n_old = 0 if before is None else common_prefix(ids, before.recalled.trace.ids)
    known = [] if before is None else before.names[:n_old]
    return [*known, *tokens.display(checkpoint.tokenizer, ids[n_old:])]


def _gone_on(
    checkpoint: Checkpoint, state: MemoryState, ids: Ids, settings: Settings,
    before: AskedPrompt | None,
) -> tuple[asking.Recalled | None, Trace | None]:
    """What the prompt before hands on, gone on with in one batch: to the ask, and to the run without
    memory. Of another memory or other settings, only the second."""
    if before is None:
        return None, None
    if not asking.fits(before.recalled, state, settings):
        return None, before.plain
    (last,), plain = asking.go_on(checkpoint, ids, [before.recalled], before.plain)
    return last, plain
