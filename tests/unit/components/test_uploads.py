"""Uploads are refused before they are read, where they do not fit beside what is held."""

from types import SimpleNamespace

import pytest

from components.frame import uploads
from tests.unit.components.asgi import served


@pytest.fixture
def held(monkeypatch):
    """Session -> file -> record, as Streamlit holds them; a visitor has 100 bytes and 3 files, all have
    250 bytes."""
    storage = {}
    manager = SimpleNamespace(uploaded_file_mgr=SimpleNamespace(file_storage=storage))
    monkeypatch.setattr(uploads, "get_instance", lambda: manager)
    monkeypatch.setattr(uploads, "MB", 1)
    for name, said in (("UPLOAD_MB", 100), ("UPLOADS_MB", 250), ("UPLOADS", 3)):
        monkeypatch.setenv(f"MNEMOSCOPE_{name}", str(said))
    return storage


@pytest.fixture
def put(held):
    """put(session, n): the status of an upload; what comes in is held."""

    async def app(scope, receive, send):
        session = scope["path"].split("/")[-2]
        files = held.setdefault(session, {})
        files[len(files)] = SimpleNamespace(data=b"x" * app.n_bytes)
        await send({"type": "http.response.start", "status": 204, "headers": []})

    door = uploads.Uploads(app)

    def put(session, n_bytes, method="PUT", length=None):
        sent, app.n_bytes = [], n_bytes
        said = str(n_bytes) if length is None else length
        scope = {"type": "http", "method": method, "path": f"/_stcore/upload_file/{session}/f",
                 "headers": [(b"content-length", said.encode())]}

        async def send(message):
            sent.append(message)

        served(door(scope, None, send))
        return sent[0]["status"]

    return put


def test_a_visitor_has_room_for_so_much_and_no_more(put, held):
    assert [put("a", 60), put("a", 40), put("a", 1)] == [204, 204, 413]
    assert put("b", 100) == 204
    del held["a"][0]
    assert put("a", 50) == 204


def test_all_together_have_room_for_so_much(put, held):
    assert [put("a", 100), put("b", 100), put("c", 51), put("c", 50)] == [204, 204, 413, 204]


def test_a_visitor_has_so_many_files_and_no_more(put, held):
    assert [put("a", 1) for _ in range(4)] == [204, 204, 204, 413]
    assert put("b", 1) == 204


def test_an_upload_that_does_not_say_its_length_is_refused(put, held):
    assert [put("a", 1, length=said) for said in ("", "-5", "x", "1e9")] == [411] * 4


def test_what_is_under_way_counts(held):
    """A second upload that begins while the first is read."""
    statuses = []

    async def app(scope, receive, send):
        if not statuses:
            statuses.append(0)
            await door(scope, receive, note)
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def note(message):
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    door = uploads.Uploads(app)
    scope = {"type": "http", "method": "PUT", "path": "/_stcore/upload_file/a/f",
             "headers": [(b"content-length", b"60")]}
    served(door(scope, None, note))
    assert statuses == [0, 413, 204] and door.coming["a"] == 0


def test_other_requests_pass(put, held):
    assert put("a", 10**6, method="DELETE") == 204
