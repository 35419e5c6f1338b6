"""List saved memory sessions, show or reset one, copy one to another machine and back.

They are files in MNEMOSCOPE_HOME, by default in your user data folder.
"""

from argparse import ArgumentParser
from typing import Any

from model.commands.arguments import options


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model session`."""
    what = parser.add_subparsers(required=True, metavar="WHAT")
    _add(what, "list", "every session, with its prompts and slots")
    show = _add(what, "show", "every slot of one session", "name")
    show.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    _add(what, "reset", "forget a session", "name")
    _add(what, "export", "copy a session's file", "name", "file")
    _add(what, "import", "make a file a new session", "new name", "file")


def _add(commands: Any, name: str, summary: str, *positional: str) -> ArgumentParser:
    parser: ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    if "name" in positional:
        parser.add_argument("name", metavar="NAME", help="the session's name")
    if "new name" in positional:
        parser.add_argument("name", metavar="NAME", nargs="?",
                            help="the new session's name (default: the file's own)")
    if "file" in positional:
        parser.add_argument("file", metavar="FILE", type=options.path, help="the file")
    parser.set_defaults(what=name)
    return parser
