"""Notes to begin with: made-up facts, each with a question that they answer. Keeps nothing."""

from dataclasses import dataclass

from model.notes.note import EXAMPLE, Draft
from model.recall import phrases as p


@dataclass(frozen=True)
class NotesExample:
    """texts: a note each; question: for the prompt box; look: what to look at."""

    name: str
    texts: tuple[str, ...]
    question: str
    look: str

    @property
    def drafts(self) -> list[Draft]:
        """The notes, marked as examples."""
        return [Draft("", text, EXAMPLE) for text in self.texts]


def _diary(n: int = 90) -> tuple[str, ...]:
    """One fact, and n sentences about nothing behind it, a note each."""
    idle = (
        f"{_pick(p.OPENERS, i)} {_pick(p.ADJECTIVES, 5 * i)} {_pick(p.NOUNS, 7 * i)} "
        f"{_pick(p.VERBS, 3 * i)} {_pick(p.PLACES, i)}."
        for i in range(n)
    )
    return ("I live in New York.", *idle)


def _pick(words: tuple[str, ...], i: int) -> str:
    return words[i % len(words)]


EXAMPLES = (
    NotesExample(
        "James Theory",
        (
            "My name is James Theory.", "I live in New York.", "I work as a teacher.",
            "My pet is a cat. My pet is called Whiskers.", "My favourite drink is tea.",
            "My best friend is Mary. Mary lives in Paris.",
        ),
        "Where do I live? I live in",
        "Look at the marked words: they are why it knows. Then ask: What is my favourite drink?",
    ),
    NotesExample(
        "A long diary",
        _diary(),
        "Where do I live? I live in",
        "90 idle sentences behind one fact: more than the prompt or the slots can hold. Compare "
        "the five memories.",
    ),
    NotesExample(
        "A fact that changed",
        (
            "I live in Paris.", "My favourite colour is green.", "I play the violin.",
            "I have moved to Rome.",
        ),
        "Where do I live? I live in",
        "Both cities are found. A search does not know which note is true; edit the old one.",
    ),
)
