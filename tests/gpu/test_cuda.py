"""Everything that runs a model, on CUDA against the CPU: same numbers, in every number format.

One script for a machine with a GPU, in minutes: .venv/bin/python -m pytest tests/gpu
"""

import numpy as np
import pytest
import torch

from model.analysis import attention
from model.grafts import modules
from model.loading import checkpoint, placement
from model.memory import asking, telling
from model.memory.settings import Settings
from model.memory.state import blank
from model.run import generate, tokens, trace
from model.run.cache import KVCache
from model.run.sampling import SamplingSettings
from model.training import forecast, four_bit, memory

DEVICE = "cuda"
HERE = torch.cuda.is_available()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(
    not HERE, reason=f"torch {torch.__version__} finds no CUDA GPU here")]

TEXT = "My name is James Theory. I live in New York. It rained all day, and the river rose."
QUESTION = "Where do I live? I live in"
HALVES = [pytest.param("float16", 0.05, id="float16"), pytest.param("bfloat16", 0.5, id="bfloat16")]
GREEDY = SamplingSettings(temperature=0)


@pytest.fixture(scope="module")
def cpu():
    return checkpoint.load("embedded", "cpu", "float32")


@pytest.fixture(scope="module")
def gpu():
    return checkpoint.load("embedded", DEVICE, "float32")


def ids_of(loaded, text=TEXT):
    return tokens.encode(loaded.tokenizer, text)


def close(a, b, most):
    """Largest difference of two arrays or tensors from any device, at most `most`."""
    a, b = (torch.as_tensor(x).float().cpu() for x in (a, b))
    error = float((a - b).abs().max())
    assert error <= most, f"largest difference {error:.2g}, wanted {most:g} at most"


def test_the_model_is_there_and_says_why(gpu):
    assert gpu.placement.device.type == gpu.model.device.type == DEVICE
    assert "has room" in gpu.placement.reason and gpu.memory is not None
    assert {p.device.type for p in gpu.memory.parameters()} == {DEVICE}


def test_a_trace_is_the_cpus(cpu, gpu):
    mine, theirs = (trace.run(loaded, ids_of(loaded)) for loaded in (gpu, cpu))
    close(mine.stream, theirs.stream, 2e-3)
    close(trace.logits(gpu, mine), trace.logits(cpu, theirs), 2e-3)
    for layer in range(mine.n_layers):
        close(attention.layer_weights(gpu, mine, layer), attention.layer_weights(cpu, theirs, layer), 1e-3)


@pytest.mark.parametrize("dtype, most", HALVES)
def test_half_the_bytes_have_nearly_the_same_logits(cpu, dtype, most):
    half = checkpoint.load("embedded", DEVICE, dtype)
    mine, theirs = trace.run(half, ids_of(half)), trace.run(cpu, ids_of(cpu))
    assert mine.stream.dtype == getattr(torch, dtype)
    close(trace.logits(half, mine), trace.logits(cpu, theirs), most)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_identities_hold_in_float32_whatever_the_model_computes_in(dtype):
    loaded = checkpoint.load("embedded", DEVICE, dtype)
    run = trace.run(loaded, ids_of(loaded))
    weights = attention.layer_weights(loaded, run, 2)
    assert weights.dtype == np.float32
    close(weights.sum(-1), np.ones(weights.shape[:2]), 1e-5)
    added = attention.steps(loaded, run, 2, 0, len(run) - 1).residual_error
    scale = float(run.attention_added(2).float().abs().max())
    assert added <= {"float32": 1e-4, "float16": 1e-2, "bfloat16": 8e-2}[dtype] * max(1.0, scale)


def test_typing_one_more_token_is_a_fresh_trace(gpu):
    ids = ids_of(gpu)
    before = trace.run(gpu, ids[:-1])
    close(trace.run(gpu, ids, prefix=before).stream, trace.run(gpu, ids).stream, 2e-3)


def test_a_long_prompt_is_surveyed(gpu):
    n = gpu.model.config.n_positions
    run = trace.run(gpu, np.arange(n) % 1000)
    found = attention.survey(gpu, run)
    assert np.isfinite(found.pooled).all() and found.pooled.max() <= 1 + 1e-5


def test_generation_is_the_cpus_and_cached_is_uncached(cpu, gpu):
    said = {}
    for name, loaded in (("cpu", cpu), ("gpu", gpu)):
        reader = generate.WithCache(loaded, KVCache(loaded.model.config.n_layer))
        said[name] = list(generate.generate(
            reader, ids_of(loaded), 20, settings=GREEDY, generator=torch.Generator()))
    assert [s.token for s in said["gpu"]] == [s.token for s in said["cpu"]]
    text = [*ids_of(gpu), *(s.token for s in said["gpu"][:-1])]
    for step, anew in zip(said["gpu"], generate.recompute(gpu, text, 20)):
        close(step.reading.logits, anew, 2e-3)


