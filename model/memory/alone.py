"""The next token of an asked prompt under each memory module alone: which of them moved it.

Composed when typing rests; it goes on where typing rested before. Knows nothing of looks.
"""

from dataclasses import dataclass

import numpy as np

from model.memory import asking, effect
from model.memory.question import AskedPrompt
from model.memory.settings import Settings
from model.memory.state import MemoryState
from model.run.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False)
class EachAlone:
    """k tokens under every module alone: texts k visible strings; probabilities: "none", each
    module that is on, and "all" -> (k,), or None while it is not computed. recalled: what each of
    these sets of modules recalled."""

    texts: list[str]
    probabilities: dict[str, np.ndarray | None]
    recalled: dict[str, asking.Recalled]


def each(
    checkpoint: Checkpoint, state: MemoryState, asked: AskedPrompt, settings: Settings, k: int,
    before: EachAlone | None = None,
) -> EachAlone:
    """The k first tokens of `asked.compared` with none of the modules, each alone, and all.

    before: of a prompt typed before; rows that both share are not run again."""
    whole, known, ids = _whole(settings), {}, asked.ids
    if before is not None and whole in before.recalled and asking.fits(
        before.recalled[whole], state, settings
    ):
        others = {name: x for name, x in before.recalled.items() if name != whole}
        known = dict(zip(others, asking.go_on(checkpoint, ids, list(others.values()))[0]))
    recalled = effect.ask_each(checkpoint, state, ids, settings, known | {whole: asked.recalled})
    shown = asked.compared
    found = {
        name: x.trace.next_logits.double().softmax(-1)[shown.ids[:k].tolist()].cpu().numpy()
        for name, x in recalled.items()
    }
    return EachAlone(shown.texts[:k], dict(found), recalled)


def not_yet(asked: AskedPrompt, settings: Settings, k: int) -> EachAlone:
    """`each` before it is computed: with none of the modules and with all that are on."""
    shown, names = asked.compared, effect.sets_of(settings.modules)
    known = {"none": shown.before[:k], _whole(settings): shown.after[:k]}
    return EachAlone(shown.texts[:k], {name: known.get(name) for name in names}, {})


def _whole(settings: Settings) -> str:
    """What the set of all modules that are on is called in `effect.sets_of`."""
    return list(effect.sets_of(settings.modules))[-1]
