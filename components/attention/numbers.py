"""The numbers behind the Attention page's pictures, to be taken away; made only when asked for."""

import numpy as np

from components.attention import run
from components.frame import visit
from components.kit import canvas
from components.kit.export.table import Table


def one_head(layer: int, head: int) -> Table:
    """A head's map: a row a query, a column a key."""
    tokens = visit.token_texts()
    place = {"layer": layer, "head": head}
    return Table({"query": tokens, "key": tokens}, {"attention": run.weights(layer, head)}, place,
                 future_from=0)


def all_heads(shown: str) -> Table:
    """Every head's map as the tiles show it ("map"), or one fact of every head."""
    config = visit.checkpoint().model.config
    survey = visit.survey(canvas.squares(config.n_layer, config.n_head))
    axes = {"layer": range(config.n_layer), "head": range(config.n_head)}
    if shown != "map":
        return Table(axes, {shown: survey.facts[shown]})
    n = survey.pooled.shape[-1]
    axes |= {"query": range(n), "key": range(n)}
    return Table(axes, {"attention": survey.pooled}, {"tokens_per_square": survey.cell}, future_from=0)


def one_query(layer: int, head: int, query: int) -> Table:
    """How one query reads: a line a key that it can see."""
    steps = run.steps(layer, head, query)
    seen = {name: getattr(steps, name)[: query + 1] for name in ("scores", "scaled", "weights")}
    place = {"layer": layer, "head": head, "query": query}
    return Table({"key": visit.token_texts()[: query + 1]}, seen, place)


def one_weight(layer: int, head: int, query: int, key: int) -> Table:
    """The arithmetic of one weight: a line a dimension."""
    cell = run.cell(layer, head, query, key)
    parts = {name: np.asarray(getattr(cell, name)) for name in ("q", "k", "products")}
    facts = ("score", "scaled", "largest", "denominator", "weight")
    return Table({"dimension": range(len(cell.q))}, parts, {n: getattr(cell, n) for n in facts})
