"""What a visitor types to start a command: `python -m model`, or `mnemoscope` where that was typed.

Knows no command.
"""

import os

TYPED = "MNEMOSCOPE_TYPED"  # environment: trainers in the background say the same as the app


def command(words: str = "") -> str:
    """The command line with these words behind it, as this visitor can type it."""
    return f"{os.environ.get(TYPED, 'python -m model')} {words}".rstrip()
