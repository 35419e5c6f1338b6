"""Limits of visitors: an option before a variable before what the machine has."""

import pytest

from components.frame import limits


@pytest.fixture
def said(monkeypatch):
    """said(*words, **variables): how the server was started."""

    def start(*words, **variables):
        monkeypatch.setattr("sys.argv", ["app.py", *words])
        for name, value in variables.items():
            monkeypatch.setenv(f"MNEMOSCOPE_{name}", value)

    return start


def test_an_option_goes_before_a_variable_before_the_default(said):
    said()
    assert limits.limit("upload-mb") == 250
    said(UPLOAD_MB="30")
    assert limits.limit("upload-mb") == 30
    said("--upload-mb", "40", "--present", UPLOAD_MB="30")
    assert limits.limit("upload-mb") == 40 and limits.limit("uploads") == 50


@pytest.mark.parametrize("memory_mb, wanted", [(1_000, (30, 256, 250)), (16_000, (250, 2000, 4000)),
                                               (128_000, (2000, 2147, 32_000))])
def test_defaults_grow_with_the_machine(said, monkeypatch, memory_mb, wanted):
    said()
    monkeypatch.setattr(limits.psutil, "virtual_memory", lambda: type("M", (), {"total": memory_mb * limits.MB}))
    assert tuple(map(limits.limit, ("visitors", "results-mb", "uploads-mb"))) == wanted


@pytest.mark.parametrize("word", ["", "0", "-1", "1.5", "x", "9" * 11, "\u0663"])
def test_what_is_no_number_ends_the_start_with_a_sentence(said, capsys, word):
    said(f"--visitors={word}")
    with pytest.raises(SystemExit) as stop:
        limits.check()
    err = capsys.readouterr().err
    assert stop.value.code == 2 and err.startswith("mnemoscope: --visitors: ") and err.count("\n") == 1
    said(VISITORS="many")
    with pytest.raises(ValueError, match="MNEMOSCOPE_VISITORS: 'many' is no limit"):
        limits.limit("visitors")
