"""The prompt with notes in it: its parts are its tokens, nothing more and nothing less."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.loading import checkpoint
from model.notes.note import NotesError
from model.notes.prompt import build
from model.run import tokens

LETTERS = st.sampled_from(list("abI's.,!? \n\t\"1é漢🧠_-"))
WORDS = st.text(LETTERS, min_size=1, max_size=40).filter(str.strip)


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded")


@settings(max_examples=150)
@given(question=WORDS, passages=st.lists(WORDS, max_size=4))
def test_the_parts_are_the_tokens_of_the_whole_text(embedded, question, passages):
    """What the page marks as injected is what stands in the prompt, token by token."""
    made = build(embedded, question, passages, 16)
    plain = [" ".join(p.split()) for p in passages][::-1]
    whole = " ".join([*plain, question.lstrip()])
    start = embedded.tokenizer.bos_token_id
    np.testing.assert_array_equal(made.ids, np.r_[start, tokens.encode(embedded.tokenizer, whole)])
    assert made.parts[0].stop == 1 and made.parts[-1].stop == len(made.ids)
    assert all(a.stop == b.start for a, b in zip(made.parts, made.parts[1:]))
    for part in made.parts[1:-1]:
        text = embedded.tokenizer.decode(made.ids[part.start : part.stop])
        assert text.strip() == " ".join(passages[part.of].split())


def test_the_best_stands_next_to_the_question(embedded):
    made = build(embedded, "Q?", ["Best.", "Second.", "Third."], 16)
    assert [part.of for part in made.parts] == [None, 2, 1, 0, None]
    assert made.used == (0, 1, 2) and made.left_out == ()


def narrow(tiny, n_positions):
    """The tiny model (a byte is a token) with another window."""
    config = SimpleNamespace(**(tiny.model.config.to_dict() | {"n_positions": n_positions}))
    return SimpleNamespace(tokenizer=tiny.tokenizer, model=SimpleNamespace(config=config))


def test_what_does_not_fit_stays_out_whole(tiny):
    made = build(narrow(tiny, 30), "Q?", ["a" * 8, "b" * 20, "c" * 3], 10)
    assert made.used == (0, 2) and made.left_out == (1,)
    assert tiny.tokenizer.decode(made.ids[1:]) == "ccc aaaaaaaa Q?"
    assert len(made.ids) <= 30 - 10 and made.n_note_tokens == 3 + 9
    assert (made.n_positions, made.n_cut) == (30, 0)


def test_a_question_that_fills_the_window_leaves_no_room(tiny):
    made = build(narrow(tiny, 30), "x" * 50, ["a"], 10)
    assert made.used == () and made.left_out == (0,) and made.n_cut == 31
    assert len(made.ids) == 20 and tiny.tokenizer.decode(made.ids[1:]) == "x" * 19


@pytest.mark.parametrize("question", ["", "  \n"])
def test_no_question(tiny, question):
    with pytest.raises(NotesError, match="type one"):
        build(tiny, question, ["a"], 10)


def test_a_prompt_cannot_be_changed(tiny):
    with pytest.raises(dataclasses.FrozenInstanceError):
        build(tiny, "Q?", [], 1).ids = None
