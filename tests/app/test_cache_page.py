"""The KV cache page: what it shows is the live cache, and looking back runs nothing."""

import json
import re

import pytest
import torch
from streamlit.testing.v1 import AppTest

from components.cache import run
from model.loading import checkpoint
from model.run import cache_budget, generate, tokens
from model.run.cache import KVCache
from tests.app import tree
from tests.conftest import byte_tokenizer, random_gpt2
from tests.waiting import PATIENCE_S

VIEWS = ("growth", "time", "beyond", "bytes")
PROMPT = "My name is James. I live in"


def opened(view: str = "growth", prompt: str = PROMPT, **link) -> AppTest:
    """The app at /cache?cache=view&… as a link opens it."""
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in {"cache": view, "prompt": prompt, **link}.items():
        app.query_params[name] = value
    return app.switch_page("pages/cache.py").run()


def press(app, key: str) -> AppTest:
    app = app.button(key=key).click().run()
    assert not app.exception and not app.error
    return app


def step_of(app) -> int:
    return int(re.search(r"step (\d+)<", tree.html(app))[1])


@pytest.fixture(scope="module")
def loaded():
    return checkpoint.load("embedded")


@pytest.fixture
def passes(monkeypatch):
    """How many passes of a model have begun, whoever asked for them."""
    counted = []
    whole = torch.nn.Module.__call__

    def call(module, *args, **kwargs):
        if type(module).__name__ == "GPT2LMHeadModel":
            counted.append(1)
        return whole(module, *args, **kwargs)

    monkeypatch.setattr(torch.nn.Module, "__call__", call)
    return counted


@pytest.mark.parametrize("prompt", ["Hello", "", "<script>alert(1)</script>", "a b <|endoftext|> c"])
def test_every_view_with_any_prompt(prompt):
    app = opened(prompt=prompt)
    for view in VIEWS:
        app.session_state["cache"] = view
        app.run()
        assert not app.exception and not app.error, view
        assert "<script>" not in tree.html(app), view
        if view != "bytes" and not prompt:
            assert "Type a prompt" in app.info[0].value, view


def test_the_prefill_and_the_first_decode_step(loaded):
    n = len(tokens.encode(loaded.tokenizer, PROMPT))
    app = opened()
    page = tree.html(app)
    assert f"prefill: reads {n} tokens" in page and f"(1, 8, {n}, 32)" in page
    assert f"{n * 12_288:,} bytes" in page
    app = press(app, "forward")
    page = tree.html(app)
    assert "decode: reads 1 token<" in page and f"(1, 8, {n + 1}, 32)" in page
    assert f"{(n + 1) * 12_288:,} bytes" in page and "+12,288 by this step" in page
    errors = list(app.dataframe[0].value["max |Δ logit|"].dropna())
    assert len(errors) == 1 and 0 <= errors[0] < 1e-3


def test_stepping_back_and_forth_runs_nothing(passes):
    app = opened(prompt="Stepping back and forth runs nothing at all", temperature="0")
    app = press(app, "ten")
    assert step_of(app) == 11
    before = len(passes)
    for key, where in (("back", 10), ("back", 9), ("first", 1), ("forward", 2), ("ten", 12)):
        if where == 12:
            break
        app = press(app, key)
        assert step_of(app) == where
    app.slider(key="cache:slider").set_value(11).run()
    assert len(passes) == before
    press(app, "forward")
    assert len(passes) == before + 2  # one step with the cache, one pass without to prove it


def test_another_visitor_at_the_same_prompt_runs_nothing(passes):
    link = {"prompt": "Two visitors read one text", "step": "6"}
    first = opened(**link)
    before = len(passes)
    second = opened(**link)
    assert len(passes) == before and tree.html(first) == tree.html(second)


def test_the_text_is_what_generate_gives_with_these_settings(loaded):
    link = {"temperature": "0.9", "top_k": "50", "top_p": "0.95", "seed": "7"}
    app = opened(step="9", **link)
    drawn = list(app.dataframe[0].value["draws"])
    reader = generate.WithCache(loaded, KVCache(6))
    expected = generate.generate(
        reader, tokens.encode(loaded.tokenizer, PROMPT), 9,
        settings=run.sampling.SamplingSettings(0.9, 50, 0.95),
        generator=torch.Generator().manual_seed(7),
    )
    assert drawn == tokens.display(loaded.tokenizer, [s.token for s in expected])


def test_a_new_prompt_starts_at_its_prefill():
    app = opened(step="5")
    assert step_of(app) == 5
    app.session_state["prompt"] = PROMPT + " New York"
    app.run()
    assert step_of(app) == 1


def test_it_ends_at_the_window_and_says_so(loaded):
    word = "a " * 700
    app = opened(prompt=word, temperature="0")
    assert "(1, 8, 512, 32)" in tree.html(app)
    assert "the window of 512 positions is full" in tree.html(app)
    assert app.button(key="forward").disabled and app.button(key="ten").disabled


def test_counts_before_and_times_after_measuring():
    app = opened("time", prompt="Measured once")
    assert "Nothing measured yet" in app.info[0].value
    app.segmented_control(key="cache_most").set_value(64).run()
    app = press(app, "measure")
    assert not app.info
    words = " ".join(x.value for x in app.caption) + " ".join(x.value for x in app.markdown)
    assert "medians of 5 runs" in words and "cpu float32" in words and "Token 64:" in words


