"""Train memory modules for a frozen GPT-2, measure them, write their card."""

from argparse import ArgumentParser

from model.commands.arguments import options
from model.commands.arguments.names import CELLS
from model.memory.variants import VARIANTS

TRAINABLE = [name for name, parts in VARIANTS.items() if parts - {"am"}]


def add_arguments(parser: ArgumentParser) -> None:
    """The options of `train memory`."""
    options.add_model(parser)
    parser.add_argument("--variant", choices=TRAINABLE, default="gpt2-m",
                        help="what to train (default: gpt2-m, all of it)")
    parser.add_argument("--out", type=options.path, required=True, metavar="DIR",
                        help="folder for progress.jsonl, training.pt, memory.safetensors, card.json")
    parser.add_argument("--text", type=options.path, metavar="DIR",
                        help="folder of at least two .txt files: ordinary text between the facts "
                             "(default: made-up sentences only)")
    parser.add_argument("--steps", type=options.whole, default=1500, metavar="N",
                        help="updates of the weights (default: 1500)")
    parser.add_argument("--rows", type=options.whole, default=16, metavar="N",
                        help="episodes a step (default: 16)")
    parser.add_argument("--seed", type=options.seed, default=0, metavar="N",
                        help="first weights and order of the episodes (default: 0)")
    parser.add_argument("--cell", choices=CELLS, default="gru",
                        help="cell of the recurrent memory (default: gru)")
    parser.add_argument("--lora", type=options.whole, default=0, metavar="R",
                        help="rank of LoRA adapters on the base's attention, saved in the memory's "
                             "file and, for peft, in adapter/ (default: 0, none)")
    parser.add_argument("--four-bit", action="store_true",
                        help="keep the frozen base in 4 bits while training, an eighth of its bytes; with "
                             "--lora this is QLoRA. Needs CUDA and bitsandbytes")
    parser.add_argument("--episodes", type=options.whole, default=512, metavar="N",
                        help="held-out episodes of each share on the card (default: 512)")
    parser.add_argument("--from", dest="weights", type=options.path, metavar="FILE",
                        help="start from a memory file, also of another base of the same sizes "
                             "(default: begin anew)")
    parser.add_argument("--resume", action="store_true",
                        help="continue from training.pt in --out; repeat the other options")
