"""Command-line options that several commands share."""

import argparse
import os


def add_model(parser: argparse._ActionsContainer) -> None:
    """--model, on a parser or a group of it; by default what MNEMOSCOPE_MODEL names, else the
    embedded model."""
    parser.add_argument(
        "--model",
        default=os.environ.get("MNEMOSCOPE_MODEL") or "embedded",
        metavar="MODEL",
        help="embedded, a folder, or a hub name such as gpt2 (default: $MNEMOSCOPE_MODEL, "
        "else embedded)",
    )
