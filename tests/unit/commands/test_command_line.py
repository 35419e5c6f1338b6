"""python -m model …, as a shell sees it: files, JSON, one line for an error, exit codes."""

import argparse
import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
import torch

from model.__main__ import _parser, main
from model.commands.arguments import names
from model.grafts.recurrent import CELLS
from model.loading import checkpoint
from model.recall.curves import CURVES
from model.recall.headline_cases import CASES
from model.recall.standard_tasks import TASKS
from model.run.cache_policies import POLICIES
from model.training.base import SHAPES
from tests.bench import peers
from tests.checkpoint_folders import edit_weights
from tests.conftest import byte_tokenizer, random_gpt2


def run(capsys, *arguments):
    code = main([str(a) for a in arguments])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_trace_writes_every_array(tmp_path, capsys):
    code, out, _ = run(capsys, "trace", "--prompt", "I live in", "--out", tmp_path / "x.npz")
    assert code == 0 and "q" in out
    loaded = checkpoint.load("embedded")
    config, model = loaded.model.config, loaded.model
    file = np.load(tmp_path / "x.npz")
    n, width, layers, heads = len(file["ids"]), config.n_embd, config.n_layer, config.n_head
    assert file["tokens"].shape == (n,)
    assert "".join(file["tokens"]) == "I·live·in"
    for part in "qkv":
        assert file[part].shape == (layers, heads, n, width // heads)
    assert file["residual"].shape == (layers + 1, n, width)
    assert file["attention"].shape == (layers, heads, n, n)
    np.testing.assert_allclose(file["attention"].sum(-1), 1, atol=1e-5)
    with torch.inference_mode():
        expected = model(torch.as_tensor(file["ids"])[None]).logits[0]
    np.testing.assert_allclose(file["logits"], expected, atol=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["trace", "--prompt", "", "--out", "x.npz"], "empty: its token ids have shape (0,), and"),
        (["trace", "--prompt", "a", "--out", "/no/such/folder/x.npz"], "/no/such/folder"),
        (["trace", "--model", "/no/such/model", "--prompt", "a", "--out", "x.npz"], "/no/such/model"),
        (["anatomy", "--model", "/no/such/model"], "/no/such/model"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert code == 2 and not out
    assert words in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command",
    [[], ["trace"], ["patch"], ["compare"], ["convert"], ["anatomy"], ["generate"], ["session"], ["score"], ["train", "base"],
     ["bench"]],
)
def test_help_is_complete(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    assert "usage: python -m model" in capsys.readouterr().out


def commands(parser=None, words=()):
    """Every command as its words, such as ("train", "base"), the program itself first."""
    yield words
    for action in (parser or _parser())._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, one in action.choices.items():
                yield from commands(one, (*words, name))


# One process for all: torch would be seen after the first that loads it.
WITHOUT_TORCH = """
import json, sys
from model.__main__ import main
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as stop:
        assert not stop.code, words
    heavy = {"torch", "transformers", "pandas"} & set(sys.modules)
    assert not heavy, (words, heavy)
"""


def test_help_and_presets_load_no_torch():
    lines = [[*words, "--help"] for words in commands()] + [["anatomy", "--preset", "gpt3", "--json"]]
    assert len(lines) > 20
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, json.dumps(lines)], check=True,
                   stdout=subprocess.DEVNULL)


def test_names_that_options_offer_are_their_owners():
    for offered, owner in ((names.CACHE_POLICIES, POLICIES), (names.CELLS, CELLS),
                           (names.CURVES, CURVES), (names.TASKS, TASKS), (names.SHAPES, SHAPES),
                           (names.HEADLINE_CASES, CASES)):
        assert offered == tuple(owner), "mend model/commands/arguments/names.py"


def test_every_option_is_explained():
    unexplained, parsers = [], [_parser()]
    while parsers:
        parser = parsers.pop()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
                named = {choice.dest for choice in action._choices_actions if choice.help}
                unexplained += [f"{parser.prog} {name}" for name in set(action.choices) - named]
            elif not action.help:
                unexplained.append(f"{parser.prog} {action.dest}")
    assert not unexplained


@pytest.mark.parametrize("line, words", [
    ("generate --prompt x --tokens 1 --seed 1180591620717411303424", "out of range"),
    ("generate --prompt x --tokens 1180591620717411303424", "out of range"),
    ("generate --prompt x --tokens 1 --temperature nan", "no number"),
    ("probe --file x --seed -1", "out of range"),
    ("probe --file x --threshold nan", "no number"),
    ("probe --file x --threshold inf", "no number"),
    ("probe --task mqar --n 1.5", "no whole number"),
    ("train memory --out x --seed x", "no whole number"),
    ("train base --text x --out y --minutes nan", "no number"),
    ("train base --text x --out ''", "'' is no name"),
    ("trace --prompt x --out ''", "'' is no name"),
    ("trace --open /dev/zero", "/dev/zero is a device"),
    ("score --file /dev/full", "/dev/full is a device"),
    ("probe --file /dev/zero", "/dev/zero is a device"),
])
def test_a_senseless_value_is_refused_before_anything_is_loaded(capsys, line, words):
    with pytest.raises(SystemExit) as stop:
        main(shlex.split(line))
    assert stop.value.code == 2 and words in capsys.readouterr().err


