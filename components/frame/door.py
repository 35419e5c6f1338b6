"""The door of the server: which key a browser has, and to which host names the server answers.

Every browser gets a key of its own in a cookie that no script can read; the owner's is the one that
the terminal shows at start. No header that a client or a forwarder writes makes anybody the owner.
Knows nothing of pages: it sees addresses, headers and cookies.
"""

import html
import ipaddress
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlencode, urlsplit

import streamlit as st
from starlette.datastructures import URL, Headers, MutableHeaders, QueryParams
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from components.frame import calling
from model.disk import owners

OWNER, VISITOR = "owner", "visitor"  # words of a link
OWNER_COOKIE, VISITOR_COOKIE = "mnemoscope_owner", "mnemoscope_visitor"
YEAR_S = 365 * 24 * 3600
WILDCARDS = ("", "0.0.0.0", "::")
ASK = """<!doctype html><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>Mnemoscope</title><style>:root{{color-scheme:light dark}}body{{font:18px/1.5 system-ui;
max-width:34em;margin:4em auto;padding:0 1em}}button{{font:inherit;padding:.4em 1em}}</style>
<h1>Open what was saved under this link?</h1><p>{words}</p>
<form method=post><button>Open it here</button></form><p><a href="{away}">No, stay as I am</a></p>"""

_first_words: set[str] = set()  # each makes an owner once: what the browser's command line shows


class Door:
    """ASGI middleware: refuses unknown host names, takes keys out of links, hands out cookies."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        connection = HTTPConnection(scope)
        host = connection.headers.get("host", "")
        if not is_known(host):
            return await _refused(host)(scope, receive, send)
        answer = _answer(connection) if scope["type"] == "http" else None
        if answer is not None:
            return await answer(scope, receive, send)
        if _is_new(connection):
            send = _with_a_key(send, connection.url)
        return await self.app(scope, receive, send)


MIDDLEWARE = [Middleware(Door)]


def is_known(host: str) -> bool:
    """Whether this server answers to a Host header: to server.allowedHosts where they are set, else to
    addresses in numbers and to this machine's own names. Another name may be somebody's who made it
    point here (DNS rebinding)."""
    if st.get_option("server.allowedHosts"):
        return is_host_allowed(host)
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    own = socket.gethostname().lower()
    short = own.partition(".")[0]
    return name in {"localhost", own, short, f"{short}.local", _named()} - {""} or _is_address(name)


def _named() -> str:
    return str(st.get_option("browser.serverAddress") or "").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _refused(host: str) -> Response:
    shown = host[:200].encode("ascii", "replace").decode()
    name = shown.rpartition(":")[0] or shown
    return PlainTextResponse(
        f"This server does not answer to the name {shown!r}. Use its IP address, or have it "
        f"started with --server.allowedHosts {name} --server.allowedHosts localhost\n", 421,
    )


# -- keys in links -----------------------------------------------------------------------------------


def _answer(connection: HTTPConnection) -> Response | None:
    """What a link with a key gets, in place of the page."""
    query = connection.query_params
    if connection.scope["method"] == "POST" and VISITOR in query and owners.is_key(query[VISITOR]):
        return _taken(connection) if _is_from_here(connection.headers) else None
    if connection.scope["method"] != "GET" or not _wants_a_page(connection.headers):
        return None
    if OWNER in query:
        return _owner(connection, query[OWNER])
    if VISITOR in query and query[VISITOR] != connection.cookies.get(VISITOR_COOKIE):
        return _asked(connection, query[VISITOR])
    return _without_key(connection) if VISITOR in query else None


def _owner(connection: HTTPConnection, said: str) -> Response:
    if said not in _first_words and not owners.is_owner_key(said):
        return PlainTextResponse(
            "This is not the owner's link of this server. Open the link that the terminal showed.\n", 403
        )
    _first_words.discard(said)
    return _keep(_without_key(connection), OWNER_COOKIE, owners.owner_key(), connection.url)


def _asked(connection: HTTPConnection, said: str) -> Response:
    """A question before the browser changes its key: a link may come from anybody."""
    if not owners.is_key(said):
        return PlainTextResponse("This link is cut off or mistyped: a key has 32 letters. Copy it again.\n", 400)
    words = "Whoever has this link sees what you save here from now on."
    own = connection.cookies.get(VISITOR_COOKIE, "")
    if owners.is_key(own) and owners.of_visitor(own).exists():
        words += " What this browser saved under its own key stays on the server, but is no longer shown"
        words += " here: copy your own link first (sidebar, “Yours”)."
    away = html.escape(_without_keys(connection.url))
    return HTMLResponse(ASK.format(words=words, away=away), headers={"cache-control": "no-store"})


def _taken(connection: HTTPConnection) -> Response:
    said = connection.query_params[VISITOR]
    return _keep(_without_key(connection), VISITOR_COOKIE, said, connection.url)


def _without_key(connection: HTTPConnection) -> Response:
    """The same page, without the key in the address."""
    return RedirectResponse(_without_keys(connection.url), 303, {"cache-control": "no-store"})


def _without_keys(url: URL) -> str:
    rest = [(k, v) for k, v in QueryParams(url.query).multi_items() if k not in (OWNER, VISITOR)]
    return (url.path.replace("//", "/") or "/") + (f"?{urlencode(rest)}" if rest else "")


# -- cookies -----------------------------------------------------------------------------------------


def _is_new(connection: HTTPConnection) -> bool:
    """Whether this asks for a page with a browser that has no key yet."""
    return (
        connection.scope["type"] == "http" and _wants_a_page(connection.headers)
        and not owners.is_key(connection.cookies.get(VISITOR_COOKIE, ""))
    )


def _wants_a_page(headers: Headers) -> bool:
    return "text/html" in headers.get("accept", "")


def _is_from_here(headers: Headers) -> bool:
    return urlsplit(headers.get("origin", "")).netloc == headers.get("host")


def _with_a_key(send: Send, url: URL) -> Send:
    """The same answer with a new key in a cookie."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            made = _keep(Response(), VISITOR_COOKIE, owners.new_key(), url)
            MutableHeaders(scope=message).append("set-cookie", made.headers["set-cookie"])
        await send(message)

    return sending


