"""One recall probe: tell, wait, ask; the answer, its probability, and the slots read for it.

For pages (every function takes what it needs and stores nothing on the model):

  probe = Probe(tell=("My name is Ann.", "I live in New York."), ask="Where do I live? You live in",
                answer=" New York", distance=500)
  plan = prepare(checkpoint, probe)               tokens and notes, without a run; raises ValueError
  settings = settings_for("gpt2-m", Settings())   of a variant, short ("am") or long ("gpt2+am")
  for told in tell(checkpoint, plan, settings):   progress: told.n_tokens of plan.n_tokens
      ...
  one = outcome(checkpoint, plan, told.state, settings)
    one.continuation, one.exact, one.said         what it says, greedily
    one.scored                                    per answer token: probability, rank, nats; .joint
    one.lead                                      words it says before the answer (" You live in");
                                                  scored is behind them. outcome(…, lead=" You …")
                                                  scores another variant behind the same words
    one.base, one.delta                           the same with memory off; nats gained
    one.read                                      a row a slot: where from, weight per answer token
    one.notes                                     what was cut, or split unexpectedly
  verdict.judge(checkpoint, one)                  the verdict in words, with its evidence
  causal                                          knock out, keep only, swap, edit, smallest set
  probe_controls.run_controls(checkpoint, one)    empty memory, another person's, never told …

A question is asked alone: no told text is in its context.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from model.memory import asking, telling, variants
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.recall import distraction, whole_words
from model.recall.reads import SlotRead, read_by
from model.run import borders, tokens, turn
from model.run.bits import weigh
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids
from model.run.trace import Trace, common_prefix, logits, run

SHORT = {"rnn": "gpt2+rnn", "edm": "gpt2+edm", "am": "gpt2+am"}
USUAL = Settings()
ONLY_GPT2 = "this is exactly GPT-2"
FARTHEST = 1_000_000  # tokens of distraction
CONTINUED = 24  # tokens said at most; a sentence's end comes sooner


@dataclass(frozen=True)
class Probe:
    """tell: prompts, at least one; distance: tokens of distraction after them, taken from the text
    `distraction` or, if that is empty, generated from `seed`; ask: a new prompt; answer: the right
    answer, letter for letter after `ask` (" New York"), None if there is none. label: the visitor's
    name for probes of this kind, "" for none; it changes no result. wrong: the value of another
    told fact; to say it would be a mix-up."""

    tell: tuple[str, ...]
    ask: str
    answer: str | None = None
    distance: int = 0
    distraction: str = ""
    seed: int = 0
    label: str = ""
    wrong: str = ""


@dataclass(frozen=True, eq=False)
class ProbePlan:
    """A probe that can be run. ask_ids (T,), answer_ids (A,), A = 0 without an answer.

    n_tokens: tokens that will be told, distraction included. notes: sentences for the visitor.
    """

    probe: Probe
    ask_ids: np.ndarray
    answer_ids: np.ndarray
    n_tokens: int
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ToldSoFar:
    """Progress of telling: the state so far, and how many tokens it has been told."""

    state: MemoryState
    n_tokens: int


@dataclass(frozen=True, eq=False)
class Scored:
    """A wanted tokens, one after the other, as the model predicted them.

    ids (A,), texts A visible strings; probability (A,), each given those before it; log (A,) its
    logarithm in nats; rank (A,): 1 = the most probable of all.
    """

    ids: np.ndarray
    texts: tuple[str, ...]
    log: np.ndarray
    rank: np.ndarray

    @property
    def probability(self) -> np.ndarray:
        found: np.ndarray = np.exp(self.log)
        return found

    @property
    def joint_log(self) -> float:
        """Of all of them together, in nats."""
        return float(self.log.sum())

    @property
    def joint(self) -> float:
        """Probability of all of them together: the product."""
        return float(np.exp(self.joint_log))

    @property
    def exact(self) -> bool:
        """Whether greedy decoding says exactly these tokens."""
        return bool((self.rank == 1).all())


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of one variant on one probe.

    settings, state: those that were read; asked: the ask's run; ids (T,): the ask as it was read,
    cut if it had to be.
    continuation: the greedy reply, up to a sentence's end. lead, lead_ids: words after the ask,
    before scored and base; "" if the answer is scored at once. scored: the answer's tokens or,
    without an answer, those of the reply; base: the same with memory off. read: one row per slot.
    """

    plan: ProbePlan
    settings: Settings
    state: MemoryState
    asked: asking.Recalled
    ids: np.ndarray
    continuation: str
    lead: str
    lead_ids: np.ndarray
    scored: Scored
    base: Scored
    read: tuple[SlotRead, ...]
    notes: tuple[str, ...]

    @property
    def exact(self) -> bool | None:
        """Whether the continuation begins with exactly the answer's tokens, and its last word ends
        with them; None: no answer."""
        return self.whole and not self.lead if len(self.plan.answer_ids) else None

    @property
    def whole(self) -> bool:
        """Whether the scored tokens are the most probable, and no longer word is said: "71" is not
        7. (If the words before them are not the model's own, the word's end is not known.)"""
        goes_on = self.said is False and self.lead in self.continuation
        return self.scored.exact and not goes_on

    @property
    def said(self) -> bool | None:
        """Whether the answer's words stand somewhere in the continuation; None: no answer."""
        return says(self.continuation, self.plan.probe.answer)

    @property
    def delta(self) -> float:
        """Log probability of the scored tokens with memory minus without, in nats."""
        return self.scored.joint_log - self.base.joint_log


