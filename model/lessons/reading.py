"""A lesson's file -> a Lesson; what is wrong with it is said with file and line.

The format is described in pages/lessons/README.md. Does not know which pages exist: whoever opens a
link checks it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from model.lessons import answers, findings
from model.lessons.lesson import Lesson, Question, Step

MOST_TEXT = 215  # characters of a step's text: what the bar holds in large type
MOST_ABOUT = 300
MOST_TITLE = 60
MOST_STEPS = 40
FENCE = "---"
STEP_KEYS = ("link", "then", "head", "says", "ask")


class LessonError(ValueError):
    """A lesson that cannot be shown. The message names file and line."""


@dataclass(frozen=True)
class _Block:
    """Keys and values of a YAML block; lines: key -> its line in the file, "" -> the block's."""

    values: dict[str, Any]
    lines: dict[str, int]


def read(text: str, name: str, file: str) -> Lesson:
    """The text of a lesson's file -> the lesson; name: as links say it; file: for errors.

    Raises LessonError for what the format does not allow, with the line.
    """
    reader = _Reader(file)
    head, first = reader.front_matter(text.splitlines())
    body = "\n".join(text.splitlines()[first:])
    steps = tuple(reader.steps(body, first))
    if not 1 <= len(steps) <= MOST_STEPS:
        reader.refuse(1, f"{len(steps)} steps. Write 1 to {MOST_STEPS}, each below a line “## Title”")
    return Lesson(name, head["title"], head["about"], steps, file)


