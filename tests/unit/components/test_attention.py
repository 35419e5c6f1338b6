"""What the attention page sends to the browser, says and remembers."""

import json
import struct
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st

from components import declared
from components.attention import choice, grid, head_facts, head_map, query_steps
from components.frame import address, live_prompt
from components.kit import canvas
from tests.unit.components.session import Session


def causal(*shape):
    """Random causal weights (..., T, T) whose rows sum to 1."""
    scores = np.random.default_rng(0).normal(size=(*shape, shape[-1])) * 3
    scores[..., np.triu(np.ones(scores.shape[-2:], bool), 1)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


def unpack(message: bytes) -> dict:
    """components/kit/canvas.js's unpack, in Python."""
    (length,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + length])
    for name, (kind, start, size) in header["arrays"].items():
        at = 4 + length + start
        assert at % np.dtype(kind).itemsize == 0
        header[name] = np.frombuffer(message, kind, size, at)
    return header


@pytest.fixture
def session(monkeypatch):
    state = Session()
    monkeypatch.setattr(st, "session_state", state)
    return state


@pytest.fixture
def sent(monkeypatch, session):
    """The messages that components would send, and their callbacks."""
    messages = []

    def mount(key, data, **callbacks):
        messages.append(SimpleNamespace(key=key, data=data, **callbacks))

    for place, name in [(grid, "_mount"), (head_map, "_mount"),
                        (query_steps, "_steps"), (query_steps, "_cell")]:
        monkeypatch.setattr(place, name, mount)
    return messages


# -- messages --------------------------------------------------------------------------------------


def test_what_is_packed_comes_out_again():
    odd, floats = np.arange(7, dtype=np.uint8), np.linspace(-1, 1, 5, dtype=np.float32)
    out = unpack(canvas.pack({"word": "naïve 🧠"}, odd=odd, floats=floats))
    assert out["word"] == "naïve 🧠"
    np.testing.assert_array_equal(out["odd"], odd)
    np.testing.assert_array_equal(out["floats"], floats)


def test_levels_grow_with_the_root_and_keep_small_weights():
    weights = np.array([0, 1e-5, 0.01, 0.25, 1])
    np.testing.assert_array_equal(canvas.levels(weights), [0, 1, 26, 128, 255])


def test_lower_triangle_is_the_rows_one_after_the_other():
    square = np.arange(9).reshape(3, 3)
    np.testing.assert_array_equal(canvas.lower_triangle(square), [0, 3, 4, 6, 7, 8])


@pytest.mark.parametrize("sizes", [(6, 8), (12, 12), (24, 16), (48, 25)])
def test_all_heads_of_any_gpt2_stay_under_3_mb(sent, sizes):
    n = canvas.squares(*sizes)
    pooled = np.ones((*sizes, n, n), np.float32)
    notes = ["entropy 1.00 bits\nprevious token 0.10"] * (sizes[0] * sizes[1])
    grid.show_maps(pooled, notes, (0, 0), key="grid", on_choose=print)
    assert 16 <= n <= 96
    assert len(sent[0].data) < 3_000_000


def test_a_click_in_the_grid_is_told_as_numbers(sent, session):
    heard = []
    grid.show_numbers(
        np.eye(2), 1.0, ["a", "b", "c", "d"], (1, 0), key="grid",
        on_choose=lambda *head: heard.append(head),
    )
    session["grid"] = SimpleNamespace(choose={"layer": 1.0, "head": 0})
    sent[0].on_choose_change()
    assert heard == [(1, 0)] and isinstance(heard[0][0], int)
    assert unpack(sent[0].data)["chosen"] == {"layer": 1, "head": 0}


@pytest.mark.parametrize("n_tokens", [1, 5, head_map.EXACT_TOKENS + 1])
def test_the_map_sends_exact_weights_while_they_are_few(sent, n_tokens):
    weights = causal(n_tokens)
    head_map.show(
        weights, ["x"] * n_tokens, (n_tokens - 1, 0), title="t", key="map",
        on_choose=print, most_px=400,
    )
    message = unpack(sent[0].data)
    assert message["chosen_weight"] == float(weights[-1, 0])
    np.testing.assert_allclose(
        (message["levels"] / 255) ** 2, canvas.lower_triangle(weights), atol=4e-3
    )
    if n_tokens <= head_map.EXACT_TOKENS:
        np.testing.assert_array_equal(message["weights"], canvas.lower_triangle(weights))
    else:
        assert "weights" not in message and len(sent[0].data) < 200_000


def test_drawn_keys_are_the_heaviest_and_the_chosen_one():
    weights = np.linspace(0.1, 0.001, 40)
    keys = query_steps.shown_keys(weights, 30, 29)
    assert keys.tolist() == [*range(query_steps.MOST_KEYS - 1), 29]
    assert query_steps.shown_keys(weights, 2, 1).tolist() == [0, 1, 2]


