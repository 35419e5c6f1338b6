"""The search: both scores against numbers made by hand, one index for each way of making it."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.notes import index
from model.notes import search as notes_search
from model.notes.note import Draft
from model.notes.search import RRF
from model.notes.store import opened
from tests.unit.notes.notes_tools import Letters, maker

TEXTS = (
    "The violin is old.", "Rain falls on the old roof.", "A cat sleeps.", "My dog barks at night.",
    "Night falls. A cat and a violin.",
)


@pytest.fixture
def store(tmp_path):
    with opened(tmp_path / "notes.sqlite3") as store:
        store.add([Draft("", text) for text in TEXTS])
        yield store


def search(store, question, made=None, n=10, by="both"):
    made = made or maker()
    list(index.update(store, made))
    vector = made.embedder.embed([question])[0]
    return notes_search.search(store, made, question, vector, n, by)


def bm25(term_count, n_words, n_passages, n_with, mean_words, k1=1.2, b=0.75):
    idf = math.log((n_passages - n_with + 0.5) / (n_with + 0.5))
    return idf * term_count * (k1 + 1) / (term_count + k1 * (1 - b + b * n_words / mean_words))


def test_bm25_is_the_formula(store):
    lengths = [4, 6, 3, 5, 7]
    found = {c.text: c.bm25 for c in search(store, "Violins?")}  # word endings are cut off
    for text, n in ((TEXTS[0], 4), (TEXTS[4], 7)):
        assert found[text] == pytest.approx(bm25(1, n, 5, 2, sum(lengths) / 5), rel=1e-6)
    assert [found[t] for t in TEXTS[1:4]] == [None] * 3


def test_cosine_is_the_cosine(store):
    question = Letters().embed(["a violin"])[0]
    for c in search(store, "a violin"):
        vector = Letters().embed([c.text])[0]
        expected = vector @ question / np.linalg.norm(vector) / np.linalg.norm(question)
        assert c.cosine == pytest.approx(expected, abs=1e-6)
    ranked = sorted(search(store, "a violin"), key=lambda c: c.cosine_rank)
    assert [c.cosine_rank for c in ranked] == [1, 2, 3, 4, 5]
    assert all(a.cosine >= b.cosine for a, b in pairwise(ranked))


def test_together_is_the_sum_over_both_ranks(store):
    found = search(store, "violin")
    for c in found:
        ranks = [r for r in (c.bm25_rank, c.cosine_rank) if r is not None]
        assert c.fused == pytest.approx(sum(1 / (RRF + r) for r in ranks))
    assert [c.fused for c in found] == sorted((c.fused for c in found), reverse=True)


def test_one_of_the_two_alone_may_decide(store):
    by_words = search(store, "the old violin", by="words")
    assert [c.bm25_rank for c in by_words] == list(range(1, len(by_words) + 1))
    assert 0 < len(by_words) < 5
    by_meaning = search(store, "the old violin", by="meaning")
    assert [c.cosine_rank for c in by_meaning] == [1, 2, 3, 4, 5]


def test_a_word_that_most_passages_have_finds_nothing(tmp_path):
    with opened(tmp_path / "n") as store:
        store.add([Draft("", f"I live in {city}.") for city in ("Rome", "Oslo", "Lima")])
        found = {c.text: c.bm25_rank for c in search(store, "Where do I live? Oslo")}
        assert found == {"I live in Rome.": None, "I live in Oslo.": 1, "I live in Lima.": None}


@settings(max_examples=60)
@given(question=st.text(max_size=60) | st.sampled_from(['"', "a OR", "NEAR(", "a*", "-a", "^a:b"]))
def test_no_question_is_an_operator(tmp_path_factory, question):
    file = tmp_path_factory.getbasetemp() / "operators.sqlite3"
    with opened(file) as store:
        if not store.notes():
            store.add([Draft("", "a or near b")])
        assert len(search(store, question.encode("utf-8", "replace").decode())) <= 1


def test_passages_know_their_note_and_page(tmp_path):
    with opened(tmp_path / "n") as store:
        store.add([Draft("Book", "First page.\fSecond page with a violin.", "book.pdf")])
        best = search(store, "violin", maker(5))[0]
        assert (best.title, best.source, best.page, best.n_tokens) == ("Book", "book.pdf", 2, 5)


def test_an_edited_note_is_found_by_its_new_words_only(store):
    search(store, "violin")
    store.edit(store.notes()[0], "", "The trumpet is new.")
    found = {c.text: c.bm25 for c in search(store, "violin trumpet")}
    assert TEXTS[0] not in found and found["The trumpet is new."] > 0
    store.delete([store.notes()[0].id])
    assert "The trumpet is new." not in {c.text for c in search(store, "trumpet")}


def test_only_what_is_missing_is_embedded(store):
    letters = Letters()
    search(store, "cat", maker(16, letters))
    n = letters.n_embedded
    search(store, "cat", maker(16, letters))
    assert letters.n_embedded == n + 1  # the question alone
    store.add([Draft("", "New.")])
    search(store, "cat", maker(16, letters))
    assert letters.n_embedded == n + 3


def test_progress_counts_and_an_interrupted_update_goes_on(tmp_path):
    with opened(tmp_path / "n") as store:
        store.add([Draft("", f"Note {i}.") for i in range(40)])
        letters = Letters()
        update = index.update(store, maker(16, letters))
        seen = [next(update), next(update)]
        update.close()
        assert [(s.done, s.total) for s in seen] == [(0, 40), (index.BATCH, 40)]
        *_, last = index.update(store, maker(16, letters))
        assert (last.done, last.total) == (40, 40) and letters.n_embedded == 40


def test_another_size_or_embedder_is_another_index_and_the_oldest_leave(store):
    ways = ((4, "a"), (8, "a"), (8, "b"), (8, "c"), (8, "d"))
    made = [maker(size, Letters(key)) for size, key in ways]
    for one in made:
        assert search(store, "violin", one)[0].text
    keys = {key for (key,) in store.rows("SELECT key FROM indexes")}
    assert keys == {one.key for one in made[1:]}
    query = "SELECT name FROM sqlite_master WHERE type='table' AND name LIKE 'passages%'"
    assert len(store.rows(query)) == index.KEPT
    assert search(store, "violin", made[0])  # made again


def test_a_vector_of_length_0_has_no_cosine(tmp_path):
    with opened(tmp_path / "n") as store:
        store.add([Draft("", text) for text in ("123 456", "abc", "bcd")])
        found = {c.text: c.cosine for c in search(store, "a 123")}
        assert found["123 456"] is None and 1 > found["abc"] > 0


def test_an_empty_file_finds_nothing(tmp_path):
    with opened(tmp_path / "n") as store:
        assert search(store, "anything") == []
