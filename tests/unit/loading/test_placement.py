"""Where a model runs and in which numbers; devices that are not there, faked."""

import pytest
import torch
from transformers import GPT2LMHeadModel

from model.loading import checkpoint, placement
from tests.checkpoint_folders import IDS, problem
from tests.conftest import random_gpt2


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
    monkeypatch.setattr(placement, "free_main_memory", lambda: 10**12)
    for device in ("auto", "cuda"):
        place = placement.choose(device, "float32", 500_000_000)
        assert place.device.type == "cpu" and "2.4 GB" in place.reason
        assert placement.choose(device, "float16", 500_000_000).device.type == "cuda"


def test_a_large_model_has_half_the_bytes_on_a_gpu_and_every_weight_on_a_cpu(cuda, monkeypatch):
    monkeypatch.setattr(placement, "free_main_memory", lambda: 10**12)
    large = placement.choose("auto", "auto", 500_000_000)
    assert (large.device.type, large.dtype) == ("cuda", torch.float16) and "half the bytes" in large.reason
    assert placement.choose("auto", "auto", 124_439_808).dtype == torch.float32
    too_large = placement.choose("auto", "auto", 1_600_000_000)
    assert (too_large.device.type, too_large.dtype) == ("cpu", torch.float32)
    assert too_large.reason.endswith("every published weight exactly.")


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
    assert "Choose bfloat16" in problem(folder)


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
    assert "Choose one of these" in problem(folder, **how)
