"""python -m model trace: a trace file, written and opened again without the model."""

import pytest

from model.__main__ import main
from model.loading import checkpoint
from tests.unit.hostile.mutations import packed


def said(capsys, *arguments) -> tuple[int, str, str]:
    code = main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_trace_file_opens_again_without_the_model(capsys, tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    code, out, err = said(capsys, "trace", "--prompt", "I live in", "--out", path)
    assert code == 0, err
    assert out.startswith(f"{path}: 3 tokens, embedded, ")
    assert said(capsys, "trace", "--prompt", "I live in", "--out", path)[0] == 0  # a trace may be replaced

    def refused(*_, **__):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(checkpoint, "load", refused)
    code, out, err = said(capsys, "trace", "--open", path)
    assert code == 0, err
    assert "3 tokens of embedded" in out and "prompt  'I live in'" in out
    assert "stream  (13, 3, 256)" in out and "memory  none" in out


def test_a_session_travels_along(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path / "home"))
    told = ("generate", "--variant", "gpt2+am", "--session", "demo", "--tokens", "0", "--prompt",
            "I live in Rome.")
    assert said(capsys, *told)[0] == 0
    path = tmp_path / "x.safetensors"
    made = said(capsys, "trace", "--prompt", "I live", "--out", path, "--session", "demo")
    assert made[0] == 0, made[2]
    assert " bytes" in said(capsys, "trace", "--open", path)[1].splitlines()[-1]
    code, _, err = said(capsys, "trace", "--prompt", "x", "--out", path, "--session", "nobody")
    assert code == 2 and "There is no session 'nobody'. Choose one of these: demo." in err


@pytest.mark.parametrize("arguments, words", [
    (["--prompt", "a"], "No file to write"),
    (["--open", "/no/such/file.safetensors"], "Cannot read /no/such/file.safetensors"),
    (["--open", "pyproject.toml"], "it is no trace file, or only a part of one"),
    (["--open", "x.safetensors", "--out", "y.npz"], "--open only says what a file holds"),
    (["--prompt", "a", "--out", "x.npz", "--session", "demo"], "Only a *.safetensors file takes a session"),
])
def test_what_is_wrong_is_one_sentence(capsys, arguments, words):
    code, out, err = said(capsys, "trace", *arguments)
    assert code == 2 and words in err and len(err.splitlines()) == 1 and not out


def test_another_kind_of_file_is_not_replaced(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "load", lambda *_: pytest.fail("the model was loaded"))
    files = {"notes.txt": b"mine", "README": b"mine", "model.safetensors": packed({"a": {}}, b""), "x.safetensors": b"{"}
    for name, held in files.items():
        (tmp_path / name).write_bytes(held)
        code, out, err = said(capsys, "trace", "--prompt", "a", "--out", tmp_path / name)
        assert code == 2 and not out and ("Name the file" in err or "Choose another name" in err)
        assert (tmp_path / name).read_bytes() == held
    assert len(list(tmp_path.iterdir())) == len(files)
