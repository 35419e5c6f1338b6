"""The numbers of the memory page, computed by model/ and cached.

A visitor's memory is an argument; results are cached under the memory's key, which changes with
every change of the memory. While a visitor types, an ask goes on with the rows of the one before.
Nothing is stored on the model.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from components.frame import results, visit
from model.memory import added, asking, cuts, effect, fusion, telling
from model.memory import state as states
from model.memory.settings import Settings
from model.memory.spread import Spread, spread
from model.memory.state import MemoryState
from model.recall import causal
from model.recall.reads import Place
from model.run import tokens
from model.run.store import RunKey
from model.run.trace import Trace, common_prefix

MOST_WINDOWS = 4  # a prompt longer than this many windows is written, but not previewed
SHOWN = 7  # tokens compared with memory and without
_LATEST = "memory:asked"  # session key: under which key the latest ask is kept
_ALONE = "memory:each alone"  # session key: the same of what its modules did alone


@dataclass(frozen=True, eq=False)
class AskedPrompt:
    """A prompt of T tokens, <|endoftext|> in front included, asked of a memory; K slots were read.

    names: T display strings; n_start: 1 where names[0] is <|endoftext|>; settings: how it
    was read; recalled: the run; plain: the run without any memory.
    looked: where its tokens looked. now (M,): read weight of every slot of the bank: mean over
    layers and heads, the largest over the tokens behind <|endoftext|>.
    key: of the memory that was asked, for caches; front: if the prompt is too long, what telling
    its first n_front tokens did; the rest asked the state after that.
    compared: the next token with memory and without.
    """

    names: list[str]
    n_start: int
    settings: Settings
    recalled: asking.Recalled
    plain: Trace
    looked: Spread
    now: np.ndarray
    compared: effect.Compared
    key: str
    front: telling.Written | None
    n_front: int

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
class EachAlone:
    """k tokens under every module alone: texts k visible strings; probabilities: "none", each
    module that is on, and "all" -> (k,), or None while it is not computed. recalled: what each of
    these sets of modules recalled."""

    texts: list[str]
    probabilities: dict[str, np.ndarray | None]
    recalled: dict[str, asking.Recalled]


@dataclass(frozen=True, eq=False)
class WaysIn:
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
    return visit.encode(text)


def ask(
    key: str, state: MemoryState, text: str, settings: Settings, writing: Settings
) -> AskedPrompt | None:
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
        front = _computed("front", ids[:n], (key, writing, text), telling.behind_front, state, text,
                          writing)
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
    mark = _key("asked", ids, key, settings)
    found = results.computed(mark, partial(
        _asked, chosen, key, state, ids, settings, front, n_front, _before(_LATEST, mark)))
    st.session_state[_LATEST] = mark
    return found


def read_tokens(asked: AskedPrompt) -> np.ndarray:
    """The tokens (K,) of the slots that were retrieved, in order."""
    return asked.recalled.passes.state.bank.slots.token[asked.kept]


def measured_off(asked: AskedPrompt) -> float | None:
    """`off_difference` where it was measured before; None where it was not."""
    return results.kept(_off(asked))


def off_difference(asked: AskedPrompt) -> float:
    """How far memory switched off is from transformers' own GPT-2; two full passes."""
    work = partial(effect.off_difference, visit.checkpoint(), asked.plain.ids)
    return results.computed(_off(asked), work)


def next_step(steps: Iterator):
    """The next step of a long work, None at its end; between two steps others may run."""
    return results.computed(None, partial(next, steps, None))


def tell(key: str, state: MemoryState, text: str, settings: Settings, asked: AskedPrompt | None):
    """What telling the prompt would do (telling.Written); its reads are counted first."""
    _check_fits(state, text, settings)
    was_read = asked is not None and bool(len(asked.kept) or asked.n_external)
    read = asked if was_read else None
    by = (read.key, read.settings, read.recalled.trace.ids.tobytes()) if read is not None else None
    return _computed("told", (), (key, settings, text, by), _told, state, text, settings, read)


