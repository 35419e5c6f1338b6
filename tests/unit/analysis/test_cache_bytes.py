"""The calculator: the live cache's own figure, published figures, and what makes no sense."""

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from model.analysis import cache_bytes
from model.analysis.cache_bytes import PRESETS, CacheShape
from model.run import generate
from model.run.cache import KVCache


def test_gpt2_keeps_73728_bytes_a_token_in_float32():
    _, shape = PRESETS["gpt2"]
    assert shape.bytes_per_token == 73_728 and shape.n_bytes == 73_728 * 1024


def test_gpt2s_figure_equals_a_live_cache_of_its_shape():
    config = GPT2Config()
    with torch.device("meta"):
        model = GPT2LMHeadModel(config)
        cache = KVCache(config.n_layer)
        model(torch.zeros(1, 5, dtype=torch.long), past_key_values=cache, use_cache=True)
    assert cache.shape == (1, 12, 5, 64)
    assert cache.n_bytes == 5 * 73_728
    assert cache_bytes.of_model(config, 5, "float32").n_bytes == cache.n_bytes


@pytest.mark.parametrize("n", [1, 17, 64])
def test_a_loaded_models_figure_equals_its_live_cache(tiny, n):
    cache = KVCache(3)
    generate.WithCache(tiny, cache).read(np.arange(n))
    assert cache_bytes.of_model(tiny.model.config, n, "float32").n_bytes == cache.n_bytes


@pytest.mark.parametrize(
    "preset, per_token",
    [
        ("gpt2-xl", 2 * 48 * 25 * 64 * 4),
        ("gpt3", 4_718_592),  # 2 × 96 layers × 12,288 × 2 bytes
        ("llama-2-7b", 524_288),  # half a MiB
        ("llama-3.1-8b", 131_072),
        ("llama-3.1-70b", 327_680),
        ("llama-3.1-405b", 516_096),
        ("mistral-7b", 131_072),
        ("falcon-7b", 8_192),
        ("qwen2.5-72b", 327_680),
    ],
)
def test_bytes_per_token_by_hand(preset, per_token):
    assert PRESETS[preset][1].bytes_per_token == per_token


def test_sharing_heads_fewer_bits_and_more_conversations_scale_it():
    whole = CacheShape(32, 32, 32, 128, 4096, dtype="float16")
    assert whole.n_bytes == 2 * 2**30  # 2 GiB
    shared = CacheShape(32, 32, 8, 128, 4096, dtype="float16")
    assert shared.n_bytes * 4 == whole.n_bytes and shared.saved_by_sharing == 4
    assert CacheShape(32, 32, 32, 128, 4096, 10, "4 bit").n_bytes == whole.n_bytes * 10 // 4


@pytest.mark.parametrize(
    "numbers, words",
    [
        ((0, 8, 8, 64, 10), "n_layer must be at least 1, got 0"),
        ((2, 8, 8, 64, -5), "n_tokens must be at least 1"),
        ((2, 8, 3, 64, 10), "3 KV heads cannot share 8 query heads evenly"),
        ((2, 8, 16, 64, 10), "16 KV heads cannot share 8 query heads evenly"),
        ((2, 8, 8, 64, 10, 1, "int3"), "'int3'. Choose one of float32"),
    ],
)
def test_what_makes_no_sense_is_refused(numbers, words):
    with pytest.raises(ValueError, match=words):
        CacheShape(*numbers)


def test_an_odd_number_of_4_bit_values_still_takes_whole_bytes():
    assert CacheShape(1, 1, 1, 1, 3, dtype="4 bit").n_bytes == 3  # 2 values a token: 1 byte
