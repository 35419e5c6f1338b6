"""nanoGPT's checkpoints and renamed weights become folders that transformers loads."""

import pickle

import pytest
import torch
from safetensors import SafetensorError
from transformers import AutoTokenizer, GPT2LMHeadModel

from model.__main__ import main
from model.loading import checkpoint, conversion
from model.loading.errors import CheckpointError
from model.loading.naming import MATRICES
from model.run import tokens
from tests.checkpoint_folders import IDS, edit_weights
from tests.conftest import random_gpt2
from tests.odd_tokenizers import own_parts

ARGS = {"n_layer": 3, "n_head": 4, "n_embd": 32, "block_size": 64, "vocab_size": 257, "bias": True,
        "dropout": 0.0}
TEXT = "hi a\nb"


def nanogpt(folder, bias=True, **args):
    """nanoGPT's ckpt.pt of `random_gpt2`, compiled; returns that GPT-2 with the exact GELU."""
    model = random_gpt2()
    model.config.activation_function = "gelu"
    model = type(model)(model.config).eval().requires_grad_(False)
    model.load_state_dict(random_gpt2().state_dict())
    if not bias:
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    state = {
        f"_orig_mod.{name}": x.t() if MATRICES.fullmatch(name.removeprefix("transformer.")) else x
        for name, x in model.state_dict().items() if bias or not name.endswith("bias")
    }
    whole = {"model": state, "optimizer": {"state": {}}, "model_args": ARGS | args, "iter_num": 5,
             "best_val_loss": torch.tensor(1.5), "config": {"dataset": "x"}}
    torch.save(whole, folder / "ckpt.pt")
    return model


@pytest.mark.parametrize("bias", [True, False])
def test_nanogpt_becomes_a_folder_of_transformers(tmp_path, capsys, bias):
    model = nanogpt(tmp_path, bias)
    own_parts(tmp_path)
    out = tmp_path / "out"
    assert main(["convert", str(tmp_path), "--out", str(out)]) == 0
    assert "transposed" in capsys.readouterr().out
    stock = GPT2LMHeadModel.from_pretrained(out).eval()
    torch.testing.assert_close(stock(IDS).logits, model(IDS).logits, rtol=0, atol=1e-5)
    loaded = checkpoint.load(str(out))
    assert loaded.model(IDS).logits.equal(stock(IDS).logits)
    assert tokens.encode(loaded.tokenizer, "Hi").tolist() == AutoTokenizer.from_pretrained(out)(
        "Hi")["input_ids"]


def test_a_folder_of_nanogpt_is_sent_to_convert(tmp_path):
    nanogpt(tmp_path)
    with pytest.raises(CheckpointError, match=f"model convert {tmp_path}"):
        checkpoint.load(str(tmp_path))


def test_characters_of_nanogpt(tmp_path):
    nanogpt(tmp_path)
    letters = sorted(set(TEXT))
    stoi = {c: i for i, c in enumerate(letters)}
    meta = {"vocab_size": len(letters), "stoi": stoi, "itos": {i: c for c, i in stoi.items()}}
    (tmp_path / "meta.pkl").write_bytes(pickle.dumps(meta))
    said = conversion.convert(tmp_path / "ckpt.pt", tmp_path / "out")
    assert f"Each of {len(letters)} characters" in said[-1]
    loaded = checkpoint.load(str(tmp_path / "out"))
    ids = tokens.encode(loaded.tokenizer, TEXT + "?")
    assert ids.tolist() == [stoi[c] for c in TEXT + " "]
    assert tokens.decode(loaded.tokenizer, ids) == TEXT + " "