def can_preview(text: str) -> bool:
    """Whether the prompt is short enough to be asked and told on trial at every key."""
    return len(encode(text)) <= most()


def most() -> int:
    """The most tokens that are asked and told on trial at every key."""
    return MOST_WINDOWS * visit.checkpoint().model.config.n_positions


def weights(key: str, asked: AskedPrompt, head: tuple[int, int] | None) -> np.ndarray:
    """(T,K+T): memory's columns, then the prompt's own; one head's, or the mean of all (None)."""
    if head is None:
        return asked.mean
    trace = asked.recalled.trace
    return _computed("one head", trace.ids, (asked.key, asked.settings, *head), _union, trace, *head)


def best_head(asked: AskedPrompt, column: int) -> tuple[int, int, float]:
    """(layer, head, weight) that reads a retrieved slot most, over the tokens behind the start."""
    where = (asked.key, asked.settings, column)
    return _computed("best head", asked.recalled.trace.ids, where, _read_most, asked, column)


def without(key: str, state: MemoryState, asked: AskedPrompt, gone, settings: Settings):
    """The next token with everything retrieved, and without the slots `gone` (effect.Compared)."""
    gone = np.asarray(gone, dtype=np.int64)
    return _computed("without", asked.recalled.trace.ids,
                     (key, settings, gone.tobytes()), _left, state, asked, gone, settings)


def without_external(key: str, state: MemoryState, asked: AskedPrompt, gone, settings: Settings):
    """The next token with everything that was read, and without the EDM's slots `gone`."""
    gone = np.asarray(gone, dtype=np.int64)
    return _computed("without external", asked.recalled.trace.ids,
                     (key, settings, gone.tobytes()), _left_external, state, asked, gone, settings)


def forgotten(
    key: str, state: MemoryState, asked: AskedPrompt, gone: frozenset, settings: Settings
):
    """The next token with everything that was read, and, asked anew, as if the tokens `gone`
    (prompt, position) had never been stored."""
    ids = asked.recalled.trace.ids[asked.n_start :]
    return _computed("forgotten", ids, (key, settings, gone), _again, state, asked, gone, ids, settings)


def each_alone(
    key: str, state: MemoryState, asked: AskedPrompt, settings: Settings, k: int
) -> EachAlone:
    """The k first tokens of `asked.compared` with none of the modules, each alone, and all."""
    mark, ids = _of_each(key, asked, settings, k), asked.recalled.trace.ids[asked.n_start :]
    found = results.computed(mark, partial(
        _each, visit.checkpoint(), state, asked, ids, settings, k, _before(_ALONE, mark)))
    st.session_state[_ALONE] = mark
    return found


def each_alone_kept(key: str, asked: AskedPrompt, settings: Settings, k: int) -> EachAlone | None:
    """`each_alone` where it was computed before; None where it was not."""
    return results.kept(_of_each(key, asked, settings, k))


def not_yet_alone(asked: AskedPrompt, settings: Settings, k: int) -> EachAlone:
    """`each_alone` before it is computed: with none of the modules and with all that are on."""
    shown, names = asked.compared, effect.sets_of(settings.modules)
    known = {"none": shown.before[:k], _whole(settings): shown.after[:k]}
    return EachAlone(shown.texts[:k], {name: known.get(name) for name in names}, {})


def ways(key: str, asked: AskedPrompt, settings: Settings) -> WaysIn:
    """What each module added at each token, and how far its way in was open."""
    return _computed("ways", asked.recalled.trace.ids, (key, settings), _ways, asked)


