"""Write MEMORY.md anew from the JSON files that lie in a folder; nothing is measured.

It reads memory_card.json, and where they are there memory_grid.json (`train grid`) and every
memory_headline*.json (`recall headline`, a file for each seed).
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from model.loading.checkpoint import EMBEDDED
from model.training import memory_readme


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `python -m model recall page`."""
    parser.add_argument("--folder", type=Path, default=EMBEDDED, metavar="DIR",
                        help="folder of a trained memory (default: the embedded model's)")


def run_command(chosen: argparse.Namespace) -> Iterator[str]:
    """One line. ValueError where the folder has no card."""
    yield f"wrote {memory_readme.write_from(chosen.folder)}"
