"""Whose files lie where, and who is taken for the owner."""

import stat
import subprocess
import sys

import pytest

from model.disk import owners


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_owners_key_is_made_once_and_only_its_user_reads_it(home):
    key = owners.owner_key()
    file = home / owners.KEY_FILE
    assert owners.is_key(key) and file.read_text() == f"{key}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    code = "from model.disk import owners; print(owners.owner_key())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == key == owners.owner_key()
    assert [path.name for path in home.iterdir()] == [owners.KEY_FILE]  # no draft is left


def test_a_key_that_others_could_read_is_closed_to_them(home):
    home.mkdir()
    (home / owners.KEY_FILE).write_text("k" * 32)
    (home / owners.KEY_FILE).chmod(0o644)
    assert owners.owner_key() == "k" * 32
    assert stat.S_IMODE((home / owners.KEY_FILE).stat().st_mode) == 0o600


def test_a_damaged_key_is_one_sentence(home):
    home.mkdir()
    (home / owners.KEY_FILE).write_text("")
    with pytest.raises(ValueError, match="Remove this file"):
        owners.owner_key()


def test_a_home_that_cannot_be_written_has_a_key_for_this_process(home):
    home.write_text("no folder")
    assert owners.is_key(owners.owner_key()) and owners.owner_key() == owners.owner_key()


@pytest.mark.parametrize("said", ["", "x", "é", "\0", "0" * 32, "k" * 10_000])
def test_nothing_but_the_key_makes_an_owner(said):
    assert not owners.is_owner_key(said)
    assert owners.is_owner_key(owners.owner_key())


def test_two_visitors_never_share_a_folder_and_a_folder_tells_no_key(home):
    keys = [owners.new_key() for _ in range(50)]
    folders = {owners.of_visitor(key) for key in keys}
    assert len(folders) == 50 and {folder.parent for folder in folders} == {home / owners.VISITORS}
    assert not any(key in str(owners.of_visitor(key)) for key in keys)
    assert owners.visitors() == []  # nothing was made
    owners.of_visitor(keys[0]).mkdir(parents=True)
    assert owners.visitors() == [owners.of_visitor(keys[0])]


@pytest.mark.parametrize("said", ["", "../../etc", "x" * 31, "x" * 33, "/" * 32, "é" * 32, "a" * 31 + "\n"])
def test_what_is_no_key_has_no_folder(said):
    with pytest.raises(ValueError, match="Not a visitor's key"):
        owners.of_visitor(said)
