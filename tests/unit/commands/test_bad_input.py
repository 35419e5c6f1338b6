"""What visitors type that no generator makes: never an exception, never another visitor's value."""

import json
from itertools import count

import pytest

from model.__main__ import main
from model.loading import checkpoint
from model.memory import sessions
from model.memory.settings import FusionSettings, Settings
from model.memory.state import load_state
from model.recall import chain as recall_chain
from model.recall import probe, probe_file, verdict
from model.recall.probe import Probe
from model.recall.probe_controls import run_controls

VALUES = {
    "quotes": '"Hamlet, Prince"', "one quote": "O'Brien's", "commas": "red, green, and blue",
    "digits": "4,711.05", "phone": "+44 20 7946-0958", "emoji": "🧠🦊", "family": "👩‍👩‍👧",
    "chinese": "東京", "hebrew": "שלום", "arabic": "القاهرة", "hindi": "कि", "accents": "Ærøskøbing",
    "combining": "Cafe\u0301", "control": "a\x00b\u202ec", "html": "<b>&amp;</b>", "end": "<|endoftext|>",
    "stop": "...", "backslash": "C:\\new\\table", "template": "{value} %s $x$",
}
HALF = "\ud83d"
LONG = "The " + " and the ".join(f"stone number {n}" for n in range(50)) + " lie in the garden of Oslo."
TALK = " ".join(f"The {thing} by the road was {how} for {n} days." for n, thing, how in zip(
    count(2), ("well", "barn", "mill", "gate", "wall", "yard") * 5, ("dry", "old", "wet", "cold") * 8))


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded", device="cpu")


def told(value: str) -> dict:
    return {"tell": [f"The name of the boat is {value}."], "answer": f" {value}",
            "ask": "What is the name of the boat? The name of the boat is"}


