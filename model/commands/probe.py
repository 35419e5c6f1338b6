"""Recall probes of a file, of a task or curve, of the scoreboard, or against eviction, as lines."""

import itertools
import json
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from model.commands.opening import cluster, opened, untrained
from model.commands.score import read_text
from model.disk.one_writer import alone
from model.disk.whole import place
from model.memory.settings import Settings, from_saved
from model.recall import episode_lines, eviction_runs, probe, probe_file, runs, scoreboard, verdict
from model.recall.curves import CURVES
from model.recall.share import Share
from model.recall.standard_tasks import TASKS
from model.recall.trial import Curve
from model.run.checkpoint import Checkpoint

BOOKS = 2  # books of a folder that --eviction reads: every run of them stays in memory
EVERY_S = 5.0  # a line of progress at most this often


def run_command(chosen: Namespace) -> Iterator[str]:
    """Lines to print, as they are known."""
    names = list(dict.fromkeys(
        probe.long_name(name) for name in chosen.variants.split(",") if name.strip()
    ))
    if not names:
        raise ValueError("No variant chosen. Name at least one: --variants gpt2,am")
    if chosen.n is not None and chosen.n < 1:
        raise ValueError(f"Too few episodes: --n {chosen.n}. Ask for 1 or more.")
    settings = _settings(chosen)
    if chosen.eviction and chosen.file is None:
        raise ValueError("--eviction needs probes. Add --file FILE.jsonl")
    _check_used(chosen)
    if chosen.out is not None:
        place(chosen.out)  # a folder, or none to write into, is found now, not after the first episode
    with alone(chosen.out) if chosen.out is not None else nullcontext():
        yield from _measured(chosen, names, settings)


def _measured(chosen: Namespace, names: list[str], settings: Settings) -> Iterator[str]:
    loaded = opened(chosen.model)
    untrained(loaded, ["gpt2+am"] if chosen.eviction else names)
    if chosen.eviction:
        yield from _eviction(loaded, chosen, settings)
    elif chosen.file is not None:
        yield from _file(loaded, chosen, names, settings)
    elif chosen.scoreboard:
        yield from _scoreboard(loaded, chosen, names, settings)
    else:
        yield from _curve(loaded, chosen, names, settings)


def _settings(chosen: Namespace) -> Settings:
    if chosen.slots is not None and chosen.slots < 1:
        raise ValueError(f"Too few slots: --slots {chosen.slots}. Ask for 1 or more.")
    if chosen.best is not None and chosen.best < 0:
        raise ValueError(f"--best must be 0 (all) or more, got {chosen.best}.")
    given = {
        "budget": chosen.slots, "slots": chosen.slots, "policy": chosen.policy,
        "score": chosen.salience, "threshold": chosen.threshold, "best": chosen.best,
    }
    return from_saved({name: value for name, value in given.items() if value is not None})


def _check_used(chosen: Namespace) -> None:
    """Raises ValueError for an option that would change nothing: its giver believes that it did."""
    if chosen.file is None:
        return
    others, why = (("out", "ray", "seed"), "--eviction: it keeps nothing and draws nothing") if chosen.eviction else (
        ("n", "text", "seed"), "--file: it asks every line, and a line has its own distraction and seed")
    for name in others:
        if getattr(chosen, name):
            raise ValueError(f"--{name} does nothing with {why}. Leave --{name} out.")


def _file(
    loaded: Checkpoint, chosen: Namespace, names: list[str], settings: Settings
) -> Iterator[str]:
    tallies, bad = probe_file.Tallies(names), 0
    for number, label, found in probe_file.measure(
        loaded, chosen.file, names, settings, chosen.out, cluster(chosen.ray)
    ):
        if isinstance(found, str):
            bad += 1
            told = {"line": number, "error": found}
            yield json.dumps(told) if chosen.json else f"line {number}: {found}"
            continue
        tallies.add(label, found)
        if chosen.json:
            told = {"line": number, "label": label or None, "variants": found}
            yield json.dumps(told, ensure_ascii=False)
            continue
        for name, result in found.items():
            yield f"{number:6}  {name:9} {_line(result)}"
    yield from _in_all(loaded, chosen, tallies, bad)


