"""Train the base model on a folder of texts, measure it, write its card."""

from argparse import ArgumentParser

from model.commands.arguments import options
from model.commands.arguments.names import SHAPES


def add_arguments(parser: ArgumentParser) -> None:
    """The options of `train base`."""
    parser.add_argument("--text", type=options.path, required=True, metavar="DIR",
                        help="folder with at least two .txt files; one is left out to measure on")
    parser.add_argument("--out", type=options.path, required=True, metavar="DIR",
                        help="folder for the model, its card, and training.pt (for --resume)")
    parser.add_argument("--shape", choices=SHAPES, default="embedded",
                        help="size of the network, from 5.9 M parameters (embedded) over 14, 34 and "
                             "82 to 124 M (gpt2, GPT-2 small's) (default: embedded)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=options.real, metavar="N",
                        help="train for N minutes of this computer's time (default: 90)")
    length.add_argument("--tokens", type=options.whole, metavar="N", help="train on N tokens")
    parser.add_argument("--seed", type=options.seed, default=0, metavar="N",
                        help="first weights and order of the text (default: 0)")
    parser.add_argument("--from", dest="weights", type=options.path, metavar="DIR",
                        help="start from the weights and the tokenizer of a folder that train base "
                             "wrote, such as model/embedded (default: begin anew)")
    parser.add_argument("--resume", action="store_true",
                        help="continue from training.pt in --out; repeat the other options")
