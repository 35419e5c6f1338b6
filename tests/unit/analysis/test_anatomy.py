"""Anatomy: bytes that add up, exact facts, sizes by arithmetic, shapes that were observed."""

import argparse
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file, save_model
from transformers import GPT2Config, GPT2LMHeadModel

from model import __main__ as commands
from model.analysis import anatomy, arithmetic, shape_tour, tensor_values
from model.commands import anatomy as anatomy_command
from model.commands.arguments import anatomy as anatomy_arguments
from model.loading.errors import CheckpointError
from model.run import tap, trace


def build(**changes) -> GPT2LMHeadModel:
    sizes = {"n_layer": 3, "n_head": 4, "n_embd": 32, "vocab_size": 99, "n_positions": 48}
    sizes |= {"bos_token_id": 0, "eos_token_id": 0}
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(**sizes | changes)).eval()
    for parameter in model.parameters():  # no zero biases: they would hide mistakes
        parameter.data.add_(torch.randn_like(parameter) * 0.05)
    tap.attach(model)
    return model


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint")
    model.save_pretrained(path)
    return path


def as_the_hub_has_it(model, folder):
    """GPT-2's own file: bare names, and a mask buffer in every block."""
    P = model.config.n_positions
    state = {k.removeprefix("transformer."): v for k, v in model.state_dict().items()}
    tensors = {k: v.contiguous() for k, v in state.items() if k != "lm_head.weight"}
    for layer in range(model.config.n_layer):
        tensors[f"h.{layer}.attn.bias"] = torch.ones(1, 1, P, P).tril()
    model.config.save_pretrained(folder)
    save_file(tensors, folder / "model.safetensors")


# --- the folder ---------------------------------------------------------------------------------


def test_bytes_reconcile_to_the_file(folder):
    found = anatomy.dissect(folder)
    assert found.source == "safetensors header"
    assert found.n_bytes == (folder / "model.safetensors").stat().st_size
    assert found.header_bytes + found.tensor_bytes == found.n_bytes
    assert sum(total.n_bytes for total in found.totals()) == found.tensor_bytes
    assert sum(total.n_tensors for total in found.totals()) == len(found.tensors)


def test_parameters_are_the_models(folder, model):
    found = anatomy.dissect(folder)
    assert found.n_parameters == sum(p.numel() for p in model.parameters())
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert {t.name: t.shape for t in found.tensors} == shapes


def test_buffers_are_counted_in_bytes_but_not_as_parameters(model, tmp_path):
    as_the_hub_has_it(model, tmp_path)
    found = anatomy.dissect(tmp_path)
    masks = found.of_part("mask buffers")
    assert [t.role for t in masks] == ["buffer"] * 3 and masks[0].shape == (1, 1, 48, 48)
    assert found.n_parameters == sum(p.numel() for p in model.parameters())
    assert found.header_bytes + found.tensor_bytes == found.n_bytes


def test_a_stored_tied_lm_head_is_a_copy(model, tmp_path):
    wte = model.transformer.wte.weight.detach()
    save_file({"wte.weight": wte, "lm_head.weight": wte.clone()}, tmp_path / "model.safetensors")
    model.config.save_pretrained(tmp_path)
    found = anatomy.dissect(tmp_path)
    assert found.tensor("lm_head.weight").role == "copy"
    assert found.n_parameters == wte.numel()
    (tmp_path / "config.json").write_text(json.dumps({"tie_word_embeddings": False}))
    assert anatomy.dissect(tmp_path).n_parameters == 2 * wte.numel()