def long_name(variant: str) -> str:
    """"am" or "gpt2+am" -> "gpt2+am". Raises ValueError for a variant that does not exist."""
    name = SHORT.get(variant.strip().lower(), variant.strip().lower())
    if name not in variants.VARIANTS:
        short = {long: s for s, long in SHORT.items()}
        known = ", ".join(short.get(long, long) for long in variants.VARIANTS)
        raise ValueError(f"No variant {variant!r}. Choose one of {known}.")
    return name


def settings_for(variant: str, settings: Settings = USUAL) -> Settings:
    """The settings with this variant's modules switched on and no others."""
    return replace(settings, modules=variants.modules_of(long_name(variant)))


def missing(checkpoint: Checkpoint, settings: Settings) -> frozenset[str]:
    """Modules switched on that this checkpoint has no trained weights for: they add nothing."""
    there = {"am", *(checkpoint.memory.parts if checkpoint.memory is not None else ())}
    return settings.modules - there


def untrained_notes(checkpoint: Checkpoint, settings: Settings) -> tuple[str, ...]:
    """The notes for the visitor if modules are on that were never trained."""
    absent = missing(checkpoint, settings)
    if not absent:
        return ()
    what = f"no trained {' or '.join(sorted(absent))} memory exists for this model: "
    left = settings.modules - absent
    return (what + (f"only {' and '.join(sorted(left))} works" if left else ONLY_GPT2),)


def prepare(checkpoint: Checkpoint, probe: Probe) -> ProbePlan:
    """Check a probe and cut it into tokens. ValueError, one line: what is wrong with it."""
    if not probe.tell or not all(text.strip() for text in probe.tell):
        raise ValueError("There is nothing to tell: a prompt is empty. Write at least one fact.")
    if not probe.ask.strip():
        raise ValueError("The question is empty. Write what should be asked.")
    if probe.answer is not None and not probe.answer.strip():
        raise ValueError("The answer is empty. Write an answer, or leave it out (null).")
    if not 0 <= probe.distance <= FARTHEST:
        raise ValueError(f"Distance out of range: {probe.distance:,} tokens. Choose 0 to "
                         f"{FARTHEST:,} tokens.")
    notes: list[str] = []
    if probe.answer is not None and probe.ask != probe.ask.rstrip(" "):
        probe = replace(probe, ask=probe.ask.rstrip(" "), answer=f" {probe.answer.lstrip(' ')}")
        notes.append("the space after the question was put before the answer, whose word begins "
                     "with it")
    ask_ids = tokens.encode_part(checkpoint.tokenizer, probe.ask)
    answer_ids, of_answer = _split_answer(checkpoint.tokenizer, probe, ask_ids)
    notes += of_answer
    sizes = [len(tokens.encode_part(checkpoint.tokenizer, text)) for text in probe.tell]
    notes += _windows(checkpoint, sizes)
    return ProbePlan(probe, ask_ids, answer_ids, sum(sizes) + probe.distance, tuple(notes))