def paths(key: str, state: MemoryState, text: str) -> tuple[dict[str, added.Path], int]:
    """The recurrent states while this prompt is told, and how many tokens at its end are left out
    (a long prompt is told in windows, and this is the first)."""
    chosen, ids = visit.checkpoint(), encode(text)
    if chosen.memory is None or not len(ids):
        return {}, 0
    first = ids[cuts.windows(chosen, ids)[0]]
    found = _computed("paths", first, (key,), added.paths, state.carried, first)
    return found, len(ids) - len(first)


def told_plain(text: str) -> Trace | None:
    """The plain run of a prompt that is told; of a long one, of its first window. None for no token."""
    chosen, ids = visit.checkpoint(), encode(text)
    if not len(ids):
        return None
    first = ids[cuts.windows(chosen, ids)[0]]
    return results.computed(None, partial(asking.plain, chosen, first))


def state_changes(before: MemoryState, after: MemoryState) -> dict[str, tuple[float, float]]:
    """Recurrent module -> (length of its state, cosine to the one before) of a prompt told."""
    return added.changes(visit.checkpoint().memory, before.carried, after.carried)


def external_vectors(state: MemoryState, slot: int) -> tuple[np.ndarray, np.ndarray]:
    """A slot's key and value in the EDM, (C,) float32 each."""
    external = state.external
    return tuple(x[slot].float().cpu().numpy() for x in (external.keys, external.values))


def external_points_to(state: MemoryState, slot: int):
    """The tokens an EDM slot's value raises most on the direct path, and their scores."""
    return results.computed(
        None, partial(effect.external_points_to, visit.checkpoint(), state.external.values[slot])
    )


def vectors(stored, slot: int, layer: int, head: int) -> tuple[np.ndarray, np.ndarray]:
    """A slot's key and value of one head, (D,) float32 each; stored: a bank, or what a run read."""
    return tuple(x[layer, head, slot].float().cpu().numpy() for x in (stored.keys, stored.values))


def value_points_to(stored, slot: int, layer: int, head: int):
    """The tokens a slot's value raises most on the direct path, and their scores."""
    work = partial(effect.value_points_to, visit.checkpoint(), stored.values, slot, layer, head)
    return results.computed(None, work)


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


def _computed(what: str, ids, settings: tuple, compute: Callable, *given):
    """compute(checkpoint, *given), which visitors share who ask this memory the same; settings:
    the memory's key and all that changes the result."""
    work = partial(compute, visit.checkpoint(), *given)
    return results.computed(_key(what, ids, *settings), work)


def _key(what: str, ids, *settings) -> RunKey:
    return RunKey.with_memory(visit.checkpoint(), f"memory: {what}", ids, *settings)


def _off(asked: AskedPrompt) -> RunKey:
    return RunKey.of(visit.checkpoint(), visit.named(effect.off_difference), asked.plain.ids)


def _of_each(key: str, asked: AskedPrompt, settings: Settings, k: int) -> RunKey:
    return _key("each alone", asked.recalled.trace.ids[asked.n_start :], key, settings, k)


def _before(name: str, mark: RunKey):
    """This visitor's latest result of this session key, of the same model: from the store, and None
    where it no longer has it."""
    latest = st.session_state.get(name)
    same = latest is not None and (latest.placed_model, latest.memory) == (
        mark.placed_model, mark.memory)
    return results.kept(latest) if same else None


def _asked(
    checkpoint, key: str, state, ids, settings: Settings, front, n_front: int,
    before: AskedPrompt | None = None,
) -> AskedPrompt:
    """before: of the prompt typed before; rows that both prompts share are not run again."""
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


def _names(checkpoint, ids, before: AskedPrompt | None) -> list[str]:
    """ids (T,) as visible strings; those that the prompt before shares are taken over."""
    n_old = 0 if before is None else common_prefix(ids, before.recalled.trace.ids)
    known = [] if before is None else before.names[:n_old]
    return [*known, *tokens.display(checkpoint.tokenizer, ids[n_old:])]


