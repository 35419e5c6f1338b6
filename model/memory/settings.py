"""How a memory is written and read: what is fusion's, what is the EDM's, what holds for both.

Knows nothing of models and states.
"""

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class FusionSettings:
    """Settings of attention over Local ∪ Memory (AM).

    slots: most slots of the bank; score: a key of salience.SCORES; threshold: a sentence with a
    lower mean score is not written. positions: see fusion. unit: what is retrieved whole,
    "sentence", "prompt" or "all" (no second pass); n_retrieved: at most so many units are
    retrieved, and none that fits less than `fits` times as well as the best. strength: nats added
    to every memory score. needed: fusion is read only if the retrieved slots alone, without the EDM,
    move at least this share of the next token's probability, so a prompt that asks for nothing told
    is answered without it. With 0, unit "all" or positions `continue`, fusion is always read.
    """

    slots: int = 512
    score: str = "apart and surprising"
    threshold: float = 0.0
    positions: str = "parallel"
    unit: str = "sentence"
    n_retrieved: int = 4
    fits: float = 0.8
    strength: float = 0.0
    needed: float = 0.4


@dataclass(frozen=True)
class EdmSettings:
    """Settings of the EDM, which is written token by token: its most slots, a key of
    salience.SCORES, and the lowest score of a token that is written."""

    slots: int = 128
    score: str = "learned gate"
    threshold: float = 0.0


@dataclass(frozen=True)
class Settings:
    """Everything that telling and asking need to know.

    modules: those that are on, see variants. policy: who leaves a full store, one of
    eviction.NAMES. best: at most so many sentences (AM) or tokens (EDM) of a prompt are written,
    the most salient ones; 0: all that reach the threshold. lora: trained adapters are on if there
    is something to read.
    """

    fusion: FusionSettings = FusionSettings()
    edm: EdmSettings = EdmSettings()
    modules: frozenset[str] = frozenset({"am"})
    policy: str = "least salient"
    best: int = 0
    lora: bool = True

    def with_fusion(self, **changed: Any) -> "Settings":
        """The same, with other values of `FusionSettings`."""
        return replace(self, fusion=replace(self.fusion, **changed))

    def with_edm(self, **changed: Any) -> "Settings":
        """The same, with other values of `EdmSettings`."""
        return replace(self, edm=replace(self.edm, **changed))

    def with_slots(self, n: int) -> "Settings":
        """The same, with n slots in either store."""
        return self.with_fusion(slots=n).with_edm(slots=n)

    def saved(self) -> dict[str, Any]:
        """Name -> value, as files of results and session keys name them."""
        return {name: getattr(getattr(self, part) if part else self, own)
                for name, (part, own) in SAVED.items()}


SAVED = {  # name in files and keys -> (part, name there); marks of files depend on the order
    "budget": ("fusion", "slots"),
    "policy": ("", "policy"),
    "score": ("fusion", "score"),
    "threshold": ("fusion", "threshold"),
    "positions": ("fusion", "positions"),
    "unit": ("fusion", "unit"),
    "n_retrieved": ("fusion", "n_retrieved"),
    "fits": ("fusion", "fits"),
    "strength": ("fusion", "strength"),
    "needed": ("fusion", "needed"),
    "modules": ("", "modules"),
    "slots": ("edm", "slots"),
    "slot_score": ("edm", "score"),
    "slot_threshold": ("edm", "threshold"),
    "best": ("", "best"),
    "lora": ("", "lora"),
}


def from_saved(values: dict[str, Any]) -> Settings:
    """Settings with these values, named as in `Settings.saved`; what is not named is as usual."""
    parts: dict[str, dict[str, Any]] = {"fusion": {}, "edm": {}, "": {}}
    for name, value in values.items():
        part, own = SAVED[name]
        parts[part][own] = value
    return Settings(FusionSettings(**parts["fusion"]), EdmSettings(**parts["edm"]), **parts[""])
