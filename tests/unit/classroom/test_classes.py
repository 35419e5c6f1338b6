"""A class's file: what is written is what another server reads; only the key changes it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from model.classroom import classes, presence
from model.classroom.room import LETTERS, MOST_BYTES, Place, as_code

HERE = Place(page="attention", prompt="I live in", parameters={"layer": "2"})
THERE = Place(page="memory", prompt="Where?", parameters={})


@pytest.fixture
def room(tmp_path):
    """The folder, the code and the key of a class that was started at second 100."""
    made, key = classes.start(tmp_path, HERE, 100.0)
    return tmp_path, made.code, key


def read_by_another_server(folder, code):
    classes._kept.cache_clear()
    return classes.read(folder, code)


def test_what_the_lecturer_shows_is_read_from_disk_by_any_server(room):
    folder, code, key = room
    assert read_by_another_server(folder, code).place == HERE
    shown = classes.show(folder, code, key, THERE, 101.0)
    assert read_by_another_server(folder, code) == shown
    assert (shown.place, shown.revision, shown.changed_s) == (THERE, 2, 101.0)
    assert key not in (folder / f"{code}.json").read_text()


def test_the_same_place_again_changes_nothing(room):
    folder, code, key = room
    before = (folder / f"{code}.json").stat()
    assert classes.show(folder, code, key, HERE, 105.0).revision == 1
    assert (folder / f"{code}.json").stat() == before


def test_freezing_gathering_and_the_end_each_raise_the_revision(room):
    folder, code, key = room
    assert classes.freeze(folder, code, key, True, 101.0).frozen
    assert not classes.freeze(folder, code, key, False, 102.0).frozen
    assert classes.gather(folder, code, key, 103.0).gathered == 1
    ended = classes.end(folder, code, key, 104.0)
    assert ended.ended and ended.revision == 5
    with pytest.raises(ValueError, match=f"{code} has ended"):
        classes.show(folder, code, key, THERE, 105.0)
    assert not classes.lead(folder, code, key)


@pytest.mark.parametrize("key", ["", "x" * 24, "é"])
def test_nobody_leads_without_the_key(room, key):
    folder, code, right = room
    assert classes.lead(folder, code, right) and not classes.lead(folder, code, key)
    for change in (lambda: classes.show(folder, code, key, THERE, 101.0),
                   lambda: classes.freeze(folder, code, key, True, 101.0),
                   lambda: classes.gather(folder, code, key, 101.0),
                   lambda: classes.end(folder, code, key, 101.0)):
        with pytest.raises(ValueError, match="not the lecturer's key"):
            change()
    assert classes.read(folder, code).revision == 1


def test_a_code_is_read_as_people_type_it(room):
    folder, code, _ = room
    assert len(code) == 4 and set(code) <= set(LETTERS)
    assert classes.read(folder, f" {code[:2]} {code[2:]}".lower()).code == code
    assert not set("AEIOU01L") & set(LETTERS)


@pytest.mark.parametrize("said", ["", "KTR", "KTRMM", "KTR1", "../x", "ktré", "K" * 1000, "KTRA"])
def test_what_is_no_code_is_said_in_one_sentence(tmp_path, said):
    with pytest.raises(ValueError, match="is no code of a class. A code has 4 letters"):
        as_code(said)
    with pytest.raises(ValueError, match="is no code"):
        classes.read(tmp_path, said)


def test_an_unknown_class_and_a_damaged_file_are_said(room):
    folder, code, key = room
    unknown = "BBBB" if code != "BBBB" else "CCCC"
    with pytest.raises(ValueError, match=f"no class {unknown}"):
        classes.read(folder, unknown)
    for damage in (b"", b"{", b"[]", b"{\"code\": 3}", b"\xff", b"[" * 5000):
        (folder / f"{code}.json").write_bytes(damage)
        for ask in (lambda: classes.read(folder, code), lambda: classes.gather(folder, code, key, 1.0)):
            with pytest.raises(ValueError, match=f"file of class {code} is damaged: "):
                ask()


def test_a_place_that_is_too_large_leaves_the_last_one(room):
    folder, code, key = room
    with pytest.raises(ValueError, match=f"a class shows at most {MOST_BYTES:,}"):
        classes.show(folder, code, key, Place(page="memory", prompt="é" * MOST_BYTES, parameters={}), 101.0)
    assert read_by_another_server(folder, code).place == HERE


def test_old_classes_are_forgotten_and_a_full_folder_refuses(room, monkeypatch):
    folder, code, _ = room
    monkeypatch.setattr(classes, "MOST", 2)
    second, _ = classes.start(folder, HERE, 200.0)
    with pytest.raises(ValueError, match="2 classes are on, no more fit"):
        classes.start(folder, HERE, 100.0 + classes.KEPT_S)
    presence.is_here(folder, code, "pupil", 100.0)
    third, _ = classes.start(folder, HERE, 101.0 + classes.KEPT_S)
    assert {path.name for path in folder.glob("[!.]*")} == {f"{second.code}.json", f"{third.code}.json"}


def test_writers_at_the_same_time_lose_no_change(room):
    folder, code, key = room
    places = [Place(page="tokens", prompt=str(i), parameters={}) for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        shown = list(pool.map(lambda place: classes.show(folder, code, key, place, 101.0), places))
    assert sorted(room.revision for room in shown) == list(range(2, 26))
    assert all(room.place == place for room, place in zip(shown, places))
    assert not list(folder.glob(".*.tmp"))


def test_who_follows_is_counted_without_names(room, monkeypatch):
    folder, code, _ = room
    for who in ("anna", "ben", "anna"):
        presence.is_here(folder, code, who, 100.0)
    assert presence.n_here(folder, code, 101.0) == 2
    assert not any("anna" in str(path) for path in folder.rglob("*"))
    presence.has_left(folder, code, "ben")
    presence.has_left(folder, code, "nobody")
    assert presence.n_here(folder, code, 101.0) == 1
    assert presence.n_here(folder, code, 101.0 + presence.HERE_S) == 0
    monkeypatch.setattr(presence, "MOST", 1)
    with pytest.raises(ValueError, match=f"Class {code} is full"):
        presence.is_here(folder, code, "ben", 101.0)
    presence.is_here(folder, code, "ben", 101.0 + presence.HERE_S)  # anna has gone: there is room
    assert presence.n_here(folder, code, 101.0 + presence.HERE_S) == 1
