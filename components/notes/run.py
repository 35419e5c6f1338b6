"""The contents of the notes page, computed by model/ and cached.

Every visitor's notes are in a file of their own, beside one for what was shared; the shelf that was
chosen says which is read. Results are cached under the file and its stamp, which changes with every
note. No looks here.
"""

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from components.frame import results, visit, whose
from components.kit.units import show_error
from components.notes import choice
from model.memory import effect
from model.memory.settings import Settings
from model.memory.variants import VARIANTS
from model.notes import embedding_text, importing, index, search
from model.notes.note import EXAMPLE, Draft, Note, NotesError, Room, path
from model.notes.prompt import NotesPrompt, build
from model.notes.search import RRF, Candidate  # noqa: F401  (the page says it)
from model.notes.store import NotesFile, opened
from model.recall import five_answers
from model.recall.five_answers import MOST_TOKENS, GreedyAnswer
from model.recall.note_examples import EXAMPLES  # noqa: F401  (the page's first visit)
from model.run import tokens, turn
from model.run.engine import trace_request
from model.run.store import RunKey
from model.run.trace import Trace

N_CANDIDATES = 8
VISITORS = Room(200_000, 1_000_000)  # a note that all read again takes seconds a thousand passages
OWNERS = Room(5_000_000, 50_000_000)
SHARED = Room(20_000, 2_000_000)


@dataclass(frozen=True)
class Overview:
    """The notes file as it is now. shelf: whose it is; may_change: whether this visitor may write into
    it; n_examples: of the notes, those that came with one click."""

    file: str
    shelf: str
    may_change: bool
    stamp: tuple
    n_notes: int
    n_examples: int
    n_bytes: int


@dataclass(frozen=True, eq=False)
class QuestionWithNotes:
    """A question with notes and without.

    prompt: with the notes; names: its tokens as display strings; plain: the question alone.
    used: the candidates in the prompt, the best first.
    """

    prompt: NotesPrompt
    plain: NotesPrompt
    names: list[str]
    used: list[Candidate]
    with_notes: GreedyAnswer
    without: GreedyAnswer
    compared: effect.Compared


@dataclass(frozen=True, eq=False)
class AskedMemory:
    """One of the five memories. answer: None if it cannot be asked (`problem` says why). n_window:
    tokens of the window that it takes before the answer; n_bytes: bytes of `kept`, which it keeps
    between two questions; note: a remark on this answer."""

    name: str
    answer: GreedyAnswer | None
    n_window: int
    n_bytes: int
    kept: str
    note: str
    problem: str = ""


def overview() -> Overview:
    """How many notes there are, and where; a visitor who only looks leaves no file behind."""
    shelf, file = choice.shelf(), _file()
    if not whose.is_owner() and not file.exists():
        return Overview(str(file), shelf, whose.may_change(shelf), (), 0, 0, 0)
    with opened(file) as store:
        stamp = store.stamp()
        n_examples = store.n_from(EXAMPLE)
        return Overview(str(store.file), shelf, whose.may_change(shelf), stamp, stamp[0], n_examples,
                        store.n_bytes)


def notes(now: Overview) -> list[Note]:
    """All notes, the oldest first."""
    return results.made(("all notes", now.file, now.stamp), partial(_all_notes, Path(now.file)))


def read_note(number: int) -> Note | None:
    """One note as it is in the file now."""
    with opened(_file()) as store:
        return store.note(number)


def add(drafts: list[Draft]) -> None:
    """Keep new notes of one's own."""
    with opened(path(whose.folder())) as store:
        store.add(drafts, _room())


def share(title: str, text: str) -> None:
    """Put a copy of a note where every visitor can read it; only the owner can remove it."""
    with opened(path(whose.shelves()[whose.SHARED])) as store:
        store.add([Draft(title, text, "shared")], SHARED)


def add_typed(title: str, text: str) -> None:
    """Keep a note that was typed."""
    add([Draft(title, text)])


def edit(note: Note, title: str, text: str) -> None:
    """Put new words into a note."""
    with _changing() as store:
        store.edit(note, title, text, _room())


def delete(ids: list[int]) -> None:
    """Remove notes."""
    with _changing() as store:
        store.delete(ids)


def delete_examples() -> None:
    """Remove the notes that came with one click."""
    with _changing() as store:
        store.delete_from(EXAMPLE)


def delete_all() -> None:
    """Remove every note."""
    with _changing() as store:
        store.delete_all()


def export(file: str) -> bytes:
    """All notes of a file as JSON that can be imported again. (Streamlit calls this when the visitor
    clicks, outside of any session.)"""
    with opened(Path(file)) as store:
        return store.export().encode()


