"""The model of a command: loaded, and what is odd about its files said on stderr; and its cluster."""

import sys
from collections.abc import Sequence

from model.disk import called
from model.loading import checkpoint
from model.recall import probe
from model.recall.spread import Spread
from model.run.checkpoint import Checkpoint


def opened(name: str) -> Checkpoint:
    """The model of this name. Raises CheckpointError, one line, as `checkpoint.load` does."""
    found = checkpoint.load(name)
    for warning in found.warnings:
        print(f"{called.command()}: note: {warning}", file=sys.stderr)
    return found


def untrained(loaded: Checkpoint, names: Sequence[str]) -> list[str]:
    """The variants that are exactly GPT-2 on this model, because it has nothing trained of them; what
    any of the variants lacks is said on stderr."""
    alike = []
    for name in names:
        own = probe.settings_for(name)
        for note in probe.untrained_notes(loaded, own):
            print(f"{called.command()}: note: {name}: {note}", file=sys.stderr)
            alike += [name] if probe.missing(loaded, own) == own.modules else []
    return alike


def trained(loaded: Checkpoint, names: Sequence[str]) -> list[str]:
    """The variants of which this model has something. ValueError where that is none."""
    alike = untrained(loaded, names)
    if left := [name for name in names if name not in alike]:
        return left
    raise ValueError(f"{loaded.name} has no trained memory for {', '.join(alike)}. Train it: "
                     f"{called.command('train memory')}; or choose --variants am, which needs no training.")


def cluster(address: str | None) -> Spread | None:
    """The Ray cluster that --ray names; None where all is done here. Raises ValueError, as `Spread`."""
    return None if address is None else Spread(address)
