"""The Tokens page: every view draws the tokenizer's and the embedding's own numbers."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from components.tokens import merge_stairs
from model.analysis import embeddings
from model.analysis.tokenization import MergeStep, PreToken
from model.loading import checkpoint
from model.run import tokens
from tests.app import tree
from tests.waiting import PATIENCE_S

VIEWS = ("merges", "vectors", "likeness", "positions", "neighbours", "map", "vocabulary")
HOSTILE = (
    "<script>alert(1)</script> **bold** $x^2$ `c` [a](b) \u202e שלום \x00 \x07 e\u0301 "
    "👨\u200d👩\u200d👧 naïve <|endoftext|> it's 1,024\n\n"
)


def opened(view: str, **link) -> AppTest:
    """The app at /tokens?tokens=view&… as a link opens it."""
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in {"tokens": view, "prompt": "Hello world", **link}.items():
        app.query_params[name] = value
    app = app.switch_page("pages/tokens.py").run()
    assert not app.exception, app.exception
    return app


def drawn(app) -> dict:
    """Key of each of the page's own components -> what it was sent."""
    drawn = tree.components(app)
    return {key: message for name, key, message in drawn if name.startswith("tokens")}


@pytest.fixture(scope="module")
def loaded():
    return checkpoint.load("embedded")


@pytest.mark.parametrize("prompt", ["", "a", HOSTILE, "word " * 600])
def test_no_prompt_breaks_a_view(prompt):
    app = opened(VIEWS[0])
    app.session_state["prompt"] = prompt
    for view in VIEWS:
        app.session_state["tokens"] = view
        app.run()
        assert not app.exception and not app.error, view


@pytest.mark.parametrize(
    "text", ["unbelievable", HOSTILE, " ", "\n", "東", "x" * 60, "lower" * 12]
)
def test_the_chips_are_the_tokenizers_ids(loaded, text):
    app = opened("merges", word=text)
    ids = [i for piece in drawn(app)["pieces"]["pieces"] for _, i in piece]
    assert ids == tokens.encode(loaded.tokenizer, text).tolist()
    assert any("are the tokenizer’s own" in m.value for m in app.markdown)


def test_the_staircase_ends_in_the_ids_of_the_chosen_piece(loaded):
    app = opened("merges", prompt="one unbelievable <b>", piece="1")
    stairs, last = drawn(app)["staircase"], drawn(app)["staircase"]["rows"][-1]
    assert stairs["ids"] == tokens.encode(loaded.tokenizer, " unbelievable").tolist()
    assert "".join(last["letters"]) == "Ġunbelievable" == stairs["word"]
    assert bytes.fromhex("".join(stairs["hex"])) == b" unbelievable"
    assert stairs["n_tokens"] == len(last["parts"])


def test_a_character_stands_over_its_bytes():
    stairs = drawn(opened("merges", word="👩\u200dé"))["staircase"]
    spans = [(c["text"], c["start"], c["end"]) for c in stairs["characters"]]
    assert spans == [("👩", 0, 4), ("‹U+200D›", 4, 7)]  # é is letters: a piece of its own


def test_a_wall_of_letters_is_not_all_drawn(loaded):
    app = opened("merges")
    app.session_state["prompt"] = "🧠" * 30_000
    app.run()
    sent = drawn(app)["pieces"]
    n = len(tokens.encode(loaded.tokenizer, "🧠" * 20_000))
    assert [len(piece) for piece in sent["pieces"]] == [64] and sent["more"] == [n - 64]
    assert len(drawn(app)["staircase"]["letters"]) == 64
    assert drawn(app)["staircase"]["n_tokens"] == n


def test_a_part_of_a_character_is_written_in_letters():
    piece = PreToken("ĠðŁĺ", "other")  # a space and three of the four bytes of an emoji
    row = MergeStep(parts=[(0, 1), (1, 4)], ranks=[None], rank=None, joined=[])
    assert merge_stairs.row_data(piece, row, 64)["texts"] == ["·", "ðŁĺ"]


def test_a_text_beyond_the_limit_says_so():
    app = opened("merges")
    app.session_state["prompt"] = "word " * 6000
    app.run()
    said = " ".join(m.value for m in app.markdown)
    assert "first 20,000 characters" in said and "first 1,000 of 4,001 pre-tokens" in said


def test_the_strips_are_token_plus_position(loaded):
    sent = drawn(opened("vectors", prompt="Hello world", at="1"))["three"]
    ids = tokens.encode(loaded.tokenizer, "Hello world")
    token, position, total = sent["values"].reshape(3, -1)
    assert np.array_equal(token, embeddings.token_table(loaded)[ids[1]])
    assert np.array_equal(position, embeddings.position_table(loaded)[1])
    assert np.allclose(total, token + position)


