"""A lesson's file: what the format allows is read, what it does not is refused with file and line."""

import os

import pytest

from model.lessons import reading, shelf
from model.lessons.lesson import Question
from model.lessons.reading import LessonError

GOOD = """---
title: Copying
about: How a model repeats.
---

## First

Read it. **Which word
comes next?**

```step
link: tokens?prompt=blue+seven
ask: next
options: [lamp, "the"]
then: prediction
```

## Second

Look.

```step
link: attention
head: induction
says: induction
```
"""


def read(text: str):
    return reading.read(text, "copying", "05_copying.md")


def test_a_lesson_is_what_its_file_says():
    lesson = read(GOOD)
    assert (lesson.name, lesson.title, lesson.about) == ("copying", "Copying", "How a model repeats.")
    first, second = lesson.steps
    assert first.text == "Read it. **Which word comes next?**" and first.line == 6
    assert (first.link, first.then) == ("tokens?prompt=blue+seven", "prediction")
    assert first.link_lines == (12, 15)
    assert first.question == Question("next", ("lamp", "the"))
    assert (second.head, second.says, second.question) == ("induction", "induction", None)


@pytest.mark.parametrize(
    "old, new, line, words",
    [
        ("---\ntitle: Copying", "title: Copying", 1, "begins with"),
        ("about: How", "abouts: How", 3, "unknown key “abouts”"),
        ("about: How a model repeats.\n", "", 1, "“about” is missing"),
        ("link: attention\n", "", 22, "“link” is missing"),
        ("says: induction", "colour: red", 25, "unknown key “colour”"),
        ("says: induction", "says: everything", 25, "“says” is “everything”"),
        ("head: induction", "head: tail", 24, "“head” is “tail”"),
        ("ask: next", "ask: guess", 13, "“ask” is “guess”"),
        ("ask: next", "ask: bytes", 14, "unknown key “options”"),
        ('[lamp, "the"]', "lamp", 14, "must be a list"),
        ('[lamp, "the"]', "[lamp, yes]", 14, "must be a list"),
        ('[lamp, "the"]', "[a, b, c, d, e, f]", 14, "6 options"),
        ('[lamp, "the"]', "[lamp", 15, "no YAML"),
        ("then: prediction", "then: 7", 15, "must be a text"),
        ("then: prediction", "says: induction", 15, "cannot also say"),
        ("Look.", "", 18, "has no text"),
        ("Look.", "word " * 44, 18, "219 characters"),
        ("Look.", "* a list", 20, "nothing else"),
        ("## First", "Text.", 6, "before the first step"),
        ("## First", "## " + "x" * 61, 6, "not 61"),
        ("```step\nlink: attention", "```\nlink: attention", 22, "nothing else"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(old, new, line, words):
    assert GOOD.count(old) == 1
    with pytest.raises(LessonError, match=f"05_copying.md, line {line}: ") as refused:
        read(GOOD.replace(old, new))
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_a_lesson_without_steps_is_none():
    with pytest.raises(LessonError, match="0 steps"):
        read("---\ntitle: a\nabout: b\n---\n")


def test_a_shelf_keeps_what_is_good_and_says_what_is_not(tmp_path):
    (tmp_path / "01_copying.md").write_text(GOOD)
    (tmp_path / "02_broken.md").write_text("nothing")
    os.mkfifo(tmp_path / "04_pipe.md")  # who reads it waits for ever
    (tmp_path / "03_binary.md").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "README.md").write_text("no lesson")
    found = shelf.of_folders([tmp_path, tmp_path / "nowhere"])
    assert list(found.lessons) == ["copying"]
    assert set(found.broken) == {"broken", "binary", "nowhere", "pipe"}
    assert found.broken["pipe"].startswith("04_pipe.md is no file.")
    assert "02_broken.md, line 1" in found.broken["broken"] and "UTF-8" in found.broken["binary"]


def test_ones_own_lesson_takes_the_place_of_ours_and_a_change_is_seen(tmp_path):
    ours, own = tmp_path / "ours", tmp_path / "own"
    for folder in (ours, own):
        folder.mkdir()
        (folder / "01_copying.md").write_text(GOOD.replace("Copying", folder.name))
    assert shelf.of_folders([ours, own]).lessons["copying"].title == "own"
    (own / "01_copying.md").write_text(GOOD.replace("Copying", "changed title"))
    assert shelf.of_folders([ours, own]).lessons["copying"].title == "changed title"
