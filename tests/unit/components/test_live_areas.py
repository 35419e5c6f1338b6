"""A run of the script may end at any moment: what was typed is never taken for older than it is."""

from types import SimpleNamespace

import pytest

from components.frame import choices, live_area, live_prompt
from components.frame.choices import Choice, Text


class Ended(Exception):
    """Streamlit ends a run, for a newer one."""


def prompt_box(state):
    live_prompt.live_prompt(state["text"], "area", "", 100, {}, on_text=lambda text: state.update(text=text))
    return state["area:memory"]


def recall_box(state):
    live_area.live_area(Choice("text", Text()), "", "", 2, 100)
    return state["text_area:kept"]


@pytest.mark.parametrize("draw, module, key", [
    (prompt_box, live_prompt, "area"), (recall_box, live_area, "text_area"),
])
def test_a_run_that_ends_while_the_area_is_drawn_loses_no_letter(monkeypatch, draw, module, key):
    def ends(**_):
        raise Ended

    state = {"text": "What"}
    for each in (module, choices):
        monkeypatch.setattr(each, "st", SimpleNamespace(session_state=state))
    monkeypatch.setattr(module, "_mount", lambda **_: state.get(key))
    revision = draw(state)["revision"]
    state[key] = {"typed": {"text": "What is", "revision": revision}}
    with monkeypatch.context() as now:
        now.setattr(module, "_mount", ends)
        with pytest.raises(Ended):
            draw(state)
    assert draw(state) == draw(state)
    assert (draw(state)["text"], draw(state)["revision"], state["text"]) == ("What is", revision, "What is")
    state["text"] = "Another"  # an example was chosen
    assert draw(state)["revision"] == revision + 1 and state["text"] == "Another"
