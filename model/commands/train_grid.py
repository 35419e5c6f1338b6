"""`python -m model train grid`: how much trained memory recalls, facts × prompts in between.

Arguments in, one-line reports out. Prints nothing itself. Finished rows are kept in --out, so that
a stopped measurement continues there; at the end all rows are written to MEMORY.md beside it.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from model.commands import options as shared
from model.disk.whole import write_text
from model.grafts.modules import load_modules
from model.recall.runs import RULES
from model.training import memory, memory_grid, memory_readme, whole_grid
from model.training.under_way import MemoryTrainingOptions

SAID = ("seed", "steps", "tokens", "seconds")  # of every seed's card


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `train grid`."""
    shared.add_model(parser)
    parser.add_argument("--memory", type=Path, nargs="+", required=True, metavar="FILE",
                        help="trained memory, a file for each seed")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON of all cells")
    parser.add_argument("--text", type=Path, metavar="DIR",
                        help="folder of .txt files: ordinary text between the facts")
    parser.add_argument("--episodes", type=int, default=512, metavar="N",
                        help="episodes of each row of the grid (default: 512)")
    parser.add_argument("--whole", type=int, default=0, metavar="N",
                        help="episodes for gpt2+am and for gpt2-m with fusion, one at a time, read "
                             "as generate does, dealt to the files in turn (default: 0, not "
                             "measured)")


def run_command(args: argparse.Namespace) -> Iterator[str]:
    """Measure row after row; yields lines. ValueError: wrong files or numbers."""
    if args.episodes < 1 or args.whole < 0:
        raise ValueError(f"Give 1 or more --episodes and 0 or more --whole; got {args.episodes} "
                         f"and {args.whole}.")
    training = memory.start(
        MemoryTrainingOptions(args.out.parent, args.model, text=args.text), fresh=False
    )
    base, config = training.checkpoint.fingerprint, training.model.config
    found = [load_modules(path, config, base).to(training.model.device) for path in args.memory]
    seeds = {modules.card.get("seed", i): modules for i, modules in enumerate(found)}
    if len(seeds) < len(found):
        raise ValueError("Two memory files have the same seed. Give one file for each seed.")
    kept = json.loads(args.out.read_text()) if args.out.is_file() else {}
    _forget_others(kept, {
        "cells": [RULES, args.episodes, [modules.fingerprint for modules in found]],
        "whole": [RULES, args.whole, [modules.fingerprint for modules in found]],
    })
    kept["seeds"] = [{name: modules.card[name] for name in SAID if name in modules.card}
                     for modules in found]
    rows = {"cells": lambda about, facts: memory_grid.row(
        training, seeds, about, facts, args.episodes)}
    if args.whole:
        rows["whole"] = lambda about, facts: whole_grid.row(
            training, seeds, about, facts, args.whole)
    for part, measure in rows.items():
        for about in memory_grid.ABOUT:
            for facts in memory_grid.FACTS:
                yield from _row(args.out, kept, part, about, facts, measure)
    if "recall" in found[0].card:
        yield f"wrote {memory_readme.write(args.out.parent, found[0].card, kept)}"


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
