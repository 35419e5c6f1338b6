"""The Prediction page: real numbers at any position, links that hold, any prompt, broken logits."""

import json

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from components.prediction import figures
from model.__main__ import main
from model.analysis import surprisal
from model.loading import checkpoint
from model.run import sampling, tokens, trace
from tests.app import tree
from tests.waiting import PATIENCE_S

PROMPT = "Mary lives in Paris. Tom lives in Rome. Where does Mary live?"
HOSTILE = "<script>alert(1)</script> **b** `a``` $x^2$ [a](b) \u202e abc \x00 🧠 e\u0301"


@pytest.fixture
def app():
    return AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)


def open_page(app, **link):
    for name, value in link.items():
        app.query_params[name] = str(value)
    app.switch_page("pages/prediction.py")
    return app.run()


def sent(app, name):
    """What the component `name` was given: its header, and its arrays by name."""
    return tree.sent(app, f"prediction_{name}")


@pytest.fixture(scope="module")
def truth():
    """The same prompt, run here: ids, logits (T,V), tokens, reading."""
    loaded = checkpoint.load("embedded")
    ids = tokens.encode(loaded.tokenizer, PROMPT)
    run = trace.run(loaded, ids)
    reading = surprisal.read(loaded, run)
    return ids, trace.logits(loaded, run), tokens.display(loaded.tokenizer, ids), reading


def test_the_whole_vocabulary_at_the_position_of_the_link(app, truth):
    ids, logits, names, _ = truth
    given = sent(open_page(app, prompt=PROMPT, at=5), "curve")
    assert not app.exception
    expected = logits[5].float().sort(descending=True).values
    np.testing.assert_allclose(given["logits"], expected, atol=1e-4)
    assert given["came_name"] == names[6]
    assert given["came"] == int((logits[5] > logits[5, ids[6]]).sum())


def test_settings_seed_and_draws_of_the_link(app, truth):
    _, logits, _, _ = truth
    link = {"temperature": 0.8, "top_k": 40, "top_p": 0.9, "seed": 11, "draws": 1000}
    given = sent(open_page(app, prompt=PROMPT, follow="last", **link), "curve")
    assert given["chosen"] == link
    made = sampling.stages(logits[-1], sampling.SamplingSettings(0.8, 40, 0.9))
    for told, fact in zip(given["facts"], made.facts, strict=True):
        assert told["n_alive"] == fact.n_alive
        assert told["entropy"] == pytest.approx(fact.entropy_bits, abs=1e-4)
        assert told["cut"] == pytest.approx(fact.cut, abs=1e-5)
    points = sampling.uniform(1000, torch.Generator().manual_seed(11))
    carried = given["points"].astype(np.float64) + given["points_low"]
    np.testing.assert_allclose(carried, points, atol=1e-14)
    first = sampling.draw(made.probabilities, torch.Generator().manual_seed(11))
    loaded = checkpoint.load("embedded")
    assert given["drawn"] == tokens.display(loaded.tokenizer, [first])[0]
    assert given["came"] is None


def test_the_first_draw_is_what_generate_begins_with(app, capsys):
    settings = ["--temperature", "1.5", "--top-p", "0.95", "--seed", "23"]
    arguments = ["generate", "--model", "embedded", "--prompt", PROMPT, "--tokens", "1", "--json"]
    assert main([*arguments, *settings]) == 0
    generated = json.loads(capsys.readouterr().out)
    given = sent(open_page(app, prompt=PROMPT, follow="last", temperature=1.5, top_p=0.95, seed=23), "curve")
    assert given["drawn"] == generated["tokens"][0]["token"]


@pytest.mark.parametrize(
    "link",
    [
        {"temperature": "hot"},
        {"temperature": -1},
        {"temperature": "nan"},
        {"top_p": 7},
        {"top_k": "many"},
        {"seed": 10**30},
        {"draws": 7},
        {"at": 10**9},
        {"at": -3},
        {"prediction": "nonsense"},
    ],
)
def test_a_link_that_makes_no_sense_shows_the_plain_distribution(app, link):
    given = sent(open_page(app, prompt=PROMPT, **link), "curve")
    assert not app.exception and not app.error
    plain = {"temperature": 1, "top_k": 0, "top_p": 1, "draws": 100}
    assert {name: given["chosen"][name] for name in plain} == plain


@pytest.mark.parametrize(
    "link, n_alive",
    [({"temperature": 0}, 1), ({"top_p": 0}, 1), ({"top_k": 10**9}, 4096), ({"top_k": 1}, 1)],
)
def test_the_edges_of_the_settings(app, link, n_alive):
    given = sent(open_page(app, prompt=PROMPT, **link), "curve")
    assert given["facts"][-1]["n_alive"] == n_alive
    assert not app.exception and not app.error


