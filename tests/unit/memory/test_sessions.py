"""Sessions by name: names stay inside the folder, one writer at a time, nothing overwritten."""

import subprocess
import sys

import pytest

from model.memory import sessions


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path / "home"))


def put(name, content=b"x"):
    with sessions.hold(name) as path:
        path.write_bytes(content)


@pytest.mark.parametrize(
    "name", ["../../x", "..", ".", "", "a/b", "a\\b", "/etc/passwd", ".hidden", "a\x00b", "a\nb",
             "x" * 65, "é", " a", "a.b"],
)
def test_names_that_could_lead_elsewhere_are_refused(name):
    with pytest.raises(ValueError, match="Not a session name: .* 1 to 64 letters"):
        sessions.path_of(name)


@pytest.mark.parametrize("name", ["demo", "A b-c_9", "x" * 64, "0"])
def test_good_names_stay_in_the_folder(name):
    assert sessions.path_of(name).parent == sessions.home()


def test_who_asks_for_a_session_that_is_not_there_makes_nothing(tmp_path):
    for ask in (sessions.saved, sessions.reset, lambda name: sessions.export(name, tmp_path / "out.memory")):
        with pytest.raises(ValueError, match="no session 'nobody'. Choose one of these: none yet"):
            ask("nobody")
    assert not list(tmp_path.rglob("*"))


def test_sessions_are_listed_reset_exported_and_brought_in(tmp_path):
    put("demo", b"abc")
    assert sessions.names() == ["demo"]
    sessions.export("demo", tmp_path / "out.memory")
    assert (tmp_path / "out.memory").read_bytes() == b"abc"
    sessions.bring_in("again", tmp_path / "out.memory")
    assert sessions.names() == ["again", "demo"]
    sessions.reset("demo")
    assert sessions.names() == ["again"]


def test_nothing_is_overwritten(tmp_path):
    put("demo")
    (tmp_path / "there").touch()
    with pytest.raises(ValueError, match="exists already"):
        sessions.export("demo", tmp_path / "there")
    with pytest.raises(ValueError, match="a session 'demo' already"):
        sessions.bring_in("demo", tmp_path / "there")


def test_what_does_not_exist_is_said_with_what_does(tmp_path):
    put("demo")
    for call in (lambda: sessions.reset("x"), lambda: sessions.export("x", tmp_path / "y")):
        with pytest.raises(ValueError, match="no session 'x'. Choose one of these: demo"):
            call()


def test_the_second_process_is_told():
    with sessions.hold("demo"):
        code = "from model.memory import sessions\nwith sessions.hold('demo'): pass"
        command = [sys.executable, "-c", code]
        other = subprocess.run(command, capture_output=True, text=True, check=False)
    assert other.returncode == 1 and "in use by another process" in other.stderr
    with sessions.hold("demo"):
        pass


def test_an_export_to_a_full_disk_leaves_nothing_and_can_be_tried_again(tmp_path, monkeypatch):
    put("demo", b"a whole memory")
    target = tmp_path / "out.memory"

    def full(source, draft):
        draft.write_bytes(b"a wh")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(sessions.shutil, "copyfile", full)
        with pytest.raises(OSError, match="Cannot write .*out.memory: No space left on device"):
            sessions.export("demo", target)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    sessions.export("demo", target)
    assert target.read_bytes() == b"a whole memory"
