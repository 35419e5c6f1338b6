"""Command-line options that several commands share, and what a value of an option may be."""

import argparse
import math
import os
import stat
from pathlib import Path

MOST = 2**53  # what every program reads as a whole number
MAX_SEED = 2**63 - 1


def add_model(parser: argparse._ActionsContainer) -> None:
    """--model, on a parser or a group of it; by default what MNEMOSCOPE_MODEL names, else the
    embedded model."""
    parser.add_argument(
        "--model",
        default=os.environ.get("MNEMOSCOPE_MODEL") or "embedded",
        metavar="MODEL",
        help="embedded, a folder, or a hub name such as gpt2 (default: $MNEMOSCOPE_MODEL, "
        "else embedded)",
    )


def add_ray(parser: argparse.ArgumentParser) -> None:
    """--ray: None, "local" for a cluster of this machine, or an address."""
    parser.add_argument(
        "--ray", nargs="?", const="local", metavar="ADDRESS",
        help="measure on the workers of a Ray cluster: at this address (auto: the one started here), or, "
        "without an address, on all processors of this machine; needs pip install ray",
    )


def path(text: str) -> Path:
    """The name of a file or folder. An empty one would mean the current folder; a device may give
    bytes without end, and a named pipe none."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no name. Name a file or a folder.")
    if kind := _odd_kind(text):
        raise argparse.ArgumentTypeError(f"{text} is a {kind}. Name a file or a folder.")
    return Path(text)


def _odd_kind(text: str) -> str:
    """What it is, where it is neither file nor folder; "" for the pipe of a shell, which is open."""
    try:
        mode = os.stat(text).st_mode
    except OSError:
        return ""
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return "device"
    has_name = os.path.lexists(os.path.realpath(text))
    return "named pipe or socket" if has_name and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)) else ""


def whole(text: str) -> int:
    """A whole number that fits its purpose: the command says which."""
    number = _int(text)
    if abs(number) > MOST:
        raise argparse.ArgumentTypeError(f"{text[:40]} is out of range. Choose one up to {MOST}.")
    return number


def seed(text: str) -> int:
    """A seed, from 0 to MAX_SEED."""
    number = _int(text)
    if not 0 <= number <= MAX_SEED:
        raise argparse.ArgumentTypeError(
            f"{text[:40]} is out of range. Choose one from 0 to {MAX_SEED}."
        )
    return number


def real(text: str) -> float:
    """A number that is not infinite."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number. Write one such as 0.5.")
    return number


def _int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is no whole number. Write one such as 5."
        ) from None
