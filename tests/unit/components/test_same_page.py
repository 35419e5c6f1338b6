"""The order of messages in which a page change and a timer's message cross."""

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from components.frame.same_page import SamePage
from tests.unit.components.asgi import served


def begins(page: str, *fragments: str) -> ForwardMsg:
    """A script begins, or a run of fragments."""
    message = ForwardMsg()
    message.new_session.page_script_hash = page
    message.new_session.main_script_hash = "app"
    message.metadata.run.fragment_ids.extend(fragments)
    return message


def goes_to(page: str) -> ForwardMsg:
    message = ForwardMsg()
    message.navigation.page_script_hash = page
    return message


def asks(page: str, fragment: str = "", is_timer: bool = False) -> BackMsg:
    message = BackMsg()
    message.rerun_script.page_script_hash = page
    message.rerun_script.fragment_id = fragment
    message.rerun_script.is_auto_rerun = is_timer
    return message


def exchanged(steps: list) -> tuple[list[str], list[str]]:
    """The pages of what the server hears, and of what the browser gets, of messages in this order."""
    heard, told, coming = [], [], iter([one for one in steps if isinstance(one, BackMsg)])

    async def server(scope, receive, send):
        for one in steps:
            if isinstance(one, BackMsg):
                if (message := await receive())["type"] == "websocket.receive":
                    heard.append(BackMsg.FromString(message["bytes"]).rerun_script.page_script_hash)
            else:
                await send({"type": "websocket.send", "bytes": one.SerializeToString()})

    async def from_browser():
        one = next(coming, None)
        return {"type": "websocket.disconnect"} if one is None else {
            "type": "websocket.receive", "bytes": one.SerializeToString()}

    async def to_browser(message):
        told.append(ForwardMsg.FromString(message["bytes"]))

    served(SamePage(server)({"type": "websocket"}, from_browser, to_browser))
    return heard, [one.new_session.page_script_hash for one in told if one.HasField("new_session")]


def test_a_fragment_runs_on_the_page_that_is_shown():
    told = exchanged([begins("lessons"), goes_to("lessons"), begins("lessons", "bar"), begins("lessons"),
                      begins("tokens"), goes_to("tokens"), begins("lessons", "bar"), begins("tokens", "bar")])[1]
    assert told == ["lessons", "lessons", "lessons", "tokens", "tokens", "tokens"]


def test_where_the_script_itself_chose_the_page():
    assert exchanged([begins("home"), goes_to("tokens"), begins("home", "bar")])[1] == ["home", "tokens"]


def test_a_timer_of_a_page_that_was_left_is_not_heard_and_a_click_is():
    heard = exchanged([begins("lessons"), asks("lessons", "bar", is_timer=True), begins("tokens"),
                       asks("lessons", "bar", is_timer=True), asks("tokens", "bar", is_timer=True),
                       asks("lessons", "bar"), asks("lessons")])[0]
    assert heard == ["lessons", "tokens", "lessons", "lessons"]


def test_after_a_lost_connection_the_browser_says_which_page_it_shows():
    heard, told = exchanged([begins("old", "bar"), asks("tokens", "bar", is_timer=True), begins("old", "bar")])
    assert heard == ["tokens"] and told == ["old", "tokens"]


@pytest.mark.parametrize("said", [b"\xff\xff\xff", b"\x0a"])
def test_what_is_no_message_is_left_to_the_server(said):
    heard = []

    async def server(scope, receive, send):
        heard.append((await receive())["bytes"])

    async def from_browser():
        return {"type": "websocket.receive", "bytes": said}

    served(SamePage(server)({"type": "websocket"}, from_browser, None))
    assert heard == [said]
