"""The numbers behind the Prediction page's pictures, to be taken away; made only when asked for."""

import numpy as np

from components.frame import draw_choice, visit
from components.kit.export.table import Table
from components.prediction import run


def distribution(at: int) -> Table:
    """The whole vocabulary after a position, the most probable first: logits, and the probability
    that a token is drawn with the chosen settings."""
    trace = visit.trace()
    found = run.forecast(trace, at)
    drawn = run.stages(trace, at, draw_choice.settings()).probabilities.numpy()[found.ids]
    columns = {"id": found.ids, "logit": found.logits, "probability": drawn}
    return Table({"token": visit.show_tokens(found.ids)}, columns, {"after": at})


def surprisal() -> Table:
    """A line a token: id, bytes, bits, rank, and the bits that were expected before it."""
    found = run.reading()
    columns = {"id": found.ids, "bytes": found.n_bytes, "bits": found.bits, "rank": found.rank}
    columns["expected_bits"] = np.array([np.nan, *found.entropy_bits[:-1]])
    return Table({"token": visit.token_texts()}, columns)