CASES = {
    **{name: told(value) for name, value in VALUES.items()},
    "contradiction": {"tell": ["The boat is in Oslo.", "The boat is in Rome."], "ask": "The boat is in",
                      "answer": " Rome"},
    "contradiction in one": {"tell": ["The boat is in Oslo. The boat is in Rome."],
                             "ask": "The boat is in", "answer": " Rome"},
    "told twice": {"tell": ["The boat is in Oslo.", "The boat is in Oslo."], "ask": "The boat is in",
                   "answer": " Oslo"},
    "200 words": {"tell": [LONG], "ask": "The stones lie in the garden of", "answer": " Oslo"},
    "200 words asked": {"tell": ["The boat is in Oslo."], "ask": f"{LONG} The boat is in",
                        "answer": " Oslo"},
    "never told": {"tell": ["It rains."], "ask": "Where do I live?", "answer": None},
    "answer never told": {"tell": ["It rains."], "ask": "Where do I live?", "answer": " Oslo"},
    "only a stop": {"tell": ["I am fine."], "ask": "How am I?", "answer": "."},
    "question as fact": {"tell": ["Where do I live?"], "ask": "Where do I live?", "answer": " live"},
    "in the middle of 300 tokens": {"tell": [TALK.replace(
        "The barn", "The name of the boat is Zorvo. The barn", 2)],
        "ask": "What is the name of the boat? The name of the boat is", "answer": " Zorvo"},
    "at the end of 300 tokens": {
        "tell": ["The name of the boat is Zorvo."],
        "ask": f"{TALK} What is the name of the boat? The name of the boat is", "answer": " Zorvo"},
    "beyond the window": {"tell": ["The name of the boat is Zorvo."], "distance": 700,
                          "ask": "The name of the boat is", "answer": " Zorvo"},
    "longer than the window": {"tell": ["The boat is in Oslo."], "ask": TALK * 2, "answer": " Oslo"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_probe_is_run_and_has_a_verdict_a_chain_and_controls(embedded, name):
    given = probe_file.parsed(json.dumps(CASES[name]).encode())
    plan, settings = probe.prepare(embedded, given), probe.settings_for("gpt2-m")
    one = probe.outcome(embedded, plan, probe.told(embedded, plan, settings), settings)
    assert verdict.judge(embedded, one, 1).sentence
    chain = recall_chain.of_outcome(embedded, one)
    if chain is not None:
        assert chain.links[-1].passed == bool(one.said or one.whole)
        assert all(link.sentence for link in chain.links[: chain.n_passed + 1])
    if plan.n_tokens + len(plan.ask_ids) < 100:
        assert run_controls(embedded, one).never.continuation is not None


@pytest.mark.slow
def test_the_command_runs_them_all_as_one_file(capsys, tmp_path):
    path = tmp_path / "probes.jsonl"
    lines = [json.dumps(case | {"label": name}) for name, case in CASES.items()]
    path.write_text("\n".join(lines) + "\n")
    code = main(["probe", "--file", str(path), "--variants", "am", "--json"])
    out, err = capsys.readouterr()
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and not err and found[-1]["bad_lines"] == 0
    assert list(found[-1]["labels"]) == list(CASES) and len(found) == len(CASES) + 1


def test_a_fact_pushed_out_of_the_window_is_said_to_be_evicted(embedded):
    given = probe_file.parsed(json.dumps(CASES["beyond the window"]).encode())
    plan, settings = probe.prepare(embedded, given), probe.settings_for("am", Settings(fusion=FusionSettings(slots=128), policy="fifo"))
    one = probe.outcome(embedded, plan, probe.told(embedded, plan, settings), settings)
    assert recall_chain.of_outcome(embedded, one).broken.name == "kept" and not one.said


@pytest.mark.parametrize("where", ["tell", "ask", "answer", "label"])
def test_half_an_emoji_is_one_bad_line(capsys, tmp_path, where):
    path, good = tmp_path / "probes.jsonl", told("Zorvo") | {"label": "x"}
    path.write_text(json.dumps(good | {where: HALF}) + "\n" + json.dumps(good) + "\n")
    code = main(["probe", "--file", str(path), "--variants", "gpt2"])
    out, err = capsys.readouterr()
    assert code == 0 and not err and "1 bad lines" in out
    assert "line 1: This line holds half of a letter, '\\ud83d'" in out


@pytest.mark.slow
def test_a_session_is_told_each_of_them_and_is_saved_whole(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path))
    odd = " ".join(f"The boat is {value}." for value in VALUES.values())
    texts = [odd, LONG, TALK, f"{TALK} The boat is", "...", "byte \udcff"]
    for n, text in enumerate(texts):
        given = ["--prompt", text, "--tokens", str(2 * (n % 3 == 0)), "--temperature", "0"]
        code = main(["generate", "--variant", "gpt2-m", "--session", "all", *given])
        assert (code, capsys.readouterr().err) == (0, ""), text
    with sessions.hold("all") as path:
        assert load_state(path, checkpoint.load("embedded")).prompts == tuple(texts)
    for more in ((), ("--json",)):
        assert main(["session", "show", "all", *more]) == 0
    assert not capsys.readouterr().err


def test_nothing_told_is_in_another_visitors_memory(embedded):
    """Two visitors, one model: what the second one asks is bit for bit what it is alone."""
    settings = probe.settings_for("gpt2-m", Settings())
    ask = "What is the name of the boat? The name of the boat is"
    other = probe.prepare(embedded, Probe(("The name of the boat is Zorvo.",), ask, " Zorvo"))
    own = probe.prepare(embedded, Probe(("It rains.",), ask, " Zorvo"))

    def asked():
        return probe.outcome(embedded, own, probe.told(embedded, own, settings), settings)

    before = asked()
    first = probe.outcome(embedded, other, probe.told(embedded, other, settings), settings)
    recall_chain.of_outcome(embedded, first)
    after = asked()
    assert after.continuation == before.continuation and not probe.says(after.continuation, "Zorvo")
    assert (after.scored.log == before.scored.log).all()
