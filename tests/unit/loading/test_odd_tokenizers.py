"""Whatever tokenizer AutoTokenizer loads gives AutoTokenizer's ids, shown as what they are."""

import json

import numpy as np
import pytest
from transformers import AutoTokenizer

from model.analysis import surprisal, tokenization, vocabulary
from model.loading import checkpoint, weights
from model.memory.answer import Answer, pieces
from model.run import tokens, trace
from tests import odd_tokenizers as odd
from tests.checkpoint_folders import edit_config, problem
from tests.conftest import random_gpt2

TEXTS = ["Hi there", " Hi", "für größer café ist", "🙂\n\n a\t", "a <|pad|> für", "<|endoftext|>a",
         "<s>a</s> [CLS] ist", ""]
KINDS = [odd.own_parts, odd.added_beside, odd.added_in_settings, odd.with_space, odd.with_beginning,
         odd.wordpiece, odd.wordpiece_in_one_file, odd.unigram, odd.characters, odd.bytes_of_t5,
         odd.ends_of_words, odd.with_holes]


@pytest.fixture
def made(tmp_path):
    """Writes a folder with a tokenizer of some kind and random weights for its vocabulary."""

    def write(kind, n_more=0):
        folder = tmp_path / kind.__name__
        folder.mkdir()
        n_vocab = kind(folder)
        model = random_gpt2(vocab_size=n_vocab + n_more)
        ends = {"bos_token_id": None, "eos_token_id": None}
        model.config.update(ends)
        model.generation_config.update(**ends)
        model.save_pretrained(folder)
        return folder

    return write


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_transformers_own(made, kind):
    folder = made(kind)
    loaded, stock = checkpoint.load(str(folder)), AutoTokenizer.from_pretrained(folder)
    for text in TEXTS[:-1]:
        assert tokens.encode(loaded.tokenizer, text).tolist() == stock(text)["input_ids"]
        part = stock(text, add_special_tokens=False)["input_ids"]
        assert tokens.encode_part(loaded.tokenizer, text).tolist() == part
        assert all(tokens.display(loaded.tokenizer, part))
    assert len(tokens.encode(loaded.tokenizer, "")) == 0


@pytest.mark.parametrize("kind, text, shown", [
    (odd.wordpiece, "für größer", ["[CLS]", "für", "größ", "##er", "[SEP]"]),
    (odd.wordpiece_in_one_file, "für café", ["für", "café"]),
    (odd.ends_of_words, "für Hi", ["für·", "Hi·"]),
    (odd.characters, "aü .", ["a", "ü", "·", "."]),
    (odd.added_beside, "a für", ["a", "·", "für"]),
    (odd.added_in_settings, "für<|pad|>", ["für", "<|pad|>"]),
    (odd.bytes_of_t5, "aü", ["a", "‹C3›", "‹BC›", "</s>"]),
    (odd.own_parts, "aü", ["a", "‹C3›", "‹BC›"]),
])
def test_tokens_are_shown_as_what_they_stand_for(made, kind, text, shown):
    loaded = checkpoint.load(str(made(kind)))
    ids = tokens.encode(loaded.tokenizer, text)
    assert tokens.display(loaded.tokenizer, ids) == shown
    words = vocabulary.read(loaded)
    assert [words.texts[i] for i in ids] == shown


def test_a_space_of_sentencepiece_is_shown_as_a_space(made):
    loaded = checkpoint.load(str(made(odd.unigram)))
    ids = tokens.encode(loaded.tokenizer, "Hi für")
    shown = "".join(tokens.display(loaded.tokenizer, ids))
    assert shown == "·Hi·für" and tokens.decode(loaded.tokenizer, ids).strip() == "Hi für"


def test_an_added_word_is_decoded_as_itself(made):
    """transformers takes its letters for bytes."""
    loaded = checkpoint.load(str(made(odd.added_beside)))
    text = "a für ü<|pad|>"
    assert tokens.decode(loaded.tokenizer, tokens.encode(loaded.tokenizer, text)) == text


@pytest.mark.parametrize("kind", [odd.unigram, odd.characters, odd.wordpiece, odd.bytes_of_t5])
def test_the_steps_of_byte_level_bpe_are_shown_of_no_other(made, kind):
    loaded = checkpoint.load(str(made(kind)))
    assert not tokens.is_byte_level(loaded.tokenizer)
    with pytest.raises(tokenization.TokenizationError, match="no byte-level BPE"):
        tokenization.rules(loaded.tokenizer)


