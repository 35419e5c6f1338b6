"""Whose is it? Two visitors, a stranger, the owner and a proxy, each with what their browser sends."""

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from components.frame import door, whose
from components.frame.whose import is_owner
from model.disk import owners
from model.disk.home import home
from model.memory import sessions
from model.notes.note import path
from model.notes.store import opened
from tests.app import remembering, tree
from tests.waiting import PATIENCE_S


class Browser:
    """An app with the cookies and headers of one browser; `does` runs it."""

    def __init__(self, cookies, headers=None):
        self.cookies, self.headers = cookies, headers or {}
        self.app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)

    def open(self, page, **link):
        for name, value in link.items():
            self.app.query_params[name] = value
        self.app.switch_page(f"pages/{page}.py")
        return self.run()

    def run(self):
        Browser.at_work = self
        self.app.run()
        assert not self.app.exception
        return self

    def click(self, key):
        Browser.at_work = self
        self.app.button(key=key).click().run()
        assert not self.app.exception
        return self

    def choose(self, key, value):
        self.app.selectbox(key=key).set_value(value)
        return self.run()

    def options(self, key):
        return self.app.selectbox(key=key).options

    def errors(self):
        return " ".join(one.value for one in self.app.error)


@pytest.fixture(autouse=True)
def each_with_their_own_cookies(monkeypatch):
    monkeypatch.setattr(whose, "is_owner", is_owner)
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda _: Browser.at_work.cookies))
    monkeypatch.setattr(ContextProxy, "headers", property(lambda _: Browser.at_work.headers))


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A model without trained memory: quicker, and sessions are small."""
    folder = tmp_path / "model"
    folder.mkdir()
    monkeypatch.setenv("MNEMOSCOPE_MODEL", str(remembering.without(folder)))


def visitor(letter):
    return Browser({door.VISITOR_COOKIE: letter * 32})


def the_owner():
    return Browser({door.VISITOR_COOKIE: "o" * 32, door.OWNER_COOKIE: owners.owner_key()})


def through_a_proxy():
    """A stranger behind a forwarder on this machine, who forges all that can be forged."""
    return Browser({door.VISITOR_COOKIE: "p" * 32, door.OWNER_COOKIE: "127.0.0.1"}, {
        "Host": "localhost:8501", "Origin": "http://localhost:8501", "X-Forwarded-For": "127.0.0.1",
        "X-Real-Ip": "127.0.0.1", "Forwarded": "for=127.0.0.1;by=localhost",
    })


def save(browser, text, name, button="session_save"):
    """Tell the memory a text, and save it under a name."""
    browser.app.session_state["prompt"] = text
    browser.run().click("remember")
    browser.app.text_input(key="session_name").set_value(name)
    return browser.run().click(button)


def everything(browser):
    """All words that a page holds, in whatever it shows them."""
    app = browser.app
    told = [one.value for kind in (app.markdown, app.code, app.text_area, app.text_input, app.info,
                                   app.caption, app.error) for one in kind]
    frames = [one.value.to_csv() for one in app.dataframe]
    return " ".join(map(str, [*told, *frames, tree.html(app)]))


def told(browser):
    (steps,) = browser.app.session_state["memory:conversations"].values()
    return list(steps[-1].state.prompts)


def test_two_visitors_may_use_one_name_and_see_only_their_own(small):
    alice, bob = (visitor(x).open("memory", prompt="") for x in "ab")
    save(alice, "My name is Alice.", "private")
    assert bob.run().options("session_chosen") == []
    save(bob, "My name is Bob.", "private")
    assert bob.errors() == alice.errors() == ""
    for letter, name in ("a", "Alice"), ("b", "Bob"):
        again = visitor(letter).open("memory", prompt="")
        assert again.options("session_chosen") == ["private"]
        again.choose("session_chosen", "private").click("session_load")
        assert told(again) == [f"My name is {name}."]


def test_a_stranger_and_a_proxy_see_nothing_that_is_not_shared(small):
    save(visitor("a").open("memory", prompt=""), "My name is Alice.", "alice private")
    save(the_owner().open("memory", prompt=""), "I own this.", "of the owner")
    for other in (visitor("s"), Browser({}), through_a_proxy()):
        page = other.open("memory", prompt="")
        assert page.options("session_chosen") == []
        assert "alice" not in tree.html(page.app).lower()


def test_what_a_page_did_not_offer_is_not_loaded_either(small):
    save(visitor("a").open("memory", prompt=""), "My name is Alice.", "private")
    stranger = visitor("s").open("memory", prompt="")
    (folder,) = owners.visitors()
    from components.memory import session_files

    Browser.at_work = stranger
    for title in (f"visitor {folder.name[:8]}: private", "private", "../x: private", "shared: private"):
        with pytest.raises(ValueError):
            session_files._there(*session_files._found(title)[1:])


def test_the_owner_sees_everything_and_old_files_are_the_owners(small):
    save(visitor("a").open("memory", prompt=""), "My name is Alice.", "hers")
    (folder,) = owners.visitors()
    old = home() / "sessions" / "old.memory"
    old.parent.mkdir()
    old.write_bytes((folder / "sessions" / "hers.memory").read_bytes())
    page = the_owner().open("memory", prompt="")
    hers = f"visitor {folder.name[:8]}: hers"
    assert page.options("session_chosen") == ["old", hers]
    page.choose("session_chosen", hers).click("session_load")
    assert told(page) == ["My name is Alice."]
    page.click("session_remove")
    assert page.run().options("session_chosen") == ["old"] and not page.errors()


def test_sharing_is_an_act_and_a_copy_that_others_load_but_never_write(small):
    alice, bob = (visitor(x).open("memory", prompt="") for x in "ab")
    save(alice, "My name is Alice.", "for all", "session_share")
    assert owners.visitors() == []  # shared, not saved
    file = sessions.path_of("for all", owners.shared())
    before = file.read_bytes()
    assert bob.run().options("session_chosen") == ["shared: for all"]
    bob.choose("session_chosen", "shared: for all").click("session_load")
    assert told(bob) == ["My name is Alice."]
    assert bob.app.button(key="session_remove").disabled
    save(bob, "My name is Bob.", "for all")  # his own, of that name
    assert not bob.errors() and file.read_bytes() == before
    assert bob.run().options("session_chosen") == ["for all", "shared: for all"]
    save(bob, "Me too.", "for all", "session_share")
    assert "shared as" in bob.errors() and file.read_bytes() == before
    owner = the_owner().open("memory", prompt="")
    owner.choose("session_chosen", "shared: for all").click("session_remove")
    assert not file.exists()


def write_note(browser, text):
    browser.app.text_area(key="notes_new_text").set_value(text)
    return browser.run().click("notes_keep")


def note_texts(of):
    with opened(path(of)) as store:
        return [note.text for note in store.notes()]


def notes_page(browser, **link):
    return browser.open("notebook", notebook_view="notes", **link)


def test_notes_are_ones_own(small):
    alice, bob = (notes_page(visitor(x)) for x in "ab")
    write_note(alice, "Alice keeps a zebra.")
    write_note(bob, "Bob keeps a cat.")
    assert note_texts(owners.of_visitor("a" * 32)) == ["Alice keeps a zebra."]
    assert note_texts(owners.of_visitor("b" * 32)) == ["Bob keeps a cat."]
    for other in (visitor("b"), visitor("s"), through_a_proxy()):
        assert "zebra" not in everything(notes_page(other, notes_note="1"))
        assert "zebra" not in everything(other.open("notebook", notebook_view="answer",
                                                    prompt="Who keeps a zebra? Alice keeps a"))
        assert other.options("notes_shelf") == ["My notes", "Shared notes"]


def test_who_only_looks_leaves_nothing_behind(small):
    for page in ("notebook", "memory", "recall", "training"):
        visitor("a").open(page)
    assert owners.visitors() == [] and not owners.shared().exists()


def test_a_shared_note_is_read_and_copied_and_only_the_owner_removes_it(small):
    alice = notes_page(visitor("a"))
    write_note(alice, "Alice keeps a zebra.")
    alice.app.session_state["notes_note"] = 1
    alice.run().click("notes_share")
    assert note_texts(owners.shared()) == ["Alice keeps a zebra."]

    bob = notes_page(visitor("b"), notes_shelf=whose.SHARED, notes_note="1")
    assert "Alice keeps a zebra." in everything(bob)
    keys = {button.key for button in bob.app.button}
    assert "notes_take" in keys and not keys & {"notes_save", "notes_remove", "notes_remove_all"}
    assert not bob.app.checkbox
    bob.click("notes_take")
    assert note_texts(owners.of_visitor("b" * 32)) == ["Alice keeps a zebra."]

    owner = notes_page(the_owner(), notes_shelf=whose.SHARED)
    owner.app.checkbox(key="notes_sure").check()
    owner.run().click("notes_remove_all")
    assert note_texts(owners.shared()) == []
    assert note_texts(owners.of_visitor("a" * 32)) == ["Alice keeps a zebra."]


@pytest.mark.parametrize("change", ["edit", "delete", "delete_all", "delete_examples"])
def test_no_visitor_changes_a_shelf_that_is_not_theirs(small, monkeypatch, change):
    from components.notes import choice, run

    Browser.at_work = visitor("b")
    monkeypatch.setattr(choice, "shelf", lambda: whose.SHARED)
    given = {"edit": (None, "", "x"), "delete": ([1],)}.get(change, ())
    with pytest.raises(ValueError, match="Only the owner"):
        getattr(run, change)(*given)


def test_a_link_to_another_visitors_shelf_shows_ones_own(small):
    write_note(notes_page(visitor("a")), "Alice keeps a zebra.")
    (folder,) = owners.visitors()
    shelf = f"visitor {folder.name[:8]}"
    assert "zebra" not in everything(notes_page(visitor("s"), notes_shelf=shelf, notes_note="1"))
    owner = notes_page(the_owner(), notes_shelf=shelf, notes_note="1")
    assert "Alice keeps a zebra." in everything(owner)
    assert note_texts(None) == []  # the owner's own


def test_probes_are_shared_as_a_copy(small, tmp_path):
    from components.recall import jobs

    asked = b'{"tell": ["I live in Rome."], "ask": "I live in", "answer": " Rome"}\n'
    results = tmp_path / "results.jsonl"
    results.write_text('{"line": 1, "error": "zebras are no probe"}\n')
    alice, bob = visitor("a"), visitor("b")
    Browser.at_work = alice
    jobs.share("Rome", asked, results)
    for name in ("Rome", "../x", ""):
        with pytest.raises(ValueError, match="already|Not a name"):
            jobs.share(name, asked, results)
    alice.open("recall", recall_view="file")
    assert "zebras" not in everything(alice)
    bob.open("recall", recall_view="file").choose("recall_shared", "Rome")
    assert "Zebras are no probe" in " ".join(one.value for one in bob.app.warning)
    assert not {"recall_unshare", "recall_share"} & {one.key for one in bob.app.button}
    Browser.at_work = bob
    with pytest.raises(ValueError, match="Only the owner"):
        jobs.unshare("Rome")
    owner = the_owner().open("recall", recall_view="file").choose("recall_shared", "Rome")
    owner.click("recall_unshare")
    assert jobs.shared_names() == []


def test_results_of_probes_are_ones_own(monkeypatch):
    from components.memory.choice import settings
    from components.recall import jobs

    monkeypatch.setattr(jobs.visit, "mark", lambda: "a model")
    paths = set()
    for one in (visitor("a"), visitor("b"), through_a_proxy(), the_owner()):
        Browser.at_work = one
        paths.add(jobs.results_of(b"x", ("gpt2",), settings()))
    assert len(paths) == 4


def test_room_is_limited_for_a_visitor_alone(small, monkeypatch):
    monkeypatch.setattr(whose, "MB", 1_000)  # 1 “MB” a visitor
    monkeypatch.setenv("MNEMOSCOPE_VISITOR_MB", "1")
    page = visitor("a").open("memory", prompt="")
    save(page, "My name is Alice.", "private")
    assert "No room" in page.errors() and page.options("session_chosen") == []
    owner = save(the_owner().open("memory", prompt=""), "I own this.", "mine")
    assert not owner.errors() and owner.run().options("session_chosen") == ["mine"]


def test_one_page_more_than_fits_hears_so_and_the_owner_always_fits(monkeypatch):
    from components.frame import leaving

    monkeypatch.setenv("MNEMOSCOPE_VISITORS", "2")
    monkeypatch.setattr(leaving, "_register", lambda: leaving._Register(here=others))
    monkeypatch.setattr(leaving, "_seat", leaving._seat.__wrapped__)  # all AppTests are one session
    others = {"one", "two"}
    page = visitor("a").open("tokens")
    assert page.errors().startswith("This server is full: 2 pages are open, at most 2 fit.")
    assert not the_owner().open("tokens").errors() and len(others) == 3
    others -= {"one", "test session id"}
    assert not visitor("b").open("tokens").errors()


def test_nobody_cancels_anothers_measurement(monkeypatch, tmp_path):
    from components.recall import jobs

    Browser.at_work = visitor("a")
    job = jobs.Measuring(tmp_path / "x", "far", (), 1)
    monkeypatch.setattr(jobs, "_latest", lambda: {"job": job})
    for other in (visitor("b"), through_a_proxy()):
        Browser.at_work = other
        jobs.cancel()
        assert not job.cancelled.is_set()
    for may in (visitor("a"), the_owner()):
        Browser.at_work = may
        job.cancelled.clear()
        jobs.cancel()
        assert job.cancelled.is_set()


def test_the_sidebar_says_whose_and_gives_the_link_to_the_visitor_alone(small, monkeypatch):
    monkeypatch.setattr(ContextProxy, "url", "http://class.example:8501/memory")
    page = unfolded(visitor("a"))
    assert [code.value for code in page.app.sidebar.code] == [
        f"http://class.example:8501/?visitor={'a' * 32}"]
    owner = unfolded(the_owner())
    assert "You are the owner" in owner.app.sidebar.expander[-1].markdown[0].value
    assert owner.app.sidebar.code == [] and owners.owner_key() not in str(owner.app)
    nobody = unfolded(Browser({}))
    assert "keeps no cookie" in nobody.app.sidebar.warning[0].value


def test_folded_the_sidebar_sends_no_code_whose_highlighter_takes_a_fifth_of_a_load(small):
    page = visitor("a").open("memory", prompt="")
    assert page.app.sidebar.code == []


def unfolded(browser):
    """The Memory page with "Yours" open in the sidebar."""
    browser.app.session_state["whose"] = True
    return browser.open("memory", prompt="")