class _Reader:
    """Reads one file; keeps its name for the errors."""

    def __init__(self, file: str) -> None:
        self.file = file

    def refuse(self, line: int, what: str) -> None:
        """Raise the error for a line, counted from 1."""
        raise LessonError(f"{self.file}, line {line}: {what}.")

    def front_matter(self, lines: list[str]) -> tuple[dict[str, str], int]:
        """title and about, and the number of lines that they take."""
        if not lines or lines[0].strip() != FENCE:
            self.refuse(1, f"a lesson begins with “{FENCE}”, its title, its about, and “{FENCE}” again")
        end = next((i for i in range(1, len(lines)) if lines[i].strip() == FENCE), 0)
        if not end:
            self.refuse(1, f"the front matter has no end. Write “{FENCE}” below it")
        block = self.block("\n".join(lines[1:end]), 1)
        self.check_keys(block, ("title", "about"), ("title", "about"))
        return {key: self.line_of_text(block, key, MOST_ABOUT) for key in ("title", "about")}, end + 1

    def steps(self, body: str, first: int) -> Iterator[Step]:
        """The steps of what follows the front matter, which took `first` lines."""
        title, line = "", 0
        text: list[str] = []
        block: _Block | None = None
        for token, content in _blocks(MarkdownIt("commonmark").parse(body)):
            at = first + (token.map or [0])[0] + 1
            if token.type == "heading_open" and token.tag == "h2":
                if title:
                    yield self.step(title, line, text, block)
                title, line, text, block = content.strip(), at, [], None
                if not 1 <= len(title) <= MOST_TITLE:
                    self.refuse(at, f"a title has 1 to {MOST_TITLE} characters, not {len(title)}")
            elif not title:
                self.refuse(at, "text stands before the first step. Write “## Title” above it")
            elif token.type == "paragraph_open":
                text.append(content)
            elif token.type == "fence" and token.info.strip() == "step":
                if block is not None:
                    self.refuse(at, "the step has two blocks. Leave one")
                block = self.block(token.content, at)
            else:
                self.refuse(at, "a step has one or two sentences and a block “```step”, nothing else")
        if title:
            yield self.step(title, line, text, block)

    def step(self, title: str, line: int, text: list[str], block: _Block | None) -> Step:
        """One step of its title, paragraphs and block."""
        words = " ".join(" ".join(text).split())
        if not words:
            self.refuse(line, f"step “{title}” has no text. Write one or two sentences")
        if len(words) > MOST_TEXT:
            self.refuse(line, f"the text of “{title}” has {len(words)} characters; the bar holds "
                              f"{MOST_TEXT}. Split the step")
        if block is None:
            self.refuse(line, f"step “{title}” has no block “```step” with a link")
        assert block is not None
        question = self.question(block)
        kind = answers.KINDS[question.kind] if question is not None else None
        needs, may = (kind.needs, kind.may) if kind is not None else ((), ())
        self.check_keys(block, (*STEP_KEYS, *needs, *may), ("link", *needs))
        given = {key: self.line_of_text(block, key) for key in ("link", "then", "says")}
        head = self.one_of(block, "head", findings.HEADS)
        if question is not None and given["says"]:
            self.refuse(block.lines["says"], "a step with a question cannot also say a finding")
        self.one_of(block, "says", findings.FINDINGS)
        places = (block.lines["link"], block.lines.get("then", 0))
        return Step(title, words, **given, head=head, question=question, line=line,
                    link_lines=places)

    def question(self, block: _Block) -> Question | None:
        """The question of a block; None without `ask`."""
        kind = self.one_of(block, "ask", answers.KINDS)
        if not kind:
            return None
        wanted = answers.KINDS[kind]
        options, told = self.texts(block, "options"), self.texts(block, "tell")
        other, token = self.line_of_text(block, "other"), self.line_of_text(block, "token")
        if len(options) > answers.MOST_OFFERED:
            self.refuse(block.lines["options"], f"{len(options)} options. Give at most "
                        f"{answers.MOST_OFFERED}: the model's own answer is added")
        of = self.one_of(block, "of", wanted.of)
        if (of == "text") != bool(other) and kind == "changed":
            self.refuse(block.lines[""], "“of: text” and “other” go together: the other text")
        if of == "head" and kind == "changed" and "head" not in block.values:
            self.refuse(block.lines["of"], "“of: head” needs “head”: which one is off")
        head = self.one_of(block, "head", findings.HEADS)
        return Question(kind, options, head, of, other, token, told)

    # -- values ------------------------------------------------------------------------------------

    def block(self, text: str, line: int) -> _Block:
        """YAML whose first line stands behind `line`."""
        try:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            if not _is_flat(node):
                self.refuse(line, "keys and values are missing. Write them as “key: value”, one a "
                                  "line; a value is a text, or a list of texts in brackets")
            values = loader.construct_document(node)
        except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or "it cannot be read"
            self.refuse(line + 1 + (mark.line if mark else 0), f"this is no YAML: {problem}")
        lines = {key.value: line + 1 + key.start_mark.line for key, _ in node.value}
        return _Block(values, lines | {"": line})

    def check_keys(self, block: _Block, known: tuple[str, ...], needed: tuple[str, ...]) -> None:
        """Refuse a key that nobody reads, and the lack of one that is needed."""
        for key in block.values:
            if key not in known:
                self.refuse(block.lines.get(str(key), block.lines[""]),
                            f"unknown key “{key}”. Known here: {', '.join(known)}")
        for key in needed:
            if key not in block.values:
                self.refuse(block.lines[""], f"“{key}” is missing")

    def line_of_text(self, block: _Block, key: str, most: int = 2000) -> str:
        """The text under a key, "" where there is none."""
        value = block.values.get(key, "")
        if not isinstance(value, str) or (key in block.values and not value.strip()):
            self.refuse(block.lines[key], f"“{key}” must be a text; put it in quotes")
        if len(value) > most:
            self.refuse(block.lines[key], f"“{key}” has {len(value)} characters, at most {most} fit")
        return str(value)

    def texts(self, block: _Block, key: str) -> tuple[str, ...]:
        """The list of texts under a key, () where there is none."""
        value = block.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(x, str) and x.strip() for x in value):
            self.refuse(block.lines[key], f"“{key}” must be a list of texts, such as [one, \"two\"]")
        return tuple(value)

    def one_of(self, block: _Block, key: str, known: Any) -> str:
        """The text under a key, which must be known; "" where there is none."""
        value = self.line_of_text(block, key)
        if value and value not in known:
            self.refuse(block.lines[key], f"“{key}” is “{value}”. Known: {', '.join(known)}")
        return value


def _is_flat(node: yaml.Node | None) -> bool:
    """Whether a YAML block holds keys that are texts, with values or lists of values."""
    if not isinstance(node, yaml.MappingNode):
        return False
    values = [value for _, value in node.value]
    items = [item for value in values if isinstance(value, yaml.SequenceNode) for item in value.value]
    flat = [value for value in values if not isinstance(value, yaml.SequenceNode)] + items
    keys = [key for key, _ in node.value]
    return (all(isinstance(each, yaml.ScalarNode) for each in (*flat, *keys))
            and all(key.tag == "tag:yaml.org,2002:str" for key in keys))


def _blocks(tokens: list[Token]) -> Iterator[tuple[Token, str]]:
    """Every block at the top of a document, with the text inside a heading or paragraph."""
    for i, token in enumerate(tokens):
        if token.level == 0 and token.nesting >= 0:
            yield token, tokens[i + 1].content if token.nesting else ""
