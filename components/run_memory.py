"""What the memory page shows, computed by the model's side and kept for a while.

A visitor's memory is a value that comes in as an argument; results are kept by the memory's key,
which changes with every change of the memory. Nothing is stored on the model.
"""

import threading
from dataclasses import dataclass

import numpy as np
import streamlit as st

from components import run
from model import generate, tokens
from model.memory import effect, fusion, recall
from model.memory.recall import Settings
from model.memory.state import MemoryState

MOST_WINDOWS = 4  # a prompt longer than this many windows is written, but not previewed


@dataclass(frozen=True, eq=False)
class Asked:
    """A prompt of T tokens, <|endoftext|> in front included, asked of a memory; K slots were read.

    names: T display strings; n_start: 1 where names[0] is <|endoftext|>; recalled: the run.
    mean (T,K+T): weights over Memory ∪ Local, mean over layers and heads; rows sum to 1.
    share (L,H,T): how much of each row went to memory. now (M,): read weight of every slot of the
    memory: mean over layers and heads, the largest over the tokens behind <|endoftext|>.
    compared: the next token with memory and without. off_difference: the largest difference of the
    logits with memory switched off from those of transformers' own GPT-2.
    """

    names: list[str]
    n_start: int
    recalled: recall.Recalled
    mean: np.ndarray
    share: np.ndarray
    now: np.ndarray
    compared: effect.Compared
    off_difference: float

    @property
    def kept(self) -> np.ndarray:
        """(K,): slots that were retrieved, in the order of the columns."""
        return self.recalled.kept


def blank() -> MemoryState:
    """A memory of the chosen model that holds nothing."""
    return recall.blank(run.checkpoint())


def encode(text: str) -> np.ndarray:
    """Text -> ids of the chosen model, (T,)."""
    chosen = run.checkpoint()
    return _encode(chosen.fingerprint, text, chosen.tokenizer)


def ask(key: str, state: MemoryState, text: str, settings: Settings) -> Asked | None:
    """The prompt's run with this memory; None for an empty prompt.

    Raises ValueError where the prompt does not fit behind the memory.
    """
    ids = encode(text)
    if not len(ids):
        return None
    chosen = run.checkpoint()
    room = recall.room(chosen, state, settings)
    if len(ids) > room:
        raise ValueError(
            f"wanted at most {max(room, 0):,} tokens behind this memory (positions "
            f"“{settings.positions}”, a window of {chosen.model.config.n_positions:,}), got "
            f"{len(ids):,}; shorten the prompt, choose other positions or forget the memory. "
            "Remembering it still works."
        )
    return _ask((*_model(), key), settings, ids.tobytes(), chosen, state, ids)


def tell(key: str, state: MemoryState, text: str, settings: Settings, asked: Asked | None):
    """What telling the prompt would do (recall.Written); its reads are counted first."""
    _check_fits(state, text, settings)
    chosen = run.checkpoint()
    was_read = asked is not None and len(asked.kept) > 0
    return _tell((*_model(), key), settings, text, was_read, chosen, state, asked)


def can_preview(text: str) -> bool:
    """Whether the prompt is short enough to be written on trial at every key."""
    return len(encode(text)) <= MOST_WINDOWS * run.checkpoint().model.config.n_positions


def weights(key: str, asked: Asked, head: tuple[int, int] | None) -> np.ndarray:
    """(T,K+T): memory's columns, then the prompt's own; one head's, or the mean of all (None)."""
    if head is None:
        return asked.mean
    union = fusion.union_weights(run.checkpoint(), asked.recalled.trace, head[0])
    return union[head[1]].cpu().numpy()


def best_head(asked: Asked, column: int) -> tuple[int, int, float]:
    """(layer, head, weight) that reads a retrieved slot most, over the tokens behind the start."""
    read = fusion.read_weights(run.checkpoint(), asked.recalled.trace)[..., column]  # (L,H,T)
    most = read[..., asked.n_start :].max(-1)
    layer, head = np.unravel_index(most.argmax(), most.shape)
    return int(layer), int(head), float(most.max())


