"""A lecturer and pupils in sessions of their own, on one folder: who follows sees the same."""

import pytest
from streamlit.testing.v1 import AppTest

from components.frame import led
from model.classroom import ballot, classes, presence
from model.run import trace
from tests.app import tree
from tests.waiting import PATIENCE_S


@pytest.fixture(autouse=True)
def all_stay(monkeypatch):
    """Nobody has gone because the machine is slow: a pupil here has no timer that says they are there."""
    monkeypatch.setattr(presence, "HERE_S", float("inf"))


def visitor(page: str = "start", who: str = "", **link) -> AppTest:
    """A browser that opens a link; who: the name that it keeps for classes."""
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, text in link.items():
        app.query_params[name] = text
    if who:
        app.session_state["class:who"] = who
    return app.switch_page(f"pages/{page}.py").run()


def bar(app) -> dict:
    return tree.sent(app, "class_bar")


def question(app) -> dict:
    return tree.sent(app, "lesson_bar")


def prompt(app) -> str:
    return app.session_state["prompt"]


@pytest.fixture
def lecturer():
    app = visitor("tokens", prompt="One two")
    app.button("class_start").click().run()
    assert not app.exception and bar(app)["role"] == "lecturer"
    return app


def address(app) -> dict:
    """What the browser shows in its address."""
    return {name: text for name, text in tree.sent(app, "live_prompt")["address"].items() if text}


def code(lecturer) -> str:
    return bar(lecturer)["code"]


def rerun(app) -> AppTest:
    """Run a pupil's page again: the one that the class brought them to, as a browser knows."""
    return app.switch_page(f"pages/{drawn_page(app)}.py").run()


def type_prompt(app, text: str) -> None:
    app.session_state["prompt"] = text
    (rerun(app) if "class:arrived" in app.session_state else app.run())


def shown(app) -> tuple[str, str]:
    return drawn_page(app), prompt(app)


def drawn_page(app) -> str:
    """The address of the page that was drawn last."""
    return app.session_state["class:arrived"].place.page


def test_a_pupil_sees_the_lecturers_page_prompt_and_choices(lecturer):
    pupil = visitor(who="anna", **{"class": code(lecturer)})
    assert not pupil.exception and bar(pupil)["role"] == "follows"
    assert shown(pupil) == ("tokens", "One two")
    lecturer.switch_page("pages/attention.py").run()
    lecturer.session_state["layer"], lecturer.session_state["head"] = 2, 1
    type_prompt(lecturer, "Mary lives in Paris")
    lecturer.run()  # what a page chose by itself is shown a moment later
    rerun(pupil)
    assert shown(pupil) == ("attention", "Mary lives in Paris")
    assert (pupil.session_state["layer"], pupil.session_state["head"]) == (2, 1)
    assert address(pupil) == address(lecturer)
    lecturer.run()
    assert bar(lecturer)["n"] == 1


def test_who_types_lets_go_and_finds_back(lecturer):
    pupil = visitor(who="anna", **{"class": code(lecturer)})
    type_prompt(pupil, "My own")
    assert bar(pupil)["role"] == "alone" and prompt(pupil) == "My own"
    type_prompt(lecturer, "Another")
    rerun(pupil)
    assert prompt(pupil) == "My own"  # nothing jumps
    assert bar(lecturer.run())["n"] == 0
    pupil.session_state["class_alone"] = False
    del pupil.session_state["class:arrived"]
    pupil.switch_page("pages/tokens.py").run()
    assert bar(pupil)["role"] == "follows" and prompt(pupil) == "Another"


def test_everybody_here_brings_all_back(lecturer):
    pupil = visitor(who="anna", **{"class": code(lecturer)})
    pupil.switch_page("pages/cache.py").run()
    assert bar(pupil)["role"] == "alone"
    classes.gather(led.folder(), code(lecturer), bar(lecturer)["key"], 1.0)
    rerun(pupil)
    assert bar(pupil)["role"] == "follows" and shown(pupil) == ("tokens", "One two")


def test_frozen_nothing_moves_until_it_goes_on(lecturer):
    pupil = visitor(who="anna", **{"class": code(lecturer)})
    classes.freeze(led.folder(), code(lecturer), bar(lecturer)["key"], True, 1.0)
    type_prompt(lecturer, "Being prepared")
    assert bar(rerun(pupil))["frozen"] and prompt(pupil) == "One two"
    classes.freeze(led.folder(), code(lecturer), bar(lecturer)["key"], False, 2.0)
    lecturer.run()
    assert prompt(rerun(pupil)) == "Being prepared"


