"""Measure the curves and standard tasks that the Recall page opens with.

One file, recall.curves.json, is written to --out; put it beside the model's weights. With the same
--out a stopped command continues; figures of another model or of other trained memory are refused
there.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from model.commands import options
from model.loading import checkpoint
from model.recall import shipped_curves
from model.recall.shipped_curves import EVERY, FILE, ORDER, ShippedCurveProgress

EVERY_S = 5.0  # a line of progress at most this often


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `python -m model recall curves`."""
    options.add_model(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER",
                        help=f"folder for {FILE} and for the single episodes")
    parser.add_argument("--n", type=int, default=200, metavar="N",
                        help="least number of questions a point (default: 200)")
    parser.add_argument("--only", metavar="LIST",
                        help=f"some of {', '.join(EVERY)}, with commas (default: all)")
    parser.add_argument("--slots", type=int, default=128, metavar="N",
                        help="slots of the memories, for curves that do not vary them (default: "
                             "128)")


def run_command(chosen: argparse.Namespace) -> Iterator[str]:
    """Lines of progress. ValueError: a wrong number, name or folder."""
    names = _names(chosen.only)
    for name in ("n", "slots"):
        if getattr(chosen, name) < 1:
            raise ValueError(f"--{name} must be 1 or more, got {getattr(chosen, name)}.")
    loaded = checkpoint.load(chosen.model)
    settings = shipped_curves.USUAL.with_slots(chosen.slots)
    said = time.perf_counter()
    for step in shipped_curves.measure(loaded, names, chosen.out, n=chosen.n, settings=settings):
        if step.share == 1 or time.perf_counter() - said > EVERY_S:
            said = time.perf_counter()
            yield _line(step)
    yield f"wrote {chosen.out / FILE}"


def _names(only: str | None) -> list[str]:
    names = [name.strip() for name in only.split(",") if name.strip()] if only else ORDER
    unknown = [name for name in names if name not in EVERY]
    if unknown or not names:
        raise ValueError(f"No curve {', '.join(unknown) or only}. Choose of {', '.join(EVERY)}.")
    return names


def _line(step: ShippedCurveProgress) -> str:
    if step.kept:
        return f"{step.curve}: {step.kept}"
    if step.share == 1:
        return f"{step.curve}: done in {step.seconds:,.0f} s"
    left = step.seconds * (1 - step.share) / step.share if step.share else 0
    return f"{step.curve}: {step.share:.1%}, about {left:,.0f} s left"