def test_steps_send_the_drawn_rows_and_what_the_others_hold(sent):
    n, width = 30, 4
    rng = np.random.default_rng(1)
    weights = np.zeros(n, np.float32)
    weights[:26] = causal(26)[-1]
    steps = SimpleNamespace(
        q=rng.normal(size=width), k=rng.normal(size=(n, width)), v=rng.normal(size=(n, width)),
        scaling=0.5, scores=np.arange(n), scaled=np.arange(n) / 2, weights=weights,
        mixed=np.ones(width), projected=np.ones(8), residual_error=1e-7,
    )
    query_steps.show_steps(steps, list("x" * n), 25, 25, key="steps", on_choose=print)
    message = unpack(sent[0].data)
    assert message["positions"][-2:] == [26, 27] and message["n_future"] == 4
    assert message["n_hidden"] == 26 - query_steps.MOST_KEYS
    drawn = weights[message["positions"]].sum()
    assert drawn + message["hidden_weight"] == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(message["k"].reshape(-1, width), steps.k[message["positions"]],
                               rtol=1e-6)


def test_the_factor_is_named_as_it_is():
    part = SimpleNamespace(q=np.zeros(64), scaling=0.125)
    assert query_steps.scaling_words(part) == "÷ √64"
    part.scaling = 0.0625
    assert query_steps.scaling_words(part) == "× 0.0625"


# -- words -----------------------------------------------------------------------------------------


def facts(**changed):
    base = {name: np.full((2, 2), 0.5) for name in head_facts.NAMES}
    return base | {"entropy": np.full((2, 2), 2.0)} | changed


def test_words_carry_the_numbers_and_the_reason_for_a_missing_one():
    assert "2.00 bits" in head_facts.words(facts(), 0, 1)
    assert "4.0 tokens equally" in head_facts.words(facts(), 0, 1)
    nowhere = np.full((2, 2), np.nan)
    assert head_facts.NO_INDUCTION in head_facts.words(facts(induction=nowhere), 0, 0)
    alone = facts(induction=nowhere, previous=nowhere, first=nowhere)
    assert head_facts.words(alone, 0, 0) == head_facts.ONE_TOKEN
    assert head_facts.legend("induction", nowhere, 1) == head_facts.NO_INDUCTION
    assert "nan" not in "".join(head_facts.notes(alone))
    assert len(head_facts.notes(alone)) == 4


def test_the_legend_says_what_is_pooled():
    assert "at least 11 × 11" in head_facts.legend("map", None, 11)
    assert "at least" not in head_facts.legend("map", None, 1)


# -- choices ---------------------------------------------------------------------------------------


def test_the_telling_head_has_the_highest_score():
    induction, previous = np.zeros((2, 3)), np.zeros((2, 3))
    induction[1, 2], previous[0, 1] = 0.9, 0.8
    scores = {"entropy": np.zeros((2, 3)), "induction": induction, "previous": previous}
    assert choice.telling_head(scores) == (1, 2)
    scores["induction"] = np.full((2, 3), 0.1)
    assert choice.telling_head(scores) == (0, 1)
    nowhere = np.full((2, 3), np.nan)
    assert choice.telling_head({"induction": nowhere, "previous": nowhere}) == (0, 0)


def test_a_guessed_head_stays_once_the_prompt_has_a_few_tokens(session):
    scores = facts()
    scores["induction"][1, 0] = 0.9
    assert choice.head(scores, 2) == (1, 0) and "layer" not in session
    assert choice.head(scores, 9) == (1, 0)
    scores["induction"][0, 1] = 1.0
    assert choice.head(scores, 10) == (1, 0)


def test_a_head_that_the_model_does_not_have_is_chosen_again(session):
    session.update(layer=11, head=11)
    assert choice.head(facts(), 9) == (0, 0)


def test_the_cell_follows_the_last_token_until_one_is_chosen(session):
    weights = causal(6)
    assert choice.cell(weights) == (5, int(weights[5].argmax()))
    choice.choose_cell(3, 1)
    assert choice.cell(weights) == (3, 1) and choice.is_chosen()
    choice.choose_cell(3, 5)  # a link may say anything; the future cannot be read
    assert choice.cell(weights) == (3, int(weights[3].argmax()))
    choice.follow_last()
    assert choice.cell(weights)[0] == 5 and not choice.is_chosen()


def chosen_in(session, old: str, query: int, key: int | None, new: str):
    """The chosen cell after the prompt changed; None where the last token is followed again."""
    choice.follow_text(old.split())
    choice.choose_cell(query, key)
    released = choice.follow_text(new.split())
    cell = (session["query"], session["key"])
    assert released == (cell != (query, key))
    return None if cell == (None, None) else cell


@pytest.mark.parametrize(
    "new, cell",
    [
        ("a b c d e f g h", (4, 1)),  # typed on
        ("a b c d e", (4, 1)),  # the end taken away
        ("a b c x e f", (4, 1)),  # another word between the two
        ("a x c d e f", (4, None)),  # the key is another word now
        ("z a b c d e f", (5, 2)),  # a word before both
        ("a c d e f", (3, None)),  # the key is gone
        ("a b c d x f", None),  # the query is another word
        ("a b c d", None),  # too short for it
        ("u v w x y z", None),  # a new prompt
        ("u v w x y z f", None),  # a new prompt with the same last word
        ("a", None),
    ],
)
def test_the_chosen_cell_stays_with_its_words(session, new, cell):
    assert chosen_in(session, "a b c d e f", 4, 1, new) == cell