def test_every_token_carries_its_surprisal(app, truth):
    *_, names, reading = truth
    strip = sent(open_page(app, prompt=PROMPT, prediction="surprisal"), "strip")
    assert strip["names"] == names and strip["bits"][0] is None
    np.testing.assert_allclose(strip["bits"][1:], reading.bits[1:], atol=1e-3)
    assert strip["rank"] == reading.rank.tolist()
    html = tree.html(app)
    assert f"{reading.total.bits_per_byte:.3f}" in html
    assert f"{reading.total.perplexity:,.1f}" in html
    assert "The first (" in html


def test_the_shift_lines_up_predictions_with_what_came(app, truth):
    ids, logits, names, reading = truth
    given = sent(open_page(app, prompt=PROMPT, prediction="shift", at=3), "shift")
    assert given["names"] == names and given["chosen"] == 3
    loaded = checkpoint.load("embedded")
    best = tokens.display(loaded.tokenizer, logits.argmax(-1).tolist())
    assert [row[0] for row in given["guesses"]] == best
    assert f"{reading.n_hits:,} of {len(ids) - 1:,} first guesses" in " ".join(one.value for one in app.markdown)


def test_a_longer_prompt_gives_what_a_fresh_run_gives(app, truth):
    *_, reading = truth
    open_page(app, prompt=PROMPT[:30])
    app.session_state["prompt"] = PROMPT
    app.run()
    np.testing.assert_allclose(sent(app, "strip")["bits"][1:], reading.bits[1:], atol=1e-3)


def test_the_chosen_position_outlives_a_shorter_prompt(app):
    given = sent(open_page(app, prompt=PROMPT, at=12), "strip")
    assert given["chosen"] == 12
    app.session_state["prompt"] = "Mary lives"
    assert sent(app.run(), "strip")["chosen"] == len(sent(app, "strip")["names"]) - 1


@pytest.mark.parametrize("view", ["next", "surprisal", "shift"])
@pytest.mark.parametrize("text", ["a", "   ", HOSTILE, "word " * 3000, "a<|endoftext|>b"])
def test_no_prompt_breaks_a_view(app, view, text):
    open_page(app, prompt=text, prediction=view)
    assert not app.exception and not app.error
    assert not any("<script>" in n.value for n in app.markdown if not n.value.startswith("#"))


def test_the_empty_prompt_says_what_to_do(app):
    open_page(app)
    app.session_state["prompt"] = ""
    app.run()
    assert not app.exception and "Type a prompt" in app.info[0].value


def test_broken_logits_are_named_and_nothing_is_drawn(app, monkeypatch):
    real = surprisal.final_logits

    def broken(model, stream):
        logits = real(model, stream).clone()
        logits[-1, 3] = torch.nan
        return logits

    monkeypatch.setattr(surprisal, "final_logits", broken)
    open_page(app, prompt="A prompt that no other test has read.")
    assert not app.exception
    assert "logits after tokens" in app.error[0].value and "1 NaN" in app.error[0].value
    with pytest.raises(AssertionError):
        sent(app, "curve")


def test_it_opens_where_the_model_is_least_certain_and_then_follows_the_typing(app, truth):
    *_, names, reading = truth
    least = int(reading.entropy_bits.argmax())
    assert 0 < least < len(names) - 1
    assert sent(open_page(app, prompt=PROMPT), "strip")["chosen"] == least
    assert "least certain" in sent(app, "strip")["why"]
    assert address_of(app) == (None, None)
    app.session_state["prompt"] = PROMPT + " Mary"
    assert sent(app.run(), "strip")["chosen"] > len(names) - 1
    assert "least certain" not in sent(app, "strip")["why"]
    assert address_of(app) == (None, "last")


def test_the_last_token_is_followed_when_asked_for(app, truth):
    *_, names, _ = truth
    open_page(app, prompt=PROMPT, at=2)
    app.button(key="prediction_follow").click().run()
    assert sent(app, "strip")["chosen"] == len(names) - 1
    assert app.button(key="prediction_follow").disabled
    assert address_of(app) == (None, "last")


def address_of(app) -> tuple:
    address = tree.sent(app, "live_prompt")["address"]
    return address["at"], address["follow"]


def test_the_expected_bits_are_a_step_over_each_token(truth):
    *_, names, reading = truth
    figure = figures.bits_chart(
        names, reading.bits, reading.rank, reading.entropy_bits, 3
    )
    line, n = figure.data[1], len(names)
    assert (line.x[0], line.x[-1]) == (0.5, n - 0.5)
    assert np.array_equal(line.y[::2], reading.entropy_bits[:-1])
    assert np.array_equal(line.y[::2], line.y[1::2])
    assert np.allclose((line.x[::2] + line.x[1::2]) / 2, np.arange(1, n))
