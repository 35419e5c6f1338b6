"""Text to ids, step by step: the steps together are the tokenizer, on any text."""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Tokenizer, PreTrainedTokenizerFast

from model.analysis import tokenization, vocabulary
from model.loading import checkpoint
from model.run import tokens
from tests.conftest import byte_tokenizer

REAL_GPT2 = Path("/work/shared/data/gpt2-tokenizer")


def toy_tokenizer(merges, added=("<|endoftext|>",)) -> PreTrainedTokenizerFast:
    """A byte-level BPE with these merges, in this order."""
    pieces = sorted(pre_tokenizers.ByteLevel.alphabet()) + ["".join(pair) for pair in merges]
    vocab = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    raw = Tokenizer(models.BPE(vocab=vocab, merges=list(merges)))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(list(added))
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=added[0])


def embedded_tokenizer() -> PreTrainedTokenizerFast:
    file = str(checkpoint.EMBEDDED / "tokenizer.json")
    return PreTrainedTokenizerFast(tokenizer_file=file, eos_token="<|endoftext|>")


# merges out of the order in which training would make them, overlaps, and a pair that comes late
TOY = [("a", "a"), ("l", "o"), ("lo", "w"), ("e", "r"), ("Ġ", "lo"), ("aa", "a"), ("w", "er"),
       ("a", "b"), ("low", "er"), ("Ã", "©"), ("ð", "Ł"), ("'", "s"), ("1", "1")]
TOKENIZERS = {
    "toy": toy_tokenizer(TOY),
    "two added": toy_tokenizer(TOY, ("<|endoftext|>", "<|end", "lower")),
    "bytes": byte_tokenizer(),
    "embedded": embedded_tokenizer(),
}
RULES = {name: tokenization.rules(tokenizer) for name, tokenizer in TOKENIZERS.items()}
TEXT = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(["a", "aa", "aaab", " low", "lower", "é", "e\u0301", " ", "\n", "\t", "'s",
                         "'", "11", "٣", "🧠", "👨\u200d👩", "שלום", "\x00", "<|endoftext|>",
                         "<|end", "|>", "\u3000", "the ", "<b>", "$x$", "\ud800"]),
        max_size=14,
    ).map("".join),
)


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=400)
@given(text=TEXT)
def test_the_steps_are_the_tokenizer(name, text):
    ids = tokenization.encode(RULES[name], text)
    assert ids == tokens.encode(TOKENIZERS[name], text).tolist()


@pytest.mark.skipif(not REAL_GPT2.is_dir(), reason="GPT-2's merges are not on this machine")
@settings(max_examples=400)
@given(text=TEXT)
def test_the_steps_are_gpt2s_tokenizer(text):
    assert tokenization.encode(_gpt2()[1], text) == tokens.encode(_gpt2()[0], text).tolist()


@cache
def _gpt2():
    tokenizer = GPT2Tokenizer.from_pretrained(REAL_GPT2, local_files_only=True)
    return tokenizer, tokenization.rules(tokenizer)


@given(text=TEXT)
def test_the_pieces_are_the_text(text):
    pieces = tokenization.pieces(RULES["toy"], text)
    assert b"".join(p.raw for p in pieces) == text.encode("utf-8", "replace")


@settings(deadline=None)
@given(text=TEXT)
def test_every_row_follows_from_the_one_before(text):
    for piece in tokenization.pieces(RULES["toy"], text):
        rows = tokenization.rows(RULES["toy"], piece, most=len(piece.letters))
        for now, then in pairwise(rows):
            assert now.rank == min(rank for rank in now.ranks if rank is not None)
            assert [now.ranks[i] for i in now.joined] == [now.rank] * len(now.joined)
            starts = [a for i, (a, _) in enumerate(now.parts) if i - 1 not in now.joined]
            assert [a for a, _ in then.parts] == starts
        if piece.kind != "special":
            assert rows[-1].rank is None and set(rows[-1].ranks) <= {None}
            pieces = [piece.letters[a:b] for a, b in rows[-1].parts]
            assert [RULES["toy"].ids[p] for p in pieces] == tokenization.ids(RULES["toy"], piece)


def test_a_word_by_hand():
    (piece,) = tokenization.pieces(RULES["toy"], "lower")
    rows = tokenization.rows(RULES["toy"], piece)
    texts = [[piece.letters[a:b] for a, b in row.parts] for row in rows]
    assert texts == [list("lower"), ["lo", "w", "e", "r"], ["low", "e", "r"], ["low", "er"],
                     ["lower"]]
    assert [row.rank for row in rows] == [1, 2, 3, 8, None]
    assert rows[0].ranks == [1, None, None, 3]
    assert tokenization.merges(RULES["toy"], piece)[0] == tokenization.Merge(1, 0, 1, 2)


def test_of_overlapping_pairs_the_left_one_goes_first():
    (piece,) = tokenization.pieces(RULES["toy"], "aaaaa")
    rows = tokenization.rows(RULES["toy"], piece)
    assert [row.parts for row in rows] == [
        [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)],
        [(0, 2), (2, 4), (4, 5)],  # two merges of one rank share a row
        [(0, 2), (2, 5)],
    ]


