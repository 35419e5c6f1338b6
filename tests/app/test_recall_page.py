"""The Recall page without a browser: the model's own numbers, causes, controls, bad input."""

import base64
import html
import json
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from components.frame import memory_weights
from components.kit import own_sentence
from components.recall import board as recall_board
from components.recall import choice, jobs, probe_file, share_scale
from model.loading import checkpoint
from model.memory.settings import Settings
from model.recall import (
    causal,
    curves,
    episode_lines,
    probe,
    probe_controls,
    runs,
    scoreboard,
    shipped_curves,
    verdict,
)
from model.recall.probe import Probe
from model.recall.reads import Place
from model.recall.trial import Curve, CurvePoint
from model.run import tokens, turn
from tests.app import tree
from tests.waiting import PATIENCE_S

JAMES = Probe(("My name is James Theory. I live in New York.",), "Where do I live? You live in",
              " New York")
SETTINGS = Settings().with_slots(128)
HOSTILE = "<script>alert(1)</script> **b** `a` $x^2$ [a](b) \u202e </div> \x00 🧠 שלום."


@pytest.fixture(scope="module")
def loaded():
    """The embedded model with attention memory only: whatever is trained for it, this stays."""
    found = checkpoint.load("embedded")
    return replace(found, memory=None)


@pytest.fixture(scope="module")
def truth(loaded):
    plan = probe.prepare(loaded, JAMES)
    settings = probe.settings_for("am", SETTINGS)
    one = probe.outcome(loaded, plan, probe.told(loaded, plan, settings), settings)
    return one, verdict.judge(loaded, one)


@pytest.fixture(autouse=True)
def nothing_measured():
    """No measurement of another test is under way, or remembered."""
    yield
    jobs.cancel()
    jobs._latest().clear()


def opened(view="probe", variant="gpt2+am", **state):
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    app.session_state["memory_weights"] = memory_weights.NONE
    app.session_state["recall_view"], app.session_state["recall_variant"] = view, variant
    for key, value in state.items():
        app.session_state[key] = value
    app.switch_page("pages/recall.py")
    app.run()
    assert not app.exception
    return app


def asked(tell, ask, answer="", **state):
    return {"recall_tell": tell, "recall_ask": ask, "recall_answer": answer,
            "recall_distance": 0} | state


def cards(app) -> dict[str, dict]:
    return {card["name"]: card for card in tree.sent(app, "recall_variants")["cards"]}


def words_of(app) -> dict[tuple[int, int], dict]:
    rows = tree.sent(app, "recall_text")["rows"]
    return {(row["number"], word["position"]): word for row in rows for word in row["words"]}


# -- one probe ---------------------------------------------------------------------------------------


def test_a_first_visit_shows_the_james_theory_probe_with_the_models_own_numbers(truth):
    one, _ = truth
    app = opened()
    shown = cards(app)
    assert list(shown) == ["gpt2", "gpt2+rnn", "gpt2+edm", "gpt2+am", "gpt2-m"]
    am, plain = shown["gpt2+am"], shown["gpt2"]
    assert am["said"] == f"“{one.continuation.strip()}”" == "“New York.”" and am["mark"] == "right"
    assert [bar["p"] for bar in am["tokens"]] == pytest.approx(one.scored.probability, abs=1e-6)
    assert [bar["p"] for bar in plain["tokens"]] == pytest.approx(one.base.probability, abs=1e-6)
    assert [bar["rank"] for bar in plain["tokens"]] == one.base.rank.tolist()
    assert f"{one.delta:+.2f}" in am["gained"] and plain["mark"] == "wrong"


def test_the_verdict_and_its_evidence_stand_on_the_page(truth):
    _, judged = truth
    page = tree.html(opened())
    assert judged.kind == "recalled" and judged.sentence[1:] in page.replace("&#x27;", "'")
    most = judged.most
    assert f"prompt {most.place.prompt}, token {most.place.position}" in page


