"""The maps behind the Positions page's pictures, to be taken away; made only when asked for."""

from components.frame import visit
from components.kit.export.table import Table
from components.positions import run


def maps(layer: int, head: int) -> Table:
    """One head's map under every scheme."""
    tokens, place = visit.token_texts(), {"layer": layer, "head": head}
    return Table({"query": tokens, "key": tokens}, run.maps(layer, head), place, future_from=0)
