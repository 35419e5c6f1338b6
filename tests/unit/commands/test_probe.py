"""python -m model probe, as a shell sees it; and the scoreboard it writes."""

import json
import sys
from types import SimpleNamespace

import pytest

from model.__main__ import main
from model.loading import checkpoint
from model.recall import curves, distraction, probe, probe_file, scoreboard, standard_tasks
from model.recall.episode_lines import read_lines
from model.recall.share import wilson
from model.recall.trial import Curve, CurvePoint, Question, Trial
from tests.conftest import byte_tokenizer, random_gpt2

GOOD = {"tell": ["I live in Rome."], "ask": "I live in", "answer": " Rome"}
OPEN = {"tell": "I am Ann.", "ask": "Where?", "distance": 40}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    random_gpt2().save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return str(folder)


def command(capsys, *arguments):
    code = main(["probe", *map(str, arguments)])
    out = capsys.readouterr()
    return code, out.out, out.err


def on_file(capsys, tmp_path, folder, lines, *arguments, variants="gpt2,am"):
    path = tmp_path / "probes.jsonl"
    path.write_text("".join(
        (line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return command(capsys, "--model", folder, "--file", path, "--variants", variants, *arguments)


def test_a_line_is_the_probe_it_says(capsys, tmp_path, folder):
    code, out, err = on_file(capsys, tmp_path, folder, [GOOD, OPEN], "--json")
    first, second, last = map(json.loads, out.splitlines())
    assert code == 0 and not err
    loaded = checkpoint.load(folder)
    plan = probe.prepare(loaded, probe.Probe(("I live in Rome.",), "I live in", " Rome"))
    for name in ("gpt2", "gpt2+am"):
        settings = probe.settings_for(name)
        one = probe.outcome(loaded, plan, probe.told(loaded, plan, settings), settings, "")
        found = first["variants"][name]
        assert found["log_probability"] == pytest.approx(one.scored.joint_log, rel=1e-9)
        assert found["ranks"] == one.scored.rank.tolist() and found["exact"] == one.exact
    assert first["variants"]["gpt2"]["delta_nats"] == 0
    assert "false_recall" in second["variants"]["gpt2"]
    assert last["all"]["gpt2"]["n"] == 1 and last["all"]["gpt2"]["n_without_answer"] == 1


def test_lines_whose_results_are_kept_are_not_run_again(capsys, tmp_path, folder, monkeypatch):
    out, ran = tmp_path / "out.jsonl", []
    first = on_file(capsys, tmp_path, folder, [GOOD, "{", OPEN], "--out", out)
    run = probe_file.run_line
    monkeypatch.setattr(probe_file, "run_line", lambda *given: ran.append(given[1].ask) or run(*given))
    assert on_file(capsys, tmp_path, folder, [GOOD, "{", OPEN], "--out", out) == first and not ran
    more = on_file(capsys, tmp_path, folder, [OPEN | {"label": "open"}, GOOD | {"ask": "I"}, GOOD], "--out", out)
    assert more[0] == 0 and ran == ["I"] and "label “open”" in more[1]
    on_file(capsys, tmp_path, folder, [GOOD], "--out", out, "--slots", "7")  # another memory
    on_file(capsys, tmp_path, folder, [GOOD], "--out", out, variants="am")
    assert ran == ["I", "I live in", "I live in"]
    out.write_text('{"key": "x", "found": {"gpt2": {"exact": true}}}\n')
    code, _, said = on_file(capsys, tmp_path, folder, [GOOD], "--out", out)
    assert code == 2 and f"Line 1 of {out} is no result of a probe" in said and said.count("\n") == 1


def test_without_ray_a_sentence_names_the_command(capsys, tmp_path, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, said = on_file(capsys, tmp_path, folder, [GOOD], "--ray")
    assert code == 2 and said.endswith("Install it: pip install ray\n")


def test_told_together_is_as_told_alone(capsys, tmp_path, folder):
    both = on_file(capsys, tmp_path, folder, [GOOD], "--json")[1].splitlines()[0]
    alone = on_file(capsys, tmp_path, folder, [GOOD], "--json", variants="gpt2+am")[1]
    alone = alone.splitlines()[0]
    assert json.loads(both)["variants"]["gpt2+am"] == json.loads(alone)["variants"]["gpt2+am"]


@pytest.mark.slow
def test_each_label_has_its_own_shares(capsys, tmp_path, folder):
    """By hand: the shares of a label are those of a file that holds its lines alone."""
    lines = [GOOD | {"label": " near\nmiss "}, OPEN | {"label": "near miss"}, GOOD, OPEN,
             GOOD | {"label": "Zürich 🧠"}, GOOD | {"label": None}, GOOD | {"label": ""}]
    code, out, err = on_file(capsys, tmp_path, folder, lines, "--json")
    *each, last = map(json.loads, out.splitlines())
    assert code == 0 and not err and list(last["labels"]) == ["near miss", "Zürich 🧠"]
    assert [one["label"] for one in each] == [
        "near miss", "near miss", None, None, "Zürich 🧠", None, None]
    for label, alone in (("near miss", lines[:2]), ("Zürich 🧠", lines[4:5])):
        said = on_file(capsys, tmp_path, folder, alone, "--json")[1].splitlines()[-1]
        assert last["labels"][label] == json.loads(said)["all"]
    found = last["labels"]["near miss"]["gpt2+am"]
    assert (found["n"], found["n_without_answer"]) == (1, 1)
    assert found["exact"]["low"] == wilson(found["exact"]["hits"], 1)[0]
    assert last["all"]["gpt2"]["n"] == 5

    text = on_file(capsys, tmp_path, folder, lines)[1].splitlines()
    at = text.index("label “near miss”")
    assert text[at + 1].split()[0] == "gpt2" and text[at + 2].split()[0] == "gpt2+am"
    assert "n 1" in text[at + 1] and " to " in text[at + 1]
    assert text[at + 3] == "label “Zürich 🧠”"


def test_without_labels_none_are_reported(capsys, tmp_path, folder):
    last = on_file(capsys, tmp_path, folder, [GOOD], "--json")[1].splitlines()[-1]
    assert json.loads(last)["labels"] == {}
    assert "label" not in on_file(capsys, tmp_path, folder, [GOOD])[1]


@pytest.mark.parametrize("bad, words", [
    ({**GOOD, "label": 3}, '"label" as a text'), ({**GOOD, "label": ["a"]}, '"label" as a text'),
    ("{", "one JSON object"), ("[]", "holds a list"), ({"tell": ["a"]}, "question is empty"),
    ({"ask": "a"}, "nothing to tell"), ({"tell": [""], "ask": "a"}, "nothing to tell"),
    ({**GOOD, "distance": "far"}, '"distance" as a whole number'),
    ({**GOOD, "distance": -4}, "0 to 1,000,000 tokens"), ({**GOOD, "answer": 3}, '"answer" as a text'),
    ({**GOOD, "answer": ""}, "answer is empty"), ({**GOOD, "tell": [1]}, '"tell" as a list'),
    ({**GOOD, "anwser": "x"}, "key 'anwser'"), ({**GOOD, "answer": "x" * 70}, "Shorten the answer"),
])
def test_a_bad_line_is_named_and_the_others_run(capsys, tmp_path, folder, bad, words):
    code, out, err = on_file(capsys, tmp_path, folder, [GOOD, bad, GOOD], variants="gpt2")
    lines = out.splitlines()
    assert code == 0 and not err
    assert lines[1].startswith("line 2: ") and words in lines[1]
    assert lines[0].split()[0] == "1" and lines[2].split()[0] == "3"
    assert "1 bad lines" in lines[3] and "n 2" in lines[4]


def test_a_file_with_nothing_to_run_is_one_sentence(capsys, tmp_path, folder):
    for lines, words in (([], "it is empty"), (["{", "["], "all 2 were bad")):
        code, _, err = on_file(capsys, tmp_path, folder, lines)
        assert code == 2 and words in err and err.count("\n") == 1


def test_wrong_choices_are_one_sentence(capsys, tmp_path, folder):
    for given, words in (
        (["--variants", "gpt9"], "variant 'gpt9'. Choose one of"),
        (["--variants", ","], "No variant chosen. Name at least one"),
        (["--out", tmp_path], "it is a folder. Choose the name of a file"),
        (["--out", tmp_path / "no" / "x"], "There is no folder"),
        (["--n", 0], "--n 0. Ask for 1 or more"), (["--slots", 0], "--slots 0. Ask for 1 or more"),
    ):
        code, _, err = command(capsys, "--model", folder, "--file", tmp_path / "no", *given)
        assert code == 2 and words in err
    for given in (["--n", 5], ["--text", "book.txt"], ["--seed", 1], ["--eviction", "--out", "x"],
                  ["--eviction", "--ray"], ["--eviction", "--seed", 1]):
        code, _, err = command(capsys, "--model", folder, "--file", tmp_path / "no", *given)
        name = next(word for word in given if word != "--eviction")
        assert code == 2 and f"{name} does nothing with --" in err and f"Leave {name} out." in err
    code, _, err = command(capsys, "--model", folder, "--scoreboard")
    assert code == 2 and "--out FILE" in err


def test_ten_thousand_lines_are_read_one_by_one(tmp_path):
    """The reader holds one line: it has handed out the first before it saw the last, a bad one."""
    path = tmp_path / "many.jsonl"
    path.write_text((json.dumps(GOOD) + "\n") * 10_000 + "\n{\n")
    found = probe_file.read_probes(path)
    number, first = next(found)
    assert number == 1 and first.answer == " Rome"
    rest = list(found)
    assert len(rest) == 10_000 and rest[-1][0] == 10_002
    assert isinstance(rest[-1][1], ValueError)
    assert all(isinstance(given, probe.Probe) for _, given in rest[:-1])


def test_the_tally_by_hand():
    tally = probe_file.Tally()
    right = {"exact": True, "said": True, "log_probability": -1.0, "ranks": [1, 1]}
    wrong = {"exact": False, "said": False, "log_probability": -3.0, "ranks": [1, 4]}
    for found in (right, wrong, {"exact": None, "said": None, "false_recall": True}):
        tally.add(found)
    report = tally.report()
    assert report["exact"] == {
        "hits": 1, "n": 2, "share": 0.5, "low": wilson(1, 2)[0], "high": wilson(1, 2)[1]}
    assert report["false_recall"]["share"] == 1 and report["false_recall"]["n"] == 1
    assert report["reciprocal_rank"] == (1 + 1 / 4) / 2
    assert report["probability_geometric_mean"] == pytest.approx(0.1353352832)
    assert probe_file.Tally().report()["exact"] is None


@pytest.fixture
def small(monkeypatch):
    """A curve and a task that fit a window of 64 bytes."""
    def make(rng, tokenizer, stops=(0,)):
        name = rng.choice(["Ann", "Bob"])
        asked = Question("I am", f" {name}."), Question("Who?", None)
        return Trial((f"I am {name}.",), asked, stops)

    tiny = Curve("facts", "What.", "x", lambda s: [CurvePoint("1 fact", 1, s, make)], "Honest.")
    monkeypatch.setitem(curves.CURVES, "facts", tiny)
    monkeypatch.setitem(standard_tasks.TASKS, "babi", tiny)
    monkeypatch.setattr(curves, "told", lambda n, stops=(0,), **given: (
        lambda rng, tokenizer: make(rng, tokenizer, stops)))


def test_curves_and_tasks_are_measured_and_go_on(capsys, tmp_path, folder, small):
    out = tmp_path / "facts.jsonl"
    given = ["--model", folder, "--curve", "facts", "--variants", "gpt2,am", "--n", 2, "--out", out]
    code, said, err = command(capsys, *given, "--json")
    points = json.loads(said)["points"]
    assert code == 0 and not err and len(out.read_text().splitlines()) == 2
    assert {p["variant"] for p in points} == {"gpt2", "gpt2+am"}
    assert {p["series"] for p in points} >= {"recalled", "memory off", "false recall", "in context"}
    assert all(p["low"] <= p["share"] <= p["high"] and p["n"] >= 1 for p in points)
    before = out.read_text()
    assert json.loads(command(capsys, *given, "--json")[1])["points"] == points
    assert out.read_text() == before
    given = ["--task", "babi", "--variants", "am", "--n", 1]
    code, said, _ = command(capsys, "--model", folder, *given)
    assert code == 0 and said.splitlines()[0] == "facts: What." and "Honest." in said


@pytest.mark.slow
def test_the_scoreboard_has_every_cell_with_its_n_and_interval(
        capsys, tmp_path, folder, small, monkeypatch):
    monkeypatch.setattr(scoreboard, "ORDINARY", 100)
    monkeypatch.setattr(scoreboard, "FULL", 100)
    monkeypatch.setattr(distraction, "PROMPT_TOKENS", 20)
    out = tmp_path / "board.json"
    board = scoreboard.measure(
        checkpoint.load(folder), ["gpt2", "am"], out, n=3, stops=(0, 80))
    shares = [step.share for step in board]
    assert shares[-1] == 1 and len(read_lines(tmp_path / "board.episodes.jsonl")) == 18
    assert scoreboard.load(out)["episodes"] == 3
    rows = {row["variant"]: row["cells"] for row in scoreboard.load(out)["rows"]}
    for cells in rows.values():
        assert set(cells) == set(scoreboard.COLUMNS)
        assert cells["across"]["n"] == 3 and cells["false_recall"]["n"] == 3
        for cell in cells.values():
            assert cell["how"] and scoreboard.in_words(cell)
            if cell["value"] is not None and cell["low"] is not None:
                assert cell["low"] <= cell["value"] <= cell["high"]
    assert rows["gpt2"]["perplexity"]["value"] == 0 and rows["gpt2"]["bytes"]["value"] == 0
    assert rows["gpt2+am"]["bytes"]["value"] > 0
    assert rows["gpt2+am"]["perplexity"]["value"] == 0  # nothing here moves the prediction enough
    assert rows["gpt2"]["inside"] == rows["gpt2+am"]["inside"]


def test_the_context_limit_ends_where_recall_first_falls():
    def share(value):
        return SimpleNamespace(value=value, n=10)

    found = {("0", "recalled"): share(1.0), ("100", "recalled"): share(0.9),
             ("400", "recalled"): share(0.5), ("1,000", "recalled"): share(1.0)}
    cell = scoreboard._limit(found, (0, 100, 400, 1000), True)
    assert (cell["value"], cell["n"]) == (100, 10)
    assert scoreboard._limit({}, (0, 100), True)["value"] is None


def test_no_change_has_no_sign():
    cell = {"value": 0.0, "low": None, "high": None, "n": 0, "unit": "percent", "how": ""}
    assert scoreboard.in_words(cell).startswith("0 %,")


def test_no_board_is_none_and_a_damaged_one_is_said(tmp_path):
    path = tmp_path / "board.json"
    assert scoreboard.load(path) is None
    for text in ("{", "[]", '{"rows": []}', '{"version": 99}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="make it again"):
            scoreboard.load(path)


@pytest.mark.parametrize("column, wrong, words", [
    ("across", {"value": 7.3}, "7.3 is no value in share"), ("ms", {"value": -2.0}, "-2 is no value in ms"),
    ("bytes", {"value": 1e308}, "is no value in bytes"), ("across", {"high": None}, "the interval of"),
    ("across", {"value": 0.01}, "does not hold 0.01"), ("inside", {"how": "\ud800"}, "half of a letter"),
    ("bytes", {"unit": "percent"}, "has the unit percent, its column has bytes"),
    ("ms", {"value": None}, "the interval of None"),
])
def test_a_cell_that_cannot_be_is_no_number_on_a_page(tmp_path, column, wrong, words):
    board, path = scoreboard.load(), tmp_path / "board.json"
    board["rows"][-1]["cells"][column] |= wrong
    path.write_text(json.dumps(board))
    with pytest.raises(ValueError, match=words):
        scoreboard.load(path)


def test_the_help_names_the_policy_that_is_usual(capsys):
    with pytest.raises(SystemExit):
        main(["probe", "--help"])
    assert f"who leaves (default: {probe.USUAL.policy})" in " ".join(capsys.readouterr().out.split())


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    raw = json.dumps(GOOD).encode()
    assert probe_file.parsed(b"\xef\xbb\xbf" + raw) == probe_file.parsed(raw)


@pytest.mark.parametrize("raw, holds", [(b"[]", "a list"), (b"null", "null"), (b"1", "a number"),
                                        (b"1.5", "a number"), (b'"x"', "a text"),
                                        (b"true", "true or false")])
def test_a_line_that_is_no_object_is_named_as_json_names_it(raw, holds):
    with pytest.raises(ValueError, match=f"this line holds {holds}"):
        probe_file.parsed(raw)


@pytest.mark.parametrize("told, ask, answer", [
    (" ".join(f"word{i}" for i in range(199)) + " Zanzor.", "word3 word4", " word5"),
    ('My code is "4,7-1\'1"; ok?', "My code is", ' "4,7-1\'1"'),
    ("My pet is 🧠🦊👩‍👩‍👧.", "My pet is", " 🧠🦊👩‍👩‍👧"), ("私は東京に住む。", "私は", "東京"),
    ("اسمي ليلى.", "اسمي", " ليلى"), ("The key is Rano. The key is Mulo.", "The key is", " Mulo"),
    ("\x00\u202e<|endoftext|>", "<|endoftext|>", "<|endoftext|>"), ("e\u0301", "é", "\u200d"),
])
def test_any_text_is_told_asked_and_counted(capsys, tmp_path, folder, told, ask, answer):
    line = {"tell": [told], "ask": ask, "answer": answer, "label": "{0}%d <b> 日本"}
    code, out, err = on_file(capsys, tmp_path, folder, [line], "--json")
    first, last = map(json.loads, out.splitlines())
    assert code == 0 and not err and "error" not in first
    assert last["labels"]["{0}%d <b> 日本"]["gpt2"]["n"] == 1


def test_a_board_replaces_no_other_file(tmp_path):
    path = tmp_path / "mine.json"
    for text in ('{"important": 1}', "mine", '{"version": 1}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="holds something else. Choose another file"):
            next(scoreboard.measure(None, ["gpt2"], path))
        assert path.read_text() == text and len(list(tmp_path.iterdir())) == 1


def test_a_variant_without_trained_memory_is_said_to_be_gpt2(capsys, tmp_path, folder, small):
    path = tmp_path / "probes.jsonl"
    path.write_text(json.dumps({"tell": ["I am Ann."], "ask": "I am", "answer": " Ann"}))
    code, out, err = command(capsys, "--model", folder, "--file", path, "--variants", "edm,am")
    assert code == 0 and "gpt2+edm: no trained edm memory exists for this model: this is exactly GPT-2" in err
    assert "gpt2+am" not in err and "gpt2+edm " in out