def without(key: str, state: MemoryState, asked: Asked, gone, settings: Settings):
    """The next token with everything retrieved, and without the slots `gone` (effect.Compared)."""
    chosen, gone = run.checkpoint(), np.asarray(gone, dtype=np.int64)
    ids = asked.recalled.trace.ids
    return _without(
        (*_model(), key), settings, ids.tobytes(), gone.tobytes(), chosen, state, asked, gone
    )


def vectors(held, slot: int, layer: int, head: int) -> tuple[np.ndarray, np.ndarray]:
    """A slot's key and value of one head, (D,) float32 each; held: a bank, or what a run read."""
    return tuple(x[layer, head, slot].float().cpu().numpy() for x in (held.keys, held.values))


def value_points_to(held, slot: int, layer: int, head: int):
    """The tokens a slot's value raises most on the direct path, and their scores."""
    return effect.value_points_to(run.checkpoint(), held.values, slot, layer, head)


def show(text: str) -> list[str]:
    """A text's tokens as visible strings."""
    return tokens.display(run.checkpoint().tokenizer, encode(text))


def _check_fits(state: MemoryState, text: str, settings: Settings) -> None:
    """Continuing positions end with the window; windows of other prompts are cut to fit."""
    n, room = len(encode(text)), recall.room(run.checkpoint(), state, settings)
    if settings.positions == "continue" and n > room:
        raise ValueError(
            f"wanted at most {max(room, 0):,} more tokens, got {n:,}: with positions “continue” "
            "the whole conversation shares one window; choose “parallel”, or forget the memory"
        )


def _model() -> tuple:
    chosen = run.checkpoint()
    return run.mark(), str(chosen.placement)


@st.cache_resource(show_spinner=False)
def _lock() -> threading.Lock:
    return threading.Lock()


@st.cache_resource(show_spinner=False, max_entries=64)
def _encode(fingerprint, text, _tokenizer):
    ids = tokens.encode(_tokenizer, text)
    ids.setflags(write=False)
    return ids


@st.cache_resource(show_spinner=False, max_entries=16)
def _ask(key, settings, ids_bytes, _checkpoint, _state, _ids) -> Asked:
    with _lock():
        recalled = recall.ask(_checkpoint, _state, _ids, settings)
        plain = recall.ask(_checkpoint, recall.blank(_checkpoint), _ids, settings).trace
        stock = generate.recompute(_checkpoint, plain.ids)[-1]
        mean, share = _spread(_checkpoint, recalled)
    n_start = int(len(recalled.trace) > len(_ids))
    now = np.zeros(len(_state.bank))
    now[recalled.kept] = mean[n_start:, : len(recalled.kept)].max(0, initial=0)
    return Asked(
        names=tokens.display(_checkpoint.tokenizer, recalled.trace.ids),
        n_start=n_start,
        recalled=recalled,
        mean=mean,
        share=share,
        now=now,
        compared=effect.compare(_checkpoint, recalled.trace.next_logits, plain.next_logits, 7),
        off_difference=float((plain.next_logits - stock).abs().max()),
    )


def _spread(checkpoint, recalled) -> tuple[np.ndarray, np.ndarray]:
    """The mean map (T,K+T) and memory's share of every row (L,H,T), a layer at a time."""
    n_kept, total, share = len(recalled.kept), 0.0, []
    for layer in range(recalled.trace.n_layers):
        union = fusion.union_weights(checkpoint, recalled.trace, layer).cpu().numpy()  # (H,T,K+T)
        total = total + union.mean(0, dtype=np.float64)
        share.append(union[..., :n_kept].sum(-1))
    return (total / len(share)).astype(np.float32), np.stack(share)


@st.cache_resource(show_spinner=False, max_entries=16)
def _tell(key, settings, text, was_read, _checkpoint, _state, _asked) -> recall.Written:
    with _lock():
        if was_read:
            _state = recall.after_reading(_checkpoint, _state, _asked.recalled)
        return recall.tell(_checkpoint, _state, text, settings)


@st.cache_resource(show_spinner=False, max_entries=32)
def _without(key, settings, ids_bytes, gone_bytes, _checkpoint, _state, _asked, _gone):
    with _lock():
        left = effect.without(_checkpoint, _state.bank, _asked.recalled, _gone, settings)
    before = _asked.recalled.trace.next_logits
    return effect.compare(_checkpoint, left.next_logits, before, 6)
