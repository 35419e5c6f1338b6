"""The curves and standard tasks of the Recall page, measured into one file."""

import time
from argparse import Namespace
from collections.abc import Iterator

from model.commands.opening import cluster, opened
from model.disk.one_writer import alone
from model.recall import shipped_curves
from model.recall.shipped_curves import EVERY, FILE, ORDER, ShippedCurveProgress

EVERY_S = 5.0  # a line of progress at most this often


def run_command(chosen: Namespace) -> Iterator[str]:
    """Lines of progress. ValueError: a wrong number, name or folder."""
    names = _names(chosen.only)
    for name in ("n", "slots"):
        if getattr(chosen, name) < 1:
            raise ValueError(f"--{name} must be 1 or more, got {getattr(chosen, name)}.")
    loaded = opened(chosen.model)
    settings = shipped_curves.USUAL.with_slots(chosen.slots)
    said = time.perf_counter()
    spread = cluster(chosen.ray)
    with alone(chosen.out / FILE):
        for step in shipped_curves.measure(
            loaded, names, chosen.out, n=chosen.n, settings=settings, spread=spread
        ):
            if step.share == 1 or time.perf_counter() - said > EVERY_S:
                said = time.perf_counter()
                yield _line(step)
    yield f"wrote {chosen.out / FILE}"


def _names(only: str | None) -> list[str]:
    names = ORDER if only is None else [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in names if name not in EVERY]
    if unknown or not names:
        raise ValueError(f"No curve {', '.join(unknown) or repr(only)}. Choose of {', '.join(EVERY)}.")
    return names


def _line(step: ShippedCurveProgress) -> str:
    if step.kept:
        return f"{step.curve}: {step.kept}"
    if step.share == 1:
        return f"{step.curve}: done in {step.seconds:,.0f} s"
    left = step.seconds * (1 - step.share) / step.share if step.share else 0
    return f"{step.curve}: {step.share:.1%}, about {left:,.0f} s left"
