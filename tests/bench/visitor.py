"""A visitor without a browser: speaks Streamlit's own protocol and types into the prompt box.

Sends a text when the browser would (components/frame/pace.js), so that what is measured is what a
person waits for. Reads of the pages only what the prompt box, marks and exceptions say.
"""

import asyncio
import html
import json
import re
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

LOOK_S, PACE_S, PATIENCE_S = 0.02, 0.15, 2.0  # as in pace.js
BEAT_S = 0.4  # how often a page's timers run its fragments
OPEN_S = 300  # a page that has not come by then never comes
BOX = "-prompt_box"  # how the prompt box's element ends its name
DRAWN = re.compile(r'data-drawn="([^"]*)"')


@dataclass
class Word:
    """text: all that the box held with this word; times in seconds, None: not yet. sent: this text or
    a longer one left; drawn: its picture or a longer one's was there; finished: its own script ended."""

    text: str
    sent: float | None = None
    drawn: float | None = None
    finished: float | None = None


class Visitor:
    """One open page. text: what the box holds; words: all that were typed; errors: sentences."""

    def __init__(self, socket: ClientConnection, query: str):
        self.words: list[Word] = []
        self.errors: list[str] = []
        self.text = self._sent = ""
        self._socket, self._query = socket, query
        self.components: dict[str, tuple[str, dict]] = {}  # key -> id and what it was given
        self.n_ended = 0  # scripts and fragments that ended
        self._timed: set[str] = set()  # fragments that a timer runs
        self.page_hash, self._box, self._revision = "", "", 0
        self._heard: str | None = None  # the text that the script now running draws
        self._drawn: str | None = None  # the text whose picture it says it has drawn
        self._done: str | None = None  # the text of the last script that ended by itself
        self._rests, self._marks = False, False
        self._sent_at, self._typed_at, self._patience = -PACE_S, None, PATIENCE_S

    async def open(self, page: str) -> None:
        """Ask for a page by its address, and wait until its picture is there; the text is then the
        link's. ConnectionError: the page never came, for example because its script failed."""
        await self._rerun(page_name=page)
        while self._heard is None or not (self._rests or self._drawn == self._heard):
            self._fail_if_gone()
            if self.errors:
                raise ConnectionError(f"{page or 'start'} did not open: {'; '.join(self.errors)}")
            await asyncio.sleep(LOOK_S)
        self.text = self._sent = self._heard

    async def type(self, words: Iterable[str], seconds: float) -> None:
        """One word after another, `seconds` apart; the last has left when this returns."""
        for word in words:
            self.text += word
            self.words.append(Word(self.text))
            self._typed_at = self._typed_at or time.monotonic()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                await self._look()
        while self._sent != self.text:
            await self._look()

    async def tell(self, key: str, event: str, value: object) -> None:
        """What a component's `setTriggerValue` sends: something was clicked there."""
        happened = json.dumps([{"event": event, "value": value}])
        message = self._rerun_message(page_script_hash=self.page_hash)
        message.rerun_script.widget_states.widgets.add(
            id=f"$$STREAMLIT_INTERNAL_KEY_{self.components[key][0]}__events", json_trigger_value=happened)
        await self._socket.send(message.SerializeToString())

    async def run_at(self, page_hash: str) -> None:
        """Run the script of a page, as a late message of one that was left does; wait for its end."""
        n = self.n_ended
        await self._rerun(page_script_hash=page_hash)
        await self.until(lambda: self.n_ended > n)

    async def until(self, comes_about: Callable[[], bool]) -> None:
        """Wait for what the server says; the page's timers go on."""
        beat_at = time.monotonic()
        while not comes_about():
            self._fail_if_gone()
            await asyncio.sleep(LOOK_S)
            if time.monotonic() - beat_at > BEAT_S:
                beat_at = time.monotonic()
                await self._beat()

    async def _beat(self) -> None:
        for fragment in [*self._timed]:
            message = self._rerun_message(page_script_hash=self.page_hash, fragment_id=fragment)
            message.rerun_script.is_auto_rerun = True
            await self._socket.send(message.SerializeToString())

    async def rest(self) -> None:
        """Wait until the page shows the text that was typed last."""
        while not self.shows_all:
            self._fail_if_gone()
            await asyncio.sleep(LOOK_S)

    @property
    def shows_all(self) -> bool:
        """Whether the last script ended by itself, drew the whole text and, on a page that marks its
        pictures, said so."""
        drew = not self._marks or self._drawn == self.text
        return self._rests and self._done == self.text and drew

    async def listen(self) -> None:
        """Take what the server says, until it or the visitor leaves."""
        try:
            async for said in self._socket:
                self._take(ForwardMsg.FromString(said))
        except ConnectionClosed as gone:
            self.errors.append(f"The connection ended: {gone}")

    # -- saying ------------------------------------------------------------------------------------

    async def _look(self) -> None:
        self._fail_if_gone()
        if self._sent != self.text and self._is_due():
            await self._send()
        await asyncio.sleep(LOOK_S)

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now - self._sent_at < PACE_S:
            return False
        there = self._heard == self._sent and (self._rests or self._drawn == self._sent)
        if not there and now - self._typed_at <= self._patience:
            return False
        self._patience = PATIENCE_S if there else 2 * self._patience
        return True

    async def _send(self) -> None:
        self._sent, self._sent_at, self._typed_at = self.text, time.monotonic(), None
        for word in self.words:
            word.sent = word.sent or self._sent_at
        typed = {"typed": {"text": self.text, "revision": self._revision}}
        self._rests = False
        await self._rerun(page_script_hash=self.page_hash, typed=json.dumps(typed))

    async def _rerun(self, typed: str | None = None, **where: str) -> None:
        message = self._rerun_message(**where)
        if typed is not None:
            message.rerun_script.widget_states.widgets.add(id=self._box, json_value=typed)
        await self._socket.send(message.SerializeToString())

    def _rerun_message(self, **where: str) -> BackMsg:
        message = BackMsg()
        message.rerun_script.query_string = self._query
        for name, value in where.items():
            setattr(message.rerun_script, name, value)
        return message

    def _fail_if_gone(self) -> None:
        if self._socket.close_code is not None:
            raise ConnectionError(f"wanted an open page, found {self.errors or 'a closed connection'}")

    # -- hearing -----------------------------------------------------------------------------------

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self._heard = self._drawn = None
            self._rests = False
            self._timed.clear()
        elif kind == "auto_rerun":
            self._timed.add(message.auto_rerun.fragment_id)
        elif kind == "navigation":
            self.page_hash = message.navigation.page_script_hash
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._take_element(message.delta.new_element)
        elif kind == "script_finished":
            self._take_end(message.script_finished)

    def _take_element(self, element) -> None:
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.errors.append(f"{element.exception.type}: {element.exception.message}")
        elif kind == "alert" and element.alert.format == element.alert.ERROR:
            self.errors.append(element.alert.body)
        elif kind == "bidi_component":
            self._take_component(element.bidi_component)
        elif kind == "html" and (mark := DRAWN.search(element.html.body)):
            self._marks, self._drawn = True, html.unescape(mark[1])
            self._note_picture(self._drawn)

    def _take_component(self, component) -> None:
        data = json.loads(component.json or "{}")
        self.components[component.id.rsplit("-", 1)[1]] = component.id, data
        if component.id.endswith(BOX):
            self._box, self._revision, self._heard = component.id, data["revision"], data["value"]

    def _take_end(self, status: int) -> None:
        self.n_ended += 1
        if status == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self.errors.append("A script could not be compiled.")
        if status != ForwardMsg.FINISHED_SUCCESSFULLY or self._heard is None:
            return
        self._rests, self._done = self._heard == self._sent or not self._sent, self._heard
        self._note_picture(self._heard)
        for word in self.words:
            if word.text == self._heard and word.finished is None:
                word.finished = time.monotonic()

    def _note_picture(self, text: str) -> None:
        for word in self.words:
            if word.drawn is None and text.startswith(word.text):
                word.drawn = time.monotonic()


@asynccontextmanager
async def visiting(address: str, page: str, **link: str) -> AsyncIterator[Visitor]:
    """A visitor of `page` (an address; "": Start) who came by a link; leaves at the end."""
    query = urlencode(link)
    cookie = await asyncio.to_thread(_cookie, f"{address}/{page}?{query}")
    stream = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    async with connect(
        stream, subprotocols=["streamlit"], additional_headers={"Cookie": cookie}, max_size=None,
        compression=None, ping_interval=None, open_timeout=None,
    ) as socket:
        visitor = Visitor(socket, query)
        listening = asyncio.create_task(visitor.listen())
        try:
            await asyncio.wait_for(visitor.open(page), OPEN_S)
            yield visitor
        finally:
            listening.cancel()


def _cookie(url: str) -> str:
    """The key that the door (components/frame/door.py) gives a browser that comes without one."""
    asked = urllib.request.Request(url, headers={"Accept": "text/html"})
    with urllib.request.urlopen(asked) as answer:
        return (answer.headers["set-cookie"] or "").partition(";")[0]
