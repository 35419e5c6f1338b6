"""What the visitor chose on the memory page: how memory is written and read, what is shown.

Layer and head are shared with other pages (frame/place.py). Knows nothing of the memory itself.
"""

from dataclasses import replace
from itertools import combinations
from typing import Any

from components.frame import visit
from components.frame.choices import Cell, Choice, Decimal, Flag, OneOf, Text, Whole, choose, chosen
from components.frame.place import HEAD, LAYER
from components.memory import edges
from components.memory.told import Tellings
from model.memory import eviction, salience
from model.memory.settings import FusionSettings, Settings, from_saved
from model.memory.variants import MODULES, name_of

VIEWS = {
    "reads": "Reads",
    "weights": "All weights",
    "slots": "Slots",
    "writes": "Writes",
    "gates": "Gates and states",
    "interventions": "Interventions",
}
KNIVES = {
    "cut": "Cut this token's read",
    "edge": "Cut edges to it",
    "value": "Another value for it",
    "all": "Cut every read",
    "empty": "Empty the recurrent state",
    "state": "Another recurrent state",
    "off": "Cut all, empty all",
}
FROM_ELSEWHERE = ("value", "state")  # they need another conversation
POSITIONS = {
    "parallel": "parallel: after the longest stored prompt",
    "continue": "continue: after everything told, exactly the full context",
    "restart": "restart: at 0 again, stored and new words share positions",
    "replay": "replay: the retrieved words are run again, as one text with the prompt",
}
UNITS = {"sentence": "whole sentences", "prompt": "whole prompts", "all": "everything, no choice"}
STORES = {"edm": "EDM slots", "bank": "attention bank"}
MEAN = "mean"
SCOPES = {scope: scope.split()[-1] for scope in ("the slot", "its sentence", "its prompt")}
BUDGET = 128  # slots of the bank, unless the visitor says otherwise
PLAIN = Settings(fusion=FusionSettings(slots=BUDGET))
TRAINED = "learned gate"  # the salience that exists with a trained EDM only
SETS = [frozenset(some) for n in range(len(MODULES) + 1) for some in combinations(MODULES, n)]
BY_NAME = {name_of(some): some for some in SETS}

VIEW = Choice("memory_view", OneOf(VIEWS), "reads")
VARIANT = Choice("variant", OneOf(dict.fromkeys(BY_NAME, "")))
STORE = Choice("memory_store", OneOf(STORES))
EDM_HEAD = Choice("edm_head", OneOf({MEAN: "all heads"} | {i: f"head {i}" for i in range(64)}), MEAN)
ONE_HEAD = Choice("memory_one_head", Flag(), False)  # the chosen head's weights, not the mean's
ROW = Choice("memory_at", Whole())  # the chosen token of the prompt
SLOT = Choice("memory_slot", Whole())
FACT = Choice("memory_fact", Text(30))  # the told sentence that should answer; None: the one found first
SCOPE = Choice("memory_scope", OneOf(SCOPES), "its sentence")  # what is knocked out
BOTH = Choice("memory_scope_both", Flag(), True)  # out of both stores

MOST_SLOTS = 1024  # of a store
ANY_NUMBER = Decimal(-1e9, 1e9)  # thresholds are in the unit of the chosen salience
_POLICIES = {name: eviction.title(name) for name in eviction.NAMES}
_SCORES = {name: name for name in salience.SCORES}
SETTINGS = {one.name.removeprefix("mem_"): one for one in (  # as Settings.saved names it -> choice
    Choice("mem_budget", Whole(0, MOST_SLOTS), PLAIN.fusion.slots),
    Choice("mem_policy", OneOf(_POLICIES), PLAIN.policy),
    Choice("mem_score", OneOf(_SCORES), PLAIN.fusion.score),
    Choice("mem_threshold", ANY_NUMBER, PLAIN.fusion.threshold),
    Choice("mem_positions", OneOf(POSITIONS), PLAIN.fusion.positions),
    Choice("mem_unit", OneOf(UNITS), PLAIN.fusion.unit),
    Choice("mem_n_retrieved", Whole(1, 64), PLAIN.fusion.n_retrieved),
    Choice("mem_strength", Decimal(-8, 4), PLAIN.fusion.strength),
    Choice("mem_needed", Decimal(0, 1), PLAIN.fusion.needed),
    Choice("mem_slots", Whole(0, MOST_SLOTS), PLAIN.edm.slots),
    Choice("mem_slot_score", OneOf(_SCORES), PLAIN.edm.score),
    Choice("mem_slot_threshold", ANY_NUMBER, PLAIN.edm.threshold),
    Choice("mem_best", Whole(0, 1024), PLAIN.best),
)}
TOLD = Choice("memory_told", Tellings({**SETTINGS, "variant": VARIANT}),  # conversation.py keeps it
              what="what was told on the Memory page, which exports it as a session file")
