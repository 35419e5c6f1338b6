"""A prompt B beside A on Attention, Residual stream, Prediction and Memory: both sides' own numbers, and
their difference, between the tokens that stand for each other."""

import base64

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from components.memory import choice as memory_choice
from model.analysis import attention, attribution, comparison, lens, residual, surprisal
from model.loading import checkpoint
from model.memory import question, telling
from model.memory.settings import Settings
from model.memory.state import blank
from model.run import tokens, trace
from tests.app import tree
from tests.waiting import PATIENCE_S

A = "My name is James Theory. I live in New York. Where do I live? I live in"
B = "My name is James Theory. I live in Rome. Where do I live? I live in"  # one token fewer


@pytest.fixture(scope="module")
def model():
    return checkpoint.load("embedded")


@pytest.fixture(scope="module")
def sides(model):
    return [comparison.Side(model, trace.run(model, tokens.encode(model.tokenizer, text))) for text in (A, B)]


@pytest.fixture(scope="module")
def pairs(sides):
    return comparison.paired(*(side.trace for side in sides), "subsequence")


def opened(page: str, **link) -> AppTest:
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in {"prompt": A, "other_prompt": B, "beside": 1, **link}.items():
        app.query_params[name] = str(value)
    app.switch_page(f"pages/{page}.py")
    app.run()
    assert not app.exception and not app.error
    return app


def message(app, key: str) -> dict:
    return next(sent for _, found, sent in tree.components(app) if found == key)


def table(message: dict, name: str) -> np.ndarray:
    return message[name].reshape(len(message["rows"]), len(message["columns"]))


def keys(app) -> set[str]:
    return {found for _, found, _ in tree.components(app)}


def test_one_head_of_both_and_its_difference(model, sides, pairs):
    app = opened("attention", view="One head", layer=2, head=3)
    weights = [attention.weights(model, side.trace, 2, 3) for side in sides]
    for key, own in zip(("map", "map_b"), weights):
        rows, columns = np.tril_indices(len(own))
        np.testing.assert_allclose(message(app, key)["weights"], own[rows, columns], atol=1e-5)
    change = table(message(app, "map_apart"), "change")
    np.testing.assert_allclose(change, comparison.weight_difference(*sides, pairs, 2, 3), atol=1e-5)
    address = tree.sent(app, "live_prompt")["address"]
    assert address["beside"] == "1" and address["other_prompt"] == B


@pytest.mark.parametrize("link, drawn", [
    ({"view": "All heads"}, {"grid", "grid_b", "grid_apart", "map", "map_b", "map_apart"}),
    ({"view": "All heads", "shown": "entropy"}, {"grid", "grid_b", "grid_apart"}),
    ({"view": "Step by step"}, {"steps", "steps_b", "row_apart"}),
    ({"view": "Why here?", "query": 20, "key": 15}, {"score_writers", "score_writers_b", "score_apart"}),
    ({"view": "Rollout"}, {"map", "map_b", "map_apart"}),
    ({"view": "Cut"}, {"map"}),  # one prompt, and the way to Compare
])
def test_every_view_of_attention(link, drawn):
    app = opened("attention", **link)
    assert drawn <= keys(app)
    if link["view"] == "Cut":
        assert any("Compare" in str(node.proto) for node in tree.nodes(app) if node.type == "page_link")


def test_heads_are_apart_by_what_they_read(sides, pairs):
    app = opened("attention")
    found = table(message(app, "grid_apart"), "values")
    np.testing.assert_allclose(found, comparison.maps_apart(*sides, pairs), atol=1e-5)


def test_the_streams_of_both_share_a_scale(sides, pairs):
    app = opened("residual")
    a, b = (residual.measure(side.trace).norm for side in sides)
    np.testing.assert_allclose(table(message(app, "stream_grid"), "values"), a, rtol=1e-4)
    np.testing.assert_allclose(table(message(app, "stream_grid_b"), "values"), b, rtol=1e-4)
    change = b[:, pairs[:, 1]] - a[:, pairs[:, 0]]
    np.testing.assert_allclose(table(message(app, "stream_apart"), "values"), change, atol=1e-3)
    both = [message(app, key) for key in ("stream_grid", "stream_grid_b")]
    same = [np.interp(50, np.sort(x["values"]), np.sort(x["levels"]).astype(float)) for x in both]
    assert abs(same[0] - same[1]) < 8  # one length has one colour in both