def tell(
    checkpoint: Checkpoint, plan: ProbePlan, settings: Settings, state: MemoryState | None = None
) -> Iterator[ToldSoFar]:
    """Tell the probe's prompts, then the distraction -> Iterator[ToldSoFar], one a prompt.

    state: the memory that is told; None: an empty one. A variant without memory is told nothing.
    """
    state = blank(checkpoint) if state is None else state
    if not settings.modules:
        yield ToldSoFar(state, plan.n_tokens)
        return
    n = 0
    for text, size in _prompts(checkpoint, plan.probe):
        state = telling.tell(checkpoint, state, text, settings).state
        n += size
        yield ToldSoFar(state, n)


def told(checkpoint: Checkpoint, plan: ProbePlan, settings: Settings) -> MemoryState:
    """The state after telling everything; reports how many tokens were told so far."""
    for step in tell(checkpoint, plan, settings):
        state = step.state
        turn.report(step.n_tokens)
    return state


def outcome(
    checkpoint: Checkpoint,
    plan: ProbePlan,
    state: MemoryState,
    settings: Settings,
    lead: str | None = None,
) -> Outcome:
    """Ask, and score the answer. lead: words to put between the two before scoring; None: the words
    that the model itself says before the answer, "" if it says it at once or not at all."""
    given = tokens.encode_part(checkpoint.tokenizer, lead or "")
    ids, notes = fitting(checkpoint, plan, state, settings, len(given))
    asked = asking.ask(checkpoint, state, ids, settings)
    said = follow(checkpoint, asked, room_behind(checkpoint, asked.trace))
    wanted = plan.answer_ids if len(plan.answer_ids) else said
    first = own_lead(said, wanted) if lead is None else given
    trace = along(checkpoint, asked.trace, np.r_[first, wanted])
    start = len(asked.trace) - 1 + len(first)
    return Outcome(
        plan, settings, state, asked, ids,
        continuation=tokens.decode(checkpoint.tokenizer, said),
        lead=tokens.decode(checkpoint.tokenizer, first),
        lead_ids=first,
        scored=scored_rows(checkpoint, trace, start, wanted),
        base=score(checkpoint, blank(checkpoint), ids, wanted, settings, first),
        read=read_by(checkpoint, state, asked, trace, start),
        notes=(*plan.notes, *notes, *untrained_notes(checkpoint, settings)),
    )


def score(
    checkpoint: Checkpoint,
    state: MemoryState,
    ask_ids: np.ndarray,
    wanted: Ids,
    settings: Settings,
    lead: Ids = (),
) -> Scored:
    """The tokens `wanted` (A,), A >= 1, scored after the ask and the tokens `lead`, with this
    state. Only the ask decides what is retrieved: the answer does not help to find itself."""
    return score_on(checkpoint, asking.ask(checkpoint, state, ask_ids, settings), wanted, lead)


def score_on(checkpoint: Checkpoint, asked: asking.Recalled, wanted: Ids, lead: Ids = ()) -> Scored:
    """The same after an ask that has been run."""
    lead = np.asarray(lead, dtype=np.int64)
    trace = along(checkpoint, asked.trace, np.r_[lead, wanted])
    return scored_rows(checkpoint, trace, len(asked.trace) - 1 + len(lead), wanted)


def along(checkpoint: Checkpoint, asked: Trace, wanted: Ids) -> Trace:
    """The ask's run, continued with all tokens of `wanted` but the last, reading the same
    memory."""
    ids = np.r_[asked.ids, np.asarray(wanted, dtype=np.int64)[:-1]]
    return _on(checkpoint, asked, ids)


def _on(checkpoint: Checkpoint, trace: Trace, ids: Ids) -> Trace:
    """The run of ids, which begin as the trace's do, reading the same memory."""
    return run(checkpoint, ids, prefix=trace, reading=trace.reading, graft=trace.graft)


def follow(checkpoint: Checkpoint, asked: asking.Recalled, n: int) -> np.ndarray:
    """The greedy reply, the most probable token each time, up to a sentence's end, at most n
    tokens: ids (A,), A >= 1."""
    trace, said = asked.trace, []
    while True:
        said.append(int(trace.next_logits.argmax()))
        if len(said) >= min(CONTINUED, n) or _ended(checkpoint, said[-1]):
            return np.array(said, dtype=np.int64)
        trace = _on(checkpoint, trace, np.r_[trace.ids, said[-1]])


