"""Every page and view: what a visitor chose there is in the address, and the address opened in a
fresh session, or the page reloaded, shows the same picture."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from components import declared
from components.frame import draw_choice, model_picker, place, visit
from components.frame.choices import Choice
from components.memory import words
from model.disk import owners
from model.notes.note import Draft, path
from model.notes.store import opened as notes
from tests.app import tree
from tests.app.other_choice import other
from tests.waiting import PATIENCE_S

PROMPT = "My name is James Theory. I live in New York. Where do I live? I live in"
VIEWS = [
    (page, view) for page, own in declared.BY_PAGE.items()
    for view in (own[0].kind.titles if own else [""])
]
PLACES = (*place.CHOICES, *draw_choice.CHOICES, visit.CUT, model_picker.DTYPE)
OTHER = {  # where any text or number would choose nothing
    "tensor": "transformer.h.1.mlp.c_fc.weight", "training": "shipped", "memory_weights": "none",
    "off": "1h2-2mlp", "size_numbers": "gpt2:n_layer=3", "cache_numbers": "gpt2:n_layer=3",
    "step": 3, "cache_most": 64, "recall_distance": 50,
    "notes_shelf": "mine",  # nothing stands on the shared one
    "temperature": 0.5, "logit_of": 300, "logit_against": 301, "flow_of": 302,
    "other_prompt": "My name is Mary Theory. I live in Rome. Where do I live? I live in",
    "other_model": "embedded", "patch_answer": "·Rome", "patch_against": "·York",
}
UNSEEN = (  # ids of files differ; an empty place shows nothing
    "iframe", "file_uploader", "download_button", "empty",
)


def address(app) -> dict[str, str]:
    """What the browser is told to show in its address bar."""
    said = tree.sent(app, "live_prompt")["address"] | {"prompt": app.session_state["prompt"]}
    return {name: text for name, text in said.items() if text is not None}


def held(app, one: Choice):
    """What the session holds under a choice's name."""
    try:
        return app.session_state[one.name]
    except KeyError:
        return None


def opened(page: str, link: dict[str, str]) -> AppTest:
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, text in link.items():
        app.query_params[name] = text
    return app.switch_page(f"pages/{page}.py").run()


def picture(app) -> list[tuple]:
    """Everything on the page that can be compared, in order."""
    return [found for node in tree.nodes(app) if (found := _drawn(node)) is not None]


def _drawn(node) -> tuple | None:
    proto, kind = getattr(node, "proto", None), getattr(node, "type", "")
    name = getattr(proto, "component_name", "")
    if name.endswith("live_prompt") or kind in UNSEEN:
        return None  # its address is compared apart
    if name:
        return name, tree.key_of(proto), _plain(tree._message(proto))
    if kind == "plotly_chart":
        return kind, tree.key_of(proto), proto.spec
    if kind == "arrow_data_frame":
        return kind, node.value.drop(columns="ms (one run)", errors="ignore").to_csv()
    if hasattr(node, "value"):
        return kind, getattr(node, "key", None), getattr(node, "label", ""), str(node.value)
    return (kind, proto.body) if hasattr(proto, "body") else None


def _plain(message: dict) -> dict:
    message.pop("kept", None)
    message.pop("revision", None)
    return {name: _exact(found) for name, found in message.items()}


def _exact(found):
    """An array by its bytes: a NaN, an empty cell, is equal to itself there."""
    return (found.dtype.str, found.tobytes()) if isinstance(found, np.ndarray) else found


def change(app, page: str, shared=()) -> None:
    """Choose another value of everything that the page declares, but not another view."""
    for one in (*declared.BY_PAGE[page][1:], *shared):
        if one.in_link:
            app.session_state[one.name] = OTHER.get(one.name, other(one, held(app, one)))


@pytest.fixture
def a_note(nobody_was_here):
    for shelf in (None, owners.shared()):
        with notes(path(shelf)) as store:
            store.add([Draft("", "I live in Rome.", "typed"), Draft("", "The sea is grey.", "typed")])