def test_the_class_survives_the_server(lecturer):
    """Every session is new; the browser remembers the address, its name and the key."""
    key = bar(lecturer)["key"]
    classes._kept.cache_clear()
    pupil = visitor(who="anna", **{"class": code(lecturer)})
    again = visitor("tokens", **address(lecturer), prompt="One two")
    assert bar(again)["asks"]
    again.session_state["class:who"], again.session_state["class:key"] = "lecturer", key
    again.run()
    assert bar(again)["role"] == "lecturer"
    type_prompt(again, "After the restart")
    assert prompt(rerun(pupil)) == "After the restart"


def test_all_pupils_of_a_prompt_share_one_pass(lecturer, monkeypatch):
    pupils = [visitor(who=f"pupil {i}", **{"class": code(lecturer)}) for i in range(3)]
    lecturer.switch_page("pages/attention.py").run()
    type_prompt(lecturer, "A prompt that nobody has had before this one")
    monkeypatch.setattr(trace, "run", lambda *_, **__: pytest.fail("a pupil's own pass"))
    for pupil in pupils:
        rerun(pupil)
        assert not pupil.exception and prompt(pupil) == prompt(lecturer)


def test_the_end_is_said_and_pupils_stay_where_they_are(lecturer):
    pupil = visitor(who="anna", **{"class": code(lecturer)})
    classes.end(led.folder(), code(lecturer), bar(lecturer)["key"], 1.0)
    assert bar(rerun(pupil))["role"] == "ended" and prompt(pupil) == "One two"
    assert bar(lecturer.run())["role"] == "ended"


def test_answers_are_counted_live_and_revealed_for_all(lecturer):
    lecturer.session_state["lesson"], lecturer.session_state["lessons:go"] = "induction", True
    lecturer.run()
    first, second = (visitor(who=who, **{"class": code(lecturer)}) for who in ("anna", "ben"))
    assert question(lecturer)["counts"] == [0] * len(question(first)["options"])
    assert question(first)["led"] and not question(first)["counts"] and not question(lecturer)["led"]
    (asked,) = (led.folder() / f"{code(lecturer)}.answers").glob("*.json")
    for who, option in (("anna", 1), ("ben", 1), ("ben", 0)):
        ballot.vote(led.folder(), code(lecturer), asked.stem, who, [option])
    assert question(lecturer.run())["counts"][:2] == [1, 1] and not question(rerun(first))["counts"]
    assert question(lecturer)["answer"].startswith("2 have answered.")
    lecturer.session_state["lesson_revealed"] = True
    lecturer.run()
    for pupil in (first, second):
        rerun(pupil)
        shown = question(pupil)
        assert shown["revealed"] and shown["counts"][:2] == [1, 1]
        why = [note.endswith("· most probable") for _, note in shown["options"]]
        assert [i for i, one in enumerate(why) if one] == shown["right"]
    with pytest.raises(ValueError, match="revealed"):
        ballot.vote(led.folder(), code(lecturer), asked.stem, "ben", [1])


@pytest.mark.parametrize("said, words", [("BBBB", "There is no class BBBB"), ("a/../b", "is no code of a class")])
def test_a_wrong_code_in_a_link_is_said(said, words):
    app = visitor("tokens", who="anna", **{"class": said})
    assert not app.exception and words in bar(app)["words"]


def test_a_code_can_be_typed(lecturer):
    pupil = visitor(who="anna")
    pupil.text_input("class_code").set_value("nope").run()
    assert "is no code of a class" in pupil.warning[0].value
    pupil.text_input("class_code").set_value(code(lecturer).lower()).run()
    assert bar(pupil)["role"] == "follows" and shown(pupil) == ("tokens", "One two")


def test_a_workshop_opens_its_pages_only():
    app = visitor("tokens", open_pages="attention|memory", prompt="Workshop", model="embedded")
    assert not app.exception and app.session_state["prompt"] == "Workshop"
    assert "attention_map" in {name for name, _, _ in tree.components(app)}  # of the first open page
    assert app.selectbox("model").disabled
    assert address(app)["open_pages"] == "attention|memory"
    app = visitor("memory", open_pages="attention|memory")
    assert "attention_map" not in {name for name, _, _ in tree.components(app)}
    app = visitor("tokens")
    app.multiselect("workshop_pages").set_value(["memory", "cache"]).run()
    link = app.code[-1].value
    assert "/memory?" in link and "open_pages=memory%7Ccache" in link and "prompt=My+name" in link
