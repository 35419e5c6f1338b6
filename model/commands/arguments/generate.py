"""Continue a prompt token by token; then report milliseconds per token and bytes of the cache.

One line a token: its number in the text, the token, its probability, the milliseconds of its step
and the cache's entries and bytes after it. A seed gives the same text every time.
"""

from argparse import ArgumentParser

from model.commands.arguments import options
from model.commands.arguments.names import CACHE_POLICIES
from model.memory.variants import VARIANTS


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model generate`."""
    options.add_model(parser)
    parser.add_argument("--prompt", required=True, help="the text to continue; with "
                        "--session, if it is longer than the window, its front is told, its end "
                        "asks")
    parser.add_argument("--tokens", required=True, type=options.whole, help="how many tokens to generate")
    parser.add_argument("--temperature", type=options.real, default=1.0, help="0 = greedy (default: 1)")
    parser.add_argument("--top-k", type=options.whole, default=0, help="0 = all tokens (default)")
    parser.add_argument("--top-p", type=options.real, default=1.0, help="1 = all tokens (default)")
    parser.add_argument("--seed", type=options.seed, default=0, help="seed of the draws (default: 0)")
    parser.add_argument("--no-cache", action="store_true", help="read everything at every step")
    parser.add_argument(
        "--cache-policy", choices=CACHE_POLICIES, help="what to drop when the cache is full"
    )
    parser.add_argument(
        "--cache-budget", type=options.whole, metavar="N", help="entries the cache may hold (default: window)"
    )
    parser.add_argument(
        "--variant", choices=list(VARIANTS), default="gpt2",
        help="gpt2: no memory (default); gpt2+am: attention over the prompt and a memory, untrained; "
        "gpt2+rnn, gpt2+edm: trained memory; gpt2-m: all of them",
    )
    parser.add_argument(
        "--session", metavar="NAME", help="the memory that is read and told the prompt"
    )
    parser.add_argument(
        "--slots", type=options.whole, metavar="N",
        help="slots a memory may hold (default: 512 of attention, 128 of the EDM)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