def test_likeness_is_the_cosine_of_every_pair(loaded):
    prompt = "one two one"
    sent = drawn(opened("likeness", prompt=prompt))["cosine_map"]
    vectors = embeddings.token_table(loaded)[tokens.encode(loaded.tokenizer, prompt)]
    assert np.allclose(sent["values"].reshape(sent["R"], sent["N"]), embeddings.cosines(vectors))
    placed = drawn(opened("likeness", prompt=prompt, token_likeness="total"))["cosine_map"]
    assert not np.allclose(placed["values"], sent["values"])


def test_neighbours_of_any_token_are_exact(loaded):
    sent = drawn(opened("neighbours", token="#300"))["neighbour_bars"]
    table = embeddings.token_table(loaded).astype(np.float64)
    cosine = table @ table[300] / np.linalg.norm(table, axis=1) / np.linalg.norm(table[300])
    assert sent["ids"] == np.argsort(-cosine, kind="stable")[:13].tolist()
    assert sent["notes"] == {"300": "itself"}


def test_arithmetic_keeps_its_inputs_in_sight(loaded):
    sent = drawn(opened("neighbours", sum_a="#300", sum_b="#301", sum_c="#302"))["sum_bars"]
    units = embeddings.unit(embeddings.token_table(loaded))
    expected = embeddings.nearest(units, units[300] - units[301] + units[302], 12)
    assert sent["ids"] == expected.ids.tolist()
    assert set(sent["notes"]) == {"300", "301", "302"}


def test_what_is_not_one_token_is_said_and_the_rest_stays():
    app = opened("neighbours", token=" one two", sum_a="#9", sum_b="#9", sum_c="#9")
    assert "which is 2 tokens" in app.warning[0].value.replace("\\", "")
    assert drawn(app)["sum_bars"]["ids"][0] == 9  # a − a + a is a


def test_the_map_says_what_it_keeps(loaded):
    app = opened("map", token_list="he she it qqqqq")
    assert "left out: qqqqq" in app.caption[0].value.replace("\\", "")
    spec = tree.charts(app)["projection"]
    assert spec["data"][0]["hovertext"] == ["·he", "·she", "·it"]
    ids = [loaded.tokenizer.convert_tokens_to_ids(f"Ġ{w}") for w in ("he", "she", "it")]
    found = embeddings.project(embeddings.token_table(loaded)[ids])
    assert f"{found.explained[0]:.1%}"[:-1] in spec["layout"]["xaxis"]["title"]["text"]
    assert f"{100 * found.explained.sum():.1f} %" in app.caption[1].value


@pytest.mark.parametrize("words", ["", "he", "he he he", "🧠"])
def test_too_few_words_make_no_map(words):
    app = opened("map")
    app.session_state["token_list"] = words
    app.run()
    assert "three different tokens" in app.info[0].value


def test_tokens_on_the_map_are_no_markup():
    spec = tree.charts(opened("map", prompt="<b> $x$ <a href='x'>", token_map="prompt"))["projection"]
    names = "".join(spec["data"][0]["text"])
    assert "<" not in names and "$" not in names and "&lt;" in names and "&#36;" in names


def test_vocabulary_by_text_and_by_id():
    app = opened("vocabulary", token_search="·the")
    table = app.dataframe[0].value
    assert len(table) and all("the" in text.lower() for text in table["token"])
    assert list(table["id"]) == sorted(table["id"])
    app.session_state["token_search"] = "#0"
    app.run()
    assert list(app.dataframe[0].value["token"]) == ["<|endoftext|>"]
    app.session_state["token_search"] = ""
    app.run()
    assert len(app.dataframe[0].value) == 1000
    assert "4,096** of 4,096" in " ".join(one.value for one in app.markdown)


@pytest.mark.parametrize("query, said", [("#4096", "0 to 4,095"), ("zzzqqq", "try fewer letters")])
def test_a_search_that_finds_nothing_says_so(query, said):
    app = opened("vocabulary", token_search=query)
    words = [m.value.replace("\\", "") for m in (*app.warning, *app.info)]
    assert any(said in value for value in words)
    assert "vocabulary_bars" in drawn(app)  # the other half of the view stays


def test_a_choice_in_one_view_holds_in_the_next(loaded):
    app = opened("vectors", prompt="one two three", at="0")
    app.session_state["tokens"] = "positions"
    app.run()
    assert drawn(app)["at_chips"]["chosen"] == 0
    app.session_state["prompt"] = ""
    app.run()
    assert "type a prompt" in app.info[0].value
