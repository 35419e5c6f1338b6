"""The identities of the spine, on the model that is shipped."""

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel

from model.analysis import attention
from model.loading import checkpoint
from model.run import tokens, trace

PROMPT = "My name is James Theory. I live in New York. Where do I live? I live in"


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded", device="cpu")


@pytest.fixture(scope="module")
def run(embedded):
    return trace.run(embedded, tokens.encode(embedded.tokenizer, PROMPT))


def stock(embedded, kind):
    model = GPT2LMHeadModel.from_pretrained(
        embedded.folder, attn_implementation=kind, dtype=torch.float32
    )
    return model.eval()


def test_logits_are_the_stock_models(embedded, run):
    with torch.inference_mode():
        expected = stock(embedded, "sdpa")(torch.tensor(run.ids)[None]).logits[0]
    torch.testing.assert_close(trace.logits(embedded, run), expected, atol=1e-4, rtol=0)


def test_weights_are_eager_attention_and_rows_sum_to_one(embedded, run):
    with torch.inference_mode():
        ids = torch.tensor(run.ids)[None]
        maps = stock(embedded, "eager")(ids, output_attentions=True).attentions
    for layer in range(run.n_layers):
        for head in range(maps[0].shape[1]):
            mine = attention.weights(embedded, run, layer, head)
            np.testing.assert_allclose(mine, maps[layer][0, head], atol=1e-5)
            np.testing.assert_allclose(mine.sum(-1), 1, atol=1e-5)


def test_heads_give_what_attention_added_and_parts_sum_to_the_next_residual(embedded, run):
    for layer, block in enumerate(embedded.model.transformer.h):
        assert attention.steps(embedded, run, layer, 0, len(run) - 1).residual_error < 1e-3
        with torch.inference_mode():
            mlp = block.mlp(block.ln_2(run.layer_stream(2 * layer + 1)))
        total = run.layer_stream(2 * layer) + run.attention_added(layer) + mlp
        torch.testing.assert_close(total, run.layer_stream(2 * layer + 2), atol=1e-3, rtol=1e-5)


def test_a_prefix_changes_nothing(embedded, run):
    grown = trace.run(embedded, run.ids, prefix=trace.run(embedded, run.ids[:9]))
    assert grown.n_run == len(run) - 9
    torch.testing.assert_close(grown.stream, run.stream, atol=1e-3, rtol=1e-5)