def test_reads_and_losses_are_the_models_own_each_at_its_word(truth):
    one, judged = truth
    shown = words_of(opened())
    assert "".join(w["text"] for w in shown.values()).replace("·", " ") == JAMES.tell[0]
    for read in one.read:
        wanted = pytest.approx(read.mean, abs=1e-6) if read.kept else None
        assert shown[tuple(read.place)]["reads"] == wanted
    for effect in judged.alone:
        expected = np.clip(1 - effect.scored.joint / one.scored.joint, 0, 1)
        assert shown[tuple(effect.gone[0])]["lost"] == pytest.approx(expected, abs=1e-6)


def test_words_in_a_summary_are_stored_and_say_so():
    tell = "My name is James Theory.\nI live in New York.\nIt rains.\nThe cat sleeps on the wall."
    app = opened(**asked(tell, "What is my name? Your name is", " James Theory",
                         recall_policy="summarise", recall_slots=16))
    assert app.selectbox(key="recall_policy").value == "summarise"
    told = words_of(app)
    assert all(told[1, i]["stored"] for i in range(3))
    assert any("Of a summary of" in word["more"] for word in told.values())


def test_what_was_never_trained_is_exactly_gpt2_and_says_so():
    app = opened()
    shown = cards(app)
    for name in ("gpt2+rnn", "gpt2+edm"):
        assert shown[name]["tokens"] == shown["gpt2"]["tokens"]
        assert "exactly GPT-2" in shown[name]["what"]
    assert any("no memory was trained for this model yet" in c.value for c in app.caption)


def test_the_controls_are_shown_with_their_numbers(loaded, truth):
    one, _ = truth
    found = probe_controls.run_controls(loaded, one)
    page = tree.html(opened())
    assert f"told “{found.other.value}” there; says “{found.other.continuation.strip()}”" in page
    assert "exactly the same" in page and f"says “{found.never.continuation.strip()}”" in page
    assert f"width:{100 * found.prior.joint:.2f}%" in page
    assert f"width:{100 * found.in_context.joint:.2f}%" in page


def test_a_question_without_an_answer_is_judged_as_that():
    app = opened(**asked("I live in New York.", "What is my job? You work as a"))
    assert {card["mark"] for card in cards(app).values()} == {""}
    assert "no answer was given to judge" in tree.html(app).lower()


def test_several_prompts_and_distraction_from_ones_own_text():
    app = opened(**asked("My name is Ann.\n\nI live in Paris.", "Where do I live? You live in",
                         " Paris", recall_distance=50, recall_source="own",
                         recall_text="The sea is grey. The wind is cold."))
    numbers = [row["number"] for row in tree.sent(app, "recall_text")["rows"]]
    assert numbers == [1, 2, 0]  # nothing of the distraction is read
    fold = tree.sent(app, "recall_text")["rows"][2]["fold"]
    assert "prompt 3" in fold and "words in memory, read less" in fold


@pytest.mark.parametrize("state, words", [
    (asked("", "Where do I live?"), "There is nothing to tell: a prompt is empty. Write"),
    (asked(" \n ", "Where do I live?"), "There is nothing to tell: a prompt is empty. Write"),
    (asked("I live in Rome.", "  "), "The question is empty. Write"),
])
def test_an_empty_field_is_one_sentence(state, words):
    app = opened(**state)
    assert words in app.info[0].value and not app.error
    assert len([c for c in tree.components(app) if c[0] == "live_area"]) == 3  # nothing is lost


def test_what_is_odd_about_a_probe_is_said():
    app = opened(**asked("I live in Rome.", "Where do I live? You live in", "Rome"))
    assert "a space was put before the answer" in tree.html(app).lower()
    app = opened(**asked("I live in Rome. " * 150, "Where do I live? You live in", " Rome"))
    assert "it is told in windows of" in tree.html(app)
    app = opened(**asked("I live in Rome.", "And then? " * 300 + "I live in", " Rome"))
    said = tree.html(app) + app.warning[0].value
    assert "its first" in said and "were cut" in said and not app.error


