"""The headline figures of a memory, on probes from any source: recall, false recall, mix-ups.

  for step in measure(checkpoint, probes, Path("headline.json"), variants=…, n=500): …
  for step in measure_far(checkpoint, probes, Path("headline.json"), stops=(1_000, 10_000), n=100): …
  board = load(Path("headline.json"))   {"cases": {name: {"title", "variants", "labels", …}}, …}

Single results are lines of a file beside it (.episodes.jsonl), so a stopped measurement continues
there. One file holds figures of only one model and one trained memory. Knows nothing of looks.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from model.disk.lines import append, whole_lines
from model.disk.schema import checked, from_json
from model.disk.whole import make_folder, place, write_text
from model.memory import asking, telling
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.memory.variants import VARIANTS
from model.recall import board_files, distraction, headline_cases, probe, probe_controls
from model.recall.board_files import HeadlineLineTold, HeadlineTold
from model.recall.headline_cases import CASES, RECALLED, WRONG, Case, Talk
from model.recall.plain_runs import PlainRuns, of_process
from model.recall.probe import Probe
from model.recall.runs import RULES
from model.recall.share import wilson
from model.recall.spread import Spread, each
from model.run.checkpoint import Checkpoint

VERSION = 1
NAMES = ("gpt2", "gpt2+am", "gpt2+edm", "gpt2-m")
TOGETHER = 25  # memories that are told the same far talk at once, and are lost together by a stop
FEW = Settings().with_slots(128)


@dataclass(frozen=True)
class HeadlineProgress:
    """Progress: the case, the share of it that is done (0 to 1), and seconds so far."""

    case: str
    share: float
    seconds: float


def load(path: Path) -> dict[str, Any] | None:
    """A stored board; None if there is none, ValueError if it is damaged."""
    try:
        return board_files.read(path, VERSION, HeadlineTold)
    except ValueError as problem:
        raise ValueError(f"No headline figures in {path}: {problem}. Move it away.") from problem


def measure(
    checkpoint: Checkpoint,
    given: Iterable[Probe],
    path: Path,
    *,
    cases: Sequence[str] = tuple(CASES),
    variants: Sequence[str] = NAMES,
    n: int = 500,
    settings: Settings = Settings(),
    text: str = "",
    spread: Spread | None = None,
) -> Iterator[HeadlineProgress]:
    """The first n probes of every case, for each variant; the board is written after each case.

    text: other talk is taken from it; "": made up. spread: a cluster whose workers ask the probes.
    Raises ValueError if `path` holds figures of another model or memory.
    """
    store = _Results(checkpoint, path, variants, settings, text)
    given, talk = list(given), Talk(checkpoint, text)
    for name in cases:
        case, began = CASES[name], time.perf_counter()
        probes = headline_cases.many_people(n) if name == "people" else given
        made = (case.make(probes, i, talk) for i in range(len(probes)))
        wanted = list(islice((one for one in made if one is not None), n))
        missing = {_key(one): one for one in wanted if not store.has(name, one)}
        hits = each(_told_and_asked, checkpoint,
                    [(name, one, settings, variants) for one in missing.values()], spread)
        for i, one in enumerate(wanted):
            if not store.has(name, one):
                store.add(name, one, next(hits))
            yield HeadlineProgress(name, (i + 1) / len(wanted), time.perf_counter() - began)
        store.sum_up(name, case, wanted)


def measure_far(
    checkpoint: Checkpoint,
    given: Iterable[Probe],
    path: Path,
    *,
    stops: Sequence[int] = (1_000, 10_000),
    variants: Sequence[str] = NAMES,
    n: int = 100,
    settings: Settings = FEW,
    text: str = "",
    spread: Spread | None = None,
) -> Iterator[HeadlineProgress]:
    """The first n probes that have an answer, asked after each number of tokens in `stops`. Several
    memories are told the same text side by side: the plain model reads it once for all. spread: a
    cluster; each worker tells TOGETHER memories, and a killed one loses as many."""
    store = _Results(checkpoint, path, variants, settings, text)
    wanted = list(islice((replace(p, distance=0) for p in given if p.answer), n))
    names, began = {stop: _far_name(stop, settings) for stop in sorted(stops)}, time.perf_counter()
    groups = {
        first: [p for p in wanted[first : first + TOGETHER]
                if not all(store.has(name, p) for name in names.values())]
        for first in range(0, len(wanted), TOGETHER)
    }
    elsewhere = spread and each(_group_elsewhere, checkpoint, [
        (group, first, names, variants, settings, text) for first, group in groups.items()], spread)
    for first, group in groups.items():
        shares = _group(checkpoint, group, first, names, variants, settings, text, store)
        for share in _kept(store, next(elsewhere)) if elsewhere else shares:
            done = min(first + share * TOGETHER, len(wanted) - 1) / len(wanted)
            yield HeadlineProgress("far", done, time.perf_counter() - began)
    for stop, name in names.items():
        store.sum_up(name, _far(stop, settings), wanted)
    yield HeadlineProgress("far", 1.0, time.perf_counter() - began)


def _far_name(stop: int, settings: Settings) -> str:
    return f"{stop} tokens, {settings.edm.slots} slots"


def _far(stop: int, settings: Settings) -> Case:
    title = f"{stop:,} tokens of other text between, {settings.edm.slots:,} slots"
    return Case(_far_name(stop, settings), title, RECALLED, headline_cases._next)


def _group(
    checkpoint: Checkpoint,
    group: Sequence[Probe],
    first: int,
    names: dict[int, str],
    variants: Sequence[str],
    settings: Settings,
    text: str,
    store: Any,
) -> Iterator[float]:
    """Tell and ask a few memories side by side -> the share done. The text begins at another place
    for each group."""
    runs, waited, last = PlainRuns(), 0, max(names)
    states = [_told(checkpoint, one, settings, variants, runs) for one in group]
    stream: Iterator[tuple[str, int]] = iter(())
    if group:
        at = text.find(". ", first * 997 % max(1, len(text))) + 1
        stream = distraction.prompts(checkpoint, last + 1_000, text[at:] + text[:at], first)
    for stop, name in names.items():
        while group and waited < stop:
            prompt, size = next(stream)
            waited += size
            states = [_tell(checkpoint, state, prompt, settings, variants, runs)
                      for state in states]
            yield min(1.0, waited / last)
        for one, state in zip(group, states):
            if not store.has(name, one):
                case = _far(stop, settings)
                store.add(name, one, _asked(checkpoint, one, state, settings, variants, case))
    yield 1.0


class _Found(list[tuple[str, Probe, dict[str, bool]]]):
    """What a worker has asked: in place of the results, which only the command keeps."""

    def has(self, case: str, one: Probe) -> bool:
        return False

    def add(self, case: str, one: Probe, hits: dict[str, bool]) -> None:
        self.append((case, one, hits))


def _group_elsewhere(checkpoint: Checkpoint, given: tuple[Any, ...]) -> _Found:
    (group, first, names, variants, settings, text), found = given, _Found()
    for _ in _group(checkpoint, group, first, names, variants, settings, text, found):
        pass
    return found


def _kept(store: "_Results", found: _Found) -> Iterator[float]:
    for name, one, hits in found:
        if not store.has(name, one):
            store.add(name, one, hits)
    yield 1.0


def _told_and_asked(
    checkpoint: Checkpoint, given: tuple[str, Probe, Settings, Sequence[str]]
) -> dict[str, bool]:
    """A probe in a case of this name."""
    name, one, settings, variants = given
    state = _told(checkpoint, one, settings, variants, of_process(checkpoint))
    return _asked(checkpoint, one, state, settings, variants, CASES[name])


def _told(
    checkpoint: Checkpoint, one: Probe, settings: Settings, variants: Sequence[str], runs: PlainRuns
) -> MemoryState:
    state = blank(checkpoint)
    for text in one.tell:
        state = _tell(checkpoint, state, text, settings, variants, runs)
    return state


def _tell(
    checkpoint: Checkpoint,
    state: MemoryState,
    text: str,
    settings: Settings,
    variants: Sequence[str],
    runs: PlainRuns,
) -> MemoryState:
    """One prompt, with the modules of all variants: each reads its own part of the state."""
    together = frozenset().union(*(VARIANTS[name] for name in variants))
    if not together:
        return state
    return telling.tell(checkpoint, state, text, replace(settings, modules=together), heard=runs).state


def _asked(
    checkpoint: Checkpoint,
    one: Probe,
    state: MemoryState,
    settings: Settings,
    variants: Sequence[str],
    case: Case,
) -> dict[str, bool]:
    """Variant -> whether what the case counts happened."""
    plan = probe.prepare(checkpoint, one)
    return {name: _is_hit(checkpoint, plan, state, probe.settings_for(name, settings), case)
            for name in variants}


def _is_hit(
    checkpoint: Checkpoint, plan: probe.ProbePlan, state: MemoryState, settings: Settings,
    case: Case
) -> bool:
    state = state if settings.modules else blank(checkpoint)
    ids, _ = probe.fitting(checkpoint, plan, state, settings, 0)
    asked = asking.ask(checkpoint, state, ids, settings)
    if case.counted == RECALLED and not probe.score_on(checkpoint, asked, plan.answer_ids).exact:
        return False
    said = probe_controls.said_on(checkpoint, state, asked, ids, settings)
    if case.counted == RECALLED:  # no longer word: "71" is not 7
        return bool(probe.says(said, plan.probe.answer))
    if case.counted == WRONG:
        return bool(probe.says(said, plan.probe.wrong))
    return not probe_controls.refuses(said)


class _Results:
    """The results so far: a line for each probe of a case, and the board that sums them up."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        path: Path,
        variants: Sequence[str],
        settings: Settings,
        text: str,
    ) -> None:
        self.path, self.lines_path = path, path.with_suffix(".episodes.jsonl")
        self.variants, self.settings = tuple(variants), settings
        self.board = _board(checkpoint, path)
        used = {name: str(value) for name, value in settings.saved().items() if name != "modules"}
        of = [RULES, self.board["fingerprint"], self.board["memory"], used, text]
        self.mark = _hash(of)
        self.hits: dict[tuple[str, str], dict[str, bool]] = {}
        for line in _lines(self.lines_path):
            if line.mark == self.mark:
                self.hits.setdefault((line.case, line.probe), {}).update(line.hits)

    def has(self, case: str, one: Probe) -> bool:
        """Whether all variants were asked this already."""
        return set(self.variants) <= self.hits.get((case, _key(one)), {}).keys()

    def add(self, case: str, one: Probe, hits: dict[str, bool]) -> None:
        """Keep a result, on disk too."""
        self.hits.setdefault((case, _key(one)), {}).update(hits)
        line = {"mark": self.mark, "case": case, "probe": _key(one), "hits": hits}
        append(self.lines_path, line)

    def sum_up(self, name: str, case: Case, probes: Sequence[Probe]) -> None:
        """Write the board with this case: shares of all, and of each label. A variant that was only
        measured earlier keeps its shares, if it had the same slots, policy and score."""
        found = {v: self._share(name, probes, v) for v in self.variants} if probes else {}
        labels = {label: {v: self._share(name, some, v) for v in self.variants}
                  for label, some in _by_label(probes).items()}
        entry = {"title": case.title, "counted": case.counted, "budget": self.settings.fusion.slots,
                 "slots": self.settings.edm.slots, "policy": self.settings.policy,
                 "score": self.settings.fusion.score}
        before = self.board["cases"].get(name, {})
        if any(before.get(one, value) != value for one, value in entry.items()):
            before = {}
        entry["made"] = _now()
        entry["variants"] = before.get("variants", {}) | found
        entry["labels"] = before.get("labels", {}) | labels
        self.board["cases"][name] = entry
        write(self.path, self.board)

    def _share(self, case: str, probes: Sequence[Probe], variant: str) -> dict[str, Any]:
        hits = [self.hits[case, _key(one)][variant] for one in probes]
        return share(sum(hits), len(hits))


