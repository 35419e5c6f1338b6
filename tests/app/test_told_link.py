"""A link carries what memory was told: opened elsewhere, or after F5, the same memory is there."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from components.frame.packed import packed
from tests.app import tree
from tests.app.test_reload import address, picture
from tests.waiting import PATIENCE_S

FACT, ASK = "My name is James Theory. I live in New York.", "Where do I live? I live in"


def opened(**link) -> AppTest:
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in link.items():
        app.query_params[name] = value
    return app.switch_page("pages/memory.py").run()


def tell(app: AppTest, text: str) -> None:
    app.session_state.prompt = text
    app.run()
    app.button(key="remember").click().run()


def conversation(app):
    (steps,) = app.session_state["memory:conversations"].values()
    return steps[-1]


@pytest.fixture(scope="module")
def told():
    """Two prompts, the second told with other settings, and a question."""
    app = opened(prompt="")
    tell(app, FACT)
    app.session_state["mem_unit"] = "all"
    tell(app, "My sister is called Ada.")
    app.session_state.prompt = ASK
    return app.run()


def test_the_link_opens_the_same_memory_and_picture(told):
    link = address(told)
    assert len(link["memory_told"]) < 300
    fresh = opened(**link)
    assert not fresh.exception and not fresh.error and not fresh.warning
    one, other = conversation(told).state, conversation(fresh).state
    assert one.prompts == other.prompts == (FACT, "My sister is called Ada.")
    np.testing.assert_array_equal(one.bank.keys.numpy(), other.bank.keys.numpy())
    np.testing.assert_array_equal(one.bank.slots.total_read, other.bank.slots.total_read)
    assert picture(fresh) == picture(told)
    assert address(fresh) == link


def test_undo_goes_back_in_a_memory_that_a_link_opened(told):
    fresh = opened(**address(told))
    fresh.button(key="undo").click().run()
    assert conversation(fresh).state.prompts == (FACT,)
    fresh.button(key="undo").click().run()
    assert conversation(fresh).state.prompts == () and "memory_told" not in address(fresh)


def test_the_other_pages_keep_it_in_their_address(told):
    link = address(told)
    away = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in link.items():
        away.query_params[name] = value
    away.switch_page("pages/prediction.py").run()
    assert address(away)["memory_told"] == link["memory_told"]


@pytest.mark.parametrize("said", ["x" * 100_000, "<b>", packed('[["a", {"budget": -1}]]')])
def test_a_broken_link_is_one_sentence_and_the_page_stands(said):
    app = opened(prompt=ASK, memory_told=said)
    assert not app.exception and not app.error
    (warning,) = app.warning
    assert "memory" in warning.value and "was left out" in warning.value and len(warning.value) < 250
    assert conversation(app).state.prompts == ()


def test_too_much_for_a_link_is_said_with_a_file_to_take():
    app = opened(prompt="")
    rng = np.random.default_rng(0)
    tell(app, " ".join("".join(map(chr, rng.integers(97, 123, 9))) for _ in range(400)))
    assert "memory_told" not in address(app)
    assert any("session file" in one.value for one in app.caption)
    assert any("session_file_offer" in str(getattr(node, "proto", "")) for node in tree.nodes(app))
    assert any("told on the Memory page" in one for one in tree.sent(app, "takeaway")["left_out"])
