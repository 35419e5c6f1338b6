"""How much visitors may have uploaded at once. An upload beyond that is refused before a byte is read:
Streamlit keeps uploads in the server's memory until the visitor removes them or goes. Knows nothing
of what a file holds.
"""

from collections import Counter

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime import get_instance

from components.frame.limits import MB, limit

PATH = "/_stcore/upload_file/"


class Uploads:
    """ASGI middleware: an upload comes in where it fits beside what is held and what is under way."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self.coming: Counter[str] = Counter()  # session -> bytes under way
        self.n_coming: Counter[str] = Counter()  # session -> files under way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "PUT" or PATH not in scope["path"]:
            return await self.app(scope, receive, send)
        session = scope["path"].partition(PATH)[2].partition("/")[0]
        said = Headers(scope=scope).get("content-length", "")
        if not said.isdecimal():
            return await _unknown_length()(scope, receive, send)
        n_files = n_held(session) + self.n_coming[session]
        refused = _refused(int(said), held_bytes() + self.coming, session, n_files)
        if refused is not None:
            return await refused(scope, receive, send)
        self.coming[session] += int(said)
        self.n_coming[session] += 1
        try:
            return await self.app(scope, receive, send)
        finally:
            self.coming[session] -= int(said)
            self.n_coming[session] -= 1


MIDDLEWARE = [Middleware(Uploads)]


def held_bytes() -> Counter[str]:
    """Session -> bytes of its uploads that the server holds."""
    held = getattr(get_instance().uploaded_file_mgr, "file_storage", {})
    return Counter({session: sum(len(file.data) for file in [*files.values()])
                    for session, files in [*held.items()]})


def n_held(session: str) -> int:
    """How many of its uploads the server holds."""
    return len(getattr(get_instance().uploaded_file_mgr, "file_storage", {}).get(session, ()))


def _unknown_length() -> Response:
    return PlainTextResponse(
        "This upload does not say its length. Send it with a Content-Length header, in bytes.\n", 411
    )


def _refused(n_bytes: int, held: Counter[str], session: str, n_files: int) -> Response | None:
    of_one, of_all, most = limit("upload-mb") * MB, limit("uploads-mb") * MB, limit("uploads")
    if n_files >= most:
        return PlainTextResponse(
            f"Too many at once: {n_files:,} files of yours are held, at most {most:,} fit. Remove one "
            "first.\n", 413,
        )
    if held[session] + n_bytes > of_one:
        return PlainTextResponse(
            f"Too much at once: {held[session] / MB:.0f} MB of your files are held, this one has "
            f"{n_bytes / MB:.0f} MB, at most {of_one / MB:.0f} MB fit. Remove one first.\n", 413,
        )
    if held.total() + n_bytes > of_all:
        return PlainTextResponse(
            f"The server is full: visitors' files take {held.total() / MB:.0f} MB of "
            f"{of_all / MB:.0f} MB. Try again later.\n", 413,
        )
    return None
