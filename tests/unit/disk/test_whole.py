"""A file is replaced whole, or what it held stays; nothing is left beside it."""

import os
import subprocess
import sys

import pytest

from model.disk.home import home
from model.disk.whole import NotWritten, make_folder, new_folder, replacing, write_text


def test_the_new_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "a.json"
    write_text(path, "old")
    write_text(path, "Grüße")
    assert path.read_text(encoding="utf-8") == "Grüße" and list(tmp_path.iterdir()) == [path]


def test_where_writing_fails_the_old_file_stays(tmp_path):
    path = tmp_path / "a.json"
    write_text(path, "old")
    with pytest.raises(OSError, match="disk full"), replacing(path) as draft:
        draft.write_text("half of it")
        raise OSError("disk full")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_home_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path / "home"))
    assert home() == tmp_path / "home" and not home().exists()
    monkeypatch.setenv("MNEMOSCOPE_HOME", "~/kept")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home() == tmp_path / "kept"
    monkeypatch.setenv("MNEMOSCOPE_HOME", "")
    assert home().name == "mnemoscope" and home().is_absolute()


def test_a_draft_of_a_process_that_was_killed_goes_with_the_next_writing(tmp_path):
    path = tmp_path / "a.json"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f".a.json.{gone.pid}.tmp").write_text("half of it")
    others = [tmp_path / ".b.json.1.tmp", tmp_path / f".a.json.{os.getppid()}.tmp"]
    for other in others:
        other.write_text("another file's, or of a process at work")
    write_text(path, "new")
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])


def test_only_a_file_is_replaced_and_a_link_stays_a_link(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "a")
    for name, what in (("pipe", "no ordinary file"), ("folder", "a folder"), ("none/a", "no folder")):
        with pytest.raises(NotWritten, match=what):
            write_text(tmp_path / name, "x")
    write_text(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "folder" / "a").read_text() == "x"
    assert (tmp_path / "pipe").is_fifo() and len(list(tmp_path.iterdir())) == 3


def test_a_new_folder_is_whole_or_not_there(tmp_path):
    with pytest.raises(NotWritten, match="disk full.*Make room"), new_folder(tmp_path / "in" / "a") as draft:
        (draft / "half").write_text("x")
        raise OSError("disk full")
    with pytest.raises(KeyError), new_folder(tmp_path / "in" / "a"):
        raise KeyError
    assert not list((tmp_path / "in").iterdir())
    with new_folder(tmp_path / "in" / "a") as draft:
        (draft / "all").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("in/a", "link"):
        with pytest.raises(NotWritten, match="There is something at"), new_folder(tmp_path / name):
            raise AssertionError("nothing is to be written")
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["a"] and (tmp_path / "in/a/all").is_file()


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("x")
    assert make_folder(tmp_path / "a" / "b").is_dir() and make_folder(tmp_path / "a").is_dir()
    for name in ("file", "file/a"):
        with pytest.raises(NotWritten, match="Cannot make the folder .*Choose a place"):
            make_folder(tmp_path / name)
