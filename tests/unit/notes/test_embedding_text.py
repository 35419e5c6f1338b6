"""A text's vector: the mean of exactly those hidden states that it says."""

import json

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from model.notes.embedding_text import HiddenStates, load_sentence_model
from model.notes.note import NotesError
from model.run import tokens

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "is", "old", "i", "live", "in", "rome",
         "."]


@pytest.mark.parametrize("layer", [0, 1, 3])
def test_the_mean_is_of_transformers_own_hidden_states(tiny, eager, layer):
    """Of the hidden states before block `layer`, <|endoftext|> left out; eager is the stock model.
    transformers' own last one stands behind the final LayerNorm, so the hook looks before it."""
    text, seen = "I live in Rome.", []
    ids = torch.tensor([256, *tokens.encode(tiny.tokenizer, text)])[None]
    hook = eager.transformer.ln_f.register_forward_pre_hook(lambda m, x: seen.append(x[0]))
    states = list(eager(ids, output_hidden_states=True).hidden_states)
    hook.remove()
    states[-1] = seen[0]
    vector = HiddenStates(tiny, layer).embed([text])[0]
    np.testing.assert_allclose(vector, states[layer][0, 1:].mean(0), rtol=1e-4, atol=1e-5)
    assert HiddenStates(tiny, layer).width == vector.shape[0]


def test_another_layer_or_model_is_another_key(tiny):
    assert HiddenStates(tiny, 0).key != HiddenStates(tiny, 1).key
    assert tiny.fingerprint in HiddenStates(tiny, 0).key


def test_a_long_text_and_an_empty_one_have_a_vector(tiny):
    long = "x" * 1000
    vectors = HiddenStates(tiny, 1).embed([long, long[-63:], ""])
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert np.isfinite(vectors).all()


def test_weights_that_are_no_numbers_are_said(tiny, monkeypatch):
    weight = tiny.model.transformer.wpe.weight
    kept = weight[2].clone()
    weight.data[2] = torch.nan
    try:
        with pytest.raises(NotesError, match="finite vectors"):
            HiddenStates(tiny, 1).embed(["abcd"])
    finally:
        weight.data[2] = kept


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A random BERT in a folder, as sentence-embedding models are."""
    folder = tmp_path_factory.mktemp("sentence model")
    raw = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    raw.normalizer, raw.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()
    raw.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]",
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2,
                        num_attention_heads=2, intermediate_size=32, max_position_embeddings=12)
    BertModel(config).save_pretrained(folder)
    return folder


def test_a_sentence_model_is_the_mean_of_its_last_states(bert):
    loaded = load_sentence_model(bert)
    stock = BertModel.from_pretrained(bert).eval()
    texts = ["The cat is old.", "I live in Rome.", "cat"]
    together = loaded.embed(texts)
    assert together.shape == (3, 16) == (3, loaded.width) and loaded.odd == ""
    for text, vector in zip(texts, together):
        ids = torch.tensor([loaded.tokenizer(text)["input_ids"]])
        expected = stock(ids).last_hidden_state[0].mean(0).detach()
        np.testing.assert_allclose(vector, expected, atol=1e-5)  # padding counts for nothing
    assert loaded.embed(["cat " * 99]).shape == (1, 16)


def test_other_pooling_is_said(bert, tmp_path):
    folder = tmp_path / "cls"
    folder.mkdir()
    for file in bert.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "1_Pooling").mkdir()
    told = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(told))
    assert "another pooling" in load_sentence_model(folder).odd


def test_its_key_follows_its_bytes(bert, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in bert.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    assert load_sentence_model(folder).key == load_sentence_model(bert).key
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    assert load_sentence_model(folder).key != load_sentence_model(bert).key


def test_folders_that_are_no_sentence_model(bert, tmp_path):
    with pytest.raises(NotesError, match="choose a folder that holds"):
        load_sentence_model(tmp_path / "nowhere")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{}")
    (broken / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(NotesError, match="model.safetensors"):
        load_sentence_model(broken)
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(NotesError, match="could not load one"):
        load_sentence_model(broken)


def test_missing_weights_are_not_made_up(bert, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "half"
    folder.mkdir()
    for file in bert.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    tensors = load_file(folder / "model.safetensors")
    some = {k: v for k, v in tensors.items() if "layer.1" not in k}
    save_file(some, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(NotesError, match="has none for"):
        load_sentence_model(folder)
