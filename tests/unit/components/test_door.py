"""The server's door: who gets which cookie, and which names the server answers to."""

import socket
from http.cookies import SimpleCookie

import pytest
import streamlit as st

from components.frame import door
from model.disk import owners
from tests.unit.components.asgi import served

PAGE = {"host": "localhost:8501", "accept": "text/html,*/*"}
OTHER = "o" * 32


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def allowed(monkeypatch):
    """Sets server.allowedHosts."""
    values, get = {"server.allowedHosts": []}, st.get_option
    monkeypatch.setattr(st, "get_option", lambda name: values.get(name, get(name)))
    monkeypatch.setattr(door, "is_host_allowed", lambda host: host in values["server.allowedHosts"])
    return values


async def page(scope, receive, send):
    """The app behind the door."""
    if scope["type"] == "websocket":
        return await send({"type": "websocket.accept"})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the page"})


def asked(path="/", *, kind="http", method="GET", cookies=None, **headers):
    """What the door answers: the first message, its headers as pairs, the body."""
    path, _, query = path.partition("?")
    headers = PAGE | {name.replace("_", "-"): value for name, value in headers.items()}
    if cookies:
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    scope = {
        "type": kind, "method": method, "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode(), "scheme": "http" if kind == "http" else "ws",
        "server": ("localhost", 8501), "client": ("127.0.0.1", 5), "http_version": "1.1",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
    }
    sent = []

    async def send(message):
        sent.append(message)

    served(door.Door(page)(scope, None, send))
    pairs = [(name.decode(), value.decode()) for name, value in sent[0].get("headers", [])]
    return sent[0], pairs, b"".join(m.get("body", b"") for m in sent).decode()


def given(pairs):
    """The cookies that an answer sets: name -> morsel."""
    return {name: one for key, text in pairs if key == "set-cookie"
            for name, one in SimpleCookie(text).items()}


def test_a_browser_gets_a_key_of_its_own_once():
    keys = set()
    for _ in range(3):
        _, pairs, body = asked("/attention?layer=1")
        one = given(pairs)[door.VISITOR_COOKIE]
        assert body == "the page" and owners.is_key(one.value)
        assert one["httponly"] and one["samesite"] == "lax" and int(one["max-age"]) > 86_400
        keys.add(one.value)
    assert len(keys) == 3
    _, pairs, _ = asked(cookies={door.VISITOR_COOKIE: keys.pop()})
    assert given(pairs) == {}
    assert door.VISITOR_COOKIE in given(asked(cookies={door.VISITOR_COOKIE: "mine"})[1])
    assert given(asked("/static/x.js", accept="*/*")[1]) == {}


def test_the_owners_link_makes_the_owner_and_leaves_no_key_in_the_address():
    first, pairs, _ = asked(f"/memory?prompt=a+b&owner={owners.owner_key()}&layer=1")
    assert first["status"] == 303 and dict(pairs)["location"] == "/memory?prompt=a+b&layer=1"
    assert given(pairs)[door.OWNER_COOKIE].value == owners.owner_key()
    assert given(pairs)[door.OWNER_COOKIE]["httponly"]


@pytest.mark.parametrize("said", ["", "x", OTHER, "%C3%A9"])
def test_a_wrong_key_makes_nobody_an_owner(said):
    first, pairs, body = asked(f"/?owner={said}")
    assert first["status"] == 403 and given(pairs) == {} and "not the owner's link" in body


def test_the_word_that_opens_the_browser_works_once():
    door._first_words.add("w" * 32)
    assert asked(f"/?owner={'w' * 32}")[0]["status"] == 303
    assert asked(f"/?owner={'w' * 32}")[0]["status"] == 403


def test_a_link_to_ones_own_things_asks_before_the_key_changes():
    first, pairs, body = asked(f"/?visitor={OTHER}", cookies={door.VISITOR_COOKIE: "m" * 32})
    assert first["status"] == 200 and given(pairs) == {} and "<form method=post>" in body
    first, pairs, _ = asked(f"/?visitor={OTHER}&at=3", method="POST", origin="http://localhost:8501")
    assert first["status"] == 303 and dict(pairs)["location"] == "/?at=3"
    assert given(pairs)[door.VISITOR_COOKIE].value == OTHER
    _, pairs, body = asked(f"/?visitor={OTHER}", method="POST", origin="https://evil.example")
    assert door.OWNER_COOKIE not in given(pairs) and OTHER not in str(pairs)


def test_who_comes_with_their_own_link_comes_in():
    first, pairs, _ = asked(f"/?visitor={OTHER}", cookies={door.VISITOR_COOKIE: OTHER})
    assert first["status"] == 303 and dict(pairs)["location"] == "/"


def test_the_question_says_what_stays_behind(home):
    mine = "m" * 32
    assert "stays on the server" not in asked(f"/?visitor={OTHER}",
                                              cookies={door.VISITOR_COOKIE: mine})[2]
    owners.of_visitor(mine).mkdir(parents=True)
    assert "stays on the server" in asked(f"/?visitor={OTHER}", cookies={door.VISITOR_COOKIE: mine})[2]


def test_a_mistyped_link_is_a_sentence_and_its_words_are_no_html():
    assert asked("/?visitor=abc")[0]["status"] == 400
    body = asked(f"/%22%3E%3Cscript%3E?visitor={OTHER}&x=%22%3E%3Cscript%3E")[2]
    assert "<script>" not in body


@pytest.mark.parametrize("path", [f"//evil.example/?visitor={OTHER}", "//evil.example?owner=KEY"])
def test_no_link_leads_away(path):
    _, pairs, _ = asked(path.replace("KEY", owners.owner_key()), cookies={door.VISITOR_COOKIE: OTHER})
    assert dict(pairs)["location"] == "/evil.example/" or dict(pairs)["location"] == "/evil.example"


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "127.0.0.1:8501", "[::1]:8501",
                                  "192.168.1.2:8501", "LOCALHOST.", socket.gethostname()])
def test_names_of_this_machine_are_answered(host, allowed):
    assert asked(host=host)[2] == "the page"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8501", "localhost.evil.example", "",
                                  "127.0.0.1.evil.example", "localhost@evil.example", "[", "é.example"])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_other_names_are_refused(host, kind, allowed):
    first, pairs, body = asked(host=host, kind=kind)
    assert first.get("status") == 421 or first["type"] == "websocket.close"
    assert given(pairs) == {} and body != "the page"


def test_a_named_server_answers_to_its_names_alone(allowed):
    allowed["server.allowedHosts"] = ["class.example"]
    assert asked(host="class.example")[2] == "the page"
    assert asked(host="localhost")[0]["status"] == 421


FORGED = {"origin": "http://localhost:8501", "x_forwarded_for": "127.0.0.1", "x_real_ip": "127.0.0.1",
          "forwarded": "for=127.0.0.1;host=localhost", "x_forwarded_host": "localhost"}


def test_no_header_gives_the_owners_cookie():
    for kind in ("http", "websocket"):
        assert door.OWNER_COOKIE not in given(asked(kind=kind, **FORGED)[1])


def test_the_owners_link_opens_for_a_hall_where_the_server_was_told_so(monkeypatch):
    monkeypatch.setattr("sys.argv", ["app.py", "--model", "gpt2"])
    assert door._owners_link("KEY").endswith("/?owner=KEY")
    monkeypatch.setattr("sys.argv", ["app.py", "--present"])
    assert door._owners_link("KEY").endswith("/?owner=KEY&present=1")
