"""python -m model generate, as a shell sees it: the same text both ways, bytes, one-line errors."""

import json

import pytest
import torch

from model.__main__ import main
from model.loading import checkpoint
from model.memory import sessions, telling
from model.memory.settings import Settings
from model.memory.state import blank, load_state
from model.memory.variants import modules_of
from model.run.cache_policies import POLICIES
from tests.conftest import byte_tokenizer, random_gpt2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    random_gpt2().save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return str(folder)


def generate(capsys, folder, *arguments, prompt="Hello"):
    code = main(["generate", "--model", folder, "--prompt", prompt, *map(str, arguments)])
    out = capsys.readouterr()
    return code, out.out, out.err


def report(capsys, folder, *arguments):
    code, out, _ = generate(capsys, folder, "--json", *arguments)
    assert code == 0
    return json.loads(out)


def test_one_line_a_token_then_time_and_bytes(capsys, folder):
    code, out, err = generate(capsys, folder, "--tokens", 4)
    lines = out.splitlines()
    assert code == 0 and not err
    assert [line.split()[0] for line in lines[:4]] == ["6", "7", "8", "9"]
    assert "prefill of 5" in lines[0] and "decode of 1" in lines[1]
    assert "cpu float32" in out and "per token, median of 3" in out
    assert f"cache: {8 * 3 * 2 * 32 * 4:,} bytes, 8 entries" in lines[-1]


def test_without_cache_the_text_is_the_same(capsys, folder):
    same = ["--tokens", 12, "--temperature", 0.8, "--top-k", 30, "--top-p", 0.9, "--seed", 3]
    with_cache = report(capsys, folder, *same)
    without = report(capsys, folder, *same, "--no-cache")
    assert with_cache["text"] == without["text"]
    assert [t["read"] for t in without["tokens"]] == list(range(5, 17))
    assert without["cache_bytes"] == 0 and with_cache["cache_entries"] == 16


@pytest.mark.parametrize("policy", [name for name in POLICIES if name != "stop"])
def test_a_policy_holds_the_budget_beyond_the_window(capsys, folder, policy):
    found = report(
        capsys, folder, "--tokens", 70, "--cache-policy", policy, "--cache-budget", 8
    )
    assert len(found["tokens"]) == 70 or "end-of-text" in found["ended"]
    assert max(t["entries"] for t in found["tokens"]) == 8


def test_it_says_why_it_ended(capsys, folder):
    assert "64 positions is full" in report(
        capsys, folder, "--tokens", 500, "--temperature", 0
    )["ended"]
    stopped = report(
        capsys, folder, "--tokens", 50, "--temperature", 0, "--cache-policy", "stop",
        "--cache-budget", 9,
    )
    assert "budget of 9 entries is full" in stopped["ended"] and len(stopped["tokens"]) == 5


def test_no_tokens(capsys, folder):
    found = report(capsys, folder, "--tokens", 0)
    assert found["tokens"] == [] and found["text"] == "" and found["ms_per_token"] is None


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--tokens", -1], "0 or more tokens"),
        (["--tokens", 2, "--temperature", -1], "Temperature out of range: -1"),
        (["--tokens", 2, "--top-p", 2], "Top-p out of range: 2"),
        (["--tokens", 2, "--cache-policy", "slide", "--cache-budget", 0], "at least 1 entry"),
        (["--tokens", 2, "--cache-budget", 8], "needs a policy too. Add --cache-policy"),
        (["--tokens", 2, "--no-cache", "--cache-policy", "slide"], "--no-cache"),
        (["--tokens", 2, "--slots", 5], "--slots needs a memory. Add --variant"),
        (["--tokens", 2, "--cache-policy", "stop", "--cache-budget", 2], "this policy drops none"),
    ],
)
def test_what_makes_no_sense_is_one_line(capsys, folder, arguments, words):
    code, out, err = generate(capsys, folder, *arguments)
    assert code == 2 and not out and words in err and err.count("\n") == 1


def test_an_empty_prompt_and_one_beyond_the_window(capsys, folder):
    empty = generate(capsys, folder, "--tokens", 2, prompt="")[2]
    assert "no prompt to continue. Type at least one word" in empty
    assert "at most 64 tokens" in generate(capsys, folder, "--tokens", 2, prompt="x" * 65)[2]


@pytest.mark.slow
def test_a_prompt_longer_than_the_window_asks_with_its_end_and_remembers_its_front(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path))
    long = "I live in New York. " + "The king went home. " * 200 + "Where do I live? I live in"
    command = ["generate", "--variant", "gpt2+am", "--session", "s", "--prompt", long,
               "--slots", "2000", "--temperature", "0", "--tokens"]
    assert main([*command, "3"]) == 0
    out = capsys.readouterr().out
    assert "too long for the room beside this memory: its first" in out
    assert "text:  New York" in out
    assert main([*command, "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    n = len(checkpoint.load("embedded").tokenizer(long)["input_ids"])
    assert n == report["prompt_tokens"] > 1000 and n - 256 < report["told_first"] < n
    assert report["session"]["prompts"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("n_tokens", ["0", "2"])
def test_what_a_long_prompt_leaves_behind_is_what_telling_it_does(
    tmp_path, monkeypatch, capsys, n_tokens
):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path))
    long = "I live in New York. " + "The king went home. " * 200
    assert main(["generate", "--variant", "gpt2-m", "--session", "s", "--prompt", long,
                 "--tokens", n_tokens]) == 0
    loaded = checkpoint.load("embedded")
    with sessions.hold("s") as path:
        found = load_state(path, loaded)
    settings = Settings(modules=modules_of("gpt2-m"))
    whole = telling.tell(loaded, blank(loaded), long, settings).state
    torch.testing.assert_close(found.bank.keys, whole.bank.keys)
    torch.testing.assert_close(found.external.keys, whole.external.keys)
    assert found.prompts == (long,) and not found.bank.slots.total_read.any()
