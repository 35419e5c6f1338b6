"""Memory on the command line: told in one process, asked in another; sessions come and go."""

import json
import os
import subprocess
import sys

import pytest

from model.__main__ import main

FACT, QUESTION = "My name is James Theory. I live in New York.", "Where do I live? I live in"


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path / "home"))


def run(capsys, *arguments):
    code = main([str(a) for a in arguments])
    out = capsys.readouterr()
    return code, out.out, out.err


def say(capsys, session, prompt, n_tokens):
    code, out, err = run(
        capsys, "generate", "--variant", "gpt2+am", "--session", session, "--prompt", prompt,
        "--tokens", n_tokens, "--temperature", 0, "--json",
    )
    assert code == 0, err
    return json.loads(out)


@pytest.mark.slow
def test_told_in_one_process_and_asked_in_another(capsys):
    tell = [sys.executable, "-m", "model", "generate", "--variant", "gpt2+am", "--session", "demo"]
    subprocess.run([*tell, "--prompt", FACT, "--tokens", "0"], check=True, env=os.environ)
    assert say(capsys, "demo", QUESTION, 3)["text"] == " New York"


def test_a_fresh_session_does_not_know(capsys):
    assert say(capsys, "fresh", QUESTION, 3)["text"] != " New York"


def test_a_session_is_listed_shown_carried_and_forgotten(capsys, tmp_path):
    told = say(capsys, "demo", FACT, 0)["session"]
    assert told["prompts"] == 1 and told["slots"] > 10
    assert "1 prompt " in run(capsys, "session", "list")[1]
    shown = json.loads(run(capsys, "session", "show", "demo", "--json")[1])
    assert shown["prompts"] == [FACT]
    assert "·New" in run(capsys, "session", "show", "demo")[1]
    assert run(capsys, "session", "export", "demo", tmp_path / "a")[0] == 0
    assert run(capsys, "session", "reset", "demo")[0] == 0
    assert "no session yet" in run(capsys, "session", "list")[1]
    assert run(capsys, "session", "import", "back", tmp_path / "a")[0] == 0
    assert say(capsys, "back", QUESTION, 3)["text"] == " New York"
    assert "is now the session a" in run(capsys, "session", "import", tmp_path / "a")[1]
    assert "a " in run(capsys, "session", "list")[1]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["generate", "--variant", "gpt2+am", "--prompt", "x", "--tokens", "1"], "--session NAME"),
        (["generate", "--session", "a", "--prompt", "x", "--tokens", "1"], "--variant gpt2+am"),
        (["generate", "--variant", "gpt2+am", "--session", "../../x", "--prompt", "x", "--tokens",
          "1"], "Not a session name: '../../x'"),
        (["generate", "--variant", "gpt2+am", "--session", "a", "--prompt", "", "--tokens", "0"],
         "no prompt to continue. Type at least one word"),
        (["session", "show", "nobody"], "no session 'nobody'"),
        (["session", "import", "a", "README.md"], "no memory file"),
        (["session", "import", "README.md"], "no memory file"),
        (["session", "export", "a", "/nowhere/at/all"], "There is no folder /nowhere/at"),
    ],
)
def test_what_cannot_be_done_is_one_line(capsys, arguments, words):
    code, _, err = run(capsys, *arguments)
    assert code == 2 and words in err and err.count("\n") == 1
    assert "no session yet" in run(capsys, "session", "list")[1]


def test_one_damaged_session_hides_no_other(capsys, tmp_path):
    say(capsys, "good", FACT, 0)
    folder = tmp_path / "home" / "sessions"
    (folder / "a folder.memory").mkdir()
    (folder / "cut.memory").write_bytes((folder / "good.memory").read_bytes()[:-9])
    (folder / "gone.memory").symlink_to(folder / "nowhere")
    code, out, err = run(capsys, "session", "list")
    assert (code, err) == (0, "") and len(out.splitlines()) == 4
    assert "1 prompt " in out and out.count("Cannot read") == 3
    for name in ("a folder", "cut", "gone"):
        code, out, err = run(capsys, "session", "show", name)
        assert code == 2 and err.count("\n") == 1