@pytest.mark.parametrize("line, words", [
    ("probe --file x --best -1", "--best must be 0 (all) or more, got -1."),
    ("anatomy --model ~nobody-of-this-name/x", "no folder ~nobody-of-this-name/x"),
    ("trace --prompt x --out .", "it is a folder"),
])
def test_what_cannot_be_done_is_one_line(capsys, line, words):
    code, out, err = run(capsys, *line.split())
    assert code == 2 and not out and words in err and err.count("\n") == 1


@pytest.mark.parametrize("line", ["trace --prompt x --out", "trace --open", "score --file", "probe --file"])
def test_a_named_pipe_is_neither_read_nor_replaced(capsys, tmp_path, line):
    """Who opens one waits for ever until somebody writes to it."""
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(SystemExit) as stop:
        main([*line.split(), str(tmp_path / "pipe.npz")])
    assert stop.value.code == 2 and "is a named pipe or socket" in capsys.readouterr().err
    assert (tmp_path / "pipe.npz").is_fifo()


def test_the_pipe_of_a_shell_is_read(capsys):
    """`score --file <(grep …)`: a pipe without a name, which somebody writes to already."""
    ours, theirs = os.pipe()
    os.write(theirs, b"a\0b")
    os.close(theirs)
    code, _, err = run(capsys, "score", "--file", f"/dev/fd/{ours}")
    os.close(ours)
    assert code == 2 and "a zero byte at 1" in err


def test_a_wrong_argument_exits_with_2(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["anatomy", "--preset", "gpt5"])
    assert stop.value.code == 2


def test_gpt3_is_counted_the_common_way(capsys):
    code, out, _ = run(capsys, "anatomy", "--preset", "gpt3", "--json")
    assert code == 0
    text = json.dumps(json.loads(out))
    assert "175181291520" in text and "27938" in text


def test_what_is_odd_about_a_model_is_said_on_stderr(tmp_path, capsys):
    random_gpt2().save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    edit_weights(tmp_path, lambda t: t | {"transformer.ln_f.bias": torch.full((32,), torch.nan)})
    code, out, err = run(capsys, "trace", "--model", tmp_path, "--prompt", "Hi", "--out",
                         tmp_path / "t.npz")
    assert code == 0 and "NaN" not in out
    assert "NaN or infinity in the weights" in err and "transformer.ln_f.bias" in err


def test_a_bench_on_a_gpu_that_is_not_there_is_one_sentence(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, out, error = run(capsys, "bench", "--device", "cuda")
    assert (code, out) == (2, "") and "There is no CUDA GPU here" in error and error.count("\n") == 1


@pytest.mark.parametrize("given, said", [
    (["--load", "--part", "model"], "not allowed with argument"), (["--peers", "--part", "model"], "not allowed with argument"),
    (["--peers", "--device", "cuda"], "--peers is measured on the CPU. Leave --device out."),
])
def test_a_bench_of_two_things_is_none(capsys, given, said):
    try:
        code = main(["bench", *given])
    except SystemExit as stop:
        code = stop.code
    assert code == 2 and said in capsys.readouterr().err


def test_peers_are_a_table_and_who_is_missing_has_a_row(capsys, monkeypatch):
    rows = [peers.Row("trace", "eager", "1 ms", "2 ms", 0.5), peers._missing("trace", "x", ImportError("no x"))]
    monkeypatch.setattr(peers, "measure", lambda: iter(rows))
    code, out, _ = run(capsys, "bench", "--peers")
    assert code == 0 and out.splitlines() == [
        *peers.HEAD, "| trace | eager | 1 ms | 2 ms | 0.5 |", "| trace | x |  | not measured: no x |  |"]
    assert json.loads(run(capsys, "bench", "--peers", "--json")[1])["trace, eager"]["ratio"] == 0.5


@pytest.mark.parametrize("error, said", [
    (FileNotFoundError(2, "No such file or directory", "x"), "model: x: No such file or directory. Check that file"),
    (OSError(28, "No space left on device"), "model: No space left on device. Check that file and its rights"),
    (ValueError("a\nb."), "model: a b."), (MemoryError(), "model: MemoryError"),
])
def test_what_the_system_says_gets_a_remedy(capsys, monkeypatch, error, said):
    def failing(_):
        raise error

    monkeypatch.setattr("model.commands.score.run_command", failing)
    code, _, err = run(capsys, "score", "--file", "x")
    assert code == 2 and said in err and "Errno" not in err and err.count("\n") == 1
