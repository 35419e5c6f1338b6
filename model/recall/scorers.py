"""Whether a reply is right, by the rules of the benchmarks that the standard tasks follow."""

import re

from model.recall import probe
from model.recall.trial import Question


def first_integer(said: str, question: Question) -> bool:
    """Whether the first whole number of the reply is the right one (passkey, Landmark
    Attention)."""
    found = re.search(r"\d+", said)
    assert question.answer is not None, "only questions with an answer are scored"
    return found is not None and found.group() == question.answer.strip().rstrip(".")


def contained(said: str, question: Question) -> bool:
    """Whether the reply contains the value (RULER's needles)."""
    return bool(probe.says(said, question.answer))


def only_label(said: str, question: Question) -> bool:
    """Whether the right label is the only one in the first sentence, not counting labels that the
    question names (BABILong)."""
    first = re.split(r"[.\n]", said.lower())[0]
    asked = question.ask.lower()
    named = {label for label in question.labels
             if probe.says(first, label) and not probe.says(asked, label)}
    assert question.answer is not None, "only questions with an answer are scored"
    return named == {question.answer.strip().rstrip(".")}


SCORERS = {"first integer": first_integer, "contained": contained, "only label": only_label}