FORGET = Choice("memory_forget", Flag(), False)  # the next token without the sentence read most
LEFT = Choice("memory_left", OneOf({"effect": "Causal effect", "read": "Read weight"}), "effect")
KNIFE = Choice("memory_knife", OneOf(KNIVES), "cut")
CUT_PLACE = Choice("memory_token", Cell())  # prompt, from 1, and position of the told token
ELSEWHERE = Choice("memory_elsewhere", Text(1000), "My name is James Theory. I live in Rome.")
EDGES = Choice("memory_cuts", edges.KIND, [])  # in the order of cutting
EDGE_IN = Choice("memory_cut_in", OneOf(
    {"head": "in one head", "layer": "in its layer", "all": "in all layers"}), "all")
BESIDE_WHAT = Choice("memory_beside", OneOf(
    {"without": "with the run without memory", "prompt": "with a prompt B"}), "without")
CHOICES = (VIEW, VARIANT, STORE, BESIDE_WHAT, EDGES, EDGE_IN, LEFT, KNIFE, CUT_PLACE, ELSEWHERE, EDM_HEAD,
           ONE_HEAD, ROW, SLOT, FACT, SCOPE, BOTH, FORGET, *SETTINGS.values(), TOLD)


def settings() -> Settings:
    """The chosen settings for reading; plain ones if nothing was chosen."""
    return settings_of(unusual())


def unusual() -> dict[str, Any]:
    """Setting -> its value, of those that are not the usual ones; "variant" where modules are off."""
    found = {name: now for name, one in SETTINGS.items() if (now := chosen(one)) != one.default}
    return found if modules() == available() else found | {"variant": name_of(modules())}


def settings_of(given: dict[str, Any]) -> Settings:
    """The settings that differ from the usual ones by these values."""
    found = {name: given.get(name, one.default) for name, one in SETTINGS.items()}
    if found["score"] == TRAINED and "edm" not in available():
        found["score"] = PLAIN.fusion.score
    return from_saved(found | {"modules": _modules_of(given.get("variant"))})


def for_writing() -> Settings:
    """The chosen settings for writing."""
    return writing(settings())


def writing(reading: Settings) -> Settings:
    """The same with every module on: switches decide what is read, not what is written."""
    return replace(reading, modules=available())


# -- modules ---------------------------------------------------------------------------------------


def available() -> frozenset[str]:
    """Modules of the chosen model: AM, which needs no training, and what was trained for it."""
    memory = visit.checkpoint().memory
    return frozenset({"am", *(memory.parts if memory is not None else ())})


def modules() -> frozenset[str]:
    """The modules that are read; by default all that exist."""
    return _modules_of(chosen(VARIANT))


def _modules_of(name: str | None) -> frozenset[str]:
    if name is None:
        return available()
    return BY_NAME[name] & available()


def use(parts: frozenset[str]) -> None:
    """Read these modules from now on, and show a store that is read."""
    choose(VARIANT, None if parts == available() else name_of(parts))
    stores = {"edm": "edm", "am": "bank"}
    if len(read := stores.keys() & parts) == 1 and "edm" in available():
        choose(STORE, stores[read.pop()])


def switch(name: str) -> None:
    """Switch a module on or off."""
    use(modules() ^ {name})


def store() -> str:
    """The store that is looked at, a key of STORES: the chosen one, else the EDM if it is read."""
    if "edm" not in available():
        return "bank"
    return chosen(STORE) or ("bank" if modules() == {"am"} else "edm")


def edm_head(n_heads: int) -> int | None:
    """The chosen head of the EDM; None: the mean over all."""
    head = chosen(EDM_HEAD)
    return head if head != MEAN and head < n_heads else None


# -- places ----------------------------------------------------------------------------------------


def head(n_layers: int, n_heads: int) -> tuple[int, int] | None:
    """The chosen (layer, head); None: the mean over all of them."""
    if not chosen(ONE_HEAD):
        return None
    layer, number = chosen(LAYER), chosen(HEAD)
    fits = layer is not None and number is not None and layer < n_layers and number < n_heads
    return (layer, number) if fits else None


def choose_head(layer: int, number: int) -> None:
    """Choose a head; chosen again, go back to the mean."""
    same = (chosen(LAYER), chosen(HEAD)) == (layer, number)
    choose(ONE_HEAD, not (same and chosen(ONE_HEAD)))
    choose(LAYER, layer)
    choose(HEAD, number)


def all_heads() -> None:
    """Look at the mean over all layers and heads."""
    choose(ONE_HEAD, False)


def row() -> int | None:
    """The chosen token of the prompt; None: the last one."""
    return chosen(ROW)


def choose_row(at: int | None) -> None:
    """Remember a token of the prompt; None: the last one, also as the prompt grows."""
    choose(ROW, at)


def slot(n_slots: int, most_read: int) -> int:
    """The chosen slot; by default the one that is read most now."""
    slot = chosen(SLOT)
    return most_read if slot is None or slot >= n_slots else slot


def mark_slot(number: int | None) -> None:
    """Remember a slot."""
    choose(SLOT, number)


def choose_slot(number: int | None) -> None:
    """Remember a slot and look at it."""
    choose(SLOT, number)
    choose(VIEW, "slots")


def forget_places() -> None:
    """The memory or the prompt changed: show the slot that is read most again."""
    choose(ROW, None)
    choose(SLOT, None)