@pytest.mark.parametrize("dtype, most", [pytest.param("float32", 5e-3, id="float32"), *HALVES])
def test_memory_recalls_as_on_the_cpu(cpu, dtype, most):
    loaded, found = checkpoint.load("embedded", DEVICE, dtype), []
    for one in (loaded, cpu):
        state = telling.tell(one, blank(one), TEXT, Settings()).state
        found.append(asking.ask(one, state, ids_of(one, QUESTION), Settings()).trace.next_logits)
    close(*found, 2 * most)


@pytest.mark.parametrize("recomputes", [False, True])
def test_training_steps_move_the_modules_and_stay_finite(tmp_path, recomputes):
    """Two steps in bfloat16 where the GPU has it; gradient checkpointing runs in autograd's thread."""
    options = memory.MemoryTrainingOptions(tmp_path, rows=4, asks=2, steps=20, every=2, n_recall=8, lora=2)
    training = memory.start(options)
    assert training.model.device.type == DEVICE
    training.recomputes = recomputes
    before = {name: p.detach().clone() for name, p in training.modules.named_parameters()}
    losses = [memory.step(training) for _ in range(2)]
    assert all(np.isfinite(value) for one in losses for value in one.values())
    moved = [n for n, p in training.modules.named_parameters() if not torch.equal(p, before[n])]
    assert "external.key.weight" in moved or "external.output.weight" in moved


def test_a_forecast_knows_the_gpus_memory(tmp_path):
    options = memory.MemoryTrainingOptions(tmp_path, rows=2, asks=1, steps=4, every=2, n_recall=4)
    training = memory.start(options)
    found = forecast.forecast(training, 4)
    assert 0 < found.peak_bytes and found.free_bytes > 10**8 and found.training_s > 0


def test_what_was_trained_on_the_gpu_is_read_on_the_cpu(tmp_path):
    training = memory.start(memory.MemoryTrainingOptions(tmp_path, rows=2, asks=1, steps=1, every=1, n_recall=4))
    memory.step(training)
    path, mark = tmp_path / modules.FILE, training.checkpoint.fingerprint
    modules.save_modules(training.modules, path, mark, memory.written(training), {})
    back = modules.load_modules(path, training.model.config, mark)
    for name, tensor in back.state_dict().items():
        close(tensor, training.modules.state_dict()[name].half(), 1e-6)


def test_a_model_goes_to_the_cpu_and_back(gpu):
    ids, first = ids_of(gpu), trace.run(gpu, ids_of(gpu)).next_logits
    loaded = checkpoint.load("embedded", DEVICE, "float32")
    loaded.model.to("cpu")
    close(trace.run(loaded, ids).next_logits, first, 2e-3)
    loaded.model.to(DEVICE)
    close(trace.run(loaded, ids).next_logits, first, 1e-4)


def test_a_gpu_that_is_full_leaves_the_model_on_the_cpu_with_a_sentence():
    """The allocator may have next to nothing; the driver says that there is room."""
    before = torch.cuda.get_per_process_memory_fraction()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-7)
    try:
        loaded = checkpoint.load("embedded", DEVICE, "float32")
    finally:
        torch.cuda.set_per_process_memory_fraction(before)
    assert loaded.model.device.type == "cpu" and "ran out of memory" in loaded.placement.reason


def test_a_model_too_large_for_the_gpu_is_not_tried(monkeypatch):
    monkeypatch.setattr(placement, "free_on_gpu", lambda name: 1000)
    loaded = checkpoint.load("embedded", DEVICE, "float32")
    assert loaded.model.device.type == "cpu" and "free" in loaded.placement.reason



def test_the_frozen_base_in_four_bits_trains_lora(tmp_path):
    """QLoRA: the adapters move."""
    pytest.importorskip("bitsandbytes")
    options = memory.MemoryTrainingOptions(tmp_path, rows=2, asks=1, steps=4, every=2, n_recall=4, lora=2,
                                           four_bit=True)
    training = memory.start(options)
    up = training.modules.lora.up.detach().clone()
    losses = [memory.step(training) for _ in range(2)]
    assert np.isfinite([list(one.values()) for one in losses]).all()
    assert not torch.equal(training.modules.lora.up, up)


def test_four_bits_are_nearly_the_whole_model():
    pytest.importorskip("bitsandbytes")
    small, whole = (checkpoint.load("embedded", DEVICE, "float32") for _ in range(2))
    four_bit.quantize(small.model)
    mine, theirs = (trace.run(one, ids_of(one)).next_logits.float() for one in (small, whole))
    assert torch.corrcoef(torch.stack([mine, theirs]))[0, 1] > 0.9
