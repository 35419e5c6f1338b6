"""Write a checkpoint as transformers reads it: nanoGPT's ckpt.pt, or a folder whose tensors have other
names or are transposed.

nanoGPT's matrices are turned, its GELU is the exact one (activation_function gelu), biases that it was
trained without are 0, and its meta.pkl becomes a tokenizer of characters. Code in a file is never run.
"""

from argparse import ArgumentParser

from model.commands.arguments import options


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model convert`."""
    parser.add_argument("source", type=options.path, help="ckpt.pt of nanoGPT, its folder, or a folder "
                        "with config.json")
    parser.add_argument("--out", type=options.path, required=True, metavar="FOLDER", help="a new folder")
    parser.add_argument("--tokenizer", type=options.path, metavar="FOLDER", help="a folder with the "
                        "tokenizer's files (default: the source's folder)")
