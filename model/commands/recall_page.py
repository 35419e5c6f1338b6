"""MEMORY.md from the JSON files of a folder."""

from argparse import Namespace
from collections.abc import Iterator

from model.loading.checkpoint import EMBEDDED
from model.training import memory_readme


def run_command(chosen: Namespace) -> Iterator[str]:
    """One line. ValueError where the folder has no card."""
    yield f"wrote {memory_readme.write_from(chosen.folder or EMBEDDED)}"
