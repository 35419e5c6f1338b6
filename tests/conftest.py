"""Shared models for the tests: tiny, random, made in milliseconds.

torch and transformers are imported where a model is made: the process that only hands tests out to
the others reads this file too, and they start after it has.
"""

import os
from collections import Counter

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

# The same examples on every machine, however slow it is: a test that failed fails again.
settings.register_profile("any machine", deadline=None, derandomize=True, database=None,
                          suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_collection_modifyitems(items):
    """Unit files with slow tests before those without: whole files go to one process each, and a long
    one at the end would run while the others have nothing left to do."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: ("unit" in item.path.parts, -slow[item.path]))


def byte_tokenizer() -> "PreTrainedTokenizerFast":
    """A GPT-2 tokenizer without merges: 256 bytes and <|endoftext|>."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {char: i for i, char in enumerate(alphabet)} | {"<|endoftext|>": 256}
    raw = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<|endoftext|>", eos_token="<|endoftext|>"
    )


def random_gpt2(seed: int = 0, attention: str = "sdpa", **sizes) -> "GPT2LMHeadModel":
    """A random GPT-2 whose attention is not flat (its q, k and v are 20 times the usual size)."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    sizes = {"n_layer": 3, "n_head": 4, "n_embd": 32, "n_positions": 64, "vocab_size": 257} | sizes
    config = GPT2Config(**sizes, bos_token_id=256, eos_token_id=256)
    config._attn_implementation = attention
    model = GPT2LMHeadModel(config).eval().requires_grad_(False)
    for block in model.transformer.h:
        block.attn.c_attn.weight.mul_(20)
        block.attn.c_proj.bias.normal_(std=0.1)
        block.mlp.c_proj.bias.normal_(std=0.1)
    return model


@pytest.fixture(scope="session")
def tiny():
    """A tapped tiny checkpoint: what the trace and the views need of `model.loading.checkpoint`."""
    from model.run import tap

    model = random_gpt2()
    tap.attach(model)
    return SimpleNamespace(
        name="tiny", model=model, tokenizer=byte_tokenizer(), fingerprint="tiny-0", memory=None
    )


@pytest.fixture(scope="session")
def stock():
    """The same weights as `tiny`, untouched, with transformers' fused attention."""
    return random_gpt2()


@pytest.fixture(scope="session")
def eager():
    """The same weights as `tiny`, untouched, with transformers' plain attention."""
    return random_gpt2(attention="eager")
