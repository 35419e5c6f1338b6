"""A timer's message that overtakes a click."""

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from components.frame.heard_once import HeardOnce
from tests.unit.components.asgi import served


def asks(is_timer: bool, **clicked) -> BackMsg:
    """A message with a slider's value, and with a click if there is one."""
    message = BackMsg()
    message.rerun_script.is_auto_rerun = is_timer
    message.rerun_script.fragment_id = "bar" if is_timer else ""
    message.rerun_script.widget_states.widgets.add(id="slider", int_value=3)
    for kind, value in clicked.items():
        message.rerun_script.widget_states.widgets.add(id="clicked", **{kind: value})
    return message


def heard(*said: bytes) -> list[bytes]:
    """What the server hears of a browser's messages."""
    found, coming = [], iter(said)

    async def server(scope, receive, send):
        while (message := await receive())["type"] == "websocket.receive":
            found.append(message["bytes"])

    async def from_browser():
        one = next(coming, None)
        return {"type": "websocket.disconnect"} if one is None else {"type": "websocket.receive", "bytes": one}

    async def to_browser(message):
        raise AssertionError("nothing is said here")

    served(HeardOnce(server)({"type": "websocket"}, from_browser, to_browser))
    return found


@pytest.mark.parametrize("click", [
    {"json_trigger_value": '[{"event":"act"}]'}, {"trigger_value": True}])
def test_a_click_is_heard_with_its_own_message_alone(click):
    timer, own = asks(True, **click), asks(False, **click)
    first, second = heard(timer.SerializeToString(), own.SerializeToString())
    assert BackMsg.FromString(first) == asks(True)
    assert BackMsg.FromString(second) == own


def test_any_other_message_is_heard_as_it_was_said():
    said = [asks(True).SerializeToString(), asks(False).SerializeToString(), b"\xff\xff\xff", b"\x0a"]
    assert heard(*said) == said
