"""How many bits per byte a model needs for a text file, read in windows that overlap.

A window is as long as the model can read and starts `stride` tokens after the one before; every
token but the first of the file is counted once. A shorter stride takes longer and gives each token
more text to look back on; compare only figures of the same window and stride.
"""

from argparse import ArgumentParser

from model.commands.arguments import options


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model score`."""
    options.add_model(parser)
    parser.add_argument("--file", required=True, type=options.path, help="a text file in UTF-8")
    parser.add_argument(
        "--stride", type=options.whole, help="tokens from one window to the next (default: half the window)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
