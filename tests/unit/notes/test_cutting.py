"""Passages: every word kept, sizes held, borders where people put them."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.notes import cutting
from model.notes.cutting import cut, paragraphs
from model.run import tokens
from tests.conftest import byte_tokenizer
from tests.unit.notes.notes_tools import Words

TOKENIZER = byte_tokenizer()
BITS = list("ab.!?\"' \n\t\f\ré漢🧠\u00a0\u200b\x85") + ["\n\n", ". ", "word ", "a" * 30]
TEXT = st.lists(st.sampled_from(BITS), max_size=120).map("".join)


def words_of(passages):
    return [word for passage in passages for word in passage.text.split()]


def test_sentences_are_packed_up_to_the_size():
    found = cut(Words(), "One two. Three four five. Six! Seven eight nine ten eleven.", 6)
    assert [p.text for p in found] == [
        "One two. Three four five. Six!", "Seven eight nine ten eleven.",
    ]
    assert [p.n_tokens for p in found] == [6, 5]


def test_a_paragraph_ends_a_passage_that_is_half_full():
    text = "# Title\n\nOne two three. Four five.\n\nSix seven.\n \nEight."
    assert [p.text for p in cut(Words(), text, 8)] == [
        "# Title One two three. Four five.", "Six seven. Eight.",
    ]


def test_a_long_sentence_is_cut_between_words():
    text = "a " * 25 + "end."
    assert [p.n_tokens for p in cut(Words(), text, 10)] == [10, 10, 6]


def test_numbers_and_names_with_full_stops_stay_whole():
    text = 'Pi is 3.14 exactly. "Really?" he said. See www.x.org now.'
    (sentences,) = paragraphs(text)
    assert [text[a:b] for a, b in sentences] == [
        "Pi is 3.14 exactly.", '"Really?"', "he said.", "See www.x.org now.",
    ]


def test_nothing_to_cut():
    assert cut(Words(), " \n\n ", 5) == []
    with pytest.raises(ValueError, match="1 token or more"):
        cut(Words(), "a", 0)


@settings(max_examples=300)
@given(text=TEXT, size=st.integers(4, 40))
def test_every_word_is_kept_and_every_size_is_held(text, size):
    """A byte is a token here, so the sizes can be counted without the cutter."""
    found = cut(TOKENIZER, text, size)
    assert "".join(words_of(found)) == "".join(text.split())
    assert all(p.stop <= q.start for p, q in pairwise(found))
    for p in found:
        assert p.text == " ".join(text[p.start : p.stop].split()) != ""
        assert p.n_tokens == len(tokens.encode(TOKENIZER, " " + p.text))
        assert p.n_tokens <= size or len(p.text) == 1


def test_a_long_note_is_cut_in_stretches_between_which_others_run(monkeypatch):
    ways = []
    monkeypatch.setattr(cutting.turn, "give_way", lambda: ways.append(1))
    text = "One two three. " * (3 * cutting._BATCH)
    assert cut(TOKENIZER, text, 64) and len(ways) >= 3
