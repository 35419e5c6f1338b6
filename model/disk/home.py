"""The folder for what visitors keep: notes, sessions, trainings. Knows nothing of what lies there."""

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """MNEMOSCOPE_HOME where it is set, else this user's data folder. Nothing is made."""
    chosen = os.environ.get("MNEMOSCOPE_HOME")
    return Path(chosen) if chosen else platformdirs.user_data_path("mnemoscope", appauthor=False)