def import_file(
    name: str, content: bytes, on_progress: Callable[[tuple[int, int]], None]
) -> str:
    """Read a file and keep its notes -> what was odd; on_progress gets (pages read, pages). It takes
    turns with what others ask, and stops where the visitor asks for something else."""
    found = results.computed(None, partial(_read, name, content), on_progress=on_progress)
    add(found.drafts)
    return found.odd


# -- searching -------------------------------------------------------------------------------------


def update_index(on_progress: Callable[[tuple[int, int]], None]) -> None:
    """Complete the index, batch by batch; on_progress gets (passages with a vector, passages)."""
    results.computed(None, partial(_indexed, _file(), maker()), on_progress=on_progress)


def find(question: str, now: Overview) -> list[Candidate]:
    """The best passages for a question, by words and by meaning."""
    made, ranking = maker(), choice.ranking()
    key = _key("found", now, made.key, question, ranking)
    return results.computed(key, partial(_found, Path(now.file), question, ranking, made))


def maker() -> index.Maker:
    """What the index is made with, as chosen."""
    chosen = visit.checkpoint()
    config = chosen.model.config
    embedder = sentence_model() or embedding_text.HiddenStates(
        chosen, choice.layer(config.n_layer)
    )
    return index.Maker(chosen, choice.size(config.n_positions), embedder)


def sentence_model() -> embedding_text.SentenceModel | None:
    """The sentence model that was chosen, loaded; None for the loaded GPT's own layers."""
    folder = choice.folder()
    if not folder:
        return None
    if not whose.is_owner():
        raise NotesError(
            "A folder of the server opens only for its owner. Leave the box empty to use the loaded "
            f"model. {whose.HOW}"
        )
    return _sentence_model(folder)


# -- answering -------------------------------------------------------------------------------------


def ask(question: str, found: list[Candidate]) -> QuestionWithNotes:
    """The question answered with the best passages in its prompt, and without."""
    chosen = visit.checkpoint()
    best = found[: choice.n_notes()]
    prompt = build(chosen, question, [c.text for c in best], MOST_TOKENS)
    plain = five_answers.alone(chosen, question)
    with_notes, without = _answer(chosen, prompt.ids), _answer(chosen, plain.ids)
    return QuestionWithNotes(
        prompt, plain, tokens.display(chosen.tokenizer, prompt.ids), [best[i] for i in prompt.used],
        with_notes, without, effect.compare(chosen, with_notes.logits, without.logits, 6),
    )


def read(question: str) -> tuple[Trace, str]:
    """The run of the question with the found passages in front, and its text."""
    chosen = visit.checkpoint()
    ids = ask(question, find(question, overview())).prompt.ids
    text = chosen.tokenizer.decode(ids[1:])
    return results.computed(*trace_request(results.engine().store, chosen, ids)), text


def is_untrained() -> bool:
    """Whether the chosen model's weights are random (never trained)."""
    return visit.of_model(five_answers.is_untrained)


def variants() -> list[str]:
    """The memory variants that the chosen model can show: those with modules it has."""
    if visit.checkpoint().memory is None:
        return ["gpt2+am"]
    return sorted((name for name, parts in VARIANTS.items() if parts), key=lambda n: n != "gpt2+am")


def five(question: str, asked: QuestionWithNotes, now: Overview) -> list[AskedMemory]:
    """The same question asked of five memories, each told the same notes."""
    texts = [note.text for note in notes(now)]
    return [
        _weights(asked), *_pasted_and_cached(question, texts, now),
        _in_network(question, texts, now), _notes_memory(asked, now),
    ]


def _weights(asked: QuestionWithNotes) -> AskedMemory:
    model = visit.checkpoint().model
    n_bytes = sum(p.numel() * p.element_size() for p in model.parameters())
    note = "No note is in the weights."
    return AskedMemory("weights", asked.without, len(asked.plain.ids), n_bytes, "parameters", note)