def _gone_on(checkpoint, state, ids, settings: Settings, before: AskedPrompt | None):
    """What the prompt before hands on, gone on with in one batch: to the ask, and to the run without
    memory. Of another memory or other settings, only the second."""
    if before is None:
        return None, None
    if not asking.fits(before.recalled, state, settings):
        return None, before.plain
    (last,), plain = asking.go_on(checkpoint, ids, [before.recalled], before.plain)
    return last, plain


def _told(checkpoint, state, text: str, settings: Settings, asked: AskedPrompt | None):
    if asked is not None:
        behind = None if asked.front is None else asked.front.state
        state = asking.after_reading(checkpoint, state, asked.recalled, behind)
    return telling.tell(checkpoint, state, text, settings)


def _left(checkpoint, state, asked: AskedPrompt, gone, settings: Settings):
    left = effect.without(checkpoint, state.bank, asked.recalled, gone, settings)
    return effect.compare(checkpoint, left.next_logits, asked.recalled.trace.next_logits, 6)


def _left_external(checkpoint, state, asked: AskedPrompt, gone, settings: Settings):
    left = effect.without_external(checkpoint, state, asked.recalled, gone, settings)
    return effect.compare(checkpoint, left.next_logits, asked.recalled.trace.next_logits, 6)


def _again(checkpoint, state, asked: AskedPrompt, gone, ids, settings: Settings):
    left = causal.without(state, (Place(*place) for place in gone))
    again = asking.ask(checkpoint, left, ids, settings).trace
    return effect.compare(checkpoint, again.next_logits, asked.recalled.trace.next_logits, 6)


def _each(
    checkpoint, state, asked: AskedPrompt, ids, settings: Settings, k: int,
    before: EachAlone | None = None,
) -> EachAlone:
    """before: of a prompt typed before; rows that both share are not run again."""
    whole, alone = _whole(settings), {}
    if before is not None and whole in before.recalled and asking.fits(
        before.recalled[whole], state, settings
    ):
        others = {name: x for name, x in before.recalled.items() if name != whole}
        alone = dict(zip(others, asking.go_on(checkpoint, ids, list(others.values()))[0]))
    recalled = effect.ask_each(checkpoint, state, ids, settings, alone | {whole: asked.recalled})
    shown = asked.compared
    found = {
        name: x.trace.next_logits.double().softmax(-1)[shown.ids[:k].tolist()].cpu().numpy()
        for name, x in recalled.items()
    }
    return EachAlone(shown.texts[:k], found, recalled)


def _whole(settings: Settings) -> str:
    """What the set of all modules that are on is called in `effect.sets_of`."""
    return list(effect.sets_of(settings.modules))[-1]


def _ways(checkpoint, asked: AskedPrompt) -> WaysIn:
    trace, start = asked.recalled.trace, asked.n_start
    parts = [(name, -1, part) for name, part in added.by_modules(checkpoint, trace).items()]
    open_at = added.openness(checkpoint, trace)
    if asked.recalled.moved is not None:  # AM not used: its rows stay, as zeros
        open_at.setdefault("am", np.zeros(len(trace), dtype=np.float32))
    if "am" in open_at:
        parts += [("am", layer, added.by_attention(checkpoint, trace, layer))
                  for layer in range(trace.n_layers)]
    lengths = [(name, layer, *(x[start:] for x in part.norms)) for name, layer, part in parts]
    return WaysIn({name: x[start:] for name, x in open_at.items()}, lengths)


def _union(checkpoint, trace: Trace, layer: int, head: int) -> np.ndarray:
    return fusion.union_weights(checkpoint, trace, layer)[head].cpu().numpy()


def _read_most(checkpoint, asked: AskedPrompt, column: int) -> tuple[int, int, float]:
    read = fusion.read_weights(checkpoint, asked.recalled.trace)[..., column]  # (L,H,T)
    most = read[..., asked.n_start :].max(-1)
    layer, head = np.unravel_index(most.argmax(), most.shape)
    return int(layer), int(head), float(most.max())