def test_a_long_word_is_drawn_in_part_and_merged_whole():
    (piece,) = tokenization.pieces(RULES["toy"], "lower" * 500)
    rows = tokenization.rows(RULES["toy"], piece, most=12)
    assert [a for a, _ in rows[0].parts] == list(range(12))
    assert [a for a, _ in rows[-1].parts] == [0, 5, 10]
    assert len(tokenization.ids(RULES["toy"], piece)) == 500


@pytest.mark.parametrize(
    "text, kinds",
    [
        ("it's 42, ok", ["letters", "contraction", "digits", "other", "letters"]),
        ("a  b", ["letters", "space", "letters"]),
        ("\n\n", ["space"]),
        (" ", ["space"]),
        ("x<|endoftext|>", ["letters", "special"]),
        ("👨\u200d👩", ["other"]),
        ("e\u0301", ["letters", "other"]),
        ("٣", ["digits"]),
        ("a\x1fb", ["letters", "other", "letters"]),  # a space to Python, not to the expression
    ],
)
def test_which_branch_cut_a_piece(text, kinds):
    assert [piece.kind for piece in tokenization.pieces(RULES["toy"], text)] == kinds


def test_the_empty_text_has_no_piece():
    assert tokenization.pieces(RULES["toy"], "") == []
    assert tokenization.encode(RULES["toy"], "") == []


def test_what_makes_a_piece():
    assert RULES["toy"].made_by["low"] == ("lo", "w")
    assert "l" not in RULES["toy"].made_by


def test_another_kind_of_tokenizer_is_said():
    raw = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(tokenization.TokenizationError, match="found WordLevel on Whitespace"):
        tokenization.rules(PreTrainedTokenizerFast(tokenizer_object=raw))


def test_merges_written_the_old_way_are_read():
    tokenizer = TOKENIZERS["toy"]
    said = json.loads(tokenizer.backend_tokenizer.to_str())
    said["model"]["merges"] = [" ".join(pair) for pair in said["model"]["merges"]]

    class Backend:
        to_str = staticmethod(lambda: json.dumps(said))

    class Old:
        backend_tokenizer = Backend

    assert tokenization.rules(Old).ranks == RULES["toy"].ranks


# -- the vocabulary -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def words(tiny):
    return vocabulary.read(tiny)


def test_every_token_is_found_by_its_id_and_its_bytes(words, tiny):
    assert len(words.raw) == 257 and words.special == {256}
    for i in range(257):
        assert words.raw[i] == tokens.token_bytes(tiny.tokenizer, i)
        assert vocabulary.search(words, f"#{i}").tolist() == [i]
        assert vocabulary.find(words, f"#{i}", tiny.tokenizer) == i
    assert words.texts == tokens.display(tiny.tokenizer, range(257))


def test_a_row_without_a_token_has_a_name(tiny):
    model = type("Model", (), {"config": type("Config", (), {"vocab_size": 259})})
    wider = type("Wider", (), {"model": model, "tokenizer": tiny.tokenizer})
    words = vocabulary.read(wider)
    assert words.texts[257:] == ["‹unused 257›", "‹unused 258›"]
    assert vocabulary.search(words, "unused").tolist() == [257, 258]


def test_search_by_text(words):
    letters = [words.texts[i] for i in vocabulary.search(words, "q")]
    assert letters == ["Q", "q"]
    assert vocabulary.search(words, "ENDOFTEXT").tolist() == [256]
    assert vocabulary.search(words, "no such token").size == 0
    assert vocabulary.search(words, "").tolist() == list(range(257))
    assert [words.texts[i] for i in vocabulary.search(words, " ")] == ["·"]
    assert len(vocabulary.search(words, "‹FF›")) == 1


@pytest.mark.parametrize("wanted", ["#257", "#99999999999999999999"])
def test_an_id_out_of_range_is_said(words, tiny, wanted):
    with pytest.raises(ValueError, match="0 to 256"):
        vocabulary.search(words, wanted)
    with pytest.raises(ValueError, match="0 to 256"):
        vocabulary.find(words, wanted, tiny.tokenizer)


def test_one_token_by_its_text(words, tiny):
    assert words.texts[vocabulary.find(words, " ", tiny.tokenizer)] == "·"
    assert vocabulary.find(words, "#", tiny.tokenizer) == words.id_of(b"#")


@pytest.mark.parametrize("wanted, n", [("ab", 2), ("", 0), ("東", 3), ("x" * 500, 500)])
def test_what_is_not_one_token_is_said(words, tiny, wanted, n):
    with pytest.raises(ValueError, match=f"which is {n} tokens"):
        vocabulary.find(words, wanted, tiny.tokenizer)


@given(text=st.text(max_size=8))
def test_any_search_finds_only_what_contains_it(text):
    words = vocabulary.Vocabulary([b"a", b" the", b"\xe2\x82", "é".encode(), None], frozenset())
    try:
        found = vocabulary.search(words, text)
    except ValueError:
        assert text.startswith("#")
        return
    assert all(0 <= i < 5 for i in found) and sorted(found) == list(found)
