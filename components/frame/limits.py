"""How much visitors may take of this server: each limit is an option of the app (`streamlit run app.py --
--visitors 40`), else an environment variable (MNEMOSCOPE_VISITORS), else a default, some from the
machine's memory. Knows nothing of what is limited where.
"""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

import psutil

MB = 1_000_000
MOST = 10**9


@dataclass(frozen=True)
class Limit:
    """words: what is counted; default: of the machine's memory, in MB."""

    words: str
    default: Callable[[int], int]


LIMITS = {
    "visitors": Limit("pages that are open at once", lambda memory: max(30, memory // 64)),
    "visitor-mb": Limit("MB that a visitor saves", lambda memory: 500),
    "results-mb": Limit("MB of results kept in memory, of all", lambda memory: min(2147, max(256, memory // 8))),
    "upload-mb": Limit("MB of a visitor's uploads at once", lambda memory: 250),
    "uploads": Limit("files of a visitor's uploads at once", lambda memory: 50),
    "uploads-mb": Limit("MB of all uploads at once", lambda memory: max(250, memory // 4)),
}


def limit(name: str) -> int:
    """What the server was started with. Raises ValueError for what is no number of it."""
    flags = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    flags.add_argument(f"--{name}", dest="said", nargs="?", const="")
    variable = f"MNEMOSCOPE_{name.upper().replace('-', '_')}"
    option = flags.parse_known_args()[0].said
    where, said = (f"--{name}", option) if option is not None else (variable, os.environ.get(variable, ""))
    if option is None and not said:
        return LIMITS[name].default(psutil.virtual_memory().total // MB)
    try:
        return number(said)
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None


def number(said: str) -> int:
    """A limit as it is written. Raises ValueError for what is none."""
    if not (said.isascii() and said.isdigit() and len(said) <= 10 and 1 <= int(said) <= MOST):
        raise ValueError(f"{said[:40]!r} is no limit: give a whole number from 1 to {MOST:,}")
    return int(said)


def check() -> None:
    """Call it where the server starts: ends the process with a sentence where a limit is mistyped."""
    try:
        for name in LIMITS:
            limit(name)
    except ValueError as problem:
        print(f"mnemoscope: {problem}", file=sys.stderr)
        raise SystemExit(2) from None
