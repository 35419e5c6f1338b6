"""The numbers of the memory page, computed by model/ and cached.

A visitor's memory is an argument; results are cached under the memory's key, which changes with
every change of the memory. Nothing is stored on the model.
"""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import streamlit as st

from components.frame import visit
from model.memory import added, asking, cuts, effect, fusion, held, telling
from model.memory import state as states
from model.memory.settings import Settings
from model.memory.state import MemoryState
from model.recall import causal
from model.recall.reads import Place
from model.run import generate, tokens
from model.run.trace import Trace

MOST_WINDOWS = 4  # a prompt longer than this many windows is written, but not previewed


@dataclass(frozen=True, eq=False)
class Asked:
    """A prompt of T tokens, <|endoftext|> in front included, asked of a memory; K slots were read.

    names: T display strings; n_start: 1 where names[0] is <|endoftext|>; settings: how it
    was read; recalled: the run; plain: the run without any memory.
    mean (T,K+T): weights over Memory ∪ Local, mean over layers and heads; rows sum to 1.
    share (L,H,T): how much of each row went to memory. now (M,): read weight of every slot of the
    bank: mean over layers and heads, the largest over the tokens behind <|endoftext|>.
    external (H,T,1+N): what was read of the EDM's N slots, the null slot first; N = 0: not read.
    key: of the memory that was asked, for caches; front: if the prompt is too long, what telling
    its first n_front tokens did; the rest asked the state after that.
    compared: the next token with memory and without. off_difference: the largest difference of the
    logits with memory switched off from those of transformers' own GPT-2.
    """

    names: list[str]
    n_start: int
    settings: Settings
    recalled: asking.Recalled
    plain: Trace
    mean: np.ndarray
    share: np.ndarray
    now: np.ndarray
    external: np.ndarray
    compared: effect.Compared
    off_difference: float
    key: str
    front: telling.Written | None
    n_front: int

    @property
    def kept(self) -> np.ndarray:
        """(K,): slots of the bank that were retrieved, in the order of the columns."""
        return self.recalled.kept

    @property
    def n_external(self) -> int:
        """How many slots of the EDM could be read."""
        return self.external.shape[-1] - 1

    @property
    def external_now(self) -> np.ndarray:
        """(N,): read weight of the EDM's slots: mean over its heads, the largest over the tokens
        behind <|endoftext|>."""
        return self.external[:, self.n_start :, 1:].mean(0).max(0, initial=0)

    def external_weights(self, head: int | None) -> np.ndarray:
        """(T,1+N): one head's reads of the EDM, or the mean of all (None); the null slot first."""
        return self.external.mean(0) if head is None else self.external[head]


@dataclass(frozen=True, eq=False)
class Each:
    """k tokens under every module alone: texts k visible strings; probabilities: "none", each
    module that is on, and "all" -> (k,)."""

    texts: list[str]
    probabilities: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Ways:
    """How far a memory's ways into the stream are open, for T tokens behind <|endoftext|>.

    openness: module -> (T,) of 0 to 1; added: (module, layer, or −1 where there is one place only,
    lengths (T,) of what was added and of the stream there).
    """

    openness: dict[str, np.ndarray]
    added: list[tuple[str, int, np.ndarray, np.ndarray]]


def blank() -> MemoryState:
    """A memory of the chosen model that holds nothing."""
    return states.blank(visit.checkpoint())


def encode(text: str) -> np.ndarray:
    """Text -> ids of the chosen model, (T,)."""
    chosen = visit.checkpoint()
    return _encode(chosen.fingerprint, text, chosen.tokenizer)