def test_turned_and_renamed_weights_of_a_folder(folder, tmp_path):
    edit_weights(folder, lambda t: {
        f"module.{k}": x.t() if MATRICES.fullmatch(k.removeprefix("transformer.")) else x
        for k, x in t.items()})
    conversion.convert(folder, tmp_path / "out")
    stock = GPT2LMHeadModel.from_pretrained(tmp_path / "out").eval()
    assert stock(IDS).logits.equal(random_gpt2()(IDS).logits)
    assert checkpoint.load(str(tmp_path / "out")).warnings == ()


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("file", ["ckpt.pt", "meta.pkl"])
def test_code_in_pickles_is_not_run(tmp_path, file):
    nanogpt(tmp_path)
    evil = {"stoi": Evil(tmp_path / "ran"), "model": {}}
    (tmp_path / "meta.pkl").write_bytes(pickle.dumps({"stoi": {"a": 0}}))
    (tmp_path / file).write_bytes(pickle.dumps(evil))
    with pytest.raises(CheckpointError):
        conversion.convert(tmp_path, tmp_path / "out")
    assert not (tmp_path / "ran").exists() and not (tmp_path / "out").exists()


def test_characters_may_lie_in_the_tokenizers_folder(tmp_path):
    nanogpt(tmp_path)
    (tmp_path / "its").mkdir()
    (tmp_path / "its" / "meta.pkl").write_bytes(pickle.dumps({"stoi": {"a": 0, "b": 1}}))
    conversion.convert(tmp_path / "ckpt.pt", tmp_path / "out", tmp_path / "its")
    loaded = checkpoint.load(str(tmp_path / "out"))
    assert tokens.encode(loaded.tokenizer, "ba").tolist() == [1, 0]


@pytest.mark.parametrize("characters, said", [
    ({}, "it lists none"), ({"a": -1}, "its ids are not 1 different"), ({"a": 0, "b": 0}, "its ids are not 2"),
    ({"a": 2**70}, "its ids are not"),
])
def test_a_vocabulary_without_characters_is_refused(tmp_path, characters, said):
    nanogpt(tmp_path)
    (tmp_path / "meta.pkl").write_bytes(pickle.dumps({"stoi": characters}))
    with pytest.raises(CheckpointError, match=said):
        conversion.convert(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_numbers_that_are_not_finite_are_said(tmp_path):
    nanogpt(tmp_path)
    own_parts(tmp_path)
    whole = torch.load(tmp_path / "ckpt.pt")
    whole["model"]["_orig_mod.transformer.ln_f.bias"][0] = torch.nan
    torch.save(whole, tmp_path / "ckpt.pt")
    said = conversion.convert(tmp_path, tmp_path / "out")
    assert "NaN or infinity in transformer.ln_f.bias." in said


def test_a_full_disk_is_said_and_a_second_try_is_free(tmp_path, monkeypatch):
    nanogpt(tmp_path)
    own_parts(tmp_path)

    def full(self, out):
        (out / "config.json").write_text("{}")
        raise SafetensorError("I/O error: No space left on device")

    with monkeypatch.context() as patch, pytest.raises(CheckpointError, match="No space left.*Make room"):
        patch.setattr(GPT2LMHeadModel, "save_pretrained", full)
        conversion.convert(tmp_path, tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))
    assert conversion.convert(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("spoil, said", [
    (lambda f: (f / "vocab.json").unlink() or (f / "merges.txt").unlink(), "nanoGPT saves none"),
    (lambda f: (f / "out").mkdir(), "something at"),
    (lambda f: torch.save({"model": {}}, f / "ckpt.pt"), "no model_args"),
    (lambda f: torch.save({"model_args": ARGS}, f / "ckpt.pt"), "`model` is missing"),
    (lambda f: (f / "ckpt.pt").write_bytes(b"x"), "ckpt.pt"),
    (lambda f: (f / "ckpt.pt").unlink(), "ckpt.pt"),
    (lambda f: nanogpt(f, n_head=0), "n_head = 0"),
    (lambda f: nanogpt(f, n_layer=-1), "n_layer = -1"),
])
def test_what_cannot_be_converted_is_one_sentence(tmp_path, spoil, said):
    nanogpt(tmp_path)
    own_parts(tmp_path)
    spoil(tmp_path)
    with pytest.raises(CheckpointError, match=said) as raised:
        conversion.convert(tmp_path, tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out" / "config.json").exists() and not list(tmp_path.glob(".*"))