def test_the_price_on_the_page_is_the_models(loaded):
    text = "Once upon a time there was a king. Once upon a time there was a queen."
    app = opened("beyond", text)
    ids = tokens.encode(loaded.tokenizer, text)
    budget = app.slider[0].value
    assert budget == len(ids) // 2
    *_, found = cache_budget.with_policies(
        loaded, ids, {"slide": run.POLICIES["slide"]}, budget,
        place=cache_budget.counted_on, seed=0,
    )
    assert f"{found['slide'].bits_per_byte:.3f}" in json.dumps(tree.charts(app))


@pytest.mark.parametrize("n_words, budget", [(1, None), (30, 1), (30, 30)])
def test_budgets_from_one_to_the_whole_text(n_words, budget):
    app = opened("beyond", "word " * n_words)
    assert not app.exception and not app.error
    if n_words == 1:
        return
    slider = app.slider[0]
    app = slider.set_value(min(budget, slider.max)).run()
    assert not app.exception and not app.error


def test_a_text_beyond_the_window(tmp_path, monkeypatch):
    random_gpt2(n_layer=1, n_positions=512).save_pretrained(tmp_path / "one-layer")
    byte_tokenizer().save_pretrained(tmp_path / "one-layer")
    monkeypatch.setenv("MNEMOSCOPE_MODEL", str(tmp_path / "one-layer"))
    app = opened("beyond", "word " * 108)  # 540 tokens: a byte each
    assert not app.exception and not app.error
    app = press(app, "cache_compare")
    assert not app.info
    app = app.slider[0].set_value(400).run()
    assert not app.exception and not app.error


def test_a_chosen_budget_stays_while_the_text_grows_and_a_long_text_asks_first(passes):
    app = opened("beyond", "word " * 30, cache_budget="9")
    assert app.slider[0].value == 9
    app.session_state["prompt"] = "word " * 40
    app = app.run()
    assert app.slider[0].value == 9
    app.session_state["prompt"] = "word " * 500
    before = len(passes)
    app = app.run()
    assert app.slider[0].value == 9 and len(passes) - before < 10
    app = app.slider[0].set_value(300).run()
    assert app.slider[0].value == 300 and not app.toggle(key="cache_again").value
    assert app.button(key="cache_compare") and not app.error and not app.exception


def test_the_calculator_gives_gpt2s_published_figure_and_the_live_one():
    app = opened("bytes")
    assert "12,288" in tree.html(app)  # the embedded model's, as the growth view counts it
    app = app.selectbox(key="cache_preset").select("gpt2").run()
    assert "73,728" in tree.html(app) and f"{73_728 * 1024:,} bytes" in tree.html(app)
    app.number_input(key="cache gpt2 n_kv_head").set_value(5).run()
    assert "share 12 query heads evenly" in app.error[0].value
    app.number_input(key="cache gpt2 n_kv_head").set_value(4).run()
    assert not app.error and "24,576" in tree.html(app)


def test_nonsense_in_a_link_is_survived():
    link = {"step": "999999999", "layer": "999", "at": "999", "temperature": "x", "seed": "y"}
    app = opened("no such view", "A link full of nonsense", **link)
    assert not app.exception and not app.error
    assert 1 <= step_of(app) <= 1 + run.MOST_AT_ONCE


def address_of(app) -> dict:
    return tree.sent(app, "live_prompt")["address"]


def test_a_link_carries_what_was_chosen_of_time(loaded):
    app = opened("time", cache_most="64", cache_t="9", cache_log="1")
    assert app.segmented_control(key="cache_most").value == 64
    assert app.slider(key="cache:t").value == 9 and app.toggle(key="cache_log").value
    app.slider(key="cache:t").set_value(11).run()
    app.toggle(key="cache_log").set_value(False).run()
    address = address_of(app)
    assert (address["cache_most"], address["cache_t"], address["cache_log"]) == ("64", "11", "0")


def test_a_link_carries_what_was_chosen_of_the_full_cache():
    app = opened("beyond", "word " * 30, cache_place="in cache", cache_again="0")
    assert app.segmented_control(key="cache_place").value == "in cache"
    assert not app.toggle(key="cache_again").value
    app.toggle(key="cache_again").set_value(True).run()
    assert address_of(app)["cache_again"] == "1"


def test_a_link_never_starts_what_runs_long():
    app = opened("beyond", "word " * 500, cache_again="1")
    assert not app.toggle(key="cache_again").value


def test_a_link_carries_the_calculators_numbers():
    link = {"cache_preset": "gpt2", "cache_numbers": "gpt2:n_kv_head=4,dtype=float16,batch=x"}
    app = opened("bytes", **link)
    assert app.number_input(key="cache gpt2 n_kv_head").value == 4
    assert app.number_input(key="cache gpt2 batch").value == 1
    assert app.selectbox(key="cache gpt2 dtype").value == "float16"
    app.number_input(key="cache gpt2 n_layer").set_value(24).run()
    assert address_of(app)["cache_numbers"] == "gpt2:n_layer=24,n_kv_head=4,dtype=float16"
    app.selectbox(key="cache_preset").select("gpt3").run()
    assert app.number_input(key="cache gpt3 n_layer").value == 96


@pytest.mark.parametrize("word", ["gpt2", "gpt2:", "gpt2:n_layer", "gpt2:n_layer=0,n_head=99999999999",
                                  "gpt2:,=,==", "<b>:n_layer=3"])
def test_a_calculators_nonsense_is_left_out(word):
    app = opened("bytes", cache_preset="gpt2", cache_numbers=word)
    assert not app.exception and not app.error
    assert app.number_input(key="cache gpt2 n_layer").value == 12