def ask(
    key: str, state: MemoryState, text: str, settings: Settings, writing: Settings
) -> Asked | None:
    """The prompt's run with this memory; None for an empty prompt. If the prompt is too long, all
    but its end is told first, on trial, with the settings `writing`.

    Raises ValueError if the prompt does not fit after the memory.
    """
    ids = encode(text)
    if not len(ids):
        return None
    chosen, front, n_front = visit.checkpoint(), None, 0
    if len(ids) > asking.room(chosen, state, settings):
        n = cuts.n_front(chosen, ids)
        front = _front((*_model(), key), writing, ids[:n].tobytes(), chosen, state, text)
    if front is not None:
        told = hashlib.sha256(ids[:n].tobytes() + repr(writing).encode()).hexdigest()
        key, state, ids, n_front = f"{key}:{told}", front.state, ids[n:], n
    room = asking.room(chosen, state, settings)
    if len(ids) > room:
        raise ValueError(
            f"Prompt too long: {len(encode(text)):,} tokens, {max(room, 0):,} fit after this memory "
            f"(positions “{settings.fusion.positions}”, a window of "
            f"{chosen.model.config.n_positions:,}). Shorten the prompt, choose other positions or "
            "forget the memory. Remembering it still works."
        )
    mark = (*_model(), key)
    return _ask(mark, settings, ids.tobytes(), chosen, state, ids, front, n_front)


def next_step(steps: Iterator):
    """The next step of a long work, None at its end; between two steps others may run."""
    with _lock():
        return next(steps, None)


def tell(key: str, state: MemoryState, text: str, settings: Settings, asked: Asked | None):
    """What telling the prompt would do (telling.Written); its reads are counted first."""
    _check_fits(state, text, settings)
    chosen = visit.checkpoint()
    was_read = asked is not None and bool(len(asked.kept) or asked.n_external)
    by = (asked.key, asked.settings) if was_read else None
    return _tell((*_model(), key), settings, text, by, chosen, state, asked)


def can_preview(text: str) -> bool:
    """Whether the prompt is short enough to be asked and told on trial at every key."""
    return len(encode(text)) <= most()


def most() -> int:
    """The most tokens that are asked and told on trial at every key."""
    return MOST_WINDOWS * visit.checkpoint().model.config.n_positions


def weights(key: str, asked: Asked, head: tuple[int, int] | None) -> np.ndarray:
    """(T,K+T): memory's columns, then the prompt's own; one head's, or the mean of all (None)."""
    if head is None:
        return asked.mean
    union = fusion.union_weights(visit.checkpoint(), asked.recalled.trace, head[0])
    return union[head[1]].cpu().numpy()


def best_head(asked: Asked, column: int) -> tuple[int, int, float]:
    """(layer, head, weight) that reads a retrieved slot most, over the tokens behind the start."""
    read = fusion.read_weights(visit.checkpoint(), asked.recalled.trace)[..., column]  # (L,H,T)
    most = read[..., asked.n_start :].max(-1)
    layer, head = np.unravel_index(most.argmax(), most.shape)
    return int(layer), int(head), float(most.max())


def without(key: str, state: MemoryState, asked: Asked, gone, settings: Settings):
    """The next token with everything retrieved, and without the slots `gone` (effect.Compared)."""
    chosen, gone = visit.checkpoint(), np.asarray(gone, dtype=np.int64)
    ids = asked.recalled.trace.ids
    return _without(
        (*_model(), key), settings, ids.tobytes(), gone.tobytes(), chosen, state, asked, gone
    )


def without_external(key: str, state: MemoryState, asked: Asked, gone, settings: Settings):
    """The next token with everything that was read, and without the EDM's slots `gone`."""
    chosen, gone = visit.checkpoint(), np.asarray(gone, dtype=np.int64)
    ids = asked.recalled.trace.ids
    return _without_external(
        (*_model(), key), settings, ids.tobytes(), gone.tobytes(), chosen, state, asked, gone
    )


def forgotten(key: str, state: MemoryState, asked: Asked, gone: frozenset, settings: Settings):
    """The next token with everything that was read, and, asked anew, as if the tokens `gone`
    (prompt, position) had never been stored."""
    ids = asked.recalled.trace.ids[asked.n_start :]
    return _forgotten(
        (*_model(), key), settings, ids.tobytes(), gone, visit.checkpoint(), state, asked, ids
    )


