"""Good folders into a loaded model: transformers' own numbers, whatever the files are called."""

import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import GPT2LMHeadModel

from model.loading import checkpoint, weights
from model.loading.errors import CheckpointError
from model.run import tap
from tests.checkpoint_folders import IDS, edit_config, edit_weights, problem
from tests.conftest import byte_tokenizer, random_gpt2


def test_logits_equal_transformers_own_loading(folder):
    loaded = checkpoint.load(str(folder))
    stock = GPT2LMHeadModel.from_pretrained(folder).eval()
    assert loaded.model(IDS).logits.equal(stock(IDS).logits)
    assert isinstance(loaded.model, GPT2LMHeadModel) and not loaded.model.training
    assert not any(p.requires_grad for p in loaded.model.parameters())
    assert loaded.model.config._attn_implementation == tap.ATTENTION
    assert loaded.model.lm_head.weight is loaded.model.transformer.wte.weight
    assert loaded.warnings == ()


def test_the_files_may_change_after_loading(folder):
    loaded = checkpoint.load(str(folder))
    before = loaded.model(IDS).logits
    path = folder / "model.safetensors"
    with path.open("r+b") as file:  # in place, as a careless copy would
        file.write(b"\0" * path.stat().st_size)
    assert loaded.model(IDS).logits.equal(before)


def test_keys_as_the_hubs_gpt2_has_them(folder):
    """No `transformer.` prefix, and the causal masks of old as buffers."""

    def as_on_the_hub(tensors):
        bare = {name.removeprefix("transformer."): x for name, x in tensors.items()}
        for layer in range(3):
            bare[f"h.{layer}.attn.bias"] = torch.ones(1, 1, 64, 64).tril()
            bare[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
        return bare

    edit_weights(folder, as_on_the_hub)
    loaded = checkpoint.load(str(folder))
    assert loaded.model(IDS).logits.equal(random_gpt2()(IDS).logits)
    assert loaded.warnings == ()


@pytest.mark.parametrize("tied_in_config", [True, False])
def test_an_unembedding_of_its_own_is_used_as_transformers_does(folder, tied_in_config):
    head = torch.randn(257, 32, generator=torch.Generator().manual_seed(1))
    edit_weights(folder, lambda tensors: tensors | {"lm_head.weight": head})
    edit_config(folder, tie_word_embeddings=tied_in_config)
    loaded = checkpoint.load(str(folder))
    stock = GPT2LMHeadModel.from_pretrained(folder).eval()
    assert loaded.model(IDS).logits.equal(stock(IDS).logits)
    assert loaded.model.lm_head.weight.equal(head)
    assert len(loaded.warnings) == tied_in_config


def test_a_stored_copy_of_the_tied_unembedding_stays_tied(folder):
    edit_weights(
        folder, lambda t: t | {"lm_head.weight": t["transformer.wte.weight"].clone()}
    )
    loaded = checkpoint.load(str(folder))
    assert loaded.model.lm_head.weight is loaded.model.transformer.wte.weight
    assert loaded.warnings == ()


def test_float16_file_into_float32_and_into_bfloat16(folder):
    edit_weights(folder, lambda tensors: {name: x.half() for name, x in tensors.items()})
    exact = checkpoint.load(str(folder))
    assert {p.dtype for p in exact.model.parameters()} == {torch.float32}
    small = checkpoint.load(str(folder), dtype="bfloat16")
    assert {p.dtype for p in small.model.parameters()} == {torch.bfloat16}
    assert "you chose" in small.placement.reason and small.model(IDS).logits.isfinite().all()


def test_safetensors_come_before_pickled_weights(folder):
    (folder / "pytorch_model.bin").write_bytes(b"not even a pickle")
    assert checkpoint.load(str(folder)).model(IDS).logits.equal(random_gpt2()(IDS).logits)


def test_pickled_weights_are_read_with_weights_only(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert checkpoint.load(str(folder)).model(IDS).logits.equal(random_gpt2()(IDS).logits)


def test_vocab_and_merges_make_the_same_tokens(folder):
    text = "Hi 🙂  the\n\tcafé <|endoftext|>!"
    (folder / "vocab.json").write_text(json.dumps(byte_tokenizer().get_vocab()))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    whole = checkpoint.load(str(folder)).tokenizer(text)["input_ids"]
    (folder / "tokenizer.json").unlink()
    parts = checkpoint.load(str(folder)).tokenizer
    assert parts(text)["input_ids"] == whole and 256 in whole
    assert parts.decode(whole) == text


def test_a_tokenizer_that_cuts_is_made_to_keep_everything(folder):
    path = folder / "tokenizer.json"
    cuts = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"truncation": cuts}))
    assert len(checkpoint.load(str(folder)).tokenizer("a" * 50)["input_ids"]) == 50


def test_an_added_token_without_a_row_is_left_out(folder):
    path = folder / "tokenizer.json"
    raw = json.loads(path.read_text())
    pad = {"id": 257, "content": "[PAD]", "special": True, "single_word": False, "lstrip": False,
           "rstrip": False, "normalized": False}
    path.write_text(json.dumps(raw | {"added_tokens": [*raw["added_tokens"], pad]}))
    loaded = checkpoint.load(str(folder))
    assert max(loaded.tokenizer("[PAD]")["input_ids"]) < 257
    assert "[PAD]" in loaded.warnings[0]


def test_fingerprint_follows_weights_config_and_tokenizer(folder, saved):
    same, first = weights.fingerprint(saved), weights.fingerprint(folder)
    assert first == same
    edit_config(folder, layer_norm_epsilon=1e-4)
    second = weights.fingerprint(folder)
    edit_weights(folder, lambda t: t | {"transformer.ln_f.bias": torch.full((32,), 1e-6)})
    third = weights.fingerprint(folder)
    (folder / "tokenizer.json").write_text("{}")
    assert len({first, second, third, weights.fingerprint(folder)}) == 4


def test_odd_files_load_with_a_warning(folder):
    def spoil(tensors):
        tensors["transformer.h.1.ln_1.bias"][3] = torch.nan
        return tensors | {"score.weight": torch.zeros(2, 32)}

    edit_weights(folder, spoil)
    left_out, not_finite = checkpoint.load(str(folder)).warnings
    assert "score.weight" in left_out and "transformer.h.1.ln_1.bias" in not_finite


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, kind", [
    ("embedded", "embedded"), ("gpt2", "hub"), ("gpt2-xl", "hub"), ("owner/name", "hub"),
    ("/somewhere", "folder"), ("./gpt2", "folder"), ("~/models", "folder"), ("..", "folder"),
    (r"C:\models\gpt2", "folder"), ("\0", "hub"), ("x" * 5000, "hub"),
])
def test_source(name, kind):
    assert checkpoint.source(name) == kind


def test_a_relative_folder_is_a_folder_but_a_known_name_is_the_hubs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("runs/one", "gpt2"):
        (tmp_path / name).mkdir(parents=True)
    assert checkpoint.source("runs/one") == "folder" and checkpoint.source("gpt2") == "hub"


def test_a_file_is_not_asked_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    for name in ("notes.txt", str(tmp_path / "notes.txt")):
        assert checkpoint.source(name) == "folder"
        with pytest.raises(CheckpointError, match="notes.txt is a file. Choose the folder"):
            checkpoint.find(name)


@pytest.mark.parametrize("name", ["\0", "x" * 5000, "a b", "/\0"])
def test_what_is_no_name_is_one_sentence(name):
    assert "hub name" in problem(name)
