"""Broken folders: one sentence each, and nothing of a pickle is ever run."""

import json
import pickle

import pytest
import torch

from tests.checkpoint_folders import edit_config, edit_weights, problem


def test_no_folder_and_an_empty_one(tmp_path):
    assert f"There is no folder {tmp_path / 'nowhere'}" in problem(tmp_path / "nowhere")
    assert "an empty folder" in problem(tmp_path)


@pytest.mark.parametrize("text", ["", "<html>", "[1, 2]", "{\"a\": ", "[" * 100_000, "\ufeff\0"])
def test_config_that_is_no_json_object(folder, text):
    (folder / "config.json").write_text(text)
    assert "config.json" in problem(folder)


def test_config_that_is_not_even_text(folder):
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")
    assert "Not JSON" in problem(folder)


@pytest.mark.parametrize("changes, found", [
    ({"model_type": "llama"}, "'llama'"),
    ({"model_type": None}, "None"),
    ({"n_embd": 33}, "does not divide"),
    ({"n_layer": 0}, "n_layer = 0"),
    ({"n_head": -4}, "n_head = -4"),
    ({"n_layer": "3"}, "expected int"),
    ({"activation_function": "magic"}, "'magic'"),
    ({"add_cross_attention": True}, "cross-attention"),
    ({"quantization_config": {"bits": 4}}, "quantized"),
    ({"n_layer": 10**12}, "the weights have 3"),
    ({"n_layer": 2}, "the weights have 3"),
    ({"n_positions": 128}, "(128, 32)"),
    ({"vocab_size": 300}, "(300, 32)"),
    ({"n_inner": 64}, "(32, 64)"),
    ({"n_embd": 64}, "(257, 64)"),
    ({"tie_word_embeddings": False}, "lm_head.weight"),
])
def test_config_that_does_not_fit(folder, changes, found):
    edit_config(folder, **changes)
    assert found in problem(folder)


def test_a_missing_tensor(folder):
    edit_weights(
        folder, lambda t: {k: v for k, v in t.items() if k != "transformer.h.1.mlp.c_fc.bias"}
    )
    assert "all but h.1.mlp.c_fc.bias" in problem(folder)


def test_integers_instead_of_weights(folder):
    edit_weights(folder, lambda t: t | {"transformer.ln_f.bias": torch.zeros(32, dtype=torch.int8)})
    assert "ln_f.bias is I8 in" in problem(folder)


def test_no_weights_at_all(folder):
    (folder / "model.safetensors").unlink()
    assert "No model.safetensors" in problem(folder)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_truncated_weights(folder, keep):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    assert "model.safetensors" in problem(folder)


@pytest.mark.parametrize("header", [
    b"[]", b"{}", b'{"a": 1}', b'{"a": {"data_offsets": [0, 0]}}', b"\xff", b"[" * 100_000,
    b'{"wte.weight": {"dtype": "F32", "shape": [257, 32], "data_offsets": [0]}}',
    b'{"wte.weight": {"dtype": "F32", "shape": "no", "data_offsets": ["a", "b"]}}',
])
def test_a_header_that_lies(folder, header):
    path = folder / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    problem(folder)


def test_shapes_that_need_more_bytes_than_the_file_has(folder):
    """Names and shapes fit the config, the offsets do not fit the shapes."""
    path = folder / "model.safetensors"
    content = path.read_bytes()
    n = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + n])
    header["transformer.wte.weight"]["data_offsets"] = [0, 4]
    new = json.dumps(header).encode()
    path.write_bytes(len(new).to_bytes(8, "little") + new + content[8 + n:])
    problem(folder)


@pytest.mark.parametrize("index", [
    {}, {"weight_map": {}}, {"weight_map": ["a"]}, {"weight_map": {"wte.weight": "../secret"}},
    {"weight_map": {"wte.weight": "/etc/passwd"}}, {"weight_map": {"wte.weight": 3}},
])
def test_an_index_that_leads_elsewhere(folder, index):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "shard files of this folder" in problem(folder)


def test_a_missing_shard(folder):
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"wte.weight": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "all but model-00001-of-00002" in problem(folder)


class Evil:
    """What a pickle can do when it is loaded carelessly: here, make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_a_malicious_pickle_runs_nothing(folder, tmp_path, how):
    (folder / "model.safetensors").unlink()
    proof, target = tmp_path / "executed", folder / "pytorch_model.bin"
    with target.open("wb") as file:
        payload = {"wte.weight": Evil(proof)}
        pickle.dump(payload, file) if how == "pickle" else torch.save(payload, file)
    assert "ran none of it" in problem(folder)
    assert not proof.exists()
    with target.open("rb") as file:  # the same bytes do run where nothing holds them back
        pickle.load(file) if how == "pickle" else torch.load(target, weights_only=False)
    assert proof.exists()


@pytest.mark.parametrize("content", [
    b"", b"garbage", b"PK\x03\x04 broken zip", pickle.dumps([1, 2]), pickle.dumps({"a": 1}),
])
def test_a_pickled_file_without_weights(folder, content):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(content)
    assert "pytorch_model.bin" in problem(folder)


def test_no_tokenizer(folder):
    (folder / "tokenizer.json").unlink()
    assert "found neither" in problem(folder)


@pytest.mark.parametrize("text", ["", "{}", "[]", "<html>", '{"added_tokens": [3], "model": {}}'])
def test_a_broken_tokenizer(folder, text):
    (folder / "tokenizer.json").write_text(text)
    assert "tokenizer" in problem(folder)


def test_broken_vocab_and_merges(folder):
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text("no")
    (folder / "merges.txt").write_text("no")
    assert "does not take vocab.json and merges.txt" in problem(folder)


def test_a_tokenizer_larger_than_the_embedding(folder):
    path = folder / "tokenizer.json"
    raw = json.loads(path.read_text())
    raw["model"]["vocab"] |= {"extra": 257, "more": 258}
    path.write_text(json.dumps(raw))
    assert "has 259 tokens, config.json allows 257" in problem(folder)


def test_an_end_beyond_all_numbers_is_refused(folder):
    edit_config(folder, eos_token_id=10**30)
    assert "eos_token_id" in problem(folder)