def test_shards_are_read_through_their_index(model, tmp_path):
    model.save_pretrained(tmp_path, max_shard_size="40KB")
    found = anatomy.dissect(tmp_path)
    assert len(found.weight_files) > 1
    assert found.n_parameters == sum(p.numel() for p in model.parameters())
    on_disk = sum(path.stat().st_size for path in tmp_path.glob("model-*.safetensors"))
    assert found.header_bytes + found.tensor_bytes == found.n_bytes == on_disk


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("dtype, name", [(torch.float32, "F32"), (torch.float16, "F16")])
def test_pickled_weights_are_counted_to_the_byte(model, tmp_path, dtype, name, is_zip):
    """The tied head shares the embedding's bytes; a mask stands beside; two tensors share a block."""
    model.config.save_pretrained(tmp_path)
    state = {name: x.to(dtype) for name, x in model.state_dict().items()}
    state["lm_head.weight"] = state["transformer.wte.weight"]
    both = torch.cat([state["transformer.ln_f.weight"], state["transformer.ln_f.bias"]])
    state["transformer.ln_f.weight"], state["transformer.ln_f.bias"] = both.chunk(2)
    state["transformer.h.0.attn.bias"] = torch.ones(1, 1, 48, 48, dtype=torch.uint8)
    path = tmp_path / "pytorch_model.bin"
    torch.save(state, path, _use_new_zipfile_serialization=is_zip)
    found = anatomy.dissect(tmp_path)
    assert found.source == "pickle"
    assert found.n_parameters == sum(p.numel() for p in model.parameters())
    blocks = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in state.values()}
    assert found.tensor_bytes == sum(blocks.values())
    assert found.header_bytes + found.tensor_bytes == found.n_bytes == path.stat().st_size
    assert 0 < found.header_bytes < found.n_bytes
    ln_f, mask = found.tensor("transformer.ln_f.weight"), found.tensor("transformer.h.0.attn.bias")
    assert (ln_f.dtype, mask.dtype, mask.role) == (name, "U8", "buffer")
    assert tensor_values.read(found, ln_f).equal(state[ln_f.name])
    head = found.tensor("lm_head.weight")
    assert (head.role, head.n_bytes) == ("copy", 0)


def test_pickled_shards_are_counted_together(model, tmp_path):
    model.config.save_pretrained(tmp_path)
    state = dict(list(model.state_dict().items())[:-1])  # without the tied head
    placed = {name: f"pytorch_model-0000{1 + i % 2}-of-00002.bin" for i, name in enumerate(state)}
    for file in set(placed.values()):
        torch.save({k: v for k, v in state.items() if placed[k] == file}, tmp_path / file)
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": placed}))
    found = anatomy.dissect(tmp_path)
    assert found.n_parameters == sum(p.numel() for p in model.parameters())
    assert len(found.weight_files) == 2
    on_disk = sum(path.stat().st_size for path in tmp_path.glob("pytorch_model-*.bin"))
    assert found.header_bytes + found.tensor_bytes == found.n_bytes == on_disk


def test_the_head_that_was_kept_alone_is_a_parameter(model, tmp_path):
    """safetensors' save_model keeps one name of a tied matrix: lm_head."""
    model.config.save_pretrained(tmp_path)
    save_model(model, str(tmp_path / "model.safetensors"))
    found = anatomy.dissect(tmp_path)
    assert found.tied and not found.of_part("token embedding")
    assert found.n_parameters == sum(p.numel() for p in model.parameters())


def test_another_head_counts_though_the_config_says_tied(model, tmp_path):
    wte = model.transformer.wte.weight.detach()
    save_file({"wte.weight": wte, "lm_head.weight": wte + 1}, tmp_path / "model.safetensors")
    model.config.save_pretrained(tmp_path)
    found = anatomy.dissect(tmp_path)
    assert not found.tied and found.n_parameters == 2 * wte.numel()


def test_tensors_that_no_gpt2_has_are_no_parameters_of_it(model, tmp_path):
    model.config.save_pretrained(tmp_path)
    tensors = {"module._orig_mod.transformer.wpe.weight": torch.ones(48, 32), "score.weight": torch.ones(2)}
    save_file(tensors, tmp_path / "model.safetensors")
    found = anatomy.dissect(tmp_path)
    assert found.n_parameters == 48 * 32 and found.tensor("score.weight").role == "unused"