def _pasted_and_cached(question: str, texts: list[str], now: Overview) -> list[AskedMemory]:
    """The prompt with the facts in it, and the same facts kept as keys and values."""
    chosen = visit.checkpoint()
    n_most = chosen.model.config.n_positions * 3 // 4
    facts = results.made(
        _key("facts", now, n_most), partial(five_answers.facts, chosen, texts, n_most)
    )
    text = chosen.tokenizer.decode(facts.ids[1:])
    try:
        ids = five_answers.question_behind(chosen, facts, question)
    except NotesError as problem:
        return [_silent("prompt", str(problem)), _silent("cache", str(problem))]
    n = len(facts.ids) + len(ids)
    kept = results.computed(
        _key("facts in a cache", now, n_most), partial(five_answers.keep, chosen, facts)
    )
    pasted = _answer(chosen, np.r_[facts.ids, ids])
    going_on = results.computed(
        _key("continued", now, n_most, ids.tobytes()),
        partial(five_answers.continued, chosen, kept, ids),
    )
    apart = float((pasted.logits - going_on.logits).abs().max())
    same = f"Largest difference of a logit from the prompt's: {show_error(apart)}."
    return [
        AskedMemory("prompt", pasted, n, len(text.encode()), "text", _holds(facts)),
        AskedMemory("cache", going_on, n, kept.n_bytes, "keys and values", same),
    ]


def _in_network(question: str, texts: list[str], now: Overview) -> AskedMemory:
    chosen, settings = visit.checkpoint(), memory_settings()
    state, n_told = results.computed(
        _key("told", now, settings), partial(five_answers.told, chosen, texts, settings)
    )
    try:
        found = results.computed(
            _key("remembered", now, settings, question),
            partial(five_answers.remembered, chosen, state, question, settings),
        )
    except NotesError as problem:
        return _silent("memory", str(problem))
    name = choice.variant(variants()).upper()
    n_slots = len(state.bank) + (0 if state.external is None else len(state.external.keys))
    kept = f"in {n_slots:,} slots" if state.carried is None else f"in {n_slots:,} slots, states"
    note = f"{name}, told {_of(n_told, len(texts))}."
    return AskedMemory("memory", found, found.n_window, state.nbytes, kept, note)


def memory_settings() -> Settings:
    """How the network's memory is written and read for this page: its own default budget, first
    in first out, the chosen variant's modules."""
    return Settings(modules=VARIANTS[choice.variant(variants())])


def _notes_memory(asked: QuestionWithNotes, now: Overview) -> AskedMemory:
    n_used = len(asked.prompt.used)
    note = (f"{n_used} of the found passages went into the prompt." if n_used
            else "No passage was put in.")
    n = len(asked.prompt.ids)
    return AskedMemory("notes", asked.with_notes, n, now.n_bytes, "the notes file", note)


def _holds(facts) -> str:
    if facts.is_cut:
        return "Holds only the end of the newest note: facts may fill three quarters of the window."
    return f"Holds {_of(facts.n_notes, facts.n_all)}: facts may fill three quarters of the window."


def _of(n: int, n_all: int) -> str:
    if n == n_all:
        return f"all {n_all:,} notes" if n_all != 1 else "the one note"
    return f"the newest {n:,} of {n_all:,} notes"


def _silent(name: str, problem: str) -> AskedMemory:
    return AskedMemory(name, None, 0, 0, "", "", problem)


def _answer(checkpoint, ids: np.ndarray) -> GreedyAnswer:
    key = RunKey.of(checkpoint, "notes: answer", ids)
    return results.computed(key, partial(five_answers.answer, checkpoint, ids))


def _key(what: str, now: Overview, *settings: Hashable) -> RunKey:
    chosen = visit.checkpoint()
    return RunKey.with_memory(chosen, f"notes: {what}", (), now.file, now.stamp, *settings)


def _room() -> Room:
    return OWNERS if whose.is_owner() else VISITORS


def _read(name: str, content: bytes) -> importing.Imported:
    reading = importing.read(name, content)
    while True:
        try:
            step = next(reading)
        except StopIteration as end:
            return end.value
        turn.report((step.done, step.total))


def _file() -> Path:
    """The notes file of the chosen shelf."""
    return path(whose.shelves()[choice.shelf()])


def _changing() -> AbstractContextManager[NotesFile]:
    """The chosen shelf's file, to be changed. NotesError for whoever may only read it."""
    if not whose.may_change(choice.shelf()):
        raise NotesError("Only the owner of this server changes these notes. Copy one to your own.")
    return opened(_file())


def _all_notes(file: Path) -> list[Note]:
    with opened(file) as store:
        return store.notes()


def _indexed(file: Path, made: index.Maker) -> None:
    with opened(file) as store:
        for step in index.update(store, made):
            turn.report((step.done, step.total))


def _found(
    file: Path, question: str, ranking: str, made: index.Maker
) -> list[Candidate]:
    vector = made.embedder.embed([question.lstrip()])[0]
    with opened(file) as store:
        return search.search(store, made, question, vector, N_CANDIDATES, ranking)


@st.cache_resource(show_spinner="Loading the sentence model …", max_entries=2)
def _sentence_model(folder: str):
    return embedding_text.load_sentence_model(folder)