def says(continuation: str, answer: str | None) -> bool | None:
    """Whether the answer's words stand in the continuation as whole words; None: no answer."""
    return None if answer is None else whole_words.says(continuation, answer)


def own_lead(said: np.ndarray, wanted: Ids) -> np.ndarray:
    """The tokens said before the wanted ones; none if those are said at once, or not at all."""
    n = len(wanted)
    starts = (i for i in range(len(said) - n + 1) if np.array_equal(said[i : i + n], wanted))
    return said[: next(starts, 0)]


@torch.inference_mode()
def scored_rows(checkpoint: Checkpoint, trace: Trace, first: int, wanted: Ids) -> Scored:
    """Rows first, first + 1, … of the trace, each the prediction of one wanted token."""
    wanted = np.asarray(wanted, dtype=np.int64)
    weighed = weigh(logits(checkpoint, trace, first))  # (A,V)
    log, rank = (x.cpu().numpy() for x in (-weighed.nats(wanted), weighed.rank(wanted)))
    return Scored(wanted, tuple(tokens.display(checkpoint.tokenizer, wanted)), log, rank)


def _prompts(checkpoint: Checkpoint, probe: Probe) -> Iterator[tuple[str, int]]:
    for text in probe.tell:
        yield text, len(tokens.encode_part(checkpoint.tokenizer, text))
    yield from distraction.prompts(checkpoint, probe.distance, probe.distraction, probe.seed)


def _split_answer(
    tokenizer: PreTrainedTokenizerBase, probe: Probe, ask_ids: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """The answer's own tokens, and what is unexpected about them."""
    if probe.answer is None:
        return np.zeros(0, dtype=np.int64), []
    answer, notes = probe.answer, []
    end = probe.ask[-1:]
    if not answer[0].isspace() and (end.isalnum() or end in ".,:;?!"):
        answer = " " + answer
        notes.append(f"a space was put before the answer, {answer!r}: GPT-2's words begin with one")
    ids = tokens.encode_part(tokenizer, answer)
    together = tokens.encode_part(tokenizer, probe.ask + answer)
    if not np.array_equal(together, np.r_[ask_ids, ids]):
        n = common_prefix(together, ask_ids)
        notes.append(
            f"after the question the tokenizer would split {pieces(tokenizer, together[n:])}; "
            f"we score the answer split alone, {pieces(tokenizer, ids)}"
        )
    return ids, notes


def pieces(tokenizer: PreTrainedTokenizerBase, ids: Ids) -> str:
    """Tokens as a visitor can read them: "·New|·Y|ork"."""
    return "“" + "|".join(tokens.display(tokenizer, ids)) + "”"


def _windows(checkpoint: Checkpoint, sizes: list[int]) -> list[str]:
    size = checkpoint.model.config.n_positions // 2 - 1
    return [
        f"prompt {number} has {n:,} tokens: it is told in windows of at most {size:,}, half the "
        "model's own"
        for number, n in enumerate(sizes, 1) if n > size
    ]


def fitting(
    checkpoint: Checkpoint, plan: ProbePlan, state: MemoryState, settings: Settings, n_lead: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """(the ask's ids, notes): cut at their start if ask and answer do not fit after the memory."""
    wanted = max(len(plan.answer_ids), 1) + n_lead
    room = asking.room(checkpoint, state, settings) - wanted + 1
    if room < 1:
        raise ValueError(
            f"Answer too long: after this memory, the model's window of "
            f"{checkpoint.model.config.n_positions:,} tokens has no room for a question and an "
            f"answer of {wanted:,} tokens. Shorten the answer, or choose other positions than "
            "`continue`."
        )
    cut = max(0, len(plan.ask_ids) - room)
    if not cut:
        return plan.ask_ids, ()
    return plan.ask_ids[cut:], (
        f"the question is longer than the window: its first {cut:,} tokens were cut",
    )


def room_behind(checkpoint: Checkpoint, trace: Trace) -> int:
    """Tokens that may follow a run, the last of which need not be read."""
    start = 0 if trace.reading is None else trace.reading.start
    return max(1, checkpoint.model.config.n_positions - start - len(trace) + 1)


def _ended(checkpoint: Checkpoint, token: int) -> bool:
    text = tokens.decode(checkpoint.tokenizer, [token])
    return token in borders.ends(checkpoint) or any(c in text for c in ".!?\n")
