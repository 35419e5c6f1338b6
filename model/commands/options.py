"""Command-line options that several commands share."""

import os
from argparse import ArgumentParser


def add_model(parser: ArgumentParser) -> None:
    """--model; by default what MNEMOSCOPE_MODEL names, else the embedded model."""
    parser.add_argument(
        "--model",
        default=os.environ.get("MNEMOSCOPE_MODEL") or "embedded",
        metavar="MODEL",
        help="embedded, a folder, or a hub name such as gpt2 (default: $MNEMOSCOPE_MODEL, "
        "else embedded)",
    )
