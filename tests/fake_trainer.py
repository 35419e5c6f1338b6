"""A stand-in for `python -m model train memory`: the same files and manners, no model.

Seeds with a meaning: 28 finds the disk full at step 10, 3 raises a bug at step 10, 9 never steps.
"""

import argparse
import errno
import json
import os
import sys
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--variant")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--step-seconds", type=float, default=0.01)
    parser.add_argument("--resume", action="store_true")
    args, _ = parser.parse_known_args()
    out, first = args.out, 0
    if args.resume:
        first = json.loads((out / "training.pt").read_text())["step"]
    for step in range(first + 1, args.steps + 1):
        while (out / "pause").exists() and not (out / "stop").exists() or args.seed == 9:
            time.sleep(0.01)
        if (out / "stop").exists():
            break
        time.sleep(args.step_seconds)
        if args.seed == 28 and step == 10:
            error = OSError(errno.ENOSPC, "No space left on device")
            print(f"python -m model: {error}", file=sys.stderr)
            return 2
        if args.seed == 3 and step == 10:
            raise RuntimeError("shapes do not fit")
        if step % 5 == 0:
            tell(out, args, step)
    keep(out, args)
    return 0


def tell(out: Path, args, step: int) -> None:
    share = min(1.0, step / args.steps)
    row = {
        "step": step, "steps": args.steps, "seconds": step / 10, "stage": "1 prompt, 1 fact",
        "seconds_left": (args.steps - step) / 10, "tokens": 100 * step, "tokens_per_second": 1000.0,
        "loss": 2 - share, "kl": 0.01 * share, "recall": {"gpt2": 0.05, args.variant: share},
        "recall_n": 64, "gates": {"edm": share / 2},
    }
    with open(out / "progress.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")
    draft = out / "training.tmp"
    draft.write_text(json.dumps({"step": step, "pid": os.getpid()}))
    os.replace(draft, out / "training.pt")


def keep(out: Path, args) -> None:
    (out / "memory.safetensors").write_bytes(b"not a memory")
    (out / "card.json").write_text(json.dumps({"variant": args.variant}))


if __name__ == "__main__":
    sys.exit(main())
