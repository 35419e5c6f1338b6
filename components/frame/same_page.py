"""A fragment's run, told to the browser as a run of the page that it shows.

A timer's message and a page change may cross on their way. Streamlit then runs the fragment after the new
page and names the page that was left; the browser (handleNewSession in its App) takes any other name for a
change of page, and drops all that the new page has drawn. Knows nothing of what pages draw.
"""

from google.protobuf.message import DecodeError
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


class Shown:
    """What one browser shows. page: the name of its page's script, "" before it is known."""

    def __init__(self) -> None:
        self.page = ""

    def is_late(self, said: bytes) -> bool:
        """Whether the browser's message is a timer's of a page that was left since: the page that is shown
        has timers of its own."""
        try:
            asked = BackMsg.FromString(said).rerun_script
        except DecodeError:  # the server says so
            return False
        self.page = self.page or asked.page_script_hash  # the connection is new, the page is not
        return asked.is_auto_rerun and asked.page_script_hash != self.page

    def told(self, said: bytes) -> bytes:
        """The server's message as the browser gets it."""
        message = ForwardMsg.FromString(said)
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self.page = message.navigation.page_script_hash
        elif kind == "new_session" and not message.metadata.run.fragment_ids:
            self.page = message.new_session.page_script_hash
        elif kind == "new_session" and self.page not in ("", message.new_session.page_script_hash):
            message.new_session.page_script_hash = self.page
            return message.SerializeToString()
        return said


class SamePage:
    """ASGI middleware round each browser's connection."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return await self.app(scope, receive, send)
        shown = Shown()

        async def hear() -> Message:
            while True:
                message = await receive()
                if not (message.get("bytes") and shown.is_late(message["bytes"])):
                    return message

        async def say(message: Message) -> None:
            if message.get("bytes"):
                message = message | {"bytes": shown.told(message["bytes"])}
            await send(message)

        await self.app(scope, hear, say)


MIDDLEWARE = [Middleware(SamePage)]
