"""A click is heard once, also where a timer's message carries it.

Streamlit's browser part keeps a click until its own next turn (setTimeout in its WidgetStateManager), and then
sends it. A timer that comes first sends all that is kept, the click too: the server would act twice, and take
back what was picked. The click's own message always follows. Knows nothing of what pages draw.
"""

from google.protobuf.message import DecodeError
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

CLICKS = {"trigger_value", "string_trigger_value", "chat_input_value", "json_trigger_value"}


def without_clicks(said: bytes) -> bytes:
    """A timer's message without what was clicked; any other message as it is."""
    try:
        message = BackMsg.FromString(said)
    except DecodeError:  # the server says so
        return said
    states = message.rerun_script.widget_states.widgets
    kept = [one for one in states if one.WhichOneof("value") not in CLICKS]
    if not message.rerun_script.is_auto_rerun or len(kept) == len(states):
        return said
    del states[:]
    states.extend(kept)
    return message.SerializeToString()


class HeardOnce:
    """ASGI middleware round each browser's connection."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def hear() -> Message:
            message = await receive()
            return message | {"bytes": without_clicks(message["bytes"])} if message.get("bytes") else message

        await self.app(scope, hear if scope["type"] == "websocket" else receive, send)


MIDDLEWARE = [Middleware(HeardOnce)]
