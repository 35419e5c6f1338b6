"""Put the activations of a clean prompt into a corrupted one, each cell alone, and write how much of
the answer it brings back.

FILE.npz, L layers, T tokens of the corrupted prompt, H heads: stream, attn, mlp (L,T): the stream
before block l, what attention l and MLP l wrote, at token t; head (L,H): z of a head (what it mixed,
before the output projection), all tokens. Each is the recovered share (patched - corrupt) / (clean -
corrupt) of the logit difference answer - against at the last token; nan: not patched. clean, corrupt
(): that difference of both prompts. tokens_clean (S,), tokens_corrupt (T,): display strings.
"""

from argparse import ArgumentParser

from model.commands.arguments import options


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model patch`."""
    options.add_model(parser)
    parser.add_argument("--clean", required=True, metavar="TEXT", help="the prompt that is read")
    parser.add_argument(
        "--corrupt", required=True, metavar="TEXT",
        help="the prompt that is patched, of as many tokens",
    )
    parser.add_argument(
        "--answer", required=True, metavar="A",
        help="what the clean prompt should bring; with its leading space; the first token counts",
    )
    parser.add_argument("--against", required=True, metavar="B", help="the other answer")
    parser.add_argument("--out", required=True, type=options.path, help="the file to write: *.npz")
    parser.add_argument(
        "--sites", default="stream,attn,mlp,head", help="what is patched (default: %(default)s)"
    )
    parser.add_argument(
        "--range", metavar="FIRST:END",
        help="only these tokens, from 0, END not included; at most 128 tokens are patched at a time",
    )
    parser.add_argument(
        "--align", action="store_true",
        help="prompts of different token counts: patch the tokens that stand for each other",
    )