def test_texts_are_text():
    app = opened(**asked(HOSTILE, HOSTILE, HOSTILE))
    assert "<script>" not in tree.html(app) and "</div> " not in tree.html(app).split("alert")[-1][:9]


def test_nonsense_in_a_link_is_survived():
    app = opened("no such view", variant="<b>")
    assert not app.error and app.session_state["recall_view"] == "probe"


@pytest.mark.parametrize("ask", ["What is my cat called? It is", "What is my dog called? It is"])
def test_a_near_miss_stands_below_the_verdict(loaded, monkeypatch, ask):
    """Whatever this model says: it says what was told of the dog."""
    real = probe.follow

    def follow(checkpoint, asked, n):
        own = tokens.encode(checkpoint.tokenizer, " Rex.")
        return own if asked.relevance else real(checkpoint, asked, n)

    monkeypatch.setattr(probe, "follow", follow)
    page = tree.html(opened(**asked("My dog is called Rex.", ask)))
    is_near = "Near miss: this was told of “dog”, you asked of “cat”." in page
    assert is_near == ("cat" in ask) and ("lacks “cat”. It has" in page) == is_near


# -- causes ------------------------------------------------------------------------------------------


def bars_after(app) -> str:
    return next(node for node in tree.html(app).split("\n") if "Before and after" in node)


def test_a_word_taken_away_is_the_models_own_before_and_after(loaded, truth):
    one, judged = truth
    gone = judged.most.place
    app = opened("cause")
    app.session_state["recall_words"] = [tuple(gone)]
    app.run()
    after = causal.effect(loaded, one, causal.without(one.state, [gone]), [gone]).scored
    shown = bars_after(app)
    for scored in (one.scored, after):
        for p in scored.probability:
            assert f"width:{100 * p:.2f}%" in shown
    assert words_of(app)[tuple(gone)]["mark"] == "gone"
    said = probe_controls.say(loaded, causal.without(one.state, [gone]), one.ids, one.settings)
    assert f"“{said.strip()}”" in shown and said != one.continuation


def test_the_smallest_set_is_one_click(loaded, truth):
    one, judged = truth
    app = opened("cause")
    app.button(key="recall_smallest").click().run()
    found = causal.smallest_set(loaded, one, list(judged.alone))
    assert app.session_state["recall_words"] == [tuple(place) for place in found.gone]
    app.button(key="recall_clear").click().run()
    assert app.session_state["recall_words"] == []


def test_a_prompts_number_takes_all_its_words():
    two = asked("I live in Rome.\nMy name is Ann.", "Where do I live? You live in", " Rome")
    app = opened("cause", **{choice.CLICKED_PROMPT: 1}, **two)
    marks = {place: word["mark"] for place, word in words_of(app).items()}
    assert {place for place, mark in marks.items() if mark} == {p for p in marks if p[0] == 1}


def test_the_visitors_own_sentence_comes_first():
    app = opened()
    assert any(m.value.startswith("**Tell it anything**") for m in app.markdown)
    for one in own_sentence.SENTENCES:
        app.button(key=f"recall sentence {one.kind}").click().run()
        assert not app.exception and not app.error
        filled = tuple(app.session_state[f"recall_{name}"] for name in ("tell", "ask", "answer"))
        assert filled == (one.tell, one.ask, one.answer)


def test_swapped_values_swap_the_answer():
    one = choice.EXAMPLES["Two people"]
    app = opened("cause", **asked(one.tell, one.ask, one.answer))
    app.segmented_control(key="recall_how").set_value("swap").run()
    place = {word["text"]: place for place, word in words_of(app).items()}
    app.session_state["recall_words"] = [place["·tea"], place["·coffee"]]
    app.run()
    assert "“tea.”" in bars_after(app) and "“coffee.”" in bars_after(app)
    marks = {w["text"]: w["mark"] for w in words_of(app).values()}
    assert marks["·tea"] == "one" and marks["·coffee"] == "other" and marks["·Mary"] == ""


