"""The load test's visitors (tests/bench/visitor.py) against a running app; they need no browser.
Nothing here looks at the clock: how long they wait, `python -m model bench --load` says."""

import asyncio
from types import SimpleNamespace

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from components.declared import BY_PAGE
from tests.bench import load
from tests.bench.visitor import Visitor, visiting
from tests.unit.components.asgi import served
from tests.waiting import PATIENCE_S


def test_two_visitors_type_without_an_error_and_lose_no_word(server):
    taken = [load.Seat(load.LIGHT, 0), load.Seat(load.MEMORY, 1)]
    served(load.attend(server, taken, 4, 0.3))
    for seat in taken:
        assert seat.errors == []
        assert seat.shows_all
        assert [len(word.text.split()) for word in seat.words] == [n + 6 for n in range(1, 5)]
        last = seat.words[-1]
        assert None not in (last.sent, last.drawn, last.finished)


def test_a_word_that_was_never_sent_is_not_shown(server):
    async def shows_all():
        async with asyncio.timeout(PATIENCE_S), visiting(server, load.LIGHT, prompt="Hello") as visitor:
            before = visitor.shows_all
            visitor.text += " you"
            return before, visitor.shows_all

    assert served(shows_all()) == (True, False)


def test_a_visitor_hears_of_errors():
    heard = Visitor(None, "")
    heard._take(_message(lambda element: setattr(element.exception, "message", "no such layer")))
    heard._take(_message(_say_an_error))
    assert heard.errors == [": no such layer", "too long"]


def test_a_page_whose_script_fails_does_not_open():
    """Wanted an error, not a visitor who waits for ever."""

    async def opens():
        visitor = Visitor(SimpleNamespace(send=_nothing, close_code=None), "")
        visitor.errors.append("ImportError: no module")
        await visitor.open("tokens")

    with pytest.raises(ConnectionError, match="tokens did not open: ImportError: no module"):
        served(opens())


def test_a_click_counts_though_a_message_of_the_page_before_comes_late(server):
    """Streamlit then takes the click for the first of another page and drops the state of the component
    that was clicked; the callback ended with an AttributeError, and the page was empty."""

    async def picked():
        async with (
            asyncio.timeout(PATIENCE_S),
            visiting(server, "attention", lesson="induction", lesson_step="1") as pupil,
        ):
            here = pupil.page_hash
            await pupil.run_at("")  # Start's
            assert pupil.page_hash != here
            pupil.page_hash = here
            await pupil.tell("lesson_bar", "act", {"what": "pick", "option": 1, "step": 1})
            await pupil.until(lambda: pupil.errors or pupil.components["lesson_bar"][1]["picked"])
            return pupil.errors, pupil.components["lesson_bar"][1]["picked"]

    assert served(picked()) == ([], [1])


async def _nothing(message) -> None:
    pass


def _message(fill) -> ForwardMsg:
    message = ForwardMsg()
    fill(message.delta.new_element)
    return message


def _say_an_error(element) -> None:
    element.alert.body, element.alert.format = "too long", element.alert.ERROR


def test_a_class_covers_every_page_that_follows_a_prompt():
    taken = load.seats(30)
    pages = [seat.page for seat in taken]
    assert len(pages) == 30 and pages.count(load.LIGHT) == 1 and pages.count(load.MEMORY) == 10
    assert {"start", "attention", "cache"} < set(pages) < set(BY_PAGE)
    assert not set(pages) & {"lessons", "recall", "training"}  # without a prompt box
