"""Measure the curves and standard tasks that the Recall page opens with.

One file, recall_curves.json, is written to --out; put it beside the model's weights. With the same
--out a stopped command continues; figures of another model or of other trained memory are refused
there.
"""

from argparse import ArgumentParser

from model.commands.arguments import options
from model.commands.arguments.names import CURVES, TASKS


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model recall curves`."""
    options.add_model(parser)
    parser.add_argument("--out", type=options.path, required=True, metavar="FOLDER",
                        help="folder for recall_curves.json and for the single episodes")
    parser.add_argument("--n", type=options.whole, default=200, metavar="N",
                        help="least number of questions a point (default: 200)")
    parser.add_argument("--only", metavar="LIST",
                        help=f"some of {', '.join(CURVES + TASKS)}, with commas (default: all)")
    parser.add_argument("--slots", type=options.whole, default=128, metavar="N",
                        help="slots of the memories, for curves that do not vary them (default: "
                             "128)")
    options.add_ray(parser)