def test_a_swap_takes_whole_words():
    app = opened("cause", **asked("Mary lives in Paris. Tom lives in Rome.",
                                  "Where does Mary live? Mary lives in", " Paris"))
    app.segmented_control(key="recall_how").set_value("swap").run()
    place = {word["text"]: place for place, word in words_of(app).items()}
    app.session_state["recall_words"] = [place["·Par"], place["ome"]]  # of each word, one token
    app.run()
    marks = {w["text"]: w["mark"] for w in words_of(app).values()}
    assert marks["·Par"] == marks["is"] == "one" and marks["·R"] == marks["ome"] == "other"
    assert {mark for text, mark in marks.items() if text in ("·lives", "·in", ".")} == {""}


def test_a_changed_value_changes_the_answer_and_two_tokens_are_refused(loaded):
    given = Probe(("My favourite drink is tea.",), "What is my favourite drink? Your favourite "
                  "drink is", " tea")
    app = opened("cause", **asked(given.tell[0], given.ask, given.answer))
    place = next(p for p, word in words_of(app).items() if word["text"] == "·tea")
    app.segmented_control(key="recall_how").set_value("edit").run()
    app.session_state["recall_words"] = [place]
    app.session_state["recall_other"] = " coffee"
    app.run()
    plan, settings = probe.prepare(loaded, given), probe.settings_for("am", SETTINGS)
    state = probe.told(loaded, plan, settings)
    one = probe.outcome(loaded, plan, state, settings)
    changed = causal.edit(loaded, state, Place(*place), " coffee", settings)
    said = probe_controls.say(loaded, changed, one.ids, settings)
    assert f"“{said.strip()}”" in bars_after(app) and said != one.continuation
    app.session_state["recall_other"] = " Mississippi river"
    app.run()
    assert "not one token" in app.warning[0].value.lower() and not app.exception


def test_a_variant_without_slots_says_so():
    app = opened("cause", variant="gpt2")
    assert "holds no words in slots" in app.info[0].value


# -- curves and tasks --------------------------------------------------------------------------------


@pytest.fixture
def short(monkeypatch):
    """The curve of facts, with one point that takes no time."""
    curve = Curve("facts", "How many facts fit?", "facts told",
                  lambda s: [CurvePoint("1 fact", 1, s, curves.told(1))])
    monkeypatch.setitem(jobs.EVERY, "facts", curve)
    return curve


def held(monkeypatch):
    """A measurement stands still after its first new episode until someone cancels it."""
    measure = runs.measure

    def slow(*args, **kwargs):
        for step in measure(*args, **kwargs):
            while step.is_new and not jobs.current().cancelled.wait(0.02):
                turn.give_way()
            yield step

    monkeypatch.setattr(jobs.runs, "measure", slow)


def measured(app, n=5):
    app.session_state["recall_episodes"] = n
    app.session_state["recall_curve_variants"] = ["gpt2+am"]
    app.run()
    app.button(key="recall_measure").click().run()
    assert not app.exception and not app.error
    jobs.current().thread.join(PATIENCE_S)
    return app.run()


def test_a_curve_is_measured_and_drawn_from_its_own_file(short):
    app = measured(opened("curves", recall_curve="facts"))
    job = jobs.current()
    lines = episode_lines.read_lines(job.path)
    assert job.share == 1.0 and len(lines) == 5
    share = episode_lines.shares(lines)["1 fact", "recalled"]
    drawn = {trace.get("name"): trace for trace in tree.charts(app)["recall_curve_facts"]["data"]}
    one = drawn["+ AM"]
    assert _values(one["y"]) == [share.value] and one["customdata"][0][:2] == [share.hits, share.n]
    low, high = share.interval
    assert _values(one["error_y"]["array"]) == pytest.approx([high - share.value])
    assert _values(one["error_y"]["arrayminus"]) == pytest.approx([share.value - low])
    assert "memory off" in drawn and "recall_false_facts" in tree.charts(app)