def _lines(path: Path) -> Iterator[HeadlineLineTold]:
    """The results that are kept; ValueError names a line that is none."""
    for number, line in enumerate(whole_lines(path), 1):
        try:
            yield checked(HeadlineLineTold, from_json(line))
        except ValueError as problem:
            raise ValueError(f"Line {number} of {path} is no result: {problem}. Delete this "
                             "line, or choose another file.") from problem


def share(hits: int, n: int) -> dict[str, Any]:
    """hits of n with the 95 % interval (Wilson), for JSON."""
    low, high = wilson(hits, n)
    return {"hits": hits, "n": n, "share": hits / n if n else None, "low": low, "high": high}


def write(path: Path, board: dict[str, Any]) -> None:
    """Write the board; the file is always whole."""
    write_text(path, json.dumps(board, indent=1, ensure_ascii=False) + "\n")


def add(
    checkpoint: Checkpoint, path: Path, name: str, figures: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Figures of another kind ("text", "gist") on the same board, unless they are there already."""
    board = _board(checkpoint, path)
    if name not in board:
        board[name] = figures()
        write(path, board)
    found: dict[str, Any] = board[name]
    return found


def _board(checkpoint: Checkpoint, path: Path) -> dict[str, Any]:
    memory = checkpoint.memory
    own = {"fingerprint": checkpoint.fingerprint,
           "memory": memory.fingerprint if memory is not None else None}
    kept = load(path)
    if kept is None:
        make_folder(path.parent)
        place(path)  # a folder of this name is found now, not after hours
        seed = memory.card.get("seed") if memory is not None else None
        return {"version": VERSION, "model": checkpoint.name, **own, "seed": seed, "rules": RULES,
                "cases": {}}
    other = [name for name, value in (own | {"rules": RULES}).items() if kept[name] != value]
    if other:
        raise ValueError(f"Cannot add to {path}: it holds figures of another {' and '.join(other)} "
                         "than the loaded one. Choose another --out, or move that file away.")
    return kept


def _by_label(probes: Sequence[Probe]) -> dict[str, list[Probe]]:
    found: dict[str, list[Probe]] = {}
    for one in probes:
        if one.label:
            found.setdefault(one.label, []).append(one)
    return found


def _key(one: Probe) -> str:
    return _hash([one.tell, one.ask, one.answer, one.wrong])


def _hash(what: object) -> str:
    said = json.dumps(what, ensure_ascii=False).encode("utf-8", "replace")
    return hashlib.sha256(said).hexdigest()[:12]


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
