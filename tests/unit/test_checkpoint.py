"""Folders, good and broken, into a loaded model; devices that are not there, faked."""

import json
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2LMHeadModel

from model import checkpoint, placement, tap, weights
from model.errors import CheckpointError
from tests.conftest import byte_tokenizer, random_gpt2

IDS = torch.tensor([[72, 105, 32, 116, 104, 101, 114, 101]])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    random_gpt2().save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A checkpoint folder that a test may break."""
    return shutil.copytree(saved, tmp_path / "model")


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder, change):
    """Rewrite model.safetensors with what `change` makes of its tensors."""
    path = folder / "model.safetensors"
    save_file({k: v.contiguous() for k, v in change(load_file(path)).items()}, path)


def problem(folder, **how) -> str:
    with pytest.raises(CheckpointError) as raised:
        checkpoint.load(str(folder), **how)
    sentence = str(raised.value)
    assert sentence.startswith("wanted ") and "\n" not in sentence and "; " in sentence
    return sentence


# -- good folders --------------------------------------------------------------------------------


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


@pytest.mark.parametrize("name", ["\0", "x" * 5000, "a b", "/\0"])
def test_what_is_no_name_is_one_sentence(name):
    assert "hub name" in problem(name)


# -- broken folders: one sentence each -----------------------------------------------------------


def test_no_folder_and_an_empty_one(tmp_path):
    assert "found none" in problem(tmp_path / "nowhere")
    assert "an empty folder" in problem(tmp_path)


@pytest.mark.parametrize("text", ["", "<html>", "[1, 2]", "{\"a\": ", "[" * 100_000, "\ufeff\0"])
def test_config_that_is_no_json_object(folder, text):
    (folder / "config.json").write_text(text)
    assert "config.json" in problem(folder)


def test_config_that_is_not_even_text(folder):
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")
    assert "wanted JSON" in problem(folder)


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
    ({"n_layer": 10**12}, "3 in the weights"),
    ({"n_layer": 2}, "3 in the weights"),
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
    assert "found I8" in problem(folder)


def test_no_weights_at_all(folder):
    (folder / "model.safetensors").unlink()
    assert "wanted model.safetensors" in problem(folder)


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
    assert "byte-level BPE" in problem(folder)


def test_a_tokenizer_larger_than_the_embedding(folder):
    path = folder / "tokenizer.json"
    raw = json.loads(path.read_text())
    raw["model"]["vocab"] |= {"extra": 257, "more": 258}
    path.write_text(json.dumps(raw))
    assert "found 259" in problem(folder)


# -- where it runs -------------------------------------------------------------------------------


@pytest.fixture
def cuda(monkeypatch):
    """A GPU that is not there, with 2 GB free of what `choose` asks about."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Fake 9000")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2_000_000_000, 8_000_000_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 0)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)


def test_no_gpu(folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    place = checkpoint.load(str(folder)).placement
    assert (place.device.type, place.dtype) == ("cpu", torch.float32)
    assert place.reason.count(". ") == 1 and "finds no GPU" in place.reason
    assert "found only cpu" in problem(folder, device="cuda")


def test_a_gpu_with_room_is_taken(cuda):
    place = placement.choose("auto", "auto", 100_000_000)
    assert place.device.type == "cuda" and "Fake 9000" in place.reason
    assert "0.5 GB needed, 2.0 GB free" in place.reason


def test_a_gpu_without_room_is_passed_over_unless_half_the_bytes_fit(cuda, monkeypatch):
    monkeypatch.setattr(placement, "free_main_memory", lambda: None)
    for device in ("auto", "cuda"):
        place = placement.choose(device, "auto", 500_000_000)
        assert place.device.type == "cpu" and "2.4 GB" in place.reason
        assert placement.choose(device, "float16", 500_000_000).device.type == "cuda"


def test_the_visitor_may_choose_the_cpu(cuda):
    place = placement.choose("cpu", "bfloat16", 1000)
    assert place.device.type == "cpu" and place.reason.count("you chose") == 2


def test_mps_where_there_is_no_cuda(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 10**10)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 0)
    assert placement.available() == ["mps", "cpu"]
    assert placement.choose("auto", "auto", 1000).device.type == "mps"


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"),
    RuntimeError("MPS backend out of memory"),
])
def test_out_of_memory_on_the_way_hands_the_model_back(folder, cuda, monkeypatch, error):
    real = GPT2LMHeadModel.to

    def to(self, device, *rest):
        if torch.device(device).type == "cuda":
            raise error
        return real(self, device, *rest)

    monkeypatch.setattr(GPT2LMHeadModel, "to", to)
    loaded = checkpoint.load(str(folder))
    assert loaded.placement.device.type == "cpu" and "ran out of memory" in loaded.placement.reason
    assert loaded.model(IDS).logits.equal(random_gpt2()(IDS).logits)


def test_another_error_on_the_way_is_not_swallowed(folder, cuda, monkeypatch):
    def to(self, device, *rest):
        raise RuntimeError("a broken driver")

    monkeypatch.setattr(GPT2LMHeadModel, "to", to)
    with pytest.raises(RuntimeError, match="a broken driver"):
        checkpoint.load(str(folder))


def test_too_little_main_memory_is_said_before_loading(folder, monkeypatch):
    monkeypatch.setattr(placement, "free_main_memory", lambda: 1000)
    assert "choose bfloat16" in problem(folder)


def test_a_containers_limit_counts(tmp_path):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 500\nfile 400\ninactive_file 300\n")
    assert placement._free_in_container(tmp_path) == 400
    (tmp_path / "memory.max").write_text("max\n")
    assert placement._free_in_container(tmp_path) is None
    assert placement._free_in_container(tmp_path / "none") is None


@pytest.mark.parametrize("how", [{"device": "tpu"}, {"dtype": "int4"}, {"dtype": "float64"}])
def test_unknown_words(folder, how):
    assert "choose one of these" in problem(folder, **how)