def test_every_episode_can_be_opened(short, loaded):
    app = measured(opened("curves", recall_curve="facts"))
    squares = tree.charts(app)["recall_squares_facts_gpt2+am"]["data"][0]
    assert _values(squares["x"]) == [0, 1, 2, 3, 4]
    line = episode_lines.read_lines(jobs.current().path)[0]
    wanted = episode_lines.probe_of(loaded, short, line, 0)
    assert wanted.tell[0] in tree.html(app).replace("&#x27;", "'")
    app.button(key="recall_open_0").click().run()
    assert app.session_state["recall_view"] == "probe" and not app.exception
    assert app.session_state["recall_tell"] == "\n".join(wanted.tell)
    assert app.session_state["recall_ask"] == wanted.ask
    assert cards(app)["gpt2+am"]["mark"] == ("right" if line["answers"][0]["exact"] else "wrong")


def test_cancelled_it_keeps_what_is_whole_and_goes_on_from_there(short, monkeypatch):
    app = measured(opened("curves", recall_curve="facts"))
    path = jobs.current().path
    first = path.read_bytes()
    held(monkeypatch)
    app.session_state["recall_episodes"] = 125
    app.run()
    app.button(key="recall_measure").click().run()
    app.button(key="recall_cancel").click().run()
    job = jobs.current()
    assert job.cancelled.is_set() and not job.is_alive and job.share < 1
    assert path.read_bytes().startswith(first)
    assert "recall_measure" in {button.key for button in app.button}


def test_a_second_measurement_is_refused_in_a_sentence(short, monkeypatch):
    held(monkeypatch)
    opened("curves", recall_curve="facts").button(key="recall_measure").click().run()
    assert jobs.current().is_alive
    with pytest.raises(ValueError, match="is under way on this server"):
        jobs._begin(jobs.Measuring(jobs.jobs.home(), "far", (), 1), None, ())


