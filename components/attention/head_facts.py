"""What a head does on this prompt, in numbers and words. Arrays in, strings out."""

import numpy as np

NAMES = {
    "entropy": "entropy",
    "previous": "previous token",
    "first": "first token",
    "itself": "itself",
    "induction": "induction",
}
SHOWN = {"map": "maps", **{name: words.split()[0] for name, words in NAMES.items()}}
LEGENDS = {
    "entropy": "Mean entropy of the rows, in bits: 0 = reads one token, 3 = reads 8 tokens "
               "equally.",
    "previous": "Mean weight on the token just before.",
    "first": "Mean weight on the first token.",
    "itself": "Mean weight of a token on itself.",
    "induction": "Mean weight on what followed earlier copies of the token, over the tokens that "
    "occurred before.",
}
NO_INDUCTION = "No token of this prompt repeats after another token: no induction score."
ONE_TOKEN = "One token can only read itself. Type a second one."


def legend(shown: str, numbers: np.ndarray | None, cell: int) -> str:
    """What the grid shows: maps whose dots stand for cell × cell weights, or a fact's numbers."""
    if shown == "map":
        pooled = f" (here at least {cell} × {cell})" if cell > 1 else ""
        return (
            "One tile a head: rows are queries (read), columns are keys (are read); colour = "
            f"√weight. If a dot covers several weights{pooled}, it shows the largest. Click a "
            "tile, or use the arrow keys."
        )
    if np.isnan(numbers).all():
        return NO_INDUCTION if shown == "induction" else ONE_TOKEN
    return LEGENDS[shown]


def top(name: str, numbers: np.ndarray) -> float:
    """numbers (L,H) of a fact -> the value in full colour: 1, or the highest entropy here."""
    return max(1.0, float(numbers.max())) if name == "entropy" else 1.0


def notes(facts: dict[str, np.ndarray]) -> list[str]:
    """name -> (L,H) to L·H texts: each head's facts, a line each."""
    names = [name for name in NAMES if not np.isnan(facts[name]).all()]
    columns = [[_line(name, x) for x in facts[name].ravel()] for name in names]
    return ["\n".join(lines) for lines in zip(*columns)]


def _line(name: str, x: float) -> str:
    return f"{NAMES[name]} {x:.2f}{' bits' if name == 'entropy' else ''}"


def words(facts: dict[str, np.ndarray], layer: int, head: int) -> str:
    """The facts of one head as Markdown."""
    of = {name: float(numbers[layer, head]) for name, numbers in facts.items()}
    if np.isnan(of["previous"]):
        return ONE_TOKEN
    alike = 2 ** of["entropy"]
    induction = (
        NO_INDUCTION
        if np.isnan(of["induction"])
        else f"**Induction {of['induction']:.2f}**: the weight on what followed earlier copies."
    )
    return (
        f"**Entropy {of['entropy']:.2f} bits**: like reading {alike:.1f} tokens equally. "
        f"Mean weight on the previous token **{of['previous']:.2f}**, on the first "
        f"**{of['first']:.2f}**, on itself **{of['itself']:.2f}**. {induction}"
    )
