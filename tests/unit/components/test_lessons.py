"""A step's link is read like an address; where lessons of one's own lie."""

import sys
from pathlib import Path

import pytest

from components import declared
from components.lessons import link, run

PAGES = declared.BY_PAGE


@pytest.mark.parametrize("front", ["", "/", "http://127.0.0.1:8501/"])
def test_a_link_is_a_page_a_prompt_and_choices(front):
    there = link.read(f"{front}attention?view=One+head&layer=2&prompt=a+b%3F", PAGES)
    assert (there.page, there.prompt, there.values) == (
        "attention", "a b?", {"view": "One head", "layer": 2})


def test_a_pasted_address_may_say_where_in_a_lesson_it_was_copied_and_how_it_was_shown():
    there = link.read("cache?lesson=induction&lesson_step=3&present=1&step=2", PAGES)
    assert there.values == {"step": 2}


@pytest.mark.parametrize(
    "said, words",
    [
        ("nowhere", "no page “nowhere”"),
        ("cache?colour=red", "no parameter “colour”|parameter “colour”"),
        ("cache?cache=red", "cache = “red”"),
        ("cache?step=1e9", "step = “1e9”"),
        ("cache?model=gpt2", "any model"),
        ("notebook?notes_folder=/etc", "parameter “notes_folder”"),
    ],
)
def test_what_no_page_can_show_is_refused(said, words):
    with pytest.raises(ValueError, match=words):
        link.read(said, PAGES)


def test_lessons_of_ones_own_are_named_as_models_are(monkeypatch):
    monkeypatch.delenv("MNEMOSCOPE_LESSONS", raising=False)
    monkeypatch.setattr(sys, "argv", ["app.py", "--model", "gpt2"])
    assert run.own_folder() is None
    monkeypatch.setenv("MNEMOSCOPE_LESSONS", "a")
    assert run.own_folder() == Path("a")
    monkeypatch.setattr(sys, "argv", ["app.py", "--model", "gpt2", "--lessons", "b"])
    assert run.own_folder() == Path("b")
