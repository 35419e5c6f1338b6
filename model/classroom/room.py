"""What a class is at one moment: what all of it see, and how often that has changed.

Its code is what pupils type; its key, which only the lecturer has, is never written down here.
"""

import hashlib
import re
import secrets
from typing import Annotated

from pydantic import Field

from model.disk.schema import Count, Seconds, Told

LETTERS = "BCDFGHJKMNPQRSTVWXZ"  # none that looks like another, and no vowel: four make no word
N_LETTERS = 4
KEY_BYTES = 18
MOST_BYTES = 400_000  # of a place: a prompt of 100,000 characters and all that is chosen


class Place(Told):
    """Where the lecturer is. page: as in an address; parameters: as a link says them."""

    page: Annotated[str, Field(max_length=40, pattern=r"^[a-z_]+$")]
    prompt: str
    parameters: dict[str, str]


class Room(Told):
    """revision: rises with every change; gathered: how often everybody was called back; frozen: what
    the lecturer does now is not shown."""

    code: str
    key_hash: str
    revision: Count
    place: Place
    frozen: bool
    gathered: Count
    ended: bool
    changed_s: Seconds


def new_code() -> str:
    """Four letters."""
    return "".join(secrets.choice(LETTERS) for _ in range(N_LETTERS))


def new_key() -> str:
    """What makes a lecturer: nobody guesses it."""
    return secrets.token_urlsafe(KEY_BYTES)


def as_code(said: str) -> str:
    """A code as somebody types it -> as it is written. Raises ValueError for what is none."""
    code = re.sub(r"[\s-]", "", said[:40]).upper()
    if len(code) == N_LETTERS and set(code) <= set(LETTERS):
        return code
    raise ValueError(f"“{said[:20]}” is no code of a class. A code has {N_LETTERS} letters, such as "
                     "KTRM: ask the lecturer.")


def hashed(code: str, secret: str) -> str:
    """What is written in place of a key or of a pupil."""
    return hashlib.sha256(f"{code} {secret}".encode()).hexdigest()[:32]


def is_lecturer(room: Room, key: str) -> bool:
    """Whether this key leads the class; takes as long for any key."""
    return secrets.compare_digest(hashed(room.code, key), room.key_hash)
