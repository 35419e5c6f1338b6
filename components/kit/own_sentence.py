"""Example sentences of different kinds that a visitor may tell, or replace with their own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """kind: of what, in a word or two; tell: what to tell; ask: a question about it; answer: what the
    question's answer must hold."""

    kind: str
    tell: str
    ask: str
    answer: str


SENTENCES = (
    Sentence("a pet", "My aunt's parrot is called Kiwi.", "What is my aunt's parrot called?",
             " Kiwi"),
    Sentence("a place", "The spare key is under the pot.", "Where is the spare key?",
             " under the pot"),
    Sentence("a time", "The last train leaves at nine.", "When does the last train leave?",
             " at nine"),
    Sentence("a code", "The door code is 4711.", "What is the door code?", " 4711"),
    Sentence("a new word", "A zorble is a kind of boat.", "What is a zorble?",
             " a kind of boat"),
)


def question(told: tuple[str, ...]) -> str:
    """A question about the latest of these sentences that was told; "" where none of them was."""
    asks = {one.tell: one.ask for one in SENTENCES}
    return next((asks[text.strip()] for text in reversed(told) if text.strip() in asks), "")
