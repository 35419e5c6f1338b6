"""What the Start page counts of this model and this prompt. No looks."""

from components.frame import visit
from model.analysis import five_memories
from model.run import predict


def next_tokens(k: int = 8) -> predict.TopTokens | None:
    """The k most probable next tokens; None without a prompt."""
    return None if visit.trace() is None else visit.derived(predict.next_tokens, k)


def memories() -> five_memories.FiveMemories:
    """The five kinds of memory, counted for this model and this prompt."""
    if visit.trace() is None:
        return visit.of_model(five_memories.count, None)
    return visit.derived(five_memories.count)