def problems(app) -> list:
    return [*app.exception, *(w for w in app.warning if w.value.startswith("The link says"))]


@pytest.fixture
def no_clock(monkeypatch):
    """The link tells memory anew: when a slot was written differs by as long as that took."""
    clock = SimpleNamespace(time=time.time, localtime=time.localtime, strftime=lambda *_: "a day")
    monkeypatch.setattr(words, "time", clock)
    monkeypatch.setattr(words, "age", lambda seconds: "some time")


@pytest.mark.parametrize("name, view", VIEWS)
def test_the_address_shows_the_same_picture(name, view, a_note, no_clock):
    own = declared.BY_PAGE[name]
    app = opened(name, {"prompt": PROMPT} | ({own[0].name: str(view)} if view else {}))
    assert not problems(app)
    change(app, name, PLACES)
    app.run()
    assert not problems(app)
    link = address(app)
    fresh = opened(name, link)
    assert not problems(fresh)
    assert picture(fresh) == picture(app)
    assert {one.name: held(fresh, one) for one in declared.ALL} == {
        one.name: held(app, one) for one in declared.ALL
    }


def test_what_was_chosen_on_one_page_is_in_the_address_of_every_other(a_note):
    """F5 anywhere loses nothing: Streamlit forgets a widget that is not drawn, unless it is told."""
    app, wanted = opened("start", {"prompt": PROMPT}), {}
    for page, own in declared.BY_PAGE.items():
        app.switch_page(f"pages/{page}.py").run()
        change(app, page)
        link = address(app.run())
        assert not app.exception, page
        wanted |= {one.name: link.get(one.name) for one in own}
    said = address(app.switch_page("pages/start.py").run())
    assert {name: said.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("name", [page for page, own in declared.BY_PAGE.items() if own])
def test_what_does_not_hold_in_a_link_is_one_sentence_and_the_page_stands(name, a_note):
    view = declared.BY_PAGE[name][0]
    app = opened(name, {"prompt": PROMPT, view.name: "<b>nonsense</b>"})
    assert not app.exception and not app.error
    (said,) = [w.value for w in app.warning if "nonsense" in w.value]
    assert view.kind.words().split("“")[1].split("”")[0] in said.replace("\\", "")
    assert app.session_state[view.name] == view.default


@pytest.mark.parametrize("link, place", [({"recall_view": "nonsense"}, "presenting_above"),
                                         ({}, "presenting_alone")])
def test_the_buttons_leave_the_width_of_a_page_without_a_prompt_to_a_warning(link, place):
    drawn = {tree.key_of(node.proto) for node in tree.nodes(opened("recall", link)) if "-presenting_a" in _id(node)}
    assert drawn == {place}


def _id(node) -> str:
    return getattr(getattr(node, "proto", None), "id", "")


@pytest.mark.parametrize("name, link, said", [
    ("attention", {"layer": "99"}, "layers 0 to 5"),
    ("attention", {"head": "77", "query": "5000"}, "heads 0 to 7"),
    ("attention", {"query": "5000", "key": "2"}, "tokens 0 to"),
    ("residual", {"at": "400"}, "tokens 0 to"),
    ("cache", {"layer": "6", "at": "40"}, "layers 0 to 5"),
    ("positions", {"at": "512"}, "tokens 0 to 511"),
])
def test_a_place_that_is_not_there_is_said_and_another_is_shown(name, link, said, nobody_was_here):
    app = opened(name, {"prompt": PROMPT} | link)
    assert not app.exception and not app.error
    warned = [w.value for w in app.warning if w.value.startswith("The link says")]
    assert any(said in w.replace("\\", "") for w in warned), warned


def test_a_place_that_is_there_is_not_warned_of(nobody_was_here):
    app = opened("attention", {"prompt": PROMPT, "layer": "5", "head": "7", "query": "3", "key": "1"})
    assert not app.exception and not problems(app)
