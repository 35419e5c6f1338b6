"""What the Start page counts of this model and this prompt. No looks."""

from components.frame import visit
from model.analysis import five_memories
from model.run import predict


def next_tokens(k: int = 8) -> predict.TopTokens | None:
    """The k most probable next tokens; None without a prompt."""
    run = visit.trace()
    return None if run is None else predict.top_tokens(visit.checkpoint(), run.next_logits, k)


def memories() -> five_memories.FiveMemories:
    """The five kinds of memory, counted for this model and this prompt."""
    return five_memories.count(visit.checkpoint(), visit.trace())