def _eviction(loaded: Checkpoint, chosen: Namespace, settings: Settings) -> Iterator[str]:
    given = []
    for number, one in itertools.islice(probe_file.read_probes(chosen.file), chosen.n or 100):
        try:
            if isinstance(one, ValueError):
                raise one
            probe.prepare(loaded, one)
            given.append(one)
        except ValueError as problem:  # named, and the others run
            told = {"line": number, "error": " ".join(str(problem).split())}
            yield json.dumps(told) if chosen.json else f"line {number}: {told['error']}"
    which = eviction_runs.pairs(loaded, chosen.salience, chosen.policy)
    said, step = time.perf_counter(), eviction_runs.EvictionProgress(0, 0)
    if not chosen.json:
        yield (f"{len(given):,} probes, {len(which)} pairs of policy and salience; the text is told anew for "
               f"each pair and every {eviction_runs.TOGETHER} facts")
    for step in eviction_runs.measure(
        loaded, given, _books(chosen.text), which, settings, eviction_runs.STOPS
    ):
        if not chosen.json and step.share < 1 and time.perf_counter() - said > EVERY_S:
            said = time.perf_counter()
            yield f"{step.share:6.1%}, about {_left(step.share, step.seconds):,.0f} s left"
        for row in step.results:
            found: dict[str, Any] = {"score": row.pair.score, "policy": row.pair.policy, "tokens": row.stop}
            found |= {share.name: _counted(share) for share in (row.kept, row.recalled)}
            yield json.dumps(found) if chosen.json else (
                f"{row.pair.policy:14} {row.pair.score:22} after {row.stop:6,} tokens  "
                f"kept {_share(found['kept'])}  recalled {_share(found['recalled'])}"
            )
    if not chosen.json:
        yield (f"{loaded.name}, gpt2+am, {settings.fusion.slots} slots, {eviction_runs.TOGETHER} facts "
               f"in each memory, {step.seconds:,.0f} s")


def _books(path: Path | None) -> list[str]:
    """Texts to tell: a file, the first BOOKS .txt files of a folder, or none: made up."""
    if path is None:
        return [""]
    files = sorted(filter(Path.is_file, path.glob("*.txt")))[:BOOKS] if path.is_dir() else [path]
    if not files:
        raise ValueError(f"No .txt file in {path}. Choose a folder with books, or a file.")
    return [read_text(file) for file in files]


def _counted(share: Share) -> dict:
    low, high = share.interval
    return {"hits": share.hits, "n": share.n, "share": share.value, "low": low, "high": high}


def _line(found: dict) -> str:
    said = f"“{found['continuation'].strip()}”"
    if found["exact"] is None:
        return f"{'FALSE' if found['false_recall'] else 'ok':6} {'':22} {said}"
    how = "exact" if found["exact"] else "said" if found["said"] else "no"
    ranks = ",".join(map(str, found["ranks"]))
    return f"{how:6} p {verdict.p(found['probability']):10} rank {ranks:8} {said}"


def _in_all(
    loaded: Checkpoint, chosen: Namespace, tallies: probe_file.Tallies, bad: int
) -> Iterator[str]:
    reports, labels = tallies.report(), tallies.labels()
    first = next(iter(reports.values()))
    if not first["n"] + first["n_without_answer"]:
        what = f"all {bad} were bad" if bad else "it is empty"
        raise ValueError(f"No probe in {chosen.file}: {what}. Give at least one good line.")
    if chosen.json:
        told = {"model": loaded.name, "fingerprint": loaded.fingerprint, "bad_lines": bad}
        yield json.dumps(told | {"all": reports, "labels": labels}, ensure_ascii=False)
        return
    yield f"in all, {loaded.name}: {bad} bad lines"
    yield from _in_lines(reports)
    for label, group in labels.items():
        yield f"label “{label}”"
        yield from _in_lines(group)


