"""The folder for what visitors keep: notes, sessions, trainings. Knows nothing of what lies there."""

import os
from pathlib import Path

import platformdirs


def expanded(name: str | Path) -> Path:
    """A path with its ~ written out; ~name stays where this machine has no such user."""
    return Path(os.path.expanduser(name))


def home() -> Path:
    """MNEMOSCOPE_HOME where it is set (~ is your own folder there, too), else this user's data folder.
    Nothing is made."""
    chosen = os.environ.get("MNEMOSCOPE_HOME")
    return expanded(chosen) if chosen else platformdirs.user_data_path("mnemoscope", appauthor=False)
