"""What a declared choice may say: read and write are each other's inverse, nonsense is a sentence."""

import pytest
import streamlit as st

from components import declared
from components.frame import address
from components.frame.choices import (
    Cell,
    Cells,
    Choice,
    Decimal,
    Flag,
    OneOf,
    Several,
    Text,
    Whole,
    chosen,
)
from tests.app.other_choice import values
from tests.unit.components.session import Session


@pytest.fixture
def session(monkeypatch):
    found = Session()
    monkeypatch.setattr(st, "session_state", found)
    return found


@pytest.mark.parametrize("one", declared.ALL, ids=lambda one: one.name)
def test_what_is_written_is_read_again(one):
    for value in values(one.kind):
        assert one.kind.allows(value) and one.kind.read(one.kind.write(value)) == value


@pytest.mark.parametrize("kind, said", [
    (OneOf({"a": "", 3: ""}), "b"), (OneOf({"a": ""}), ""), (Several({"a": ""}), "a|b"),
    (Whole(), "-1"), (Whole(1), "0"), (Whole(), "٣"), (Whole(), "1e3"), (Whole(), "9" * 5000),
    (Whole(), ""), (Decimal(0, 1), "nan"), (Decimal(0, 1), "1.5"), (Decimal(0, 1), "x"),
    (Decimal(0, 1), "1" * 5000), (Flag(), "yes"), (Text(3), "abcd"), (Cell(), "3"),
    (Cell(), "3.x"), (Cells(), "3.4-<b>"),
])
def test_nonsense_is_left_out_with_a_sentence(session, monkeypatch, kind, said):
    one = Choice("word", kind)
    monkeypatch.setattr(st, "query_params", {"word": said})
    (problem,) = address.open_link([one])
    assert "word" not in session and chosen(one) is None
    assert problem.startswith("The link says word = “") and kind.words() in problem
    assert len(problem) < 200


@pytest.mark.parametrize("kind, said, value", [
    (OneOf({"a": "", 3: ""}), "3", 3), (Several({"a,b": "", "c": ""}), "c|a,b", ["c", "a,b"]),
    (Several({"a": ""}), "", []), (Whole(), "007", 7), (Whole(-5, 5), "-5", -5),
    (Decimal(0, 1000), "0.8", 0.8), (Decimal(0, 1000), "1e2", 100.0), (Flag(), "1", True),
    (Text(), "", ""), (Cell(), "3.7", (3, 7)), (Cells(), "3.7-4.0", [(3, 7), (4, 0)]),
])
def test_a_link_says_a_value(session, monkeypatch, kind, said, value):
    one = Choice("word", kind)
    monkeypatch.setattr(st, "query_params", {"word": said})
    assert not address.open_link([one]) and session["word"] == value == chosen(one)
    assert kind.read(kind.write(value)) == value


def test_a_default_says_nothing_and_what_a_link_must_not_say_is_not_read(session, monkeypatch):
    plain, secret = Choice("n", Whole(), 5), Choice("folder", Text(), in_link=False)
    session.update(n=5, folder="/home")
    assert address.parameters([plain, secret]) == {"n": None}
    session.update(n=6)
    assert address.parameters([plain, secret]) == {"n": "6"}
    monkeypatch.setattr(st, "query_params", {"folder": "/etc"})
    assert not address.open_link([plain, secret]) and session["folder"] == "/home"


def test_a_number_is_written_exactly_and_as_shortly_as_that_allows():
    assert Decimal(0, 1).write(0.8) == "0.8" and Decimal(0, 9e9).write(100.0) == "100"
    assert float(Decimal(0, 1).write(0.1234567891)) == 0.1234567891


def test_a_text_too_long_for_a_link_stays_out_of_it():
    assert Text(3).write("abcd") is None and Text(3).write("abc") == "abc"
    assert Text(8).write("é") == "é" and Text(8).write("éé") is None  # %C3%A9 each


@pytest.mark.parametrize("which", [0, 1])
def test_every_declared_choice_survives_the_address(monkeypatch, which):
    """All of them at once, through one address, into a fresh session."""
    before = Session({one.name: others(one)[which % len(others(one))] for one in declared.ALL})
    monkeypatch.setattr(st, "session_state", before)
    link = {name: said for name, said in address.parameters(declared.ALL).items() if said is not None}
    fresh = Session()
    monkeypatch.setattr(st, "session_state", fresh)
    monkeypatch.setattr(st, "query_params", link)
    assert address.open_link(declared.ALL) == []
    carried = {one.name for one in declared.ALL if one.in_link}
    assert {name: fresh[name] for name in carried} == {name: before[name] for name in carried}
    assert carried == set(before) - {"notes_folder"}


def others(one) -> list:
    """Values that a choice may have beside its default."""
    return [value for value in values(one.kind) if value != one.default]
