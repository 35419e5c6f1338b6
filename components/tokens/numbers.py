"""The vectors behind the Tokens page's pictures, to be taken away; made only when asked for."""

from components.frame import visit
from components.frame.choices import chosen
from components.kit.export.table import Table
from components.tokens import choice, run


def one_token(at: int) -> Table:
    """The token's vector, its position's, and their sum."""
    inputs = run.inputs()
    parts = {name: getattr(inputs, name)[at] for name in ("token", "position", "total")}
    return Table({"dimension": range(len(inputs.total[at]))}, parts, {"at": at})


def vectors() -> Table:
    """The chosen vectors of every token of the prompt."""
    kind = chosen(choice.VECTORS_OF)
    found = getattr(run.inputs(), kind)
    axes = {"token_text": visit.token_texts(), "dimension": range(found.shape[1])}
    return Table(axes, {kind: found})


def cosines() -> Table:
    """The cosine of each pair of the prompt's tokens."""
    found = run.cosines(getattr(run.inputs(), chosen(choice.LIKENESS_OF)))
    return Table({"token": visit.token_texts(), "other": visit.token_texts()}, {"cosine": found})
