"""`mnemoscope`, the command that `pip install .` gives: the app from any folder, and, when a
subcommand comes first, the command line of `python -m model`. Knows nothing of what the app shows.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]  # where app.py, pages, components and model lie
MARKS_FOR_THE_APP = ("present", "share_token")  # options without a value that app.py reads itself
EPILOG = """options of Streamlit, such as --server.address 0.0.0.0, work too.

mnemoscope COMMAND ... is python -m model COMMAND ...: anatomy, trace, generate, train and more.
mnemoscope COMMAND --help shows its options. A command comes first, before any option."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand, or the app until somebody stops it; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.path.insert(0, str(ROOT))
    from model.disk import called

    os.environ[called.TYPED] = "mnemoscope"
    if words and not words[0].startswith("-"):
        from model.__main__ import main as run_command

        return run_command(words)
    return _run_app(for_streamlit(words))


def for_streamlit(words: Sequence[str]) -> list[str]:
    """The words of `mnemoscope` as the arguments of `streamlit`: its own options before “--”, the
    app's behind it. Ends the process with a sentence where an option is mistyped."""
    said, others = _parser().parse_known_args(words)
    port = [] if said.port is None else ["--server.port", str(said.port)]
    values = [word for name, value in vars(said).items()
              if value is not None and name not in ("port", *MARKS_FOR_THE_APP)
              for word in (f"--{name.replace('_', '-')}", str(value))]
    marks = [f"--{name.replace('_', '-')}" for name in MARKS_FOR_THE_APP if getattr(said, name)]
    return ["run", str(ROOT / "app.py"), *port, *others, "--", *values, *marks]


def _run_app(arguments: list[str]) -> int:
    from streamlit.web import cli

    cli.main(arguments, prog_name="streamlit")  # ends the process, with its own exit code
    return 0


def _parser() -> argparse.ArgumentParser:
    from components.frame.limits import LIMITS

    parser = argparse.ArgumentParser(
        prog="mnemoscope", allow_abbrev=False, epilog=EPILOG,
        description="See what GPT-2 attends to, caches and remembers, while you type.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", metavar="M", help="gpt2, another name of the hub, or a folder")
    parser.add_argument("--lessons", metavar="FOLDER", help="lessons of your own")
    parser.add_argument("--present", action="store_true", help="the owner's link opens for a hall")
    said = "visitors' downloads use your hub token too"
    parser.add_argument("--share-token", action="store_true", help=said)
    limits = parser.add_argument_group("limits")
    for name, one in LIMITS.items():
        limits.add_argument(f"--{name}", type=_limit, metavar="N", help=one.words)
    said = "where the server listens (8501, or the next one that is free)"
    parser.add_argument("--port", type=_port, metavar="N", help=said)
    return parser


def _limit(said: str) -> int:
    from components.frame.limits import number

    try:
        return number(said)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _port(said: str) -> int:
    if not (said.isascii() and said.isdigit() and 1 <= int(said) <= 65_535):
        raise argparse.ArgumentTypeError(f"{said!r} is no port: give a number from 1 to 65535")
    return int(said)
