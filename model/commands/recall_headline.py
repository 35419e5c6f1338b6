"""The headline figures of a memory on probes of one's own, measured into one file."""

import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from model.commands.arguments.names import FAR, GIST, HEADLINE_PARTS, TEXT
from model.commands.arguments.recall_headline import FAR_USUAL
from model.commands.opening import cluster, opened, trained
from model.disk.one_writer import alone
from model.grafts.modules import load_modules
from model.memory.settings import Settings
from model.recall import gist, headline, open_probes, ordinary_text, probe, probe_file
from model.recall.headline_cases import CASES
from model.recall.probe import Probe
from model.run.checkpoint import Checkpoint
from model.training import corpus

MOST = 2  # made-up probes per needed probe: not every one fits every case
EVERY_S = 5.0  # a line of progress at most this often


def run_command(chosen: Namespace) -> Iterator[str]:
    """Lines of progress and results. ValueError: wrong files, names or numbers."""
    only, names, stops = _only(chosen), _variants(chosen.variants), _stops(chosen.far)
    for name in ("n", "n_far", "slots"):
        if getattr(chosen, name) < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be 1 or more, "
                             f"got {getattr(chosen, name)}.")
    _check_used(chosen, only)
    loaded = _loaded(chosen)
    names = trained(loaded, names)
    if chosen.only and GIST in only and not _is_recurrent(loaded):
        raise ValueError(f"{loaded.name} has no recurrent memory, and {GIST} measures nothing else. Leave it "
                         "out of --only.")
    given = read(chosen.file, loaded) if chosen.file else open_probes.held_out(MOST * chosen.n)
    books = corpus.read_books(chosen.text) if chosen.text else None
    with alone(chosen.out):
        yield from _measured(chosen, loaded, given, only, names, stops, books)
    yield f"wrote {chosen.out}"


def _measured(
    chosen: Namespace, loaded: Checkpoint, given: list[Probe], only: list[str], names: list[str],
    stops: list[int], books: corpus.Books | None,
) -> Iterator[str]:
    text, spread = books.left_out if books else "", cluster(chosen.ray)
    yield f"{len(given):,} probes, {loaded.name}"
    cases = [name for name in CASES if name in only]
    yield from _progress(headline.measure(
        loaded, given, chosen.out, cases=cases, variants=names, n=chosen.n, text=text,
        spread=spread))
    if books and TEXT in only:
        yield "ordinary text"
        headline.add(loaded, chosen.out, TEXT, lambda: ordinary_text.bits_per_byte(
            loaded, given, text, [name for name in names if name != "gpt2"], n=chosen.n))
    if books and GIST in only and _is_recurrent(loaded):
        yield "gist of a book"
        headline.add(loaded, chosen.out, GIST, lambda: _gists(loaded, books, chosen.n))
    if FAR in only:
        far = Settings(policy=chosen.policy).with_slots(chosen.slots).with_fusion(score=chosen.score)
        yield from _progress(headline.measure_far(
            loaded, given, chosen.out, stops=stops, variants=names, n=chosen.n_far, settings=far,
            text=text, spread=spread))
    board = headline.load(chosen.out)
    if board is None:
        raise ValueError(f"Nothing was measured: {TEXT} and {GIST} need books, {GIST} a recurrent "
                         "memory too. Add --text DIR, or choose other cases with --only.")
    yield from lines(board)


def _check_used(chosen: Namespace, only: list[str]) -> None:
    """Raises ValueError for an option that would change nothing: whoever gives it believes that it works."""
    for name, usual in FAR_USUAL.items():
        if FAR not in only and getattr(chosen, name) != usual:
            raise ValueError(f"--{name.replace('_', '-')} is for the case {FAR!r}, which --only leaves "
                             "out. Name it there too, or leave the option out.")


def read(paths: list[Path], loaded: Checkpoint) -> list[Probe]:
    """The probes of all files, in turn from each, so that the first n are of all. ValueError names a
    line that is no probe, or none that this model can be asked."""
    files: list[list[Probe]] = []
    for path in paths:
        files.append([])
        for number, one in probe_file.read_probes(path):
            try:
                if isinstance(one, ValueError):
                    raise one
                probe.prepare(loaded, replace(one, tell=one.tell or ("Nothing.",)))  # a case tells its own
            except ValueError as problem:
                raise ValueError(f"{path}, line {number}: {problem}") from problem
            files[-1].append(replace(one, label=one.label or path.stem))
    longest = max(map(len, files))
    found = [probes[i] for i in range(longest) for probes in files if i < len(probes)]
    if not found:
        raise ValueError(f"No probes in {', '.join(map(str, paths))}. Give a file with one probe a "
                         "line.")
    return found


