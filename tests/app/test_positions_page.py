"""The Positions page: every view on any prompt; what is drawn is what the model's side computed."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from model.analysis import attention, what_if
from model.loading import checkpoint
from model.run import tokens, trace
from tests.app import tree
from tests.waiting import PATIENCE_S

VIEWS = ("side", "tables", "rope", "alibi", "order", "ends")
EDITS = ("words", "positions", "both", "shift", "none", "none_words")
ENDS = ("learned", "rope", "alibi", "norm")
HOSTILE = (
    "<script>alert(1)</script> **bold** $x^2$ `c` [a](b) \u202e שלום \x07 <|endoftext|> 👨\u200d👩"
)
LONG = "word " * 600  # beyond the window of the embedded model


def opened(view: str, **link) -> AppTest:
    """The app at /positions?positions=view&… as a link opens it."""
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in {"positions": view, "prompt": "one two three one two", **link}.items():
        app.query_params[name] = value
    app = app.switch_page("pages/positions.py").run()
    assert not app.exception, app.exception
    return app


def drawn(app, name: str) -> dict:
    """What the page's own component of that key was sent."""
    return {key: message for _, key, message in tree.components(app)}[name]


def said(app) -> str:
    return " ".join(x.value for x in [*app.markdown, *app.caption])


@pytest.fixture(scope="module")
def loaded():
    return checkpoint.load("embedded")


def without_prompt(app, prompt):
    app.session_state["prompt"] = prompt
    return app.run()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("prompt", ["", "a", "a b", HOSTILE, LONG],
                         ids=["empty", "one", "two", "hostile", "long"])
def test_no_prompt_breaks_a_view(view, prompt):
    app = without_prompt(opened(view), prompt)
    assert not app.exception
    too_short = view == "order" and prompt == "a"
    assert [e.value.startswith("Too few tokens to shuffle: ") for e in app.error] == (
        [True] if too_short else []
    ) or (view, prompt) == ("order", "a b")
    if prompt == "" and view != "tables":
        assert "Type a prompt" in app.info[0].value


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("prompt", ["one two three four", LONG], ids=["short", "long"])
def test_every_change_of_order(edit, prompt):
    app = without_prompt(opened("order", order=edit), prompt)
    assert not app.exception and not app.error
    assert "KL" in said(app)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("prompt", ["a", "one two three", LONG], ids=["one", "short", "long"])
def test_every_end(end, prompt):
    app = without_prompt(opened("ends", ends=end), prompt)
    assert not app.exception and not app.error


def test_the_five_maps_are_the_models(loaded):
    app = opened("side", layer="1", head="2", query="4", key="1")
    sent = drawn(app, "positions_maps")
    ids = tokens.encode(loaded.tokenizer, "one two three one two")
    real, bare = trace.run(loaded, ids), what_if.without_positions(loaded, ids)
    maps = what_if.maps(loaded, real, bare, what_if.with_sinusoids(loaded, ids), 1, 2)
    lower = np.tril_indices(len(ids))
    expected = np.concatenate([x[lower] for x in maps.values()])
    assert np.allclose(sent["weights"], expected, atol=1e-5)
    assert np.allclose(maps["learned"], attention.weights(loaded, real, 1, 2))
    assert sent["chosen"] == {"query": 4, "key": 1}
    assert np.allclose(sent["chosen_weights"], [x[4, 1] for x in maps.values()], atol=1e-5)


def test_whatever_is_not_the_model_says_what_if():
    sent = drawn(opened("side"), "positions_maps")
    assert sent["names"] == ["Learned", "None", "Sinusoidal", "RoPE", "ALiBi"]
    assert sent["tags"][0] == "as trained"
    assert all(tag.startswith("what if") for tag in sent["tags"][1:])
    for view in ("rope", "alibi"):
        app = opened(view)
        assert "hat if" in said(app) or drawn(app, "alibi_maps")["tags"][0].startswith("what if")


def test_the_clocks_get_q_and_k_of_the_run_without_positions(loaded):
    sent = drawn(opened("rope", layer="0", head="3", query="3", key="0"), "clocks")
    ids = tokens.encode(loaded.tokenizer, "one two three one two")
    bare = what_if.without_positions(loaded, ids)
    q, k = (what_if.numpy64(x[0][3]) for x in (bare.q, bare.k))
    assert np.allclose(sent["q"], q[3]) and np.allclose(sent["k"], k[0])
    assert np.isclose(sent["scores"][0], q[3] @ k[0] * sent["scaling"], atol=1e-5)
    assert len(sent["scores"]) == 512 and sent["places"] == [3, 0]


def test_a_shift_out_of_the_window_is_one_sentence_and_the_curve_stays():
    app = opened("ends", shift="600")
    assert len(app.error) == 1 and "out of range: the table has rows" in app.error[0].value
    assert tree.charts(app)
    app = opened("order", order="shift", shift="511")
    assert len(app.error) == 1 and not app.exception


def test_a_full_window_has_room_for_no_shift():
    app = without_prompt(opened("ends"), LONG)
    assert not app.error and "1 shift measured" in said(app)


def test_nonsense_in_a_link_is_left_out():
    app = opened("nowhere", layer="99", head="99", query="99", key="99", order="x", ends="x",
                 positions_table="x", shuffle="-1", shift="x")
    assert not app.error
    assert app.session_state["positions"] == "side"


def test_another_head_is_kept_for_every_page():
    app = opened("side", layer="1", head="2")
    app.selectbox(key="positions:head").set_value(5).run()
    assert (app.session_state["layer"], app.session_state["head"]) == (1, 5)


def test_shuffle_again_changes_the_order():
    app = opened("order", prompt="one two three four five six seven")
    before = said(app)
    app.button(key="again").click().run()
    assert app.session_state["shuffle"] == 1 and said(app) != before
