"""The notes file: nothing is lost, whoever dies, whoever else writes, whatever the disk does."""

import hashlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest

from model.notes import importing
from model.notes import index as notes_index
from model.notes.note import Draft, NotesError, Room, checked, first_words, path
from model.notes.store import opened
from tests import writers
from tests.unit.notes.notes_tools import Letters, maker

ROOT = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "notes.sqlite3"


def texts(file):
    with opened(file) as store:
        return [note.text for note in store.notes()]


def check_whole(file):
    """The file is sound, and what was made from the notes agrees with them."""
    with opened(file) as store:
        assert store.rows("PRAGMA integrity_check") == [("ok",)]
        for (index,) in store.rows("SELECT id FROM indexes"):
            p, w, v = (f"{name}_{index}" for name in ("passages", "words", "vectors"))
            store.connection.execute(f"INSERT INTO {w}({w}) VALUES('integrity-check')")
            assert not store.rows(f"SELECT 1 FROM {p} WHERE note NOT IN (SELECT id FROM notes)")
            with_vector = store.rows(f"SELECT id FROM {p} WHERE has_vector ORDER BY id")
            assert store.rows(f"SELECT passage FROM {v} ORDER BY passage") == with_vector
            every = store.rows(f"SELECT id FROM {p} ORDER BY id")
            assert store.rows(f"SELECT rowid FROM {w} ORDER BY rowid") == every
        return {note.id: note for note in store.notes()}


def test_kept_notes_come_back_in_order(file):
    with opened(file) as store:
        ids = store.add([Draft("a", "One."), Draft("", "Two\0 words.\udc80 🧠")])
        assert store.add([]) == []
    assert texts(file) == ["One.", "Two words.? 🧠"]
    with opened(file) as store:
        note = store.note(ids[1])
        assert (note.title, note.source, note.revision) == ("Two words.? 🧠", "typed", 1)
        assert store.note(999) is None


def test_blank_and_endless_notes_are_refused_and_nothing_is_kept(file):
    for bad in ("", "  \n\t", "\0"):
        with opened(file) as store, pytest.raises(NotesError, match="some text"):
            store.add([Draft("good", "Good."), Draft("bad", bad)])
    with pytest.raises(NotesError, match="split it"):
        checked(Draft("", "abc"), most_chars=2)
    assert texts(file) == []


def test_edit_changes_one_note_and_counts(file):
    with opened(file) as store:
        first, second = store.add([Draft("", "One."), Draft("", "Two.")])
        before = store.stamp()
        store.edit(store.note(first), "Uno", "Eins.")
        assert store.stamp() != before
        assert [note.text for note in store.notes()] == ["Eins.", "Two."]
        assert store.note(first).revision == 2 and store.note(second).revision == 1
        store.edit(store.note(second), "Two.", "Zwei.")  # its title was its beginning, and stays so
        store.edit(store.note(first), "Uno", "Drei.")
        assert [note.title for note in store.notes()] == ["Uno", "Zwei."]


def test_what_another_window_wrote_is_not_overwritten(file):
    with opened(file) as store, opened(file) as other:
        (number,) = store.add([Draft("", "One.")])
        mine, theirs = store.note(number), other.note(number)
        other.edit(theirs, "", "Theirs.")
        with pytest.raises(NotesError, match="changed meanwhile"):
            store.edit(mine, "", "Mine.")
        assert store.note(number).text == "Theirs."
        other.delete([number])
        with pytest.raises(NotesError, match="removed meanwhile"):
            store.edit(mine, "", "Mine.")
        assert store.notes() == []


def test_delete_removes_the_note_and_all_made_from_it(file):
    with opened(file) as store:
        ids = store.add([Draft("", "The violin is old."), Draft("", "Rain falls.")])
        list(notes_index.update(store, maker()))
        store.delete([ids[0], 999])
        (index,) = [i for (i,) in store.rows("SELECT id FROM indexes")]
        assert not store.rows(f"SELECT rowid FROM words_{index} WHERE words_{index} MATCH 'violin'")
        assert store.rows(f"SELECT count(*) FROM vectors_{index}") == [(1,)]
    assert list(check_whole(file)) == [ids[1]]


def test_export_comes_back_the_same(file, tmp_path):
    drafts = [Draft("T", "One.\n\nTwo 🧠 \"quoted\"."), Draft("U", "Three.", "book.pdf")]
    with opened(file) as store:
        store.add(drafts)
        told = store.export()
    reading = importing.read("notes.json", told.encode())
    with pytest.raises(StopIteration) as end:
        while True:
            next(reading)
    assert end.value.value.drafts == drafts
    assert json.loads(told)["notes"][1]["source"] == "book.pdf"


def test_killed_at_any_moment_every_kept_note_is_there(file):
    rng, promised = random.Random(0), {}
    for run in range(20):
        writer, hears = writers.start(writers.notes, file, f"run {run}", 10_000)
        for _ in range(rng.randrange(1, 6)):
            number, mark = hears.recv()
            promised[number] = mark
        time.sleep(rng.random() * 0.05)
        writer.kill()  # kill -9
        promised.update(writers.rest(hears))
        writer.join()
        found = check_whole(file)
        assert promised.keys() <= found.keys()
        for number, note in found.items():
            whole = hashlib.sha256(note.text.encode()).hexdigest()
            assert whole == note.title  # or not there at all
            assert promised.get(number, note.title) == note.title
        assert len(found) - len(promised) <= run + 1  # kept, and killed before it could say so
    with opened(file) as store:  # what was left undone is done, and once only
        *_, last = notes_index.update(store, maker())
        assert last.done == last.total >= len(promised)
    check_whole(file)


