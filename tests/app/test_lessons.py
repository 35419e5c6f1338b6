"""Every step of every lesson opens, asks and answers, on the embedded model and on a random one."""

import pytest
from streamlit.testing.v1 import AppTest

from components import declared
from components.kit import glossary
from components.lessons import run
from model.analysis import attention
from model.lessons import answers
from model.loading import checkpoint
from model.run import tokens, trace
from tests.app import tree
from tests.conftest import byte_tokenizer, random_gpt2
from tests.waiting import PATIENCE_S

LESSONS = run.all_lessons(declared.BY_PAGE).lessons
QUESTIONS = "---\ntitle: Own\nabout: Of one's own.\n---\n\n## One\n\nLook.\n\n```step\nlink: tokens\n```\n"


def opened(**link) -> AppTest:
    """The app at /lessons?… as a link opens it."""
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, text in link.items():
        app.query_params[name] = text
    return app.switch_page("pages/lessons.py").run()


def bar(app) -> dict:
    return tree.sent(app, "lesson_bar")


def at(app, step: int, revealed: bool) -> AppTest:
    """The app at a step, as a key press opens it."""
    app.session_state["lesson_step"] = step
    app.session_state["lesson_revealed"] = revealed
    app.session_state["lessons:go"] = True
    return app.run()


def go_through(name: str) -> None:
    """Open every step of a lesson, and reveal each answer."""
    app = opened(lesson=name)
    for number, step in enumerate(LESSONS[name].steps, 1):
        at(app, number, revealed=False)
        assert not app.exception and not app.error, (name, number)
        found = bar(app)
        assert (found["step"], found["title"]) == (number, step.title)
        assert not found["right"] and not any(note for _, note in found["options"])
        if step.question is None:
            assert bool(found["answer"]) == bool(step.says)
            continue
        hint = answers.KINDS[step.question.kind].hint
        assert found["answer"] == f"{hint}." and len(found["options"]) >= 2, (name, number)
        at(app, number, revealed=True)
        assert not app.exception and not app.error, (name, number)
        found = bar(app)
        assert found["right"] and len(found["answer"]) > 20, (name, number)


@pytest.mark.slow
@pytest.mark.parametrize("name", LESSONS)
def test_every_step_opens_on_the_embedded_model(name):
    go_through(name)


@pytest.fixture(scope="module")
def random_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("random") / "tiny"
    random_gpt2(n_positions=128).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", LESSONS)
def test_every_step_opens_on_a_random_model(name, random_folder, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_MODEL", str(random_folder))
    go_through(name)


def test_no_shipped_lesson_is_broken():
    assert not run.all_lessons(declared.BY_PAGE).broken and len(LESSONS) == 10


def test_the_page_lists_every_lesson_and_the_whole_glossary():
    app = opened()
    assert not app.exception and not app.warning
    assert {button.key for button in app.button} >= {f"begin {name}" for name in LESSONS}
    said = tree.html(app)
    assert all(f"<b>{name}</b>" in said for name in glossary.MEANINGS)


def test_a_button_opens_the_first_step_with_its_page_and_prompt():
    app = opened()
    app.button("begin induction").click().run()
    assert not app.exception
    assert bar(app)["step"] == 1 and app.session_state["prompt"].endswith("blue seven")
    assert tree.sent(app, "live_prompt")["address"]["lesson"] == "induction"


def test_a_link_switches_off_the_models_own_head():
    app = opened(lesson="induction", lesson_step="12")
    at(app, 12, revealed=True)
    step = LESSONS["induction"].steps[11]
    assert step.then.endswith("off=head") and step.head == "previous"
    loaded = checkpoint.load("embedded")
    ids = tokens.encode(loaded.tokenizer, app.session_state["prompt"])
    scores = attention.survey(loaded, trace.run(loaded, ids)).facts["previous"]
    layer, head = divmod(int(scores.argmax()), scores.shape[1])
    assert app.session_state["off"] == f"{layer}h{head}"


def test_the_bar_leads_back_to_the_steps_page():
    app = opened(lesson="induction")
    at(app, 2, revealed=False)
    assert not bar(app)["is_away"]
    assert bar(app.switch_page("pages/cache.py").run())["is_away"]


@pytest.mark.parametrize(
    "link, words",
    [
        ({"lesson": "nonsense"}, "There is no lesson “nonsense”"),
        ({"lesson": "<b>"}, "There is no lesson “<b>”"),
        ({"lesson": "induction", "lesson_step": "99"}, "the link says step 99"),
        ({"lesson": "induction", "lesson_step": "x"}, "The link says lesson_step"),
        ({"lesson": "induction", "lesson_picked": "9-x-2"}, ""),
        ({"lesson": "x" * 500}, "The link says lesson"),
    ],
)
def test_a_link_to_what_is_not_there_is_one_sentence(link, words):
    app = opened(**link)
    assert not app.exception and not app.error
    said = [w.value.replace("\\", "") for w in app.warning]
    assert len(said) == bool(words) and all(words in one for one in said)


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("link: tokens", "link: nowhere", "own.md, line 11: there is no page “nowhere”"),
        ("link: tokens", "link: tokens?colour=red", "line 11: no page has a parameter “colour”"),
        ("link: tokens", "link: tokens?tokens=red", "line 11: tokens = “red”"),
        ("link: tokens", "link: tokens?model=gpt2", "line 11: a lesson runs on any model"),
        ("link: tokens", "then: tokens", "line 10: “link” is missing"),
        ("link: tokens", "link: tokens\nask: riddle", "line 12: “ask” is “riddle”"),
    ],
)
def test_a_broken_lesson_is_one_sentence_and_the_others_stand(tmp_path, monkeypatch, old, new, words):
    (tmp_path / "own.md").write_text(QUESTIONS.replace(old, new))
    monkeypatch.setenv("MNEMOSCOPE_LESSONS", str(tmp_path))
    for app in (opened(), opened(lesson="own")):
        assert not app.exception and not app.error
        assert any(words in w.value.replace("\\", "") for w in app.warning)
        assert "begin induction" in {button.key for button in app.button}


def test_ones_own_lesson_is_listed(tmp_path, monkeypatch):
    (tmp_path / "own.md").write_text(QUESTIONS)
    monkeypatch.setenv("MNEMOSCOPE_LESSONS", str(tmp_path))
    app = opened(lesson="own")
    assert bar(app)["title"] == "One" and not app.warning
    monkeypatch.setenv("MNEMOSCOPE_LESSONS", str(tmp_path / "nowhere"))
    assert "No folder of lessons" in opened().warning[0].value
