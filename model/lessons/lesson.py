"""What a lesson is: steps, each with a text, a link, and perhaps a question to predict.

Knows nothing of files. A right answer is no part of a lesson: `answers` computes it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """What is to be predicted. kind: of answers.KINDS; the rest is what that kind wants.

    options: words offered besides the right one. head: of findings.HEADS. of: what is counted or
    changed. other: a second text. token: a word. tell: texts that the memory is told first.
    """

    kind: str
    options: tuple[str, ...] = ()
    head: str = ""
    of: str = ""
    other: str = ""
    token: str = ""
    tell: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step. text: Markdown, one or two sentences. link: page and parameters as in an address;
    then: the link once the answer is revealed, "" to stay. head: which head both links look at, a
    name of findings.HEADS, "" for none. says: a name of findings.FINDINGS, "" for none.
    line: of the step's heading in its file; link_lines: of `link` and of `then`."""

    title: str
    text: str
    link: str
    then: str = ""
    head: str = ""
    says: str = ""
    question: Question | None = None
    line: int = 0
    link_lines: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Lesson:
    """name: as links say it, the file's name without its ending; file: for errors."""

    name: str
    title: str
    about: str
    steps: tuple[Step, ...]
    file: str = ""
