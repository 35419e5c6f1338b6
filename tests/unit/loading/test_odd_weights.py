"""Weights as other programs leave them: transformers' own logits, or one sentence why not."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file, save_model
from transformers import GPT2LMHeadModel

from model.analysis import anatomy, tensor_values
from model.loading import checkpoint
from model.loading.naming import MATRICES
from tests.checkpoint_folders import IDS, edit_config, edit_weights, problem
from tests.conftest import random_gpt2

INDEX = "pytorch_model.bin.index.json"


@pytest.fixture
def pickles(folder):
    """The same folder with its weights in two pickled shards."""
    state = load_file(folder / "model.safetensors")
    placed = {name: f"pytorch_model-0000{1 + i % 2}-of-00002.bin" for i, name in enumerate(state)}
    for file in sorted(set(placed.values())):
        torch.save({k: v for k, v in state.items() if placed[k] == file}, folder / file)
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": placed}))
    (folder / "model.safetensors").unlink()
    return folder


def logits(folder) -> torch.Tensor:
    return checkpoint.load(str(folder)).model(IDS).logits


def test_pickled_shards(pickles):
    stock = GPT2LMHeadModel.from_pretrained(pickles).eval()
    loaded = checkpoint.load(str(pickles))
    assert loaded.model(IDS).logits.equal(stock(IDS).logits) and loaded.warnings == ()


def test_a_missing_pickled_shard(pickles):
    (pickles / "pytorch_model-00002-of-00002.bin").unlink()
    assert "all but pytorch_model-00002-of-00002.bin of 2" in problem(pickles)


def test_an_index_of_pickles_may_name_nothing_but_pickles(pickles):
    (pickles / INDEX).write_text(json.dumps({"weight_map": {"wte.weight": "config.json"}}))
    assert "shard files of this folder" in problem(pickles)


def test_the_head_kept_and_the_embedding_dropped(folder):
    save_model(random_gpt2(), str(folder / "model.safetensors"), metadata={"format": "pt"})
    assert "transformer.wte.weight" not in load_file(folder / "model.safetensors")
    loaded, stock = checkpoint.load(str(folder)), GPT2LMHeadModel.from_pretrained(folder).eval()
    assert loaded.model(IDS).logits.equal(stock(IDS).logits) and loaded.warnings == ()
    assert loaded.model.lm_head.weight is loaded.model.transformer.wte.weight


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod.", "model."])
def test_names_of_a_compiled_or_distributed_model_are_read_and_said(folder, prefix):
    edit_weights(folder, lambda t: {prefix + name: x for name, x in t.items()})
    loaded = checkpoint.load(str(folder))
    assert loaded.model(IDS).logits.equal(random_gpt2()(IDS).logits)
    (said,) = loaded.warnings
    assert "begin with" in said and prefix.split(".")[0] in said


def as_nanogpt(tensors):
    """nanoGPT's own names and shapes: matrices of Linear layers, the head beside the embedding."""
    turned = {k: x.t() if MATRICES.fullmatch(k.removeprefix("transformer.")) else x
              for k, x in tensors.items()}
    return turned | {"lm_head.weight": tensors["transformer.wte.weight"].clone()}


def test_transposed_matrices_of_nanogpt_are_turned_and_said(folder):
    edit_weights(folder, as_nanogpt)
    loaded = checkpoint.load(str(folder))
    assert loaded.model(IDS).logits.equal(random_gpt2()(IDS).logits)
    assert "transposed" in loaded.warnings[0]


def test_nanogpt_without_biases_has_biases_of_zero(folder):
    without = {name: x for name, x in load_file(folder / "model.safetensors").items()
               if not name.endswith("bias")}
    save_file({k: x.contiguous() for k, x in as_nanogpt(without).items()}, folder / "model.safetensors")
    model = random_gpt2()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
    loaded = checkpoint.load(str(folder))
    assert loaded.model(IDS).logits.equal(model(IDS).logits)
    assert "no biases" in loaded.warnings[1]


