"""Measure how much trained memory recalls, facts × prompts in between.

Finished rows are kept in --out, so that a stopped measurement continues there; at the end all rows
are written to MEMORY.md beside it.
"""

from argparse import ArgumentParser

from model.commands.arguments import options


def add_arguments(parser: ArgumentParser) -> None:
    """The options of `train grid`."""
    options.add_model(parser)
    parser.add_argument("--memory", type=options.path, nargs="+", required=True, metavar="FILE",
                        help="trained memory, a file for each seed")
    parser.add_argument("--out", type=options.path, required=True, metavar="FILE", help="JSON of all cells")
    parser.add_argument("--text", type=options.path, metavar="DIR",
                        help="folder of .txt files: ordinary text between the facts")
    parser.add_argument("--episodes", type=options.whole, default=512, metavar="N",
                        help="episodes of each row of the grid (default: 512)")
    parser.add_argument("--whole", type=options.whole, default=0, metavar="N",
                        help="episodes for gpt2+am and for gpt2-m with fusion, one at a time, read "
                             "as generate does, dealt to the files in turn (default: 0, not "
                             "measured)")
    options.add_ray(parser)