def test_bytes_of_words_count_the_spaces_between_them(made):
    loaded = checkpoint.load(str(made(odd.wordpiece_in_one_file)))
    ids = tokens.encode(loaded.tokenizer, "ist für größer")
    total = surprisal.read(loaded, trace.run(loaded, ids)).total
    assert total is not None and total.n_bytes == len(" für größer".encode())


def test_what_a_tokenizer_puts_round_a_text_is_said(made):
    (said, *_) = checkpoint.load(str(made(odd.with_beginning))).warnings
    assert "<|endoftext|> before it" in said
    said = checkpoint.load(str(made(odd.wordpiece))).warnings[0]
    assert "[CLS] before it and [SEP] behind it" in said


def test_a_character_without_a_token_is_one_sentence(made):
    loaded = checkpoint.load(str(made(odd.without_unknown)))
    assert tokens.encode(loaded.tokenizer, "ab").tolist() == [0, 1]
    with pytest.raises(ValueError, match="no token for a part of the text"):
        tokens.encode(loaded.tokenizer, "abz")


def test_vocab_txt_alone_is_read_as_berts_and_said(made):
    folder = made(odd.wordpiece)
    (folder / "tokenizer_config.json").unlink()
    loaded = checkpoint.load(str(folder))
    ids = tokens.encode_part(loaded.tokenizer, "Hi größer")
    assert tokens.display(loaded.tokenizer, ids) == ["Hi", "größ", "##er"]
    assert "read as BERT's" in loaded.warnings[0]
    edit_config(folder, tokenizer_class="BertTokenizer")
    assert "read as" not in " ".join(checkpoint.load(str(folder)).warnings)


def test_more_rows_than_tokens_and_fewer(made):
    padded = checkpoint.load(str(made(odd.added_beside, n_more=5)))
    assert tokens.encode(padded.tokenizer, "<|pad|>").tolist() == [257]
    assert tokens.display(padded.tokenizer, [263]) == ["‹no token 263›"]
    small = checkpoint.load(str(made(odd.added_in_settings, n_more=-1)))
    assert tokens.encode(small.tokenizer, "<|pad|>ü").max() == 257
    assert "1 added tokens have no row" in small.warnings[0] and "'für'" in small.warnings[0]


@pytest.mark.parametrize("kind, n_more, without", [(odd.with_holes, 0, 4), (odd.own_parts, 5, 260)])
def test_a_row_without_a_token_can_be_drawn(made, kind, n_more, without):
    """A padded table, or a vocabulary with holes: the model may find such a row the best."""
    loaded = checkpoint.load(str(made(kind, n_more)))
    ids = [*tokens.encode(loaded.tokenizer, "ab"), without]
    assert tokens.display(loaded.tokenizer, ids) == ["a", "b", f"‹no token {without}›"]
    assert tokens.decode(loaded.tokenizer, ids) == "ab" and tokens.n_text_bytes(loaded.tokenizer, without) == 0
    said = pieces(loaded.tokenizer, Answer(np.array(ids), np.zeros(3), "ab"))
    assert "".join(piece.text for piece in said).startswith("ab")
    assert surprisal.read(loaded, trace.run(loaded, ids)).total is not None


def test_code_of_the_folder_is_not_run_but_its_files_are_read(made):
    folder = made(odd.own_parts)
    odd.settings(folder, tokenizer_class="Mine", auto_map={"AutoTokenizer": ["mine.Mine", None]})
    (folder / "mine.py").write_text("raise SystemExit('ran')\n")
    loaded = checkpoint.load(str(folder))
    assert tokens.display(loaded.tokenizer, tokens.encode(loaded.tokenizer, "Hi")) == ["H", "i"]
    assert "read as GPT-2's" in loaded.warnings[0]


def test_half_of_a_tokenizer_is_none(made):
    folder = made(odd.own_parts)
    (folder / "merges.txt").unlink()
    (folder / "vocab.json").unlink()
    assert "found neither" in problem(folder)


def test_whatever_changes_ids_changes_the_fingerprint(made):
    folder = made(odd.own_parts)
    marks = [weights.fingerprint(folder)]
    (folder / "added_tokens.json").write_text(json.dumps({"<|pad|>": 256}))
    marks.append(weights.fingerprint(folder))
    odd.settings(folder, add_prefix_space=False)
    assert weights.fingerprint(folder) == marks[-1]
    odd.settings(folder, add_prefix_space=True)
    assert weights.fingerprint(folder) not in marks
