"""Measure this program against the stock model, on a GPT-2-small shape with random weights.

Times are medians; compare the ratios, which are taken in one run. The measurements themselves are
in tests/bench; those of the app need the test tools, those in a browser Chromium too (see README.md).
"""

from argparse import ArgumentParser

PARTS = {
    "model": "traces: time, memory, typing one more token, identities",
    "generation": "tokens per second with a KV cache, a step at t = 10 and t = 1,000",
    "memory": "generation through a memory, 1,000 prompts told: size and time",
    "external": "the EDM: a prompt at once against a loop over its tokens",
    "lens": "the logit lens against the LM head alone",
    "flow": "the whole model as one flow, from a trace of 256 tokens",
    "patching": "all cells of activation patching against as many full passes",
    "neighbours": "nearest tokens over a whole vocabulary: time, exactness",
    "app": "the app in Chromium: first page, repaint while typing, 1,024 tokens, memory growth",
    "typing": "in Chromium: pictures per second while typing, key to picture",
    "load": "thirty visitors type for two minutes: errors, waits, memory; ten on GPT-2 small's shape",
}


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model bench`."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--part", choices=PARTS, help="; ".join(f"{k}: {v}" for k, v in PARTS.items()))
    what.add_argument("--peers", action="store_true",
                      help="only this: the same work by transformers, TransformerLens and bertviz, as a "
                           "table in Markdown (tests/bench/peers.txt lists what it needs)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu",
                        help="where traces and generation are measured; with cuda only these (default: cpu)")
    what.add_argument("--load", dest="part", action="store_const", const="load", help="--part load")
