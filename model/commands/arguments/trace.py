"""Trace one prompt and write its tensors to one file, or open such a file again.

FILE.safetensors opens again, here and in the app, without the model's weights: prompt, ids, q, k, v,
the residual stream, the next token's logits, and what a session was told. FILE.npz is for numpy, T =
tokens: ids (T,), tokens (T,) display strings, q, k, v (L,H,T,d), attention (L,H,T,T), residual
(L+1,T,D) before each block and after the last, logits (T,V).
"""

from argparse import ArgumentParser

from model.commands.arguments import options


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model trace`."""
    options.add_model(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--prompt", help="the text to trace")
    what.add_argument("--open", type=options.path, metavar="FILE", help="a trace file to say what is in it")
    parser.add_argument("--out", type=options.path, help="the file to write: *.safetensors or *.npz")
    parser.add_argument("--session", help="a session whose memory a *.safetensors file takes along")