def each_alone(key: str, state: MemoryState, asked: Asked, settings: Settings, k: int) -> Each:
    """The k first tokens of `asked.compared` with none of the modules, each alone, and all."""
    ids = asked.recalled.trace.ids[asked.n_start :]
    return _each(
        (*_model(), key), settings, ids.tobytes(), k, visit.checkpoint(), state, asked, ids
    )


def ways(key: str, asked: Asked, settings: Settings) -> Ways:
    """What each module added at each token, and how far its way in was open."""
    ids = asked.recalled.trace.ids
    return _ways((*_model(), key), settings, ids.tobytes(), visit.checkpoint(), asked)


def paths(key: str, state: MemoryState, text: str) -> tuple[dict[str, added.Path], int]:
    """The recurrent states while this prompt is told, and how many tokens at its end are left out
    (a long prompt is told in windows, and this is the first)."""
    chosen, ids = visit.checkpoint(), encode(text)
    if chosen.memory is None or not len(ids):
        return {}, 0
    first = ids[cuts.windows(chosen, ids)[0]]
    found = _paths((*_model(), key), first.tobytes(), chosen, state, first)
    return found, len(ids) - len(first)


def state_changes(before: MemoryState, after: MemoryState) -> dict[str, tuple[float, float]]:
    """Recurrent module -> (length of its state, cosine to the one before) of a prompt told."""
    return added.changes(visit.checkpoint().memory, before.carried, after.carried)


def external_vectors(state: MemoryState, slot: int) -> tuple[np.ndarray, np.ndarray]:
    """A slot's key and value in the EDM, (C,) float32 each."""
    external = state.external
    return tuple(x[slot].float().cpu().numpy() for x in (external.keys, external.values))


def external_points_to(state: MemoryState, slot: int):
    """The tokens an EDM slot's value raises most on the direct path, and their scores."""
    return effect.external_points_to(visit.checkpoint(), state.external.values[slot])


def vectors(stored, slot: int, layer: int, head: int) -> tuple[np.ndarray, np.ndarray]:
    """A slot's key and value of one head, (D,) float32 each; stored: a bank, or what a run read."""
    return tuple(x[layer, head, slot].float().cpu().numpy() for x in (stored.keys, stored.values))


def value_points_to(stored, slot: int, layer: int, head: int):
    """The tokens a slot's value raises most on the direct path, and their scores."""
    return effect.value_points_to(visit.checkpoint(), stored.values, slot, layer, head)


def show(text: str) -> list[str]:
    """A text's tokens as visible strings."""
    return tokens.display(visit.checkpoint().tokenizer, encode(text))


def _check_fits(state: MemoryState, text: str, settings: Settings) -> None:
    """Raise ValueError if a prompt with positions `continue` does not fit the window. With other
    positions a prompt is cut into windows and always fits."""
    n, room = len(encode(text)), asking.room(visit.checkpoint(), state, settings)
    if settings.fusion.positions == "continue" and n > room:
        raise ValueError(
            f"Prompt too long: {n:,} tokens, {max(room, 0):,} fit. With positions “continue” the "
            "whole conversation shares one window. Choose “parallel”, or forget the memory."
        )


def _model() -> tuple:
    chosen = visit.checkpoint()
    return visit.mark(), str(chosen.placement)


@st.cache_resource(show_spinner=False)
def _lock() -> threading.Lock:
    return threading.Lock()


@st.cache_resource(show_spinner=False, max_entries=64)
def _encode(fingerprint, text, _tokenizer):
    ids = tokens.encode(_tokenizer, text)
    ids.setflags(write=False)
    return ids