def _gists(loaded: Checkpoint, books: corpus.Books, n: int) -> dict:
    """Of all books, and of the one that is left out of training."""
    every = {**books.training, books.left_out_name: books.left_out}
    return {"all books": gist.gist(loaded, every, n=n),
            "a book left out of training": gist.gist(loaded, every, n=n, same=books.left_out_name)}


def _loaded(chosen: Namespace) -> Checkpoint:
    loaded = opened(chosen.model)
    if chosen.memory is None:
        return loaded
    found = load_modules(chosen.memory, loaded.model.config, loaded.fingerprint)
    return replace(loaded, memory=found.to(loaded.model.device))


def _is_recurrent(loaded: Checkpoint) -> bool:
    return bool({"early", "late"} & set(loaded.memory.parts if loaded.memory else ()))


def _only(chosen: Namespace) -> list[str]:
    if chosen.only is None:
        return list(HEADLINE_PARTS)
    names = [name.strip() for name in chosen.only.split(";") if name.strip()]
    unknown = [name for name in names if name not in HEADLINE_PARTS]
    if unknown or not names:
        raise ValueError(f"No case {', '.join(unknown) or repr(chosen.only)}. Choose of "
                         f"{'; '.join(HEADLINE_PARTS)}.")
    bookish = [name for name in (TEXT, GIST) if name in names]
    if bookish and not chosen.text:
        raise ValueError(f"--only {bookish[0]} needs books. Add --text DIR, or leave it out.")
    return names


def _variants(said: str) -> list[str]:
    names = [probe.long_name(name) for name in said.split(",") if name.strip()]
    if not names:
        raise ValueError("No variant chosen. Name at least one: --variants gpt2,am")
    return list(dict.fromkeys(names))


def _stops(said: str) -> list[int]:
    try:
        found = sorted({int(part) for part in said.split(",")})
    except ValueError:
        found = []
    if not found or found[0] < 1 or found[-1] > probe.FARTHEST:
        raise ValueError(f"--far {said} is no list of token counts from 1 to {probe.FARTHEST:,}. Write numbers "
                         "with commas, such as 1000,10000.")
    return found


def _progress(steps: Iterator[headline.HeadlineProgress]) -> Iterator[str]:
    said = time.perf_counter()
    for step in steps:
        if step.share == 1:
            yield f"{step.case}: done in {step.seconds:,.0f} s"
        elif time.perf_counter() - said > EVERY_S:
            said = time.perf_counter()
            left = step.seconds * (1 - step.share) / step.share if step.share else 0
            yield f"{step.case}: {step.share:.1%}, about {left:,.0f} s left"


def lines(board: dict) -> Iterator[str]:
    """A board as lines to read."""
    for case in board["cases"].values():
        yield case["title"]
        yield from (f"  {name:9} {_share(one)}" for name, one in case["variants"].items())
        for label, of in case["labels"].items():
            yield f"    {label}: {', '.join(f'{name} {_of_label(one)}' for name, one in of.items())}"
    for name, one in board.get(TEXT, {}).get("variants", {}).items():
        yield (f"ordinary text, {name}: {one['bits_per_byte']:.4f} bits per byte, "
               f"{one['percent']:+.2f} % ({one['low']:+.2f} to {one['high']:+.2f})")
    for name, one in board.get(GIST, {}).items():
        more = one["percent"]
        yield (f"gist, {name}: {more['mean']:+.2f} % of the nats a token saved over another book's "
               f"vector ({more['low']:+.2f} to {more['high']:+.2f}), {one['pairs']:,} pairs")


def _of_label(one: dict) -> str:
    """Each with its n: a variant may have been measured on more probes than another."""
    return f"{one['share']:.1%} of {one['n']:,}" if one["share"] is not None else "no probe fits"


def _share(one: dict) -> str:
    if one["share"] is None:
        return "no probe fits"
    return f"{one['share']:.1%} ({one['low']:.1%} to {one['high']:.1%}), n = {one['n']:,}"
