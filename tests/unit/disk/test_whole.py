"""A file is replaced whole, or what it held stays; nothing is left beside it."""

import pytest

from model.disk.home import home
from model.disk.whole import replacing, write_text


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
    monkeypatch.setenv("MNEMOSCOPE_HOME", "")
    assert home().name == "mnemoscope" and home().is_absolute()