def _keep(response: Response, name: str, value: str, url: URL) -> Response:
    """Lax: the browser sends it where somebody follows a link to us, never in others' requests."""
    response.set_cookie(name, value, YEAR_S, httponly=True, samesite="lax", secure=url.scheme == "https")
    return response


# -- the start ---------------------------------------------------------------------------------------


@asynccontextmanager
async def opened(app: st.App) -> AsyncIterator[None]:
    """While the server runs. Says the owner's link, and opens it where there is a screen."""
    print(f"  Owner's link: {_owners_link(owners.owner_key())}\n"
          "  Whoever opens it owns this server: its folders, its trainings, all that is saved. Keep it "
          "to yourself.\n", flush=True)
    if not st.get_option("server.headless"):
        _first_words.add(word := owners.new_key())
        link = _owners_link(word)
        threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()
    calling.open_here()
    yield


def _owners_link(key: str) -> str:
    """After `streamlit run app.py -- --present` it opens for a hall (presenting.PRESENT)."""
    return f"{_address()}/?{OWNER}={key}" + ("&present=1" if "--present" in sys.argv else "")


def _address() -> str:
    """Where a browser of this machine finds the server."""
    name = _named() if st.get_option("browser.serverAddress") != "localhost" else ""
    bound = str(st.get_option("server.address") or "")
    host = name or ("localhost" if bound in WILDCARDS else bound)
    host = f"[{host}]" if ":" in host else host
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    path = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"{scheme}://{host}:{st.get_option('server.port')}" + (f"/{path}" if path else "")
