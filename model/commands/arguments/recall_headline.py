"""The headline figures of a memory on probes of your own: recall, false recall, mix-ups, and more.

--file: probes, a JSON object a line, as `probe --file` reads them; a line without a label gets its
file's name. Each probe is asked in these cases: in the next prompt; after 8 prompts; with its fact
in the middle and at the end of long talk; after far text; never told; and after a near miss. --text
adds bits per byte of ordinary text, and what the recurrent memory keeps of a book's kind. With the
same --out a stopped command continues; figures of another model or memory are refused there.
"""

from argparse import ArgumentParser

from model.commands.arguments import options
from model.commands.arguments.names import HEADLINE_PARTS
from model.memory.settings import Settings

FAR_USUAL = {"far": "1000,10000", "n_far": 100, "slots": 128, "policy": Settings().policy,
             "score": Settings().fusion.score}


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model recall headline`."""
    options.add_model(parser)
    parser.add_argument("--file", type=options.path, nargs="+", metavar="FILE",
                        help="probes, a JSON object a line (default: open facts of held-out frames, "
                             "made up)")
    parser.add_argument("--out", type=options.path, required=True, metavar="FILE", help="JSON of all figures")
    parser.add_argument("--memory", type=options.path, metavar="FILE",
                        help="trained memory (default: the one beside the model)")
    parser.add_argument("--variants", default="gpt2,am,edm,gpt2-m", metavar="LIST",
                        help="some of gpt2, rnn, edm, am, gpt2-m, with commas (default: all but "
                             "rnn)")
    parser.add_argument("--n", type=options.whole, default=500, metavar="N",
                        help="probes of each case, passages and pairs (default: 500)")
    parser.set_defaults(**FAR_USUAL)
    parser.add_argument("--far", metavar="LIST",
                        help="tokens of other text before the question (default: 1000,10000)")
    parser.add_argument("--n-far", type=options.whole, metavar="N",
                        help="number of probes for --far (default: 100)")
    parser.add_argument("--slots", type=options.whole, metavar="N",
                        help="slots of the memories for --far (default: 128)")
    parser.add_argument("--policy", help=f"eviction policy for --far (default: {FAR_USUAL['policy']})")
    parser.add_argument("--score",
                        help=f"salience of fusion's slots for --far (default: {FAR_USUAL['score']})")
    parser.add_argument("--text", type=options.path, metavar="DIR",
                        help="folder of .txt books: other talk, ordinary text, the gist")
    parser.add_argument("--only", metavar="LIST",
                        help=f"some of {', '.join(HEADLINE_PARTS)}, with semicolons (default: all)")
    options.add_ray(parser)
