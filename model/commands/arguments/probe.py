"""Recall probes: what does each variant of the memory recall, how surely, and what does it make up?

--file: your own probes, a JSON object a line: {"tell": ["I live in New York."], "ask": "Where do I
live? You live in", "answer": " New York", "distance": 500}; if a line has no answer, or null, any
reply but "I do not know." is a false recall. A line may carry a "label": shares are reported for
each label too. --task and --curve: episodes made from seeds. Lines and episodes are kept in --out, and a stopped
command continues there.
--scoreboard: every model by every measure, written to --out.
--file with --eviction: how much of the file's facts gpt2+am still recalls 1,000 and 10,000 tokens of
text later (a book, or a folder of books), for every pair of a salience score and a policy.
"""

from argparse import ArgumentParser

from model.commands.arguments import options
from model.commands.arguments.names import CURVES, TASKS
from model.memory.eviction import NAMES
from model.memory.salience import SCORES
from model.memory.settings import Settings


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model probe`."""
    options.add_model(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--file", type=options.path, help="probes, a JSON object a line: tell, ask, "
                      "answer, distance, distraction, seed, label")
    what.add_argument("--task", choices=TASKS, help="a standard task")
    what.add_argument("--curve", choices=CURVES, help="recall against one thing")
    what.add_argument("--scoreboard", action="store_true", help="every model by every measure")
    parser.add_argument(
        "--eviction", action="store_true",
        help="with --file: recall far beyond the slots, for every score and policy",
    )
    parser.add_argument(
        "--variants", default="gpt2,rnn,edm,am,gpt2-m", metavar="LIST",
        help="some of gpt2, rnn, edm, am, gpt2-m, with commas (default: all)",
    )
    parser.add_argument(
        "--n", type=options.whole,
        help="episodes of each point (default: 25; scoreboard: 125; lines for --eviction: 100)",
    )
    parser.add_argument("--seed", type=options.seed, default=0, help="seed of the first episode (default: "
                                                            "0)")
    parser.add_argument(
        "--slots", type=options.whole, help="slots of the memories (default: 512 AM, 128 EDM)"
    )
    parser.add_argument("--policy", choices=NAMES, help=f"who leaves (default: {Settings().policy})")
    parser.add_argument("--salience", choices=SCORES, help="what AM's slots are ranked by")
    parser.add_argument(
        "--threshold", type=options.real, help="AM: sentences with a lower mean salience are not written"
    )
    parser.add_argument(
        "--best", type=options.whole, help="write at most so many sentences or tokens of a prompt"
    )
    parser.add_argument("--text", type=options.path, help="distraction and ordinary text from this "
                        "file; for --eviction also a folder of .txt files")
    parser.add_argument("--out", type=options.path,
                        help="file of the lines' results, of the episodes, or of the scoreboard")
    parser.add_argument("--json", action="store_true", help="JSON instead of lines")
    options.add_ray(parser)
