"""Write MEMORY.md anew from the JSON files that lie in a folder; nothing is measured.

It reads memory_card.json, and where they are there memory_grid.json (`train grid`) and every
memory_headline*.json (`recall headline`, a file for each seed).
"""

from argparse import ArgumentParser

from model.commands.arguments import options


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model recall page`."""
    parser.add_argument("--folder", type=options.path, metavar="DIR",
                        help="folder of a trained memory (default: the embedded model's)")
