"""What was told, as a word of the link: every prompt with the settings that it was told with.

Told again in this order to a blank memory, it leaves the same memory. Knows no memory.
"""

import json
from typing import Any

from components.frame.choices import Choice
from components.frame.packed import packed, unpacked

MOST = 2000  # characters of the link
MOST_PROMPTS = 200
BY_HAND = "by hand"  # a file was opened, slots were pinned or dropped: no telling leaves this memory
Telling = tuple[str, dict[str, Any]]  # a prompt, and the settings that are not the usual ones


class Tellings:
    """A list of [prompt, {setting: value}]; or BY_HAND, which no link can say."""

    def __init__(self, settings: dict[str, Choice]) -> None:
        self.settings = settings

    def read(self, said: str) -> list[Telling]:
        """A link's word as tellings. ValueError: it is too long, or not such a list."""
        if len(said) > MOST:
            raise ValueError(said)
        found = _from_json(unpacked(said))
        if not isinstance(found, list):
            raise ValueError(said)
        told = [tuple(one) if isinstance(one, list) else one for one in found]
        if not self.allows(told):
            raise ValueError(said)
        return told

    def write(self, value: Any) -> str | None:
        """Tellings as a link's word; None if no link can carry them."""
        said = None if value == BY_HAND else packed(_as_json(value))
        return said if said is not None and len(said) <= MOST else None

    def allows(self, value: Any) -> bool:
        """Whether the page may hold this value."""
        if value == BY_HAND:
            return True
        return isinstance(value, list) and len(value) <= MOST_PROMPTS and all(map(self._is_one, value))

    def words(self) -> str:
        """What a link may say, in words."""
        return f"what was told, as this page writes it, in at most {MOST:,} characters"

    def _is_one(self, told: Any) -> bool:
        if not (isinstance(told, tuple) and len(told) == 2 and isinstance(told[0], str)):
            return False
        given = told[1]
        return isinstance(given, dict) and all(
            name in self.settings and self.settings[name].kind.allows(value)
            for name, value in given.items()
        )


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:  # thousands of brackets inside each other
        raise ValueError("It is nested too deeply.") from None


def _as_json(value: list[Telling]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
