"""What a checkpoint holds (files, tensors, bytes), or how large a GPT of a preset's sizes is."""

from argparse import ArgumentParser

from model.analysis import arithmetic
from model.commands.arguments import options


def add_arguments(parser: ArgumentParser) -> None:
    """The options of `anatomy`: a model or a preset, and the form of the answer."""
    what = parser.add_mutually_exclusive_group()
    options.add_model(what)
    what.add_argument(
        "--preset",
        choices=list(arithmetic.PRESETS),
        help="only the arithmetic of this size: no model is read",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object, everything in it")
    form.add_argument("--csv", action="store_true", help="one row per tensor (or group of a preset)")