@pytest.mark.parametrize("wrap", [
    lambda state: {name: torch.nn.Parameter(x) for name, x in state.items()},
    lambda state: {"state_dict": state, "epoch": 3},
    lambda state: {"model": state, "optimizer": {}},
])
def test_pickles_as_training_programs_write_them(folder, wrap):
    torch.save(wrap(load_file(folder / "model.safetensors")), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert logits(folder).equal(random_gpt2()(IDS).logits)


def test_a_pickle_may_change_after_loading(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    loaded = checkpoint.load(str(folder))
    path = folder / "pytorch_model.bin"
    with path.open("r+b") as file:
        file.write(b"\0" * path.stat().st_size)
    assert loaded.model(IDS).logits.equal(random_gpt2()(IDS).logits)


def test_a_lora_adapter_is_no_model(folder):
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "gpt2"}')
    assert checkpoint.load(str(folder)).warnings == ()  # a whole model stands beside it
    (folder / "model.safetensors").unlink()
    assert "LoRA adapter, which only changes the weights of gpt2" in problem(folder)
    (folder / "config.json").unlink()
    assert "Merge the two" in problem(folder)


@pytest.mark.parametrize("knobs", [
    {"activation_function": "gelu"}, {"activation_function": "relu"},
    {"activation_function": "silu"}, {"scale_attn_weights": False},
    {"scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True},
    {"layer_norm_epsilon": 1e-2}, {"architectures": None}, {"architectures": ["GPT2Model"]},
    {"hidden_size": 32, "n_ctx": 64, "torch_dtype": "float16", "task_specific_params": {"a": 1}},
])
def test_other_knobs_of_gpt2_give_transformers_numbers(folder, knobs):
    edit_config(folder, **knobs)
    loaded = checkpoint.load(str(folder))
    stock = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager", dtype="float32")
    torch.testing.assert_close(loaded.model(IDS).logits, stock.eval()(IDS).logits, rtol=0, atol=1e-5)


def test_an_activation_with_weights_of_its_own(folder):
    made = random_gpt2(activation_function="prelu")
    for block in made.transformer.h:
        block.mlp.act.weight.normal_()
    made.save_pretrained(folder)
    loaded, found = checkpoint.load(str(folder)), anatomy.dissect(folder)
    assert loaded.model(IDS).logits.equal(made(IDS).logits) and loaded.warnings == ()
    assert found.n_parameters == sum(p.numel() for p in made.parameters())
    assert [t.n_values for t in found.of_part("activation")] == [1, 1, 1]


@pytest.mark.parametrize("form", [torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("pickled", [False, True])
def test_eight_bits_a_number_without_scales(folder, form, pickled):
    edit_weights(folder, lambda t: {k: x.to(form) if x.ndim > 1 else x for k, x in t.items()})
    if pickled:
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    stock = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
    loaded, found = checkpoint.load(str(folder)), anatomy.dissect(folder)
    assert loaded.model(IDS).logits.equal(stock(IDS).logits)
    table = next(t for t in found.tensors if t.name.endswith("wte.weight"))
    assert table.n_bytes == table.n_values
    assert tensor_values.view(found, table).facts.n == table.n_values


@pytest.mark.parametrize("said, words", [
    ({"repetition_penalty": 1.3, "min_new_tokens": 4}, "asks generate for repetition_penalty = 1.3, min_new"),
    ({"forced_bos_token_id": 0}, "forced_bos_token_id = 0"),
    ({"no_repeat_ngram_size": 1}, "no_repeat_ngram_size = 1"),  # no token twice
    ({"repetition_penalty": 1.0, "num_beams": 1, "min_length": 0, "bad_words_ids": []}, ""),
])
def test_what_generate_would_change_in_the_models_probabilities_is_said(folder, said, words):
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 256} | said))
    assert [words in one for one in checkpoint.load(str(folder)).warnings] == [True] * bool(words)


def test_an_old_config_without_model_type(folder):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in config.items() if k != "model_type"}))
    assert logits(folder).equal(random_gpt2()(IDS).logits)


@pytest.mark.parametrize("kind, reason", [
    ({"model_type": "gpt_bigcode"}, "multi-query"),
    ({"model_type": "gpt_bigcode", "multi_query": False}, "the other way round"),
    ({"model_type": "gpt_neo"}, "last 256 tokens"), ({"model_type": "gptj"}, "side by side"),
    ({"model_type": "gpt_neox"}, "side by side"), ({"model_type": "openai-gpt"}, "not before"),
    ({"model_type": "mamba"}, "'mamba'"),
])
def test_relatives_of_gpt2_are_refused_with_the_reason(folder, kind, reason):
    edit_config(folder, **kind)
    assert reason in problem(folder)


def test_links_and_spaces_in_paths(folder, tmp_path):
    linked = tmp_path / "my own model"
    linked.mkdir()
    for path in folder.iterdir():
        (linked / path.name).symlink_to(path)
    assert logits(linked).equal(random_gpt2()(IDS).logits)
