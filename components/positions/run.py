"""The numbers of the Positions page: runs with other positions and table facts, cached.

A run belongs to a model and a prompt, not to a visitor. Knows nothing of looks.
"""

from functools import partial

import numpy as np

from components.frame import results, visit
from components.kit import canvas
from model.analysis import cost, embeddings, position_table, positions, what_if
from model.run.store import RunKey

MOST_SHIFTS = 17
EDITS = ("words", "positions", "both", "shift", "none", "none_words")


def guessed_head() -> tuple[int, int]:
    """The head of this prompt that reads the previous token most: it uses position most clearly."""
    config = visit.checkpoint().model.config
    facts = visit.survey(canvas.squares(config.n_layer, config.n_head)).facts
    scores = np.nan_to_num(facts["previous"], nan=-1.0)
    layer, head = np.unravel_index(scores.argmax(), scores.shape)
    return int(layer), int(head)


def maps(layer: int, head: int) -> dict[str, np.ndarray]:
    """One head's attention (T,T) under each scheme of model.analysis.what_if.SCHEMES."""
    chosen, trace = visit.checkpoint(), visit.trace()
    key = RunKey.of(chosen, "maps of all schemes", trace.ids, layer, head)
    runs = _pass("none"), _pass("sinusoidal")
    return results.computed(key, partial(what_if.maps, chosen, trace, *runs, layer, head))


def alibi_maps(layer: int, head: int, heads: list[int]) -> list[np.ndarray]:
    """The same q and k, of the run without positions, biased with the slopes of other heads."""
    chosen, every = visit.checkpoint(), slopes()
    wanted = tuple(float(every[h]) for h in heads)
    key = RunKey.of(chosen, "ALiBi's maps", visit.trace().ids, layer, head, wanted)
    work = partial(what_if.alibi_maps, chosen, _pass("none"), layer, head, wanted)
    return results.computed(key, work)


def bare_qk(layer: int, head: int) -> tuple[np.ndarray, np.ndarray, float]:
    """q and k (T,D) of the run without positions, and the factor on q·k."""
    found = _pass("none")
    scale = visit.checkpoint().model.transformer.h[layer].attn.scaling
    return what_if.numpy64(found.q[layer][head]), what_if.numpy64(found.k[layer][head]), scale


def by_distance(weights: np.ndarray) -> np.ndarray:
    """weights (T,T) -> mean weight at each distance (T,)."""
    return positions.mean_by_distance(weights)


def rope_by_distance(q: np.ndarray, k: np.ndarray, n: int) -> np.ndarray:
    """q·k at distances 0 to n - 1."""
    return positions.rope_by_distance(q, k, n)


def frequencies() -> np.ndarray:
    """Radians a position of each RoPE pair of the chosen model's heads (D/2,)."""
    config = visit.checkpoint().model.config
    return positions.frequencies(config.n_embd // config.n_head)


def slopes() -> np.ndarray:
    """ALiBi's slopes for as many heads as the chosen model has (H,)."""
    return positions.alibi_slopes(visit.checkpoint().model.config.n_head)


def table(kind: str) -> position_table.Table:
    """Facts about the learned table, or about the sinusoidal one of its size."""
    return visit.of_model(_measured, kind)


def scaled(at: int, factor: np.ndarray) -> position_table.Scaled:
    """Token `at` of the prompt with its position made longer."""
    word = embeddings.token_table(visit.checkpoint())[visit.prompt().ids[at]]
    place = embeddings.position_table(visit.checkpoint())[at]
    return position_table.scale_position(word, place, factor)


def order(edit: str, seed: int, shift: int) -> what_if.Order:
    """One of EDITS as an order of the prompt's tokens; ValueError where it is too short."""
    n = len(visit.prompt().ids)
    here = np.arange(n)
    if edit == "shift":
        return what_if.Order(here, here + shift)
    if edit == "none":
        return what_if.Order(here, here, placed=False)
    mixed = what_if.shuffled(n, seed)
    return {
        "words": what_if.Order(mixed, here),
        "positions": what_if.Order(here, mixed),
        "both": what_if.Order(mixed, mixed),
        "none_words": what_if.Order(mixed, here, placed=False),
    }[edit]


def change(edit: str, seed: int, shift: int) -> what_if.OrderChange:
    """What an edit does to the next token; "none_words" is compared with "none"."""
    before = _last("none" if edit == "none_words" else "", 0, 0)
    is_random = edit in ("words", "positions", "both", "none_words")
    after = _last(edit, seed if is_random else 0, shift if edit == "shift" else 0)
    return what_if.compare(before, after)


def cheap_edits(chosen: str) -> tuple[str, ...]:
    """The edits that may all be run for one look; of a long prompt in a large model, one."""
    n = len(visit.prompt().ids)
    possible = EDITS if n >= 3 else ("shift", "none")
    at_once = cost.what_ifs_at_once(visit.checkpoint(), max(n, 1))
    return possible if len(EDITS) + 1 <= at_once else (chosen,)


def bits_by_shift() -> tuple[np.ndarray, np.ndarray]:
    """Shifts (n,) and mean bits a token of the prompt at each (n,); needs 2 tokens."""
    ids = visit.prompt().ids
    at_once = cost.what_ifs_at_once(visit.checkpoint(), len(ids))
    n = int(np.clip(at_once, 2, MOST_SHIFTS))
    shifts = what_if.shifts(len(ids), visit.checkpoint().model.config.n_positions, n)
    return shifts, np.array([bits_at(int(shift)) for shift in shifts])


def bits_at(shift: int) -> float:
    """Mean bits a token with every position shifted; ValueError where that leaves the window."""
    chosen, ids = visit.checkpoint(), visit.prompt().ids
    what_if.check_places(np.arange(len(ids)) + shift, chosen.model.config)
    key = RunKey.of(chosen, "bits when shifted", ids, shift)
    return _run(key, partial(what_if.bits_when_shifted, chosen, ids, shift), "at other positions")


def _pass(kind: str) -> what_if.Pass:
    chosen, ids = visit.checkpoint(), visit.trace().ids
    key = RunKey.of(chosen, "q and k with other positions", ids, kind)
    return _run(key, partial(what_if.other_positions, chosen, ids, kind), "with other positions")


def _last(edit: str, seed: int, shift: int) -> what_if.Last:
    chosen, ids, wanted = visit.checkpoint(), visit.trace().ids, _order(edit, seed, shift)
    what_if.check_places(wanted.places, chosen.model.config)
    key = RunKey.of(chosen, "last token in another order", ids, edit, seed, shift)
    return _run(key, partial(what_if.last_of, chosen, ids, wanted), "in another order")


def unchanged() -> what_if.Order:
    """The prompt's tokens in their own order."""
    here = np.arange(len(visit.trace()))
    return what_if.Order(here, here)


def _order(edit: str, seed: int, shift: int) -> what_if.Order:
    return order(edit, seed, shift) if edit else unchanged()


def _run(key: RunKey, work, doing: str):
    return results.computed(key, work, doing=f"Reading the prompt {doing} …")


def _measured(chosen, kind: str) -> position_table.Table:
    learned = embeddings.position_table(chosen)
    return position_table.measure(
        learned if kind == "learned" else position_table.sinusoidal_like(learned)
    )
