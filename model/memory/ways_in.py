"""How far a memory's ways into the stream are open at each token of an asked prompt. Knows nothing
of looks.
"""

from dataclasses import dataclass

import numpy as np

from model.memory import added
from model.memory.question import AskedPrompt
from model.run.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False)
class WaysIn:
    """How far a memory's ways into the stream are open, for T tokens behind <|endoftext|>.

    openness: module -> (T,) of 0 to 1; added: (module, layer, or −1 where there is one place only,
    lengths (T,) of what was added and of the stream there).
    """

    openness: dict[str, np.ndarray]
    added: list[tuple[str, int, np.ndarray, np.ndarray]]


def ways(checkpoint: Checkpoint, asked: AskedPrompt) -> WaysIn:
    """What each module added at each token, and how far its way in was open."""
    trace, start = asked.recalled.trace, asked.n_start
    parts = [(name, -1, part) for name, part in added.by_modules(checkpoint, trace).items()]
    open_at = added.openness(checkpoint, trace)
    if asked.recalled.moved is not None:  # AM not used: its rows stay, as zeros
        open_at.setdefault("am", np.zeros(len(trace), dtype=np.float32))
    if "am" in open_at:
        parts += [("am", layer, added.by_attention(checkpoint, trace, layer))
                  for layer in range(trace.n_layers)]
    norms = [(name, layer, *part.norms) for name, layer, part in parts]
    return WaysIn(
        {name: x[start:] for name, x in open_at.items()},
        [(name, layer, own[start:], stream[start:]) for name, layer, own, stream in norms],
    )
