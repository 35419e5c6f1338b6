"""What trained memory recalls, facts × prompts in between, measured row by row."""

import json
import reprlib
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

from model.commands.opening import cluster
from model.disk.one_writer import alone
from model.disk.schema import checked
from model.disk.whole import write_text
from model.grafts.modules import Modules, load_modules
from model.recall.board_files import check_ours
from model.recall.runs import RULES
from model.training import memory, memory_grid, memory_readme, whole_grid
from model.training.job_files import RowsTold, WholeCardTold
from model.training.under_way import MemoryTraining, MemoryTrainingOptions

SAID = ("seed", "steps", "tokens", "seconds")  # of every seed's card


def run_command(args: Namespace) -> Iterator[str]:
    """Measure row after row; yields lines. ValueError: wrong files or numbers."""
    if args.episodes < 2 or args.whole < 0:
        raise ValueError(f"Give 2 or more --episodes and 0 or more --whole; got {args.episodes} "
                         f"and {args.whole}.")
    check_ours(args.out, "made_with")
    memory_readme.check_page(args.out.parent)
    training = memory.start(
        MemoryTrainingOptions(args.out.parent, args.model, text=args.text), fresh=False
    )
    base, config = training.checkpoint.fingerprint, training.model.config
    found = [load_modules(path, config, base).to(training.model.device) for path in args.memory]
    seeds = {_seed(modules, i): modules for i, modules in enumerate(found)}
    if len(seeds) < len(found):
        raise ValueError("Two memory files have the same seed. Give one file for each seed.")
    card, has_page = found[0].card, {"recall", "stability"} <= set(found[0].card)
    if has_page:
        _check_card(args.memory[0], card)
    with alone(args.out):
        yield from _measured(args, training, found, seeds, card if has_page else None)


def _measured(
    args: Namespace, training: MemoryTraining, found: list[Modules], seeds: dict[int, Modules],
    card: dict | None,
) -> Iterator[str]:
    """Row after row, written as it is measured; at the end the page of this card."""
    kept = memory_readme.read(args.out, RowsTold) if args.out.is_file() else {}
    _forget_others(kept, {
        "cells": [RULES, memory_grid.POLICY, args.episodes, [modules.fingerprint for modules in found]],
        "whole": [RULES, args.whole, [modules.fingerprint for modules in found]],
    })
    kept["seeds"] = [{name: modules.card[name] for name in SAID if name in modules.card}
                     for modules in found]
    spread = cluster(args.ray)
    rows = {"cells": lambda about, facts: memory_grid.row(
        training, seeds, about, facts, args.episodes, spread=spread)}
    if args.whole:
        rows["whole"] = lambda about, facts: whole_grid.row(
            training, seeds, about, facts, args.whole, spread)
    for part, measure in rows.items():
        for about in memory_grid.ABOUT:
            for facts in memory_grid.FACTS:
                yield from _row(args.out, kept, part, about, facts, measure)
    if card is not None:
        yield f"wrote {memory_readme.write(args.out.parent, card, kept)}"


def _check_card(path: Path, card: dict) -> None:
    """Raises ValueError for a card that MEMORY.md cannot be made of: now, not after hours."""
    try:
        checked(WholeCardTold, card)
    except ValueError as problem:
        raise ValueError(f"The card in {path} is damaged: {problem}. Train it again, or restore a "
                         "copy.") from problem


def _seed(modules: Modules, i: int) -> int:
    """The seed on a memory's card; where there is none, the place of its file."""
    seed = modules.card.get("seed", i)
    if type(seed) is not int:
        raise ValueError(f"The card of memory file {i + 1} has the seed {reprlib.repr(seed)}, which "
                         "is no whole number. Train it again.")
    return seed


def _forget_others(kept: dict, made_with: dict[str, list]) -> None:
    """Leave out rows that were measured on other memory, with another n or by other rules."""
    before = kept.get("made_with", {})
    for part, mark in made_with.items():
        if before.get(part) != mark and (part != "whole" or mark[1]):
            kept.pop(part, None)
            kept.setdefault("made_with", {})[part] = mark


def _row(
    path: Path, kept: dict, part: str, about: str, facts: int,
    measure: Callable[[str, int], list[memory_grid.GridCell]],
) -> Iterator[str]:
    name = f"{about}, {facts} facts"
    if name not in kept.setdefault(part, {}):
        kept[part][name] = [cell.as_json() for cell in measure(about, facts)]
        write_text(path, json.dumps(kept, indent=1) + "\n")
    for cell in kept[part][name]:
        yield (f"{cell['about']}, {cell['facts']} facts, {cell['between']} prompts between, "
               f"{cell['variant']}" + (f", seed {cell['seed']}" if cell["seed"] >= 0 else "")
               + f": {cell['share']:.1%} ({cell['low']:.1%} to {cell['high']:.1%}), n = {cell['n']}")