def _in_lines(reports: dict[str, dict]) -> Iterator[str]:
    """A line a variant."""
    for name, report in reports.items():
        yield (
            f"  {name:9} exact {_share(report['exact'])}  said {_share(report['said'])}  "
            f"false recall {_share(report['false_recall'])}"
        )


def _share(found: dict | None) -> str:
    if found is None:
        return "–"
    return (
        f"{found['share']:.1%} ({found['low']:.1%} to {found['high']:.1%}, n {found['n']:,})"
    )


def _curve(
    loaded: Checkpoint, chosen: Namespace, names: list[str], settings: Settings
) -> Iterator[str]:
    curve = TASKS[chosen.task] if chosen.task else CURVES[chosen.curve]
    text = read_text(chosen.text) if chosen.text else ""
    lines: list[dict] = []
    said = time.perf_counter()
    if not chosen.json:
        yield f"{curve.name}: {curve.what}"
    for step in runs.measure(
        loaded, curve, names, chosen.out, n=chosen.n or 25, seed=chosen.seed, settings=settings,
        text=text, spread=cluster(chosen.ray),
    ):
        lines += step.lines
        if not chosen.json and time.perf_counter() - said > EVERY_S:
            said = time.perf_counter()
            yield _progress(step)
    by_variant = {
        name: episode_lines.shares(line for line in lines if line["variant"] == name)
        for name in names
    }
    yield from _tables(loaded, chosen, curve, by_variant)


def _progress(step: runs.CurveProgress) -> str:
    return (
        f"{step.share:6.1%}, episode {step.n_done:,} of {step.n_total:,}, "
        f"about {_left(step.share, step.seconds):,.0f} s left"
    )


def _left(share: float, seconds: float) -> float:
    """Seconds left at the speed so far."""
    return seconds * (1 - share) / share if share else 0.0


def _tables(loaded: Checkpoint, chosen: Namespace, curve: Curve, by_variant: dict) -> Iterator[str]:
    rows = [
        {"variant": name, "point": point, "series": series, "hits": share.hits, "n": share.n,
         "share": share.value, "low": share.interval[0], "high": share.interval[1]}
        for name, shares in by_variant.items() for (point, series), share in shares.items()
    ]
    if chosen.json:
        told = {"model": loaded.name, "fingerprint": loaded.fingerprint, "curve": curve.name}
        yield json.dumps(told | {"seed": chosen.seed, "episodes": chosen.n or 25, "points": rows})
        return
    for row in rows:
        yield f"{row['variant']:9} {row['point']:24} {row['series']:26} {_share(row)}"
    if curve.honest:
        yield curve.honest


def _scoreboard(
    loaded: Checkpoint, chosen: Namespace, names: list[str], settings: Settings
) -> Iterator[str]:
    if chosen.out is None:
        raise ValueError("--scoreboard needs a file to write to. Add --out FILE")
    text = read_text(chosen.text) if chosen.text else ""
    said = time.perf_counter()
    for step in scoreboard.measure(
        loaded, names, chosen.out, n=chosen.n or 125, seed=chosen.seed, settings=settings, text=text,
        spread=cluster(chosen.ray)
    ):
        if time.perf_counter() - said > EVERY_S and not chosen.json:
            said = time.perf_counter()
            yield f"{step.what}: {step.share:.1%}"
    board = scoreboard.load(chosen.out)
    assert board is not None, f"{chosen.out} was written just now"
    if chosen.json:
        yield json.dumps(board, ensure_ascii=False)
        return
    for row in board["rows"]:
        yield row["variant"]
        for name, cell in row["cells"].items():
            yield f"  {scoreboard.COLUMNS[name]:34} {scoreboard.in_words(cell)}"
    yield f"written to {chosen.out}"