def test_lenses_and_makers_of_a_logit(model, sides, pairs):
    app = opened("residual", residual_view="Logit lens")
    apart = table(message(app, "lens_apart"), "apart")
    np.testing.assert_allclose(apart, comparison.lens_apart(*sides, pairs), atol=1e-5)
    own = lens.lens(model, sides[1].trace).probability
    np.testing.assert_allclose(table(message(app, "lens_grid_b"), "probability"), own, atol=1e-4)
    app = opened("residual", residual_view="Who made this logit")
    token = int(sides[0].trace.next_logits.argmax())
    a, b = (attribution.attribute(model, side.trace, len(side.trace) - 1, token) for side in sides)
    change = table(message(app, "maker_apart"), "values")
    np.testing.assert_allclose(change[:, : a.heads.shape[1]], b.heads - a.heads, atol=1e-3)
    assert "maker_grid" not in keys(opened("residual", residual_view="MLP"))


def test_predictions_of_both(model, sides, pairs):
    app = opened("prediction", at=len(sides[0].trace) - 1)
    assert {"prediction_strip_b", "prediction_curve", "prediction_curve_b"} <= keys(app)
    assert f"{comparison.js_nats(*sides, pairs)[-1]:.3f}" in tree.html(app)
    app = opened("prediction", prediction="surprisal")
    a, b = (surprisal.read(model, side.trace).bits for side in sides)
    bars = tree.charts(app)["prediction_bits_apart"]["data"][0]["y"]
    drawn = np.frombuffer(base64.b64decode(bars["bdata"]), bars["dtype"])
    np.testing.assert_allclose(drawn, b[pairs[:, 1]] - a[pairs[:, 0]], atol=1e-3)
    app = opened("prediction", prediction="shift")
    apart = message(app, "prediction_apart")
    np.testing.assert_allclose(table(apart, "values")[0], comparison.js_nats(*sides, pairs), atol=1e-5)
    assert apart["rows"] == ["apart"] and not apart["signed"]  # a distance has no sign


TOLD, ASK, NAME = "My name is James Theory. I live in New York.", "Where do I live? I live in", "My name is"


@pytest.fixture(scope="module")
def asked(model):
    """What two prompts read of one memory."""
    settings = Settings(modules=frozenset({"am", *model.memory.parts}))
    state = telling.tell(model, blank(model), TOLD, settings).state
    ids = [tokens.encode_part(model.tokenizer, text) for text in (ASK, NAME)]
    return [question.ask(model, state, one, settings) for one in ids]


def remembering(**link) -> AppTest:
    told = memory_choice.TOLD.kind.write([(TOLD, {})])
    return opened("memory", prompt=ASK, memory_told=told, **link)


def test_the_run_without_memory_beside_the_one_with_it(model, asked):
    app = remembering(memory_view="weights")
    plain = np.mean([attention.layer_weights(model, asked[0].plain, i).mean(0)
                     for i in range(asked[0].plain.n_layers)], 0)
    without = message(app, "memory_map_without")
    np.testing.assert_allclose(without["weights"].reshape(plain.shape), plain, atol=1e-5)
    own = asked[0].mean[:, len(asked[0].kept) :]
    assert len(asked[0].kept)
    np.testing.assert_allclose(table(message(app, "memory_apart"), "change"), own - plain, atol=1e-4)


def test_two_prompts_ask_one_memory(asked):
    app = remembering(memory_beside="prompt", other_prompt=NAME, align="position")
    assert {"memory_reads", "memory_reads_b"} <= keys(app)
    read = [one.external.mean(0)[one.n_start :, 1:] for one in asked]
    n = min(map(len, read))
    change = read[1][:n] - read[0][:n]
    sent = message(app, "memory_apart")
    columns = [int(word.split()[1]) for word in sent["column_words"]]
    np.testing.assert_allclose(table(sent, "change"), change[:, columns], atol=1e-4)
    assert np.abs(change).max() > 0.3 and "memory_apart" not in keys(remembering(beside=0))


@pytest.mark.parametrize("page, link", [
    ("residual", {}), ("attention", {"view": "One head"}),
    ("prediction", {"prediction": "surprisal"}), ("prediction", {"prediction": "shift"}),
])
def test_a_token_without_a_partner_is_said(page, link, sides, pairs):
    alone = next(i for i in range(len(sides[0].trace)) if i not in pairs[:, 0])
    before = int(pairs[pairs[:, 0] < alone][-1, 1])
    app = opened(page, at=alone, query=alone, **link)
    said = "".join(caption.value for caption in app.caption)
    assert f"({alone}) of A has no partner in B: B shows" in said and f"({before}) in its place" in said
    app = opened(page, at=1, query=1, **link)
    assert "no partner" not in "".join(caption.value for caption in app.caption)


def test_an_empty_prompt_b_is_a_sentence_and_a_is_shown():
    app = opened("attention", other_prompt="")
    assert "Prompt B is empty" in app.info[0].value and "grid_b" not in keys(app)


def test_nothing_is_beside_where_the_switch_is_off():
    app = opened("attention", beside=0)
    assert not {"grid_b", "map_b", "other_prompt_area"} & keys(app)
