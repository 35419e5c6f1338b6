"""The picture of the whole model on the Start page: what it is sent are the model's own numbers."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from model.analysis import flow, lens, logit_flow
from model.loading import checkpoint
from model.memory import asking, telling
from model.memory.state import blank
from model.run import tokens, trace
from tests.app import remembering, tree
from tests.app.test_memory_page import ask, open_page, tell
from tests.app.test_memory_page_trained import SETTINGS
from tests.conftest import byte_tokenizer, random_gpt2
from tests.waiting import PATIENCE_S

PROMPT = "My name is James Theory. I live in New York. Where do I live? I live in"
FACT, QUESTION = "My name is James Theory. I live in New York.", "Where do I live? I live in"
KINDS = ("token", "slot", "edm", "early", "late")


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded")


@pytest.fixture(scope="module")
def run(embedded):
    return trace.run(embedded, tokens.encode(embedded.tokenizer, PROMPT))


def opened(prompt=PROMPT, **link):
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    app.query_params["prompt"] = prompt
    for name, text in link.items():
        app.query_params[name] = text
    app.run()
    assert not app.exception and not app.error
    return app


def drawn(app) -> dict:
    return tree.sent(app, "whole")


def edges_of(found, rows) -> set:
    """An edge as the browser gets it, of the rows that are sent."""
    return {
        (KINDS[e.kind[i]], int(e.layer[i]), int(e.source[i]), int(e.target[i]), int(e.head[i]))
        for e in [found.edges] for i in range(len(e))
        if e.target[i] in rows and (e.kind[i] > 0 or e.source[i] in rows)
    }


def test_what_flows_is_what_the_model_says(embedded, run):
    sent, last = drawn(opened()), len(run) - 1
    found = flow.follow(embedded, run, last)
    rows = sent["rows"]
    assert sent["at"] == last and rows == list(range(len(run)))
    np.testing.assert_allclose(sent["shares"], found.shares, atol=1e-5)
    np.testing.assert_allclose(sent["mlp"], found.mlp, atol=1e-5)
    listed = {(kind, layer, rows[s], rows[t], head) for kind, layer, s, t, _, _, head in sent["edges"]}
    assert listed == edges_of(found, rows) and len(listed) == len(sent["edges"]) > 20
    shares = sorted((share for _, _, _, _, share, _, _ in sent["edges"]), reverse=True)
    np.testing.assert_allclose(shares, sorted(found.edges.share, reverse=True), rtol=1e-3)


def test_the_words_are_the_lens_s_and_the_next_word_the_model_s(embedded, run):
    sent = drawn(opened())
    ids, probability = lens.best_words(embedded, run, len(run) - 1)
    assert [word for word, _ in sent["words"]] == tokens.display(embedded.tokenizer, ids)
    np.testing.assert_allclose([p for _, p in sent["words"]], probability, rtol=1e-3)
    top = run.next_logits.double().softmax(-1).topk(6)
    assert [w for w, _ in sent["next"]] == tokens.display(embedded.tokenizer, top.indices.tolist())
    np.testing.assert_allclose([p for _, p in sent["next"]], top.values, rtol=1e-3)
    assert "New" in sent["title"] and "23 of 23" in sent["title"]


def test_another_token_is_followed_and_its_own_next_words_are_shown(embedded, run):
    sent = drawn(opened(at="8"))
    assert sent["at"] == 8
    np.testing.assert_allclose(sent["shares"], flow.follow(embedded, run, 8).shares, atol=1e-5)
    behind = trace.logits_at(embedded, run, 8).double().softmax(-1)
    assert sent["next"][0][1] == pytest.approx(float(behind.max()), rel=1e-3)


def test_a_logit_is_shown_in_parts_that_add_up_to_it(embedded, run):
    app = opened(flow="logit")
    sent, token = drawn(app), int(run.next_logits.argmax())
    found = logit_flow.split(embedded, run, len(run) - 1, token)
    assert sent["of"] == tokens.display(embedded.tokenizer, [token])[0]
    assert sent["read"] == pytest.approx(found.read.sum(), abs=0.01)
    assert sum(edge[4] for edge in sent["edges"]) == pytest.approx(sent["read"], abs=0.5)
    whole = sent["read"] + sum(sent["mlp"]) + sum(sent["bias"]) + sum(sent["embedding"])
    assert whole + sent["final_bias"] == pytest.approx(sent["logit"], abs=0.01)
    assert sent["logit"] == pytest.approx(float(run.next_logits.max()), abs=0.01)
    other = tokens.encode(embedded.tokenizer, " Rome")[0]
    again = drawn(opened(flow="logit", flow_of=str(other)))
    assert again["logit"] == pytest.approx(float(run.next_logits[other]), abs=0.01)


def test_a_link_to_a_token_and_a_word_that_are_not_there(run):
    sent = drawn(opened(at="9999", flow="logit", flow_of="999999999"))
    assert sent["at"] == len(run) - 1
    assert sent["logit"] == pytest.approx(float(run.next_logits.max()), abs=0.01)


def test_the_first_word_is_followed_as_the_prompt_changes(run):
    app = opened("I live in", flow="logit")
    app.session_state["prompt"] = PROMPT
    app.run()
    assert drawn(app)["token"] == int(run.next_logits.argmax())


@pytest.mark.parametrize("text", ["a", " ", "\x00", "word " * 3000])
def test_any_prompt_has_its_picture(text):
    app = opened(text)
    sent = drawn(app)
    shown = {t for edge in sent["edges"] for t in edge[2:4]}
    assert shown <= set(range(len(sent["rows"]))) and sent["at"] == sent["n"] - 1
    assert len(sent["rows"]) <= 48


def test_half_a_thousand_tokens_are_half_a_megabyte_at_most_by_far():
    sent = drawn(opened("The boy went to the market and bought a red hat. " * 25))
    size = sum(len(json.dumps(value)) for value in sent.values())
    assert sent["n"] > 256 and size < 60_000


def test_a_model_of_other_layers_and_heads(tmp_path, monkeypatch):
    random_gpt2(n_layer=12, n_head=2, n_embd=48).save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    monkeypatch.setenv("MNEMOSCOPE_MODEL", str(tmp_path))
    sent = drawn(opened("A cat sat on a mat"))
    assert len(sent["words"]) == 13 and len(sent["mlp"]) == 12 and sent["n_heads"] == 2
    assert {edge[1] for edge in sent["edges"]} == set(range(12))


# -- memory ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(remembering.with_fake(tmp_path_factory.mktemp("trained")))


@pytest.fixture
def remembered(folder, monkeypatch):
    """The app on a model with random memory, which was told a fact and is asked a question."""
    monkeypatch.setenv("MNEMOSCOPE_MODEL", folder)
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    ask(tell(open_page(app), FACT), QUESTION)
    app.switch_page("pages/start.py").run()
    assert not app.exception
    return app


def test_memory_s_slots_flow_into_the_picture(remembered, folder):
    loaded = checkpoint.load(folder)
    state = telling.tell(loaded, blank(loaded), FACT, SETTINGS).state
    ids = tokens.encode(loaded.tokenizer, QUESTION)
    run = asking.ask(loaded, state, ids, SETTINGS).trace
    sent, found = drawn(remembered), flow.follow(loaded, run, len(run) - 1)
    assert sent["names"][0] == "<|endoftext|>" and sent["n_start"] == 1 and sent["has_memory"]
    mine = sorted(edge[4] for edge in sent["edges"] if edge[0] != "token")
    theirs = sorted(found.edges.share[found.edges.kind > 0])
    assert len(mine) > 3
    np.testing.assert_allclose(mine, theirs[-len(mine):], rtol=1e-2)
    assert {source["kind"] for source in sent["sources"]} >= {"slot", "early", "late"}
    slot = next(source for source in sent["sources"] if source["kind"] == "slot")
    assert slot["text"] == state.bank.slots.text[slot["number"]]
    assert "told in prompt 1" in slot["told"]


def test_with_memory_off_the_picture_is_gpt_2_s(remembered, folder):
    loaded = checkpoint.load(folder)
    remembered.toggle(key="flow_memory").set_value(False).run()
    ids = [loaded.tokenizer.bos_token_id, *tokens.encode(loaded.tokenizer, QUESTION)]
    plain = trace.run(loaded, ids)
    sent = drawn(remembered)
    assert sent["has_memory"] and not sent["sources"]
    np.testing.assert_allclose(sent["shares"], flow.follow(loaded, plain, len(ids) - 1).shares, atol=1e-5)
    remembered.toggle(key="flow_memory").set_value(True).run()
    assert drawn(remembered)["sources"]


def test_memory_s_parts_of_a_logit_add_up_with_all_others(remembered):
    remembered.session_state["flow"] = "logit"
    sent = drawn(remembered.run())
    assert not remembered.exception and sent["sources"]
    biases = sum(sent["bias"]) + sent["final_bias"]
    whole = sent["read"] + sum(sent["mlp"]) + sum(sent["embedding"]) + biases
    assert whole == pytest.approx(sent["logit"], abs=0.02)


def test_every_switch_of_the_memory_page_counts_here(remembered):
    remembered.session_state["variant"] = "gpt2"
    remembered.run()
    assert not drawn(remembered)["sources"]


def test_before_anything_is_told_there_is_no_memory_in_the_picture():
    app = opened()
    assert not drawn(app)["has_memory"] and not [t for t in app.toggle if t.key == "flow_memory"]
