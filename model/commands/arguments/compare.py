"""Compare two prompts on one model, or one prompt on two models; a difference is the second's value
minus the first's.

FILE.npz, L layers, H heads, N pairs of tokens that stand for each other, V vocabulary: pairs (N,2):
token of the first, of the second; tokens_first (T,), tokens_second (S,): display strings; js (N,):
Jensen-Shannon divergence of the next token behind each pair, nats; logits (V,): difference behind the
last token; distance, cosine (2L+1,N) of the stream before each block, between its attention and MLP,
and behind the last: distance = |a - b| / mean length; heads (L,H,N), mlp (L,N): |a - b| of what each
wrote. Models of different shapes: no distance, cosine, heads, mlp.
"""

from argparse import ArgumentParser

from model.commands.arguments import options


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model compare`."""
    options.add_model(parser)
    parser.add_argument("--prompt", required=True, metavar="TEXT", help="the first prompt")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--other-prompt", metavar="TEXT", help="the second prompt, on the same model")
    what.add_argument("--other-model", metavar="MODEL", help="the second model, for the same prompt")
    parser.add_argument("--out", required=True, type=options.path, metavar="FILE", help="the file to write: *.npz")
    parser.add_argument(
        "--align", default="subsequence", choices=["subsequence", "position"],
        help="which tokens stand for each other (default: those of a longest common subsequence, and "
        "gaps of equal size between them in order)",
    )
