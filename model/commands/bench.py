"""Runs the measurements of tests/bench and says what they found."""

import importlib
import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from model.commands.arguments.bench import PARTS

ROOT = Path(__file__).parents[2]


def run_command(options: Namespace) -> Iterator[str]:
    """Run the measurements; one line each, or one JSON object at the end."""
    if options.peers and options.device != "cpu":
        raise ValueError("--peers is measured on the CPU. Leave --device out.")
    results = {}
    if options.peers and not options.json:
        yield from _measurements("peers").HEAD
    for part in ["peers"] if options.peers else _parts(options):
        for result in _measurements(part).measure():
            results[result.name] = result.as_dict()
            if not options.json:
                yield str(result)
    if options.json:
        yield json.dumps(results, indent=1)


def _parts(options: Namespace) -> list[str]:
    """The parts to run, on the device that was asked for. ValueError: what cannot be measured there."""
    if options.device == "cpu":
        return [options.part] if options.part else list(PARTS)
    place = _measurements("place")
    place.choose(options.device)
    if options.part not in (None, *place.PARTS):
        raise ValueError(f"--part {options.part} is measured on the CPU. With --device cuda choose "
                         f"{' or '.join(place.PARTS)}.")
    return [options.part] if options.part else list(place.PARTS)


def _measurements(part: str) -> ModuleType:
    if not (ROOT / "tests" / "bench").is_dir():
        raise ValueError("an installed copy has no measurements. Take the source, and in its folder "
                         "run python -m model bench")
    return importlib.import_module(f"tests.bench.{part}")