def test_a_whole_new_prompt_is_not_taken_for_the_old_one_by_its_full_stop(session):
    assert chosen_in(session, "a b c d .", 4, None, "u v w x y z .") is None


def test_a_link_to_a_row_that_is_not_there_is_forgotten(session):
    session.update(query=13, key=2)
    assert choice.follow_text(["a", "b"])
    assert address.parameters(declared.ALL)["query"] is None is address.parameters(declared.ALL)["key"]
    session.update(query=1, key=7)
    assert not choice.follow_text(["a", "b"])


def test_a_cell_chosen_on_another_page_is_one_of_the_prompt_as_it_is_now(session):
    choice.choose_cell(2, 1)
    choice.follow_text(["a", "b", "c"])
    choice.forget_text()
    choice.choose_cell(3, 2)
    assert not choice.follow_text(["x", "a", "b", "c", "d"])
    assert (session["query"], session["key"]) == (3, 2)


# -- the link --------------------------------------------------------------------------------------


def test_a_link_is_read_once_and_its_nonsense_left_out(session, monkeypatch):
    link = {"layer": "3", "head": "-1", "query": "x", "view": "One head", "key": "٣"}
    monkeypatch.setattr(st, "query_params", link)
    address.open_link(declared.ALL)
    assert session["layer"] == 3 and session["view"] == "One head" and "head" not in session
    link["layer"] = "5"
    address.open_link(declared.ALL)
    assert session["layer"] == 3
    said = address.parameters(declared.ALL)
    assert said["layer"] == "3" and said["head"] is None and said["query"] is None


def test_a_link_with_thousands_of_digits_is_nonsense(session, monkeypatch):
    monkeypatch.setattr(st, "query_params", {"layer": "9" * 5000, "at": "9" * 10, "head": "9" * 9})
    address.open_link(declared.ALL)
    assert "layer" not in session and "at" not in session and session["head"] == 999_999_999


def test_a_link_carries_the_tiles_the_bertviz_view_and_the_cut_end(session, monkeypatch):
    link = {"shown": "entropy", "bertviz": "neuron", "cut": "end"}
    monkeypatch.setattr(st, "query_params", link)
    address.open_link(declared.ALL)
    assert {name: address.parameters(declared.ALL)[name] for name in link} == link


def test_a_cut_that_is_no_end_of_a_prompt_is_left_out(session, monkeypatch):
    monkeypatch.setattr(st, "query_params", {"cut": "middle"})
    address.open_link(declared.ALL)
    assert "cut" not in session


# -- the prompt box --------------------------------------------------------------------------------


class Browser:
    """The other side of the prompt box: what live_prompt.js does with a message, and its answer."""

    def __init__(self, session, monkeypatch):
        self.session, self.area, self.revision = session, None, -1
        monkeypatch.setattr(live_prompt, "_mount", self.mount)

    def mount(self, key, data, **_):
        if data["revision"] > self.revision:
            self.area, self.revision = data["value"], data["revision"]
        return self.session.get(key)

    def type(self, text, revision=None):
        revision = self.revision if revision is None else revision
        self.session["box"] = {"typed": {"text": text, "revision": revision}}
        self.area = text


@pytest.fixture
def browser(session, monkeypatch):
    return Browser(session, monkeypatch)


def show(value):
    return live_prompt.live_prompt(value, "box", "placeholder", 20)


def test_typed_text_comes_back_and_is_not_overwritten(browser):
    text = show("from the link")
    assert text == browser.area == "from the link"
    browser.type("from the link!")
    text = show(text)
    assert text == "from the link!" and browser.revision == 0


def test_the_app_overwrites_and_a_late_letter_cannot_undo_it(browser):
    show("one")
    browser.type("one t")
    text = show("one")
    assert show("An example") == browser.area == "An example"
    browser.type("one tw", revision=0)  # left the browser before the example came
    browser.area = "An example"
    assert show("An example") == "An example"
    browser.type("An example!")
    assert show("An example") == "An example!"
    assert text == "one t"


def test_a_visitor_whose_session_was_lost_keeps_the_text(browser, session):
    text = show("one")
    show("An example")
    browser.type("typed since")
    session.pop("box:memory")  # the server restarted; the link is older than the text
    text = show("one")
    assert text == "typed since" == browser.area
    browser.type("typed since then")
    assert show(text) == "typed since then"


@pytest.mark.parametrize(
    "sent, kept", [("x" * 30, "x" * 20), ("a\ud83d", "a\ufffd"), ("\x00", "\x00"), ("🧠", "🧠")]
)
def test_what_the_browser_sends_is_made_safe(browser, sent, kept):
    text = show("")
    browser.type(sent)
    assert show(text) == kept
