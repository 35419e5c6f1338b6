"""Answers of a class: one a pupil, changeable until revealed, counted without names."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from model.classroom import ballot

CODE, QUESTION = "KTRM", "0123456789abcdef"


@pytest.fixture
def folder(tmp_path):
    ballot.ask(tmp_path, CODE, QUESTION, 3, closed=False)
    return tmp_path


def read_by_another_server(folder):
    ballot._kept.cache_clear()
    return ballot.read(folder, CODE, QUESTION)


def test_one_answer_a_pupil_the_last_one_counts(folder):
    for who, picked in (("anna", [0]), ("ben", [2]), ("anna", [1]), ("cem", [1]), ("dora", [0]), ("dora", [])):
        ballot.vote(folder, CODE, QUESTION, who, picked)
    found = read_by_another_server(folder)
    assert ballot.counts(found) == [0, 2, 1]
    assert not any(name in "".join(found.votes) for name in ("anna", "ben", "cem"))


def test_nothing_changes_once_it_is_revealed(folder):
    ballot.vote(folder, CODE, QUESTION, "anna", [0])
    closed = ballot.ask(folder, CODE, QUESTION, 3, closed=True)
    with pytest.raises(ValueError, match="The answer is revealed"):
        ballot.vote(folder, CODE, QUESTION, "anna", [1])
    assert read_by_another_server(folder) == closed and ballot.counts(closed) == [1, 0, 0]
    ballot.ask(folder, CODE, QUESTION, 3, closed=False)
    assert ballot.counts(ballot.vote(folder, CODE, QUESTION, "anna", [1])) == [0, 1, 0]


def test_an_order_is_counted_by_what_stands_first(folder):
    for who, picked in (("anna", [2, 0, 1]), ("ben", [2, 1]), ("cem", [0, 1, 2])):
        ballot.vote(folder, CODE, QUESTION, who, picked)
    assert ballot.counts(read_by_another_server(folder)) == [1, 0, 2]


@pytest.mark.parametrize("picked", [[3], [-1], [0, 0]])
def test_what_is_no_option_is_refused(folder, picked):
    with pytest.raises(ValueError, match="pick among 3 options, each once"):
        ballot.vote(folder, CODE, QUESTION, "anna", picked)


def test_what_was_not_asked_takes_no_answer(folder, monkeypatch):
    assert ballot.read(folder, CODE, "f" * 16) is None
    with pytest.raises(ValueError, match="was not asked this question yet"):
        ballot.vote(folder, CODE, "f" * 16, "anna", [0])
    monkeypatch.setattr(ballot, "MOST_QUESTIONS", 1)
    with pytest.raises(ValueError, match="was asked 1 questions"):
        ballot.ask(folder, CODE, "f" * 16, 3, closed=False)


def test_a_class_that_all_answer_at_once_loses_no_answer(folder):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: ballot.vote(folder, CODE, QUESTION, f"pupil {i}", [i % 3]), range(30)))
    assert ballot.counts(read_by_another_server(folder)) == [10, 10, 10]


def test_more_pupils_than_a_class_has_are_refused(folder, monkeypatch):
    monkeypatch.setattr(ballot, "MOST_PUPILS", 1)
    ballot.vote(folder, CODE, QUESTION, "anna", [0])
    ballot.vote(folder, CODE, QUESTION, "anna", [1])
    with pytest.raises(ValueError, match="1 have answered"):
        ballot.vote(folder, CODE, QUESTION, "ben", [0])


@pytest.mark.parametrize("damage", [
    b"", b"[]", b'{"n_options": 0, "closed": false, "votes": {}}',
    b'{"n_options": 2, "closed": false, "votes": {"x": [5]}}',
    b'{"n_options": 2, "closed": false, "votes": {"x": []}}',
])
def test_a_damaged_file_is_said(folder, damage):
    (folder / f"{CODE}.answers" / f"{QUESTION}.json").write_bytes(damage)
    for ask in (lambda: ballot.read(folder, CODE, QUESTION),
                lambda: ballot.vote(folder, CODE, QUESTION, "anna", [0])):
        with pytest.raises(ValueError, match=f"answers to question {QUESTION} are damaged: "):
            ask()
