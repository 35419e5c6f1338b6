"""Recall far beyond the slots: facts in groups, a book told once, every pair of score and policy."""

import json

import numpy as np
import pytest

from model.__main__ import main
from model.memory import heard, salience, slots, telling
from model.memory.settings import FusionSettings, Settings
from model.memory.state import blank
from model.recall import eviction_runs, probe
from model.recall.eviction_runs import Pair
from model.recall.probe import Probe
from model.run import tokens, trace
from tests.conftest import byte_tokenizer, random_gpt2

BOOK = "The sun was low. A cat sat on the wall, and nobody came. It rained! Who knows why? " * 9
PROBES = [Probe((f"My {what} is {value}.",), f"My {what} is", f" {value}")
          for what, value in (("cat", "Bo"), ("dog", "Ed"), ("cat", "Al"))]
SMALL = Settings(fusion=FusionSettings(slots=64))


def tell(tiny, *texts, heard=None, score="surprisal in context"):
    state = blank(tiny)
    for text in texts:
        chosen = Settings(fusion=FusionSettings(score=score))
        state = telling.tell(tiny, state, text, chosen, now=lambda: 0.0, heard=heard).state
    return state


@pytest.mark.parametrize("score", [name for name in salience.SCORES if name != "learned gate"])
def test_what_was_heard_before_is_told_the_same(tiny, score):
    heard = {}
    first, again, fresh = (
        tell(tiny, "I am Ann.", "It rains. Rome is old.", heard=kept, score=score)
        for kept in (heard, heard, None)
    )
    assert heard
    for other in (again, fresh):
        assert slots.to_columns(first.bank.slots) == slots.to_columns(other.bank.slots)
    assert np.isfinite(first.bank.slots.salience).all()


def test_surprisal_in_context_is_that_of_one_text(tiny):
    one, two = "I am Ann.", " It rains."
    state = tell(tiny, one, two)
    ids = tokens.encode(tiny.tokenizer, one + two)
    whole = trace.run(tiny, np.r_[tiny.tokenizer.bos_token_id, ids])
    bits = heard.surprisal(tiny, whole).numpy()[1:] / np.log(2)
    np.testing.assert_allclose(state.bank.slots.salience, bits, atol=1e-4)


def test_no_two_facts_that_are_asked_alike_share_a_memory(tiny):
    groups = eviction_runs._groups([probe.prepare(tiny, one) for one in PROBES])
    asked = [[plan.probe.ask for plan in group] for group in groups]
    assert asked == [["My cat is", "My dog is"], ["My cat is"]]
    with pytest.raises(ValueError, match="no probe has an answer"):
        eviction_runs._groups([probe.prepare(tiny, Probe(("a",), "b"))])


def test_fifo_forgets_and_a_large_memory_does_not(tiny, monkeypatch):
    monkeypatch.setattr(eviction_runs, "WARM", 60)
    for budget, kept in ((64, 0), (10_000, 3)):
        settings = Settings(fusion=FusionSettings(slots=budget))
        *_, last = eviction_runs.measure(
            tiny, PROBES, [BOOK], [Pair("everything", "fifo")], settings, (0, 100))
        rows = last.results
        assert last.share == 1
        assert [row.stop for row in rows] == [0, 100] and {row.kept.n for row in rows} == {3}
        assert rows[1].kept.hits == kept


def test_a_summary_of_a_fact_is_not_the_fact(tiny, monkeypatch):
    monkeypatch.setattr(eviction_runs, "WARM", 60)
    *_, last = eviction_runs.measure(
        tiny, PROBES, [BOOK], [Pair("everything", "summarise")], SMALL, (100,))
    rows = last.results
    assert rows[0].kept.hits == 0 and rows[0].recalled.n == 3


def test_pairs_are_those_that_differ(tiny):
    every = eviction_runs.pairs(tiny)
    assert Pair("everything", "fifo") in every and Pair("surprisal", "fifo") not in every
    assert {p.score for p in every if p.policy == "least salient"} == {
        name for name in salience.SCORES if name not in ("everything", "learned gate")}
    assert eviction_runs.pairs(tiny, "apart", "least salient") == [Pair("apart", "least salient")]
    assert eviction_runs.pairs(tiny, None, "merge") == [Pair("everything", "merge")]
    assert eviction_runs.pairs(tiny, "surprisal", "fifo") == [Pair("surprisal", "fifo")]


def test_the_command_prints_a_line_for_every_stop(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(eviction_runs, "WARM", 60)
    monkeypatch.setattr(eviction_runs, "STOPS", (0, 100))
    random_gpt2().save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "a.txt").write_text(BOOK)
    lines = [{"tell": [], "ask": "x"}]
    lines += [{"tell": list(p.tell), "ask": p.ask, "answer": p.answer} for p in PROBES]
    (tmp_path / "p.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    words = ["probe", "--model", tmp_path, "--file", tmp_path / "p.jsonl", "--eviction", "--text",
             tmp_path / "books", "--policy", "fifo", "--slots", "64"]
    assert main([*map(str, words), "--json"]) == 0
    bad, *found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert bad["line"] == 1 and "nothing to tell" in bad["error"]
    assert [(row["score"], row["policy"], row["tokens"]) for row in found] == [
        ("everything", "fifo", 0), ("everything", "fifo", 100)]
    assert found[1]["kept"]["hits"] == 0 and found[1]["recalled"]["n"] == 3
    assert main([*map(str, words)]) == 0 and "64 slots" in capsys.readouterr().out
    assert main(["probe", "--curve", "slots", "--eviction"]) == 2
    assert "--eviction needs probes" in capsys.readouterr().err