def test_a_full_disk_is_one_sentence(short, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")
        yield

    monkeypatch.setattr(jobs.runs, "measure", full)
    app = measured_no_check(opened("curves", recall_curve="facts"))
    assert "No space left on device" in app.error[0].value


def measured_no_check(app):
    app.button(key="recall_measure").click().run()
    jobs.current().thread.join(PATIENCE_S)
    return app.run()


@pytest.mark.parametrize("view, key, names", [
    ("curves", "recall_curve", ["distance", "far", "slots", "policy", "contradiction", "paraphrase"]),
    ("tasks", "recall_task", ["passkey", "needle", "mqar", "babi"]),
])
def test_what_is_not_measured_yet_says_so(view, key, names):
    for name in names:
        app = opened(view, **{key: name})
        assert "Not measured yet" in app.info[0].value
        said = html.unescape(tree.html(app))
        assert jobs.named(name).what in said and jobs.named(name).honest in said


def test_the_needles_map_has_its_shares(monkeypatch):
    task = jobs.named("needle")
    few = Curve("needle", task.what, task.x_label, lambda s: task.points(s)[:2], task.honest)
    monkeypatch.setitem(jobs.EVERY, "needle", few)
    app = opened("tasks", recall_task="needle", recall_episodes=5,
                 recall_curve_variants=["gpt2+am"])
    app.button(key="recall_measure").click().run()
    jobs.current().thread.join(PATIENCE_S)
    app = app.run()
    chart = tree.charts(app)["recall_needle_gpt2+am"]["data"][0]
    found = episode_lines.shares(episode_lines.read_lines(jobs.current().path))
    values = sorted(s.value for (_, series), s in found.items() if series == "as the field scores")
    assert sorted(np.ravel(_values(chart["z"]))) == pytest.approx(values)


# -- own probes and the scoreboard -------------------------------------------------------------------


def test_own_probes_are_run_and_a_bad_line_is_named(loaded, monkeypatch):
    good = {"tell": list(JAMES.tell), "ask": JAMES.ask, "answer": JAMES.answer}
    lines = [json.dumps(good), "no json", '{"tell": [""], "ask": "Who?"}',
             json.dumps({"tell": ["I live in Rome."], "ask": "What is my job?", "answer": None})]
    monkeypatch.setattr(probe_file, "EXAMPLE", "\n".join(lines) + "\n")
    app = opened("file", recall_file_variants=["gpt2", "gpt2+am"])
    app.button(key="recall_file_run").click().run()
    jobs.current().thread.join(PATIENCE_S)
    app = app.run()
    said = " ".join(warning.value for warning in app.warning)
    assert "Line 2" in said and "Line 3" in said and not app.exception
    table = app.dataframe[0].value
    assert list(table["line"]) == [1, 4] and table["+ AM"][0].startswith("✓")
    assert table["GPT-2"][0].startswith("✗") and "100.0%" in tree.html(app)


def test_labels_have_their_own_shares(monkeypatch):
    good = {"tell": list(JAMES.tell), "ask": JAMES.ask, "answer": JAMES.answer}
    lines = [good | {"label": "homes <b>"}, good, good | {"answer": " Paris", "label": "wrong"}]
    monkeypatch.setattr(probe_file, "EXAMPLE", "\n".join(map(json.dumps, lines)) + "\n")
    app = opened("file", recall_file_variants=["gpt2", "gpt2+am"])
    app.button(key="recall_file_run").click().run()
    jobs.current().thread.join(PATIENCE_S)
    app = app.run()
    page = tree.html(app)
    assert "By label" in page and "homes &lt;b&gt;" in page and "<b>homes" not in page
    own = page[page.index("homes &lt;b&gt;"):]
    homes, wrong = own.split("wrong</bdi>")
    assert homes.count("n = 1") == 4 and "100.0%" in homes and "100.0%" not in wrong
    assert list(app.dataframe[0].value["label"].fillna("")) == ["homes <b>", "", "wrong"]


def test_a_file_goes_on_where_it_was():
    app = opened("file", recall_file_variants=["gpt2"])
    app.button(key="recall_file_run").click().run()
    jobs.current().thread.join(PATIENCE_S)
    path = jobs.current().path
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])  # as a crash leaves it: a torn last line
    assert [found["line"] for found in jobs.results(path)] == [1, 2, 3]
    app.run()
    app.button(key="recall_file_run").click().run()
    jobs.current().thread.join(PATIENCE_S)
    assert path.read_bytes() == whole


def test_without_a_scoreboard_the_command_stands_there(monkeypatch, tmp_path):
    monkeypatch.setattr(scoreboard.load, "__defaults__", (tmp_path / "none.json",))
    app = opened("board")
    assert "No scoreboard is stored" in app.info[0].value and "--scoreboard" in app.code[0].value


def test_the_scoreboards_cells_are_the_files(monkeypatch, tmp_path):
    cell = {"value": 0.973, "low": 0.951, "high": 0.985, "n": 500, "unit": "share", "how": "told"}
    none = {"value": None, "low": None, "high": None, "n": 0, "unit": "tokens", "how": "not tried"}
    board = {
        "version": scoreboard.VERSION, "model": "embedded", "fingerprint": "x", "memory": None,
        "made": "now", "episodes": 50, "slots": {"am": 512, "edm": 128}, "policy": "fifo",
        "window": 512, "rows": [{"variant": "gpt2+am", "cells": {
            name: none if name == "context_limit" else cell for name in scoreboard.COLUMNS}
            | {"bytes": cell | {"value": 6205440, "low": None, "high": None, "n": 1, "unit": "bytes"},
               "perplexity": cell | {"value": -1.008, "low": -1.75, "high": -0.26, "unit": "percent"},
               "ms": cell | {"unit": "ms"}}}],
    }
    path = tmp_path / "board.json"
    path.write_text(json.dumps(board))
    monkeypatch.setattr(scoreboard.load, "__defaults__", (path,))
    app = opened("board")
    page = tree.html(app)
    assert "--n 50 " in app.code[0].value  # the board's own, not the usual
    assert "97.3%" in page and "95.1% to 98.5%" in page and "n = 500" in page
    assert "5.92 MiB" in page and "−1.01 %" in page and "−1.75 % to −0.26 %" in page
    assert "kinds that memory was trained on" in page
    assert "not tried" in page and all(title in page for title in scoreboard.COLUMNS.values())
    hall = opened("board", present=True)
    halves = [tree.html(hall.segmented_control(key="picture").set_value(half).run())
              for half in recall_board.HALVES]
    for title in scoreboard.COLUMNS.values():
        assert sum(f">{title}</th>" in half for half in halves) == 1, title


