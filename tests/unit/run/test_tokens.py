"""Tokens are shown as text that is visible, whole and harmless."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.run import tokens
from tests.conftest import byte_tokenizer

TOKENIZER = byte_tokenizer()


@given(st.text(max_size=60))
def test_the_bytes_of_the_tokens_are_the_text(text):
    text = text.replace("<|endoftext|>", "")
    ids = tokens.encode(TOKENIZER, text)
    raw = b"".join(tokens.token_bytes(TOKENIZER, i) for i in ids)
    assert raw == text.encode("utf-8", "replace")


@given(st.binary(max_size=12))
def test_every_token_shows_something(raw):
    shown = tokens.show_bytes(raw)
    assert shown and shown.isprintable() and not shown.isspace()


@pytest.mark.parametrize(
    "raw, shown",
    [
        (b" the", "·the"),
        (b"\n", "↵"),
        (b"\x00", "‹U+0000›"),
        ("\u202e".encode(), "‹U+202E›"),  # right-to-left override
        ("\u0301".encode(), "◌\u0301"),
        (b"\xe6\x9d", "‹E6 9D›"),
        ("東".encode(), "東"),
        (b"", "∅"),
        (b"<b>", "<b>"),
    ],
)
def test_by_hand(raw, shown):
    assert tokens.show_bytes(raw) == shown


def test_the_empty_text_has_no_token():
    assert tokens.encode(TOKENIZER, "").shape == (0,)


def test_a_special_token_shows_its_name():
    ids = tokens.encode(TOKENIZER, "a<|endoftext|>")
    assert tokens.display(TOKENIZER, ids) == ["a", "<|endoftext|>"]


def test_a_lone_surrogate_does_not_crash():
    assert len(tokens.encode(TOKENIZER, "a\ud800b")) == 3


def test_an_id_outside_the_vocabulary_is_said():
    with pytest.raises(ValueError, match="no token 999"):
        tokens.token_bytes(TOKENIZER, 999)


def test_a_padded_vocabulary_is_shown_as_what_it_is():
    assert tokens.display(TOKENIZER, [64, 300]) == ["a", "‹no token 300›"]
