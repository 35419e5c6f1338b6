"""The model of a command: loaded, and what is odd about its files said on stderr; and its cluster."""

import sys

from model.disk import called
from model.loading import checkpoint
from model.recall.spread import Spread
from model.run.checkpoint import Checkpoint


def opened(name: str) -> Checkpoint:
    """The model of this name. Raises CheckpointError, one line, as `checkpoint.load` does."""
    found = checkpoint.load(name)
    for warning in found.warnings:
        print(f"{called.command()}: note: {warning}", file=sys.stderr)
    return found


def cluster(address: str | None) -> Spread | None:
    """The Ray cluster that --ray names; None where all is done here. Raises ValueError, as `Spread`."""
    return None if address is None else Spread(address)