def _values(column) -> list:
    """A column of a figure, also where Plotly packed it."""
    if isinstance(column, dict):
        return np.frombuffer(base64.b64decode(column["bdata"]), column["dtype"]).tolist()
    return list(column)


# -- what is shipped ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped(loaded, tmp_path_factory):
    """Curves of the embedded model without trained memory, with very few questions."""
    folder = tmp_path_factory.mktemp("shipped")
    list(shipped_curves.measure(loaded, ["facts", "babi"], folder, n=1))
    return shipped_curves.load(folder)


@pytest.mark.parametrize("view, key, name", [("curves", "recall_curve", "facts"),
                                             ("tasks", "recall_task", "babi")])
def test_a_shipped_curve_is_there_at_once(shipped, monkeypatch, view, key, name):
    monkeypatch.setattr(shipped_curves, "load", lambda folder: shipped)
    app = opened(view, **{key: name})
    chart = tree.charts(app)[f"recall_shipped_curve_{name}"]
    one = next(trace for trace in chart["data"] if trace.get("name") == "+ AM")
    series = "recalled" if name == "facts" else "as the field scores"
    wanted = [row["series"][series] for row in shipped["curves"][name]["rows"]
              if row["variant"] == "gpt2+am"]
    assert [point[:2] for point in one["customdata"]] == wanted
    assert any(shipped["fingerprint"] in caption.value for caption in app.caption)
    assert "recall_measure" in {button.key for button in app.button}


def test_ones_own_curve_stands_beside_the_shipped_one(shipped, short, monkeypatch):
    monkeypatch.setattr(shipped_curves, "load", lambda folder: shipped)
    app = measured(opened("curves", recall_curve="facts"))
    assert app.session_state["recall_curve_source"] == "own"
    assert "recall_curve_facts" in tree.charts(app)
    app.segmented_control(key="recall_curve_source").set_value("shipped").run()
    assert "recall_shipped_curve_facts" in tree.charts(app)


@pytest.mark.parametrize("changed, said", [({"fingerprint": "0"}, "of another model"),
                                           ({"memory": "0"}, "other trained memory")])
def test_curves_of_another_model_are_not_shown_as_this_ones(shipped, monkeypatch, changed, said):
    monkeypatch.setattr(shipped_curves, "load", lambda folder: shipped | changed)
    app = opened("curves", recall_curve="facts")
    assert "recall_shipped_curve_facts" not in tree.charts(app)
    assert any(said in caption.value for caption in app.caption) and not app.exception


def test_a_share_of_none_and_of_few_do_not_look_alike():
    hues = [share_scale.hue(share) for share in (0, 0.05, 0.2, 0.5, 0.8, 0.95, 1)]
    assert len(set(hues)) == len(hues)
    assert (hues[0], hues[3], hues[-1]) == share_scale.STOPS
    places = [share_scale.spread(share) for share in (0, 0.05, 0.5, 0.95, 1)]
    assert places == pytest.approx([0, 0.144, 0.5, 0.856, 1], abs=1e-3)
    assert recall_board.tint(0.0) != recall_board.tint(0.05)