@st.cache_resource(show_spinner=False, max_entries=16)
def _ask(key, settings, ids_bytes, _checkpoint, _state, _ids, _front, _n_front) -> Asked:
    with _lock():
        recalled = asking.ask(_checkpoint, _state, _ids, settings)
        plain = asking.ask(_checkpoint, states.blank(_checkpoint), _ids, settings).trace
        stock = generate.recompute(_checkpoint, plain.ids)[-1]
        mean, share = _spread(_checkpoint, recalled)
        external = held.read_weights(recalled.trace)
    n_start = int(len(recalled.trace) > len(_ids))
    now = np.zeros(len(_state.bank))
    now[recalled.kept] = mean[n_start:, : len(recalled.kept)].max(0, initial=0)
    return Asked(
        names=tokens.display(_checkpoint.tokenizer, recalled.trace.ids),
        n_start=n_start,
        settings=settings,
        recalled=recalled,
        plain=plain,
        mean=mean,
        share=share,
        now=now,
        external=external,
        compared=effect.compare(_checkpoint, recalled.trace.next_logits, plain.next_logits, 7),
        off_difference=float((plain.next_logits - stock).abs().max()),
        key=key[-1],
        front=_front,
        n_front=_n_front,
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
def _tell(key, settings, text, read_by, _checkpoint, _state, _asked) -> telling.Written:
    with _lock():
        if read_by is not None:
            behind = None if _asked.front is None else _asked.front.state
            _state = asking.after_reading(_checkpoint, _state, _asked.recalled, behind)
        return telling.tell(_checkpoint, _state, text, settings)


@st.cache_resource(show_spinner=False, max_entries=4)
def _front(key, settings, ids_bytes, _checkpoint, _state, _text) -> telling.Written | None:
    with _lock():
        return telling.behind_front(_checkpoint, _state, _text, settings)


@st.cache_resource(show_spinner=False, max_entries=32)
def _without(key, settings, ids_bytes, gone_bytes, _checkpoint, _state, _asked, _gone):
    with _lock():
        left = effect.without(_checkpoint, _state.bank, _asked.recalled, _gone, settings)
    before = _asked.recalled.trace.next_logits
    return effect.compare(_checkpoint, left.next_logits, before, 6)


@st.cache_resource(show_spinner=False, max_entries=32)
def _without_external(key, settings, ids_bytes, gone_bytes, _checkpoint, _state, _asked, _gone):
    with _lock():
        left = effect.without_external(_checkpoint, _state, _asked.recalled, _gone, settings)
    before = _asked.recalled.trace.next_logits
    return effect.compare(_checkpoint, left.next_logits, before, 6)


@st.cache_resource(show_spinner=False, max_entries=32)
def _forgotten(key, settings, ids_bytes, gone, _checkpoint, _state, _asked, _ids):
    left = causal.without(_state, (Place(*place) for place in gone))
    with _lock():
        again = asking.ask(_checkpoint, left, _ids, settings).trace
    before = _asked.recalled.trace.next_logits
    return effect.compare(_checkpoint, again.next_logits, before, 6)


@st.cache_resource(show_spinner=False, max_entries=32)
def _each(key, settings, ids_bytes, k, _checkpoint, _state, _asked, _ids) -> Each:
    with _lock():
        logits = effect.each_alone(_checkpoint, _state, _ids, settings)
    shown = _asked.compared
    found = {
        name: x.double().softmax(-1)[shown.ids[:k].tolist()].cpu().numpy()
        for name, x in logits.items()
    }
    return Each(shown.texts[:k], found)


@st.cache_resource(show_spinner=False, max_entries=16)
def _ways(key, settings, ids_bytes, _checkpoint, _asked) -> Ways:
    trace, start = _asked.recalled.trace, _asked.n_start
    with _lock():
        parts = [(name, -1, part) for name, part in added.by_modules(_checkpoint, trace).items()]
        open_at = added.openness(_checkpoint, trace)
        if _asked.recalled.moved is not None:  # AM not used: its rows stay, as zeros
            open_at.setdefault("am", np.zeros(len(trace), dtype=np.float32))
        if "am" in open_at:
            parts += [("am", layer, added.by_attention(_checkpoint, trace, layer))
                      for layer in range(trace.n_layers)]
    lengths = [(name, layer, *(x[start:] for x in part.norms)) for name, layer, part in parts]
    return Ways({name: x[start:] for name, x in open_at.items()}, lengths)


@st.cache_resource(show_spinner=False, max_entries=16)
def _paths(key, ids_bytes, _checkpoint, _state, _ids):
    with _lock():
        return added.paths(_checkpoint, _state.carried, _ids)