def test_a_file_that_another_makes_while_one_looks_is_no_other_programs(file, monkeypatch):
    made = []

    class Slow(apsw.Connection):
        def pragma(self, name, *value):
            found = super().pragma(name, *value)
            if name == "application_id" and not made:
                made.append(writers.start(writers.notes, file, "the other", 1))
                made[0][1].poll(1)  # until its note is kept, or it waits for us
            return found

    monkeypatch.setattr(apsw, "Connection", Slow)
    with opened(file) as store:
        store.add([Draft("", "Mine.")])
    ((_, hears),) = made
    assert len(writers.rest(hears)) == 1 and len(check_whole(file)) == 2


def test_two_programs_write_at_once_and_both_are_kept(file):
    both = [writers.start(writers.notes, file, name, 25) for name in ("a", "b")]
    marks = {mark for _, hears in both for _, mark in writers.rest(hears)}
    for writer, _ in both:
        writer.join()
        assert writer.exitcode == 0
    found = check_whole(file)
    assert len(marks) == 50 and {note.title for note in found.values()} == marks


def test_a_writer_that_does_not_finish_is_named_and_costs_nothing(file):
    with opened(file) as store:
        store.add([Draft("", "One.")])
        with store.writing(), opened(file, busy_s=0.05) as other:
            assert [note.text for note in other.notes()] == ["One."]  # reading goes on
            with pytest.raises(NotesError, match="Another program is writing"):
                other.add([Draft("", "Two.")])
        with opened(file) as other:
            other.add([Draft("", "Two.")])
    assert texts(file) == ["One.", "Two."]


def test_a_full_disk_is_said_and_loses_nothing(file):
    with opened(file) as store:
        store.add([Draft("", "One.")])
        (pages,) = store.rows("PRAGMA page_count")[0]
        store.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(NotesError, match="no space is left"):
            store.add([Draft("", "Small."), Draft("", "x" * 100_000)])
        with pytest.raises(NotesError, match="no space is left"):
            store.edit(store.notes()[0], "", "y" * 100_000)
        assert [note.text for note in store.notes()] == ["One."]
        store.connection.execute("PRAGMA max_page_count = 100000")
        store.add([Draft("", "x" * 100_000)])
    assert len(check_whole(file)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits there")
def test_a_disk_that_takes_no_more_bytes_loses_nothing(file):
    """The system itself refuses to write (RLIMIT_FSIZE), in a process of its own."""
    with opened(file) as store:
        store.add([Draft("", "One.")])
    code = (
        "import resource, signal, sys; sys.path.insert(0, '.'); "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); "
        "from pathlib import Path; from model.notes.store import *\n"
        "try:\n with opened(Path(sys.argv[1])) as s: s.add([Draft('', 'x' * 500000)])\n"
        "except NotesError as e: print('said:', e)"
    )
    command = [sys.executable, "-c", code, str(file)]
    out = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert out.stdout.startswith("said:") and "Nothing was changed" in out.stdout, out
    assert [note.text for note in check_whole(file).values()] == ["One."]


def test_files_that_are_no_notes_are_refused_and_left_alone(tmp_path):
    text = tmp_path / "text"
    text.write_bytes(b"This is no database at all. " * 100)
    foreign = tmp_path / "foreign"
    with apsw.Connection(str(foreign)) as connection:
        connection.execute("CREATE TABLE birds(name)")
    connection.close()
    newer = tmp_path / "newer"
    with opened(newer) as store:
        store.connection.execute("PRAGMA user_version = 99")
    refused = ((text, "no notes file"), (foreign, "another program"), (newer, "version 99"))
    for file, words in refused:
        before = file.read_bytes()
        with pytest.raises(NotesError, match=words), opened(file):
            pass
        assert file.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_one_sentence():
    nowhere = Path("/proc/nowhere/notes.sqlite3")
    with pytest.raises(NotesError, match="cannot be read or written"), opened(nowhere):
        pass


def test_home_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path / "home"))
    assert path() == tmp_path / "home" / "notes.sqlite3"
    monkeypatch.delenv("MNEMOSCOPE_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert path() == tmp_path / "mnemoscope" / "notes.sqlite3"


def test_first_words_end_at_a_word():
    assert first_words("short  one\n") == "short one"
    assert first_words("word " * 40, 12) == "word word …"
    assert first_words("x" * 99, 10) == "x" * 10 + " …"
    assert Letters().embed(["a"]).shape == (1, Letters.width)


def test_room_is_kept_and_said_before_a_note_is_written(tmp_path):
    room = Room(a_note=10, in_all=25)
    with opened(tmp_path / "notes.sqlite3") as store:
        with pytest.raises(NotesError, match="11 characters, at most 10"):
            store.add([Draft("", "x" * 11)], room)
        store.add([Draft("", "x" * 10), Draft("", "y" * 10)], room)
        with pytest.raises(NotesError, match="20 characters are kept, 6 more would be, at most 25"):
            store.add([Draft("", "z" * 6)], room)
        first, _ = store.notes()
        store.edit(first, "", "x" * 9, room)  # its old words make room
        store.add([Draft("", "z" * 6)], room)
        with pytest.raises(NotesError, match="at most 20"):
            store.edit(store.notes()[1], "", "y" * 10, Room(10, 20))
        assert [len(note.text) for note in store.notes()] == [9, 10, 6]