def test_heads_of_a_transposed_matrix_are_the_same_heads(model, folder, tmp_path):
    model.config.save_pretrained(tmp_path)
    name = "transformer.h.1.attn.c_attn.weight"
    turned = model.state_dict()[name].t().contiguous()
    save_file({name: turned}, tmp_path / "model.safetensors")
    one, other = (tensor_values.head_weights(anatomy.dissect(f), 1, 2, 4) for f in (folder, tmp_path))
    np.testing.assert_allclose(one.norms, other.norms, rtol=1e-12)


def test_every_name_of_gpt2_has_a_part_and_a_layer(model):
    parts = {name: anatomy.part_of(name) for name, _ in model.named_parameters()}
    assert "other" not in parts.values()
    assert anatomy.part_of("h.11.attn.bias") == "mask buffers"
    assert anatomy.part_of("transformer.h.11.attn.c_attn.bias") == "query, key, value"
    assert anatomy.part_of("h.3.mlp.c_proj.weight") == "down-projection"
    assert anatomy.part_of("h.3.crossattention.c_attn.weight") == "other"
    assert (anatomy.layer_of("transformer.h.11.ln_1.bias"), anatomy.layer_of("ln_f.bias")) == (11, None)


def test_files_have_a_purpose(folder):
    purposes = {file.name: file.purpose for file in anatomy.dissect(folder).files}
    assert "sizes of the network" in purposes["config.json"]
    assert anatomy.purpose_of("model-00001-of-00002.safetensors") == "one shard of the weights"
    assert "not read" in anatomy.purpose_of("holiday.jpg")


ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def headed(header) -> bytes:
    """A safetensors file of four bytes of data with any header."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"\0" * 4


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda raw: raw[:-1], "Damaged weights"),
        (lambda raw: raw + b"\0", "Damaged weights"),
        (lambda raw: raw[:4], "Damaged weights"),
        (lambda raw: b"\xff" * 8 + raw[8:], "Damaged weights"),
        (lambda raw: raw[:8] + b"?" + raw[9:], "no readable"),
        (lambda raw: headed({"a": {"b": 1}}), "no readable"),
        (lambda raw: headed({"a": []}), "no readable"),
        (lambda raw: headed([]), "no readable"),
        (lambda raw: headed({"a": {"shape": [1], "data_offsets": [0, 4]}}), "no readable"),
        (lambda raw: headed({"a": ENTRY | {"dtype": ["F32"]}}), "no readable"),
        (lambda raw: headed({"a": ENTRY | {"shape": [-1]}}), "no readable"),
        (lambda raw: headed({"a": ENTRY | {"shape": "1"}}), "no readable"),
        (lambda raw: headed({"a": ENTRY | {"data_offsets": [4]}}), "no readable"),
        (lambda raw: headed({"a": ENTRY | {"dtype": "F32.5"}}), "a is F32.5. Use one of"),
    ],
)
def test_a_spoiled_file_is_refused_in_one_sentence(folder, tmp_path, spoil, words):
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    whole = (folder / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(spoil(whole))
    with pytest.raises(CheckpointError, match=words) as error:
        anatomy.dissect(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("placed", [
    {"weight_map": []}, {"weight_map": {}}, {}, [], {"weight_map": {"a": []}},
    {"weight_map": {"a": 5}}, {"weight_map": {"a": "../model.safetensors"}},
    {"weight_map": {"a": "model-00001-of-00001.safetensors"}},
])
def test_a_spoiled_index_is_one_line_and_exit_code_2(folder, tmp_path, placed, capsys):
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(placed))
    assert commands.main(["anatomy", "--model", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Get this file again." in said or "Get the rest." in said


@pytest.mark.parametrize("config", ["[]", "?"])
def test_a_config_that_is_no_object_is_one_sentence(folder, tmp_path, config):
    whole = (folder / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole)
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match="config.json"):
        anatomy.dissect(tmp_path)


def test_an_empty_folder_says_what_is_missing(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="model.safetensors .*found config.json"):
        anatomy.dissect(tmp_path)
    with pytest.raises(CheckpointError, match="found none"):
        anatomy.dissect(tmp_path / "nowhere")


# --- the numbers in a tensor --------------------------------------------------------------------


def test_read_is_bit_for_bit_what_was_saved(folder, model):
    found = anatomy.dissect(folder)
    for name, parameter in model.named_parameters():
        assert torch.equal(tensor_values.read(found, found.tensor(name)), parameter)


def test_facts_by_hand():
    f = tensor_values.facts(torch.tensor([[3.0, 0.0], [-4.0, 1.0]]))
    assert (f.n, f.mean, f.minimum, f.maximum, f.n_zero) == (4, 0.0, -4.0, 3.0, 1)
    assert f.norm == pytest.approx(26**0.5) and f.std == pytest.approx(6.5**0.5)


def test_facts_leave_out_and_count_what_is_not_finite():
    f = tensor_values.facts(torch.tensor([1.0, torch.nan, torch.inf, 3.0]))
    assert (f.mean, f.minimum, f.maximum, f.n, f.n_not_finite) == (2.0, 1.0, 3.0, 4, 2)
    assert tensor_values.facts(torch.tensor([torch.nan])).n_not_finite == 1


def test_facts_do_not_depend_on_the_chunks(monkeypatch):
    values = torch.randn(1000) * 5 + 100
    whole = tensor_values.facts(values)
    monkeypatch.setattr(tensor_values, "CHUNK", 7)
    parts = tensor_values.facts(values)
    assert parts.std == pytest.approx(whole.std, rel=1e-12)
    assert parts.norm == pytest.approx(whole.norm, rel=1e-12)
    assert whole.std == pytest.approx(values.double().std(correction=0).item(), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.bool, torch.uint8])
def test_histogram_counts_every_value_of_any_dtype(dtype):
    values = (torch.rand(50, 7) * 3).to(dtype)
    bars = tensor_values.histogram(values, tensor_values.facts(values))
    assert bars.counts.sum() == values.numel() and len(bars.edges) == len(bars.counts) + 1


def test_histogram_of_one_repeated_value():
    values = torch.full((5,), 2.0)
    bars = tensor_values.histogram(values, tensor_values.facts(values), n_bins=4)
    assert bars.counts.sum() == 5 and bars.edges[0] < 2 < bars.edges[-1]


@given(st.integers(1, 23), st.integers(1, 23), st.integers(1, 9), st.integers(1, 9))
def test_each_pooled_cell_is_a_value_of_the_matrix_and_the_furthest(R, C, max_rows, max_columns):
    matrix = torch.randn(R, C, generator=torch.Generator().manual_seed(R * 31 + C))
    grid = tensor_values.pooled(matrix, max_rows, max_columns)
    assert len(grid.values) <= max_rows and grid.values.shape[1] <= max_columns
    assert np.array_equal(grid.values, matrix.numpy()[grid.row, grid.column])
    r, c = grid.block
    for i, j in np.ndindex(grid.values.shape):
        block = matrix[i * r : (i + 1) * r, j * c : (j + 1) * c]
        assert abs(grid.values[i, j]) == block.abs().max()


def test_a_small_matrix_is_shown_as_it_is():
    matrix = torch.arange(6.0).reshape(2, 3)
    grid = tensor_values.pooled(matrix, 4, 4)
    assert grid.block == (1, 1) and np.array_equal(grid.values, matrix.numpy())


def test_window_stays_inside_and_shows_every_value():
    matrix = torch.arange(100.0).reshape(10, 10)
    grid = tensor_values.window(matrix, 8, 3, side=4)
    assert np.array_equal(grid.values, matrix[6:10, 3:7].numpy())
    assert grid.row[0, 0] == 6 and grid.column[0, 0] == 3
    assert tensor_values.window(matrix, 0, 0, side=64).values.shape == (10, 10)


def test_as_matrix():
    assert tensor_values.as_matrix(torch.ones(5)).shape == (1, 5)
    assert tensor_values.as_matrix(torch.ones(1, 1, 4, 4)).shape == (4, 4)
    assert tensor_values.as_matrix(torch.tensor(-1e4)).shape == (1, 1)


def test_heads_split_from_c_attn_make_the_traces_q_k_v(model, folder):
    """x̂ @ W_head + b_head, with matrices split out of the file, is what the tap saw."""
    run = trace.run(SimpleNamespace(model=model), [5, 6, 7, 8])
    found, layer, H = anatomy.dissect(folder), 1, model.config.n_head
    name = f"transformer.h.{layer}.attn.c_attn."
    read = [tensor_values.read(found, found.tensor(name + kind)) for kind in ("weight", "bias")]
    weight, bias = (tensor_values.split_heads(x, H) for x in read)
    assert weight.shape == (3, H, 32, 8) and bias.shape == (3, H, 1, 8)
    with torch.no_grad():
        normed = model.transformer.h[layer].ln_1(run.layer_stream(2 * layer))
    seen = torch.stack([run.layer_q(layer), run.layer_k(layer), run.layer_v(layer)])
    torch.testing.assert_close(normed @ weight + bias, seen, atol=1e-5, rtol=1e-5)


def test_head_norms_sum_to_the_norm_of_c_attn(model):
    weight = model.transformer.h[0].attn.c_attn.weight.detach()
    norms = tensor_values.head_norms(tensor_values.split_heads(weight, 4))
    assert norms.shape == (3, 4)
    assert (norms**2).sum() == pytest.approx(weight.double().square().sum().item())


def test_head_weights_show_every_column_of_the_chosen_head(folder, model):
    seen = tensor_values.head_weights(anatomy.dissect(folder), layer=1, head=2, n_head=4)
    weight = model.transformer.h[1].attn.c_attn.weight.detach()
    for kind, grid in enumerate(seen.chosen):
        columns = weight[:, kind * 32 + 16 : kind * 32 + 24]
        assert np.array_equal(grid.values, columns.numpy())
        assert np.array_equal(seen.thumbnails[kind][2].values, columns.numpy())


def test_view_of_every_kind_of_tensor(model, tmp_path):
    as_the_hub_has_it(model, tmp_path)
    found = anatomy.dissect(tmp_path)
    for name in ("wte.weight", "ln_f.bias", "h.0.attn.bias"):
        seen = tensor_values.view(found, found.tensor(name))
        assert seen.facts.n == seen.histogram.counts.sum() == found.tensor(name).n_values
    assert seen.grid.shape == (48, 48) and seen.facts.mean == pytest.approx(49 / 96)


# --- the size of any GPT ------------------------------------------------------------------------


def test_gpt3_as_it_is_commonly_counted():
    size = arithmetic.count(arithmetic.PRESETS["gpt3"])
    assert (size.weights, size.matrices) == (175_181_291_520, 27_938)
    by_name = {g.name: g for g in size.groups}
    assert by_name["query"].matrices == 96 * 96 and by_name["query"].rows == 128
    assert by_name["output"].matrices == 96
    assert by_name["embedding"].weights == 617_558_016
    assert size.full == 174_604_259_328


@pytest.mark.parametrize(
    "name, full",
    [
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
    ],
)
def test_gpt2_presets_are_the_real_models(name, full):
    """The model itself, built without memory (meta device), has as many parameters."""
    shape = arithmetic.PRESETS[name]
    config = GPT2Config(n_layer=shape.n_layer, n_head=shape.n_head, n_embd=shape.d_model)
    assert arithmetic.of_config(config) == shape
    with torch.device("meta"):
        built = GPT2LMHeadModel(config)
    assert arithmetic.count(shape).full == full == sum(p.numel() for p in built.parameters())


def test_untied_and_own_mlp_width(tmp_path):
    built = build(n_inner=50, tie_word_embeddings=False)
    size = arithmetic.count(arithmetic.of_config(built.config), tied=False)
    assert size.full == sum(p.numel() for p in built.parameters())


def test_checkpoint_and_arithmetic_agree(folder, model):
    size = arithmetic.count(arithmetic.of_config(model.config))
    assert size.full == anatomy.dissect(folder).n_parameters


def test_a_size_of_nothing_is_refused():
    with pytest.raises(arithmetic.SizeError, match="n_head must be at least 1, got 0"):
        arithmetic.GptShape(1, 0, 1, 1, 1, 1, 1)


# --- the shape tour -----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[1, 7])
def toured(request, model):
    run = trace.run(SimpleNamespace(model=model), list(range(3, 3 + request.param)))
    return run, shape_tour.tour(SimpleNamespace(model=model), run, layer=1)


def test_symbols_evaluate_to_the_observed_shapes(toured):
    run, tour = toured
    assert tour.dims["T"] == len(run)
    assert [o.operation for o in tour.steps] == list(shape_tour.OPERATIONS)
    for step in tour.steps:
        assert shape_tour.evaluate(step.operation.symbols, tour.dims) == step.shape, step


def test_the_opened_block_is_the_models_own(toured):
    run, tour = toured
    torch.testing.assert_close(tour.output, run.layer_stream(4), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(tour.next_logits, run.next_logits, atol=1e-5, rtol=1e-5)


def test_the_values_seen_are_the_values_of_the_trace(toured, model):
    run, tour = toured
    seen = {s.operation.key: s for s in tour.steps}
    for key, tensor in {
        "stream": run.layer_stream(0),
        "q": run.layer_q(1),
        "k": run.layer_k(1),
        "v": run.layer_v(1),
        "mid": run.layer_stream(3),
        "after": run.layer_stream(4),
    }.items():
        assert seen[key].minimum == pytest.approx(tensor.min().item(), abs=1e-5), key
        assert seen[key].maximum == pytest.approx(tensor.max().item(), abs=1e-5), key
    weights = seen["weights"]
    assert weights.maximum == pytest.approx(1) and weights.minimum >= 0
    gelu = model.transformer.h[1].mlp.act(torch.tensor(seen["c_fc"].maximum))
    assert seen["act"].maximum == pytest.approx(gelu.item(), abs=1e-5)


def test_the_tour_leaves_nothing_on_the_shared_model(model):
    checkpoint = SimpleNamespace(model=model)
    before = trace.run(checkpoint, [1, 2, 3])
    shape_tour.tour(checkpoint, before, 0)
    assert model.config._attn_implementation == tap.ATTENTION
    assert torch.equal(trace.run(checkpoint, [1, 2, 3]).next_logits, before.next_logits)


@pytest.mark.parametrize("activation", ["relu", "gelu", "gelu_new", "silu"])
def test_the_tour_finds_any_activation(activation):
    other = SimpleNamespace(model=build(activation_function=activation, n_inner=50))
    tour = shape_tour.tour(other, trace.run(other, [1, 2]), 0)
    assert {s.operation.key: s.shape for s in tour.steps}["act"] == (1, 2, 50)
    assert tour.activation == activation


def test_the_tour_refuses_a_layer_that_is_not_there(toured, model):
    with pytest.raises(ValueError, match="no layer 3. Choose a layer 0 to 2"):
        shape_tour.tour(SimpleNamespace(model=model), toured[0], 3)


# --- the command --------------------------------------------------------------------------------


def ask(*words: str) -> list[str]:
    parser = argparse.ArgumentParser()
    anatomy_arguments.add_arguments(parser)
    return list(anatomy_command.run_command(parser.parse_args(words)))


def test_command_preset():
    assert any("27,938" in line and "175,181,291,520" in line for line in ask("--preset", "gpt3"))
    answer = json.loads("".join(ask("--preset", "gpt2", "--json")))
    assert answer["parameters"] == 124_439_808
    rows = ask("--preset", "gpt2-xl", "--csv")
    assert rows[0].startswith("name,formula,matrices") and len(rows) == 13


def test_command_model_forms(folder):
    found = anatomy.dissect(folder)
    answer = json.loads("".join(anatomy_command.model_json(found)))
    assert answer["header_bytes"] + answer["tensor_bytes"] == answer["weight_bytes"]
    assert sum(t["n_bytes"] for t in answer["tensors"]) == answer["tensor_bytes"]
    assert len(list(anatomy_command.model_csv(found))) == 1 + len(found.tensors)
    text = "\n".join(anatomy_command.model_text(found))
    assert f"{found.n_bytes:,}" in text and "transformer.wte.weight" in text
