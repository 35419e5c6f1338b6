"""Headline figures: what each case makes of a probe, how it is counted, and how it goes on."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from model.__main__ import main
from model.commands.recall_headline import lines
from model.disk.whole import NotWritten
from model.loading import checkpoint
from model.memory import held
from model.memory.settings import Settings
from model.memory.variants import VARIANTS
from model.recall import gist, headline, ordinary_text, probe_file
from model.recall.headline_cases import CASES, Talk, many_people, near_miss_of
from model.recall.probe import Probe
from model.recall.share import share_of_seeds
from model.run.trace import run
from model.training import memory_headline

ROME = Probe(("I live in Rome.",), "Where do I live? You live in", " Rome", label="home")
TEA = Probe(("My favourite drink is tea.",), "What is my favourite drink? Your favourite drink is",
            " tea", label="drink")
PAIR = Probe(("The code of the office is Abra.", "The code of the cabin is Cor mo."),
             "What is the code of the cabin? It is", " Cor mo")
BOOK = "The sea was grey that day. A boat went out. Nobody came back before night. " * 400


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded", device="cpu")


def made(loaded, name: str, *probes: Probe, number=0, text="") -> Probe | None:
    return CASES[name].make(probes, number, Talk(loaded, text))


def test_of_two_facts_the_other_is_a_near_miss():
    one = near_miss_of(PAIR)
    assert one.tell == PAIR.tell[:1] and one.answer is None and one.wrong == "Abra"
    assert near_miss_of(ROME) is None
    given = Probe(("My dog is Rex.",), "What is my cat called?", None, wrong="Rex")
    assert near_miss_of(given).wrong == "Rex"


def test_a_question_that_the_other_fact_answers_is_no_near_miss(embedded):
    leaves = Probe(("The train to Zorin leaves at noon.", "The bus to Belfar leaves at noon."),
                   "What leaves at noon? The bus to", " Belfar")
    assert made(embedded, "near miss", leaves) is None
    assert made(embedded, "near miss", replace(leaves, ask="What leaves for Belfar?")) is not None
    assert made(embedded, "near miss, led", leaves).wrong == "Zorin"
    assert made(embedded, "near miss", PAIR).ask == "What is the code of the cabin?"


def test_what_was_never_told_is_asked_bare_behind_a_fact_of_another_kind(embedded):
    one = made(embedded, "never", ROME, replace(ROME, tell=("I live in Paris.",)), TEA)
    assert one.tell == TEA.tell and one.ask == "Where do I live?" and one.answer is None
    assert one.label == "home"
    assert made(embedded, "never", ROME, ROME) is None  # nothing else to tell
    bare = replace(ROME, answer=None, ask="Where do I live?")
    assert made(embedded, "never", bare).tell == ROME.tell


def test_long_talk_stands_around_the_fact_or_before_the_question(embedded):
    middle, end = (made(embedded, name, ROME, text=BOOK) for name in ("middle", "end"))
    assert len(middle.tell) == 1 and middle.ask == ROME.ask
    at = middle.tell[0].index(ROME.tell[0])
    assert 300 < at < len(middle.tell[0]) - 300
    assert end.tell == ROME.tell and end.ask.endswith(ROME.ask) and len(end.ask) > 800
    assert len(made(embedded, "eight", ROME, text=BOOK).tell) == 9
    assert middle != made(embedded, "middle", TEA, ROME, number=1, text=BOOK)  # drawn elsewhere


def test_many_people_are_told_four_facts():
    for one in many_people(5):
        assert one.answer.strip() in " ".join(one.tell) and one.ask and one.label == "four people"


@pytest.mark.slow
def test_hits_are_those_of_a_file_of_probes(embedded, tmp_path):
    path = tmp_path / "h.json"
    list(headline.measure(embedded, [ROME, TEA, PAIR], path, cases=["next"], n=3))
    for name, one in headline.load(path)["cases"]["next"]["variants"].items():
        exact = [probe_file.run_line(embedded, given, [name], Settings())[name]["exact"]
                 for given in (ROME, TEA, PAIR)]
        assert (one["hits"], one["n"]) == (sum(exact), 3)


def test_far_away_and_for_each_label(embedded, tmp_path):
    path = tmp_path / "h.json"
    list(headline.measure_far(embedded, [ROME, TEA], path, stops=(60, 130), n=2, text=BOOK,
                              variants=("gpt2", "gpt2+am")))
    cases = headline.load(path)["cases"]
    assert list(cases) == ["60 tokens, 128 slots", "130 tokens, 128 slots"]
    for case in cases.values():
        assert set(case["labels"]) == {"home", "drink"}
        hits = sum(of["gpt2+am"]["hits"] for of in case["labels"].values())
        assert case["variants"]["gpt2+am"]["hits"] == hits and case["variants"]["gpt2"]["hits"] == 0


def test_it_goes_on_where_it_was_and_another_variant_is_added(tiny, tmp_path, monkeypatch):
    path, asked = tmp_path / "h.json", []
    real = headline._asked
    monkeypatch.setattr(headline, "_asked", lambda *a: asked.append(a[4]) or real(*a))
    for step in headline.measure(tiny, [ROME, TEA], path, cases=["next"], variants=["gpt2"]):
        break
    list(headline.measure(tiny, [ROME, TEA], path, cases=["next"], variants=["gpt2"]))
    assert len(asked) == 2
    list(headline.measure(tiny, [ROME, TEA], path, cases=["next"], variants=["gpt2+am"]))
    assert len(asked) == 4
    assert set(headline.load(path)["cases"]["next"]["variants"]) == {"gpt2", "gpt2+am"}
    with pytest.raises(ValueError, match="another fingerprint"):
        list(headline.measure(SimpleNamespace(**vars(tiny) | {"fingerprint": "other"}), [ROME],
                              path))


def test_the_command_runs_and_names_what_is_wrong(tmp_path, capsys):
    path, out = tmp_path / "one.jsonl", tmp_path / "out.json"
    path.write_text(json.dumps({"tell": list(ROME.tell), "ask": ROME.ask, "answer": ROME.answer}))
    command = ["recall", "headline", "--file", str(path), "--out", str(out), "--n", "1",
               "--variants", "am"]
    assert main([*command, "--only", "next"]) == 0
    said = capsys.readouterr().out
    assert "asked in the next prompt" in said and "one: gpt2+am 100.0% of 1" in said
    assert main([*command, "--only", "nonsense"]) == 2
    assert "No case nonsense" in capsys.readouterr().err


def test_a_line_that_cannot_be_asked_is_named_before_anything_is_measured(tmp_path, capsys):
    path, out = tmp_path / "mine.jsonl", tmp_path / "out.json"
    for line, words in (({"ask": " "}, "The question is empty."), ({"ask": "x", "distance": -1}, "Distance out of range"),
                        ({"ask": "x", "answer": ""}, "The answer is empty.")):
        path.write_text(json.dumps({"ask": "I"}) + "\n" + json.dumps({"tell": ["a."]} | line))
        assert main(["recall", "headline", "--file", str(path), "--out", str(out), "--only", "next"]) == 2
        assert f"{path}, line 2: {words}" in capsys.readouterr().err and not out.exists()


def test_the_command_says_so_if_nothing_could_be_measured(tmp_path, capsys):
    out = tmp_path / "out.json"
    command = ["recall", "headline", "--out", str(out), "--n", "1", "--variants", "am"]
    assert main([*command, "--only", "text; gist"]) == 2  # both need --text
    assert "--only text needs books. Add --text DIR" in capsys.readouterr().err and not out.exists()


def test_the_gist_reads_the_vector_that_telling_leaves(embedded):
    ids = np.array([[5, 9, 300, 41, 7, 700]])
    graft = gist._carried(embedded, ids)
    plain = run(embedded, np.r_[embedded.tokenizer.bos_token_id, ids[0]])
    told = held.carry(None, embedded.memory, embedded, plain)
    assert np.allclose(graft.early[0], told.early, atol=1e-5)
    assert np.allclose(graft.late[0], told.late, atol=1e-5)


def test_the_gist_of_pairs_and_what_it_needs(embedded):
    books = {"a": BOOK, "b": BOOK.replace("sea", "wood")}
    found = gist.gist(embedded, books, n=3)
    own, other = found["saved_by_own"]["mean"], found["saved_by_other"]["mean"]
    assert found["pairs"] == 3 and found["own_over_other"]["mean"] == pytest.approx(own - other,
                                                                                    abs=1e-5)
    with pytest.raises(ValueError, match="had fewer. Give a text in sentences"):
        gist.gist(embedded, dict.fromkeys("ab", " extraordinary" * 600), n=3)  # a token each
    assert gist.gist(embedded, books, n=1)["pairs"] == 2
    with pytest.raises(ValueError, match="two books"):
        gist.gist(embedded, {"a": BOOK}, n=3)
    with pytest.raises(ValueError, match="no trained recurrent memory"):
        gist.gist(replace(embedded, memory=None), books)


@pytest.mark.parametrize("wrong, words", [
    (["--only", ""], "No case ''"), (["--only", " ; "], "No case ' ; '"), (["--far", "10,9999999999"], "1 to 1,000,000"),
    (["--variants", "rnn,edm"], "no trained memory for gpt2+rnn, gpt2+edm. Train it"), (["--only", "gist", "--text", "x"], "no recurrent memory"),
    (["--only", "next", "--slots", "512"], "--slots is for the case 'far'"), (["--only", "next", "--n-far", "9"], "--n-far is for"),
])
def test_what_could_not_be_measured_is_refused_before_anything_is(tmp_path, capsys, monkeypatch, embedded, wrong, words):
    monkeypatch.setattr(checkpoint, "load", lambda *_: replace(embedded, memory=None))
    monkeypatch.setattr(headline, "measure", lambda *_, **__: pytest.fail("something was measured"))
    assert main(["recall", "headline", "--out", str(tmp_path / "h.json"), *wrong]) == 2
    assert words in capsys.readouterr().err.splitlines()[-1] and not list(tmp_path.iterdir())


def test_what_this_model_has_no_memory_for_is_left_out_and_said(tmp_path, capsys, monkeypatch, embedded):
    monkeypatch.setattr(checkpoint, "load", lambda *_: replace(embedded, memory=None))
    command = ["recall", "headline", "--out", str(tmp_path / "h.json"), "--only", "next", "--n", "1"]
    assert main([*command, "--variants", "gpt2,edm"]) == 0
    out, err = capsys.readouterr()
    assert "gpt2+edm" not in out and "gpt2+edm: no trained edm memory exists for this model" in err


def test_a_folder_in_the_files_place_is_found_before_anything_is_measured(tiny, tmp_path):
    with pytest.raises(NotWritten, match="it is a folder"):
        next(headline.measure(tiny, [ROME], tmp_path, cases=["next"], variants=["gpt2"]))
    assert not list(tmp_path.iterdir()) and not tmp_path.with_suffix(".episodes.jsonl").exists()


def test_no_case_mixes_figures_of_two_policies(tiny, tmp_path):
    path = tmp_path / "h.json"
    for name, settings in (("gpt2", headline.FEW), ("gpt2+am", replace(headline.FEW, policy="merge"))):
        list(headline.measure_far(tiny, [ROME], path, stops=(60,), n=1, variants=(name,), settings=settings))
    case = headline.load(path)["cases"]["60 tokens, 128 slots"]
    assert list(case["variants"]) == ["gpt2+am"] and list(case["labels"]["home"]) == ["gpt2+am"]


def test_each_share_of_a_label_has_its_own_n():
    one = {"title": "t", "variants": {}, "labels": {"home": {"gpt2": headline.share(1, 2), "gpt2+am": headline.share(3, 4)}}}
    assert "    home: gpt2 50.0% of 2, gpt2+am 75.0% of 4" in list(lines({"cases": {"next": one}}))


@pytest.mark.slow
def test_ordinary_text_changes_nothing_without_memory(embedded):
    found = ordinary_text.bits_per_byte(embedded, [ROME], BOOK, ["gpt2+am"], n=1)
    assert found["variants"]["gpt2"]["percent"] == 0 and found["passages"] == 2
    assert found["variants"]["gpt2+am"]["bits_per_byte"] > 0


def test_the_page_holds_what_was_measured_and_nothing_else():
    share = headline.share
    boards = [{"fingerprint": "x", "cases": {"next": {"title": "asked at once", "variants": {
        "gpt2-m": share(hits, 100), "gpt2+am": share(50, 100)}, "labels": {}}}} for hits in (90, 94)]
    one = memory_headline.pooled(boards, "next", "gpt2-m")
    assert (one["hits"], one["n"]) == (184, 200)
    assert (one["share"], one["low"], one["high"]) == share_of_seeds([(90, 100), (94, 100)])
    assert "mean of 2 seeds" in memory_headline.tables(boards)
    assert "(Wilson)" in memory_headline.tables(boards[:1])
    assert memory_headline.pooled(boards, "next", "gpt2+am")["n"] == 100  # no seed has a part in it
    said = memory_headline.tables(boards)
    assert "| asked at once |" in said and "seeds 90.0% to 94.0%" in said and "gist" not in said
    lines = memory_headline.ten_lines({"n_parameters": 5}, boards)
    assert "in 92 of 100" in lines and "eight" not in lines
    assert memory_headline.tables([]) == ""


def test_a_label_stays_in_its_cell_of_the_page():
    assert memory_headline.table(("a", "b"), [("x|y\nz", "1")]).splitlines()[-1] == r"| x\|y z | 1 |"


def test_variants_are_those_of_the_memory():
    assert set(headline.NAMES) <= set(VARIANTS)
