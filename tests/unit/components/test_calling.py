"""A call to a class: all its pupils' timers run at once, and nobody else's."""

from types import SimpleNamespace

import pytest

from components.frame import calling


class Server:
    """Stands in for Streamlit's runtime and for its loop. here: the open sessions; ran: (session,
    fragment) of each message that came."""

    def __init__(self):
        self.here, self.ran = {"ann", "bob", "eve"}, []

    def call_soon_threadsafe(self, work, *given):
        work(*given)

    def is_active_session(self, session):
        return session in self.here

    def handle_backmsg(self, session, message):
        told = message.rerun_script
        assert told.is_auto_rerun and told.query_string == "class=BCDF"
        self.ran.append((session, told.fragment_id))


@pytest.fixture
def server(monkeypatch):
    one, kept = Server(), calling._Classes()
    monkeypatch.setattr(calling, "get_instance", lambda: one)
    monkeypatch.setattr(calling, "_classes", lambda: kept)
    monkeypatch.setattr(calling, "REST_S", 0)
    kept.loop = one
    return one


def listen(monkeypatch, session: str, code: str, fragment: str) -> None:
    run = SimpleNamespace(session_id=session, page_script_hash="page", query_string="class=BCDF", context_info=None)
    monkeypatch.setattr(calling, "get_script_run_ctx", lambda: run)
    monkeypatch.setattr(calling, "ThreadState", SimpleNamespace(get=lambda: SimpleNamespace(fragment_id=fragment)))
    calling.listen(code)


def test_all_of_a_class_look_at_once(server, monkeypatch):
    for session, code, fragment in (("ann", "BCDF", "a"), ("bob", "BCDF", "b"), ("eve", "KTRM", "e"),
                                    ("bob", "BCDF", "of his next page")):
        listen(monkeypatch, session, code, fragment)
    calling.call("BCDF")
    assert server.ran == [("ann", "a"), ("bob", "of his next page")]
    server.here.remove("ann")
    calling.call("BCDF")
    assert server.ran[2:] == [("bob", "of his next page")]
    assert list(calling._classes().by_code["BCDF"].pupils) == ["bob"]  # who left is forgotten
    calling.call("XXXX")
    assert len(server.ran) == 3


def test_a_page_that_is_drawn_anew_is_not_called_before_it_listens(server, monkeypatch):
    listen(monkeypatch, "bob", "BCDF", "b")
    listen(monkeypatch, "ann", "BCDF", "a")
    calling.listen_no_more()  # Ann's
    calling.call("BCDF")
    listen(monkeypatch, "ann", "BCDF", "of her next page")
    calling.call("BCDF")
    assert server.ran == [("bob", "b"), ("bob", "b"), ("ann", "of her next page")]


def test_between_two_calls_a_page_can_draw_and_without_a_server_nobody_is_called(server, monkeypatch):
    listen(monkeypatch, "ann", "BCDF", "a")
    monkeypatch.setattr(calling, "REST_S", 3600)
    for _ in range(3):
        calling.call("BCDF")
    assert server.ran == [("ann", "a")]
    monkeypatch.setattr(calling, "REST_S", 0)
    calling._classes().loop = None
    calling.call("BCDF")
    assert len(server.ran) == 1
