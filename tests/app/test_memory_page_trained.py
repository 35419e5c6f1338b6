"""The memory page with trained memory (random weights): every module, both stores, one state."""

import dataclasses
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from components.memory.edges import KIND, SlotEdge
from model.analysis import cutting
from model.loading import checkpoint
from model.memory import added, asking, cuts, effect, held, telling
from model.memory.settings import FusionSettings, Settings
from model.memory.state import blank
from model.memory.variants import MODULES
from model.recall import causal, interventions
from model.recall.reads import Place
from model.run import tokens
from model.run.cut_edges import CutEdge
from tests.app import remembering, tree
from tests.app.test_memory_page import FACT, HOSTILE, QUESTION, ask, open_page, sent, state_of, tell
from tests.waiting import PATIENCE_S

SETTINGS = Settings(fusion=FusionSettings(slots=128), modules=frozenset(MODULES))
VIEWS = ("reads", "weights", "slots", "writes", "gates", "interventions")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(remembering.with_fake(tmp_path_factory.mktemp("trained")))


@pytest.fixture(scope="module")
def loaded(folder):
    return checkpoint.load(folder)


@pytest.fixture
def app(folder, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_MODEL", folder)
    return AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def truth(loaded):
    state = telling.tell(loaded, blank(loaded), FACT, SETTINGS).state
    asked = asking.ask(loaded, state, tokens.encode(loaded.tokenizer, QUESTION), SETTINGS)
    return state, asked


def headings(app) -> str:
    return "\n".join(m.value for m in app.markdown)


def use(app, name):
    app.button(key=f"variant {name}").click().run()
    assert not app.exception
    return app


# -- variants ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", QUESTION])
def test_a_word_without_a_slot_is_pale_in_the_edm_and_struck_out_in_the_bank(app, text):
    ask(tell(open_page(app), FACT), text)
    assert not sent(app, "reads")["is_struck"]
    use(app, "gpt2+am")
    assert sent(app, "reads")["is_struck"]


def test_gpt2_m_is_the_default_and_every_switch_is_its_own(app, truth, loaded):
    ask(tell(open_page(app), FACT), QUESTION)
    assert all(app.toggle(key=f"module_{name}").value for name in MODULES)
    for name in MODULES:
        ask(app.toggle(key=f"module_{name}").set_value(False).run(), QUESTION)
        assert app.session_state["variant"] == "gpt2+" + "+".join(m for m in MODULES if m != name)
        left = dataclasses.replace(SETTINGS, modules=SETTINGS.modules - {name})
        ids = tokens.encode(loaded.tokenizer, QUESTION)
        expected = asking.ask(loaded, truth[0], ids, left).trace.next_logits.double().softmax(-1)
        assert sent(app, "reads")["guesses"][0][1] == pytest.approx(float(expected.max()), abs=1e-5)
        app.toggle(key=f"module_{name}").set_value(True).run()
        assert app.session_state["variant"] is None


def test_a_variant_reads_its_modules_and_nothing_is_forgotten(app):
    ask(tell(open_page(app), FACT), QUESTION)
    before = state_of(app)
    use(app, "gpt2+rnn")
    on = [app.toggle(key=f"module_{name}").value for name in MODULES]
    assert on == [True, True, False, False]
    assert sent(app, "reads")["columns"] == []
    use(app, "gpt2+am")
    assert app.session_state["memory_store"] == "bank" and sent(app, "reads")["columns"]
    use(app, "gpt2+edm")
    assert app.session_state["memory_store"] == "edm" and sent(app, "reads")["columns"]
    use(app, "gpt2")
    assert sent(app, "reads")["columns"] == [] and len(sent(app, "reads")["guesses"]) == 1
    assert state_of(app) is before
    tell(app, "It rains.")
    after = state_of(app)
    assert len(after.external) > len(before.external)  # switches say what is read, not what is kept
    assert not torch.equal(after.carried.late, before.carried.late)


@pytest.mark.parametrize("said, on", [
    ("gpt2+edm", {"edm"}), ("gpt2+early+am", {"early", "am"}), ("gpt2", set()),
    ("<script>", set(MODULES)), ("gpt2+xyz", set(MODULES)),
])
def test_a_link_names_its_modules(app, said, on):
    app.query_params["variant"] = said
    app.query_params["memory_view"] = "slots"
    open_page(app, QUESTION, "slots")
    assert {name for name in MODULES if app.toggle(key=f"module_{name}").value} == on


def test_memory_of_one_module_only(tmp_path, monkeypatch):
    made = remembering.with_fake(tmp_path, parts=("edm",))
    monkeypatch.setenv("MNEMOSCOPE_MODEL", str(made))
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    ask(tell(open_page(app), FACT), QUESTION)
    assert app.toggle(key="module_late").disabled and app.toggle(key="module_edm").value
    assert "trained without it" in app.button(key="variant gpt2+rnn").help
    assert state_of(app).carried is None and len(state_of(app).external)
    for view in VIEWS:
        ask(app, QUESTION, view)
        assert not app.error


# -- reads ---------------------------------------------------------------------------------------


def test_the_picture_is_the_edms_own_reads_and_what_is_not_read_is_nothing(app, truth):
    state, asked = truth
    ask(tell(open_page(app), FACT), QUESTION)
    reads = sent(app, "reads")
    expected = held.read_weights(asked.trace)[:, 1:]  # without <|endoftext|>
    weights = reads["weights"].reshape(len(reads["typed"]), -1)
    np.testing.assert_allclose(weights, expected.mean(0)[:, 1:], atol=1e-5)
    np.testing.assert_allclose(reads["nothing"], expected.mean(0)[:, 0], atol=1e-5)
    np.testing.assert_allclose(weights.sum(1) + reads["nothing"], 1, atol=1e-5)
    slots = {word["s"]: word["t"] for row in reads["told"] for word in row["words"]}
    assert [slots[i] for i in reads["columns"]] == state.external.slots.text.tolist()
    app.session_state["edm_head"] = 2
    one = sent(app.run(), "reads")
    np.testing.assert_allclose(one["weights"], expected[2][:, 1:].ravel(), atol=1e-5)
    assert "head 2 alone" in one["of"]


def test_the_heat_map_has_a_row_a_token_a_column_a_slot_and_one_for_nothing(app, truth):
    ask(tell(open_page(app), FACT), QUESTION, "weights")
    drawn, expected = sent(app, "map"), held.read_weights(truth[1].trace).mean(0)
    rows = drawn["weights"].reshape(len(drawn["rows"]), -1)
    np.testing.assert_allclose(rows[:, :-1], expected[:, 1:], atol=1e-5)
    np.testing.assert_allclose(rows[:, -1], expected[:, 0], atol=1e-5)
    assert drawn["rest"] == ["nothing"] and not drawn["causal"]
    np.testing.assert_allclose(drawn["sums"], 1, atol=1e-5)


def test_each_module_alone_is_shown_beside_all_and_none(app, truth, loaded):
    state, asked = truth
    ask(tell(open_page(app), FACT), QUESTION)
    each = effect.each_alone(loaded, state, tokens.encode(loaded.tokenizer, QUESTION), SETTINGS)
    plain = asking.ask(loaded, blank(loaded), asked.trace.ids[1:], SETTINGS).trace
    shown = effect.compare(loaded, asked.trace.next_logits, plain.next_logits, 7)
    drawn = tree.html(app)
    for title, name in (("no memory<", "none"), ("EDM alone", "edm"), ("all together", "all"),
                        ("early alone", "early"), ("late alone", "late"), ("AM alone", "am")):
        said = float(re.search('title="([^",]+)', drawn.split(title, 1)[1])[1])
        p = float(each[name].double().softmax(-1)[shown.ids[0]])
        assert said == pytest.approx(p, rel=1e-3), name


# -- slots ---------------------------------------------------------------------------------------


def test_all_slots_of_the_edm_and_one_from_close_by(app, truth, loaded):
    state, asked = truth
    ask(tell(open_page(app), FACT), QUESTION, "slots")
    grid, table = sent(app, "slots"), state.external.slots
    assert grid["n"] == 128 and grid["text"] == table.text.tolist()
    now = held.read_weights(asked.trace)[:, 1:, 1:].mean(0).max(0)
    np.testing.assert_allclose(grid["now"], now, atol=1e-5)
    np.testing.assert_allclose(grid["salience"], table.salience, atol=1e-4)
    assert grid["chosen"] == int(now.argmax())
    vectors = sent(app, "vectors")
    np.testing.assert_allclose(vectors["key"], state.external.keys[grid["chosen"]], atol=1e-4)
    np.testing.assert_allclose(vectors["value"], state.external.values[grid["chosen"]], atol=1e-4)
    names, _ = effect.external_points_to(loaded, state.external.values[grid["chosen"]])
    assert names[0] in tree.html(app) and "learned gate, a logit" in tree.html(app)


def test_a_knocked_out_sentence_changes_what_the_run_without_it_says(app, truth, loaded):
    state, asked = truth
    open_page(app)
    app.session_state["memory_scope_both"] = False
    ask(tell(app, FACT), QUESTION, "slots")
    block = state.external.slots.block
    gone = np.flatnonzero(block == block[sent(app, "slots")["chosen"]])
    left = effect.without_external(loaded, state, asked, gone, SETTINGS)
    compared = effect.compare(loaded, left.next_logits, asked.trace.next_logits, 6)
    from components.kit import next_token

    after, before = "without its sentence", "with all that was read"
    assert next_token.twice(compared, after, before) in tree.html(app)
    assert any(f"{len(gone)} of {len(block)} slots" in c.value for c in app.caption)


def test_knocked_out_of_both_stores_is_as_if_never_stored(app, truth, loaded):
    state, asked = truth
    ask(tell(open_page(app), FACT), QUESTION, "slots")
    table = state.external.slots
    gone = np.flatnonzero(table.block == table.block[sent(app, "slots")["chosen"]])
    left = causal.without(state, (Place(int(table.prompt[i]), int(table.position[i])) for i in gone))
    assert len(left.bank) < len(state.bank) and len(left.external) < len(state.external)
    ids = tokens.encode(loaded.tokenizer, QUESTION)
    again = asking.ask(loaded, left, ids, SETTINGS).trace.next_logits
    compared = effect.compare(loaded, again, asked.trace.next_logits, 6)
    from components.kit import next_token

    words = next_token.twice(compared, "without its sentence", "with all that was read")
    assert words in tree.html(app)
    assert any("left out of both stores" in c.value for c in app.caption)


def test_a_pinned_sentence_of_the_edm_stays(app):
    tell(open_page(app), FACT)
    table = state_of(app).external.slots
    app.session_state["memory_slot"], app.session_state["memory_view"] = 0, "slots"
    app.run()
    app.button(key="memory_pin").click().run()
    pinned = table.block == table.block[0]
    assert state_of(app).external.slots.pinned.tolist() == pinned.tolist()
    assert not state_of(app).bank.slots.pinned.any()
    app.session_state["mem_slots"] = int(pinned.sum())
    tell(app, "It rains in Rome.")
    assert state_of(app).external.slots.around.tolist() == table.around[pinned].tolist()


def test_reads_of_the_edm_are_counted_and_listed_as_history(app):
    tell(tell(open_page(app), FACT), QUESTION)
    table = state_of(app).external.slots
    assert table.total_read[table.prompt == 1].max() > 0
    app.session_state["memory_slot"], app.session_state["memory_view"] = 0, "slots"
    app.run()
    assert "prompt 2" in tree.html(app)


@pytest.mark.parametrize("n_slots", [0, 1])
def test_no_slot_and_one_slot(app, n_slots):
    open_page(app)
    app.session_state["mem_slots"] = n_slots
    tell(app, FACT)
    assert len(state_of(app).external) == n_slots
    for view in VIEWS:
        ask(app, QUESTION, view)
        assert not app.error


def test_fewer_slots_evict_at_once_and_the_law_says_so(app):
    tell(open_page(app), FACT)
    n = len(state_of(app).external)
    app.number_input(key="mem_slots").set_value(4).run()
    assert len(state_of(app).external) <= 4 and len(state_of(app).bank) == 15
    gone = n - len(state_of(app).external)
    assert f"EDM {n - gone} of 4, {gone} evicted; bank 15 of 128" in tree.html(app)
    app.button(key="undo").click().run()
    assert len(state_of(app).external) == n and app.number_input(key="mem_slots").value >= n


# -- writes --------------------------------------------------------------------------------------


def test_a_write_to_the_edm_is_previewed_and_then_happens_exactly(app, loaded):
    ask(open_page(app), FACT, "writes")
    written = telling.tell(loaded, blank(loaded), FACT, SETTINGS)
    n = int(written.gated.stored.sum())
    assert f"The EDM would store {n} of 15 tokens" in headings(app)
    drawn = tree.html(app)
    assert drawn.count(": stored\"") == n and drawn.count(": not stored\"") == 15 - n
    app.session_state["mem_slot_threshold"] = 1e9
    assert "The EDM would store 0 of 15 tokens" in headings(app.run())
    app.session_state["mem_slot_threshold"] = 0.0
    app.run().button(key="remember").click().run()
    state = state_of(app)
    assert state.external.slots.text.tolist() == written.state.external.slots.text.tolist()
    assert f"{n} of 15 tokens, 2 of 2 sentences" in tree.html(app)


def test_whom_a_prompt_would_evict_is_said_before_it_is_told(app):
    tell(open_page(app), FACT)
    before = state_of(app).external.slots
    app.session_state["mem_slots"] = len(before)
    ask(app, "It rains in Rome.", "writes")
    said = next(m.value for m in app.markdown if m.value.startswith("Then"))
    app.button(key="remember").click().run()
    after = state_of(app).external.slots
    left = sum(p == 1 for p in before.prompt) - sum(p == 1 for p in after.prompt)
    assert left and f"**{left}** present slots are evicted" in said
    assert f"**{len(after)} of {len(before)}**" in said


# -- gates and states ----------------------------------------------------------------------------


def test_what_each_module_adds_against_the_stream_is_the_runs_own(app, truth, loaded):
    open_page(app)
    app.session_state["mem_needed"] = 1e-4  # untaught slots move very little
    ask(tell(app, FACT), QUESTION, "gates")
    grids = {key: message for _, key, message in tree.components(app) if key.startswith("memory_")}
    ids = tokens.encode(loaded.tokenizer, QUESTION)
    run = asking.ask(loaded, truth[0], ids, SETTINGS.with_fusion(needed=1e-4)).trace
    ways = added.openness(loaded, run)
    shown = grids["memory_openness"]["values"].reshape(4, -1)
    np.testing.assert_allclose(shown, np.stack(list(ways.values()))[:, 1:], atol=1e-5)
    n = len(grids["memory_added"]["columns"])
    parts = added.by_modules(loaded, run)
    assert grids["memory_added"]["rows"][:3] == ["early RNN", "EDM, block 3", "late RNN"]
    for row, name in enumerate(parts):
        lengths, stream = (x[1:] for x in parts[name].norms)
        for array, expected in (("added", lengths), ("stream", stream)):
            found = grids["memory_added"][array].reshape(-1, n)[row]
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert len(grids["memory_added"]["rows"]) == 3 + loaded.model.config.n_layer
    app.session_state["mem_needed"] = 1.0
    grids = {key: message for _, key, message in tree.components(app.run())}
    assert not grids["memory_openness"]["values"].reshape(4, -1)[3].any()  # AM is not read: 0
    assert not grids["memory_added"]["added"].reshape(-1, n)[3:].any()


def test_the_states_of_prompts_told_and_of_the_prompt_being_typed(app, loaded):
    ask(tell(tell(open_page(app), FACT), "It rains."), QUESTION, "gates")
    charts, state = tree.charts(app), state_of(app)
    told = charts["memory_states_told"]["data"]
    assert [line["name"] for line in told] == ["early RNN"] * 2 + ["late RNN"] * 2
    late = next(line for line in told if line["name"] == "late RNN")
    length = float(state.carried.late.norm())
    assert np.array(_numbers(late["y"]))[-1] == pytest.approx(length, rel=1e-4)
    typed, tokenizer = charts["memory_states_path"]["data"], loaded.tokenizer
    ids = [tokenizer.bos_token_id, *tokens.encode(tokenizer, QUESTION)]
    assert list(typed[0]["customdata"]) == tokens.display(tokenizer, ids)


def _numbers(values) -> list:
    """Plotly sends arrays as base64."""
    if isinstance(values, dict):
        import base64

        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    return values


def test_switched_off_every_way_in_is_closed(app):
    ask(tell(open_page(app), FACT), QUESTION, "gates")
    use(app, "gpt2")
    assert any("nothing is added to the stream" in i.value for i in app.info)


# -- one state -----------------------------------------------------------------------------------


def same(a, b) -> bool:
    tensors = [(a.external.keys, b.external.keys), (a.external.values, b.external.values),
               (a.external.gate, b.external.gate), (a.bank.keys, b.bank.keys)]
    tensors += [(getattr(a.carried, n), getattr(b.carried, n)) for n in ("early", "late")]
    texts = a.external.slots.text.tolist() == b.external.slots.text.tolist()
    return all(torch.equal(x, y) for x, y in tensors) and texts and a.prompts == b.prompts


def test_undo_forget_save_load_export_and_import_carry_the_whole_state(app):
    tell(open_page(app), FACT)
    told = state_of(app)
    tell(app, "It rains in Rome.")
    assert not same(state_of(app), told)
    app.button(key="undo").click().run()
    assert same(state_of(app), told)
    app.text_input(key="session_name").set_value("all of it").run()
    app.button(key="session_save").click().run()
    app.button(key="forget").click().run()
    assert state_of(app).external is None and state_of(app).carried is None
    if app.error:  # the name was refused
        raise AssertionError(app.error[0].value)
    app.selectbox(key="session_chosen").set_value("all of it").run()
    app.button(key="session_load").click().run()
    assert same(state_of(app), told)
    from model.memory.state import save_state

    path = Path(os.environ["MNEMOSCOPE_HOME"]) / "copy.memory"
    save_state(state_of(app), path)
    app.button(key="forget").click().run()
    app.file_uploader(key="session_file").upload("x.memory", path.read_bytes(), "application/x")
    app.run().button(key="session_import").click().run()
    assert same(state_of(app), told)
    ask(app, QUESTION)
    assert sent(app, "reads")["columns"]


def test_the_laws_name_what_was_trained(app):
    ask(tell(open_page(app), FACT), QUESTION)
    assert "early, late, EDM" in tree.html(app) and "memory off: Δ logits 0" in tree.html(app)
    use(app, "gpt2+am")
    assert "early, late, EDM" not in tree.html(app) and "not at work" in tree.html(app)


def test_a_salience_that_only_trained_memory_has_is_left_with_it(app, tmp_path, monkeypatch):
    open_page(app)
    app.session_state["mem_score"] = "learned gate"
    ask(app, FACT, "writes")
    assert "“learned gate”) of each token. Bar" in " ".join(c.value for c in app.caption)
    monkeypatch.setenv("MNEMOSCOPE_MODEL", str(remembering.without(tmp_path)))
    other = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    other.session_state["mem_score"] = "learned gate"
    tell(open_page(other), FACT)
    assert len(state_of(other).bank) == 15 and not other.error


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("text", ["a", HOSTILE, "   ", "", "word " * 260])
def test_no_text_breaks_any_view(app, view, text):
    tell(open_page(app), HOSTILE)
    ask(app, text, view)
    assert not app.error and "<script>" not in tree.html(app)


@pytest.mark.skipif(not remembering.ships_memory(), reason="no trained memory ships yet")
def test_the_shipped_memory_recalls_through_each_trained_store(monkeypatch):
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    open_page(app)
    ask(tell(app, FACT), QUESTION)
    assert sent(app, "reads")["guesses"][0][0] == "·New"
    use(app, "gpt2+edm")
    reads = sent(app, "reads")
    assert reads["guesses"][0][0] == "·New"
    last = reads["weights"].reshape(len(reads["typed"]), -1)[-1]
    words = {word["s"]: word["t"] for row in reads["told"] for word in row["words"]}
    assert words[reads["columns"][int(last.argmax())]] == "·New" and last.max() > 0.5


# -- prompts that are too long ---------------------------------------------------------------------


LONG = FACT + " The king went home." * 140 + " " + QUESTION


def asked_behind_front(loaded, state, text, settings):
    """(the state behind the front, what asking it with the end finds)."""
    front, ids = telling.behind_front(loaded, state, text, settings).state, tokens.encode(
        loaded.tokenizer, text)
    return front, asking.ask(loaded, front, ids[cuts.n_front(loaded, ids) :], settings)


def best(asked) -> float:
    return float(asked.trace.next_logits.double().softmax(-1).max())


def test_the_end_of_a_long_prompt_reads_its_own_front_in_both_stores(app, loaded):
    """Every view is of the memory behind the front, and nothing of that memory stays."""
    open_page(app)
    app.session_state["mem_needed"], app.session_state["mem_slots"] = 0.0, 1024  # all is read
    tell(app, "It rains.")
    before = state_of(app)
    settings = SETTINGS.with_fusion(needed=0.0).with_edm(slots=1024)
    front, expected = asked_behind_front(loaded, before, LONG, settings)
    for view in VIEWS:
        ask(app, LONG, view)
        assert not app.error and not app.warning and state_of(app) is before
    reads = sent(ask(app, LONG, "reads"), "reads")
    assert reads["guesses"][0][1] == pytest.approx(best(expected), abs=1e-5)
    assert [row["number"] for row in reads["told"]][-1] == "2"
    ask(app, LONG, "slots")
    assert not [b for b in app.button if b.key == "memory_pin"]
    tell(app, LONG)
    after = state_of(app)
    read = asking.after_reading(loaded, before, expected, front)
    whole = telling.tell(loaded, read, LONG, settings).state
    assert after.prompts == ("It rains.", LONG)
    torch.testing.assert_close(after.external.keys, whole.external.keys, atol=1e-4, rtol=0)
    torch.testing.assert_close(after.bank.keys, whole.bank.keys, atol=1e-4, rtol=0)
    total = after.external.slots.total_read
    assert total[: len(before.external)].min() > 0 and not total[len(before.external) :].any()
    np.testing.assert_allclose(total, whole.external.slots.total_read, rtol=1e-3, atol=1e-9)


def test_fronts_of_the_same_end_and_ends_of_the_same_front_are_told_apart(app, loaded):
    tell(open_page(app), "It rains.")
    for text in (LONG, LONG.replace("James", "Peter"), LONG + " New"):
        _, expected = asked_behind_front(loaded, state_of(app), text, SETTINGS)
        found = sent(ask(app, text, "reads"), "reads")
        assert found["guesses"][0][1] == pytest.approx(best(expected), abs=1e-5)
        assert ("ames" in str(found["told"])) == ("James" in text)


@pytest.mark.parametrize("first", ["", "writes"])
@pytest.mark.parametrize("variant", ["gpt2", "gpt2-m"])
def test_neither_switches_nor_views_decide_what_a_long_prompt_leaves(app, loaded, variant, first):
    use(open_page(app), variant)
    if first:
        ask(app, LONG, first)
    tell(app, LONG)
    whole = telling.tell(loaded, blank(loaded), LONG, SETTINGS).state
    torch.testing.assert_close(state_of(app).bank.keys, whole.bank.keys, atol=1e-4, rtol=0)


def test_a_prompt_out_of_both_stores_is_the_same_seen_from_either(app):
    open_page(app)
    app.session_state["mem_best"] = 3  # tokens in the EDM, sentences in the bank
    ask(tell(app, FACT), QUESTION, "slots")
    assert len(state_of(app).external) < len(state_of(app).bank)
    app.session_state["memory_scope"] = "its prompt"
    said = []
    for store in ("edm", "bank"):
        app.session_state["memory_store"] = store
        app.run()
        said += [c.value for c in app.caption if "out of both stores" in c.value]
    assert len(said) == 2 and said[0] == said[1]


# -- interventions -------------------------------------------------------------------------------


def left_grid(app) -> dict:
    return next(message for _, key, message in tree.components(app) if key == "left_grid")


def test_every_told_token_shows_its_effect_and_its_read(app, truth, loaded):
    ask(tell(open_page(app), FACT), QUESTION, "interventions")
    (state, asked), grid = truth, left_grid(app)
    places = [one.place for one in interventions.told([state])]
    read = sum(interventions.weights(loaded, state, asked, places).values())
    best = np.sort(np.argsort(-read, kind="stable")[:16])
    chosen = [places[i] for i in best]
    found = interventions.effects(loaded, state, asked, SETTINGS, chosen)
    np.testing.assert_allclose(grid["value"], found, atol=1e-4)
    app.session_state["memory_left"] = "read"
    app.run()
    np.testing.assert_allclose(left_grid(app)["value"], read[best], atol=1e-5)


def test_edges_to_a_told_token_are_cut_kept_and_undone(app, truth, loaded):
    state, asked = truth
    place = Place(1, int(state.bank.slots.position[asked.kept[3]]))
    app.query_params["memory_knife"], app.query_params["memory_token"] = "edge", "{}.{}".format(*place)
    app.query_params["mem_needed"] = "0"
    ask(tell(open_page(app), FACT), QUESTION, "interventions")
    app.button(key="slot_edge_keep").click().run()
    assert not app.exception and not app.warning
    last = len(tokens.encode(loaded.tokenizer, QUESTION)) - 1
    (edge,) = app.session_state["memory_cuts"]
    assert edge == SlotEdge(last, tuple(place))
    assert KIND.read(KIND.write([edge, SlotEdge(3, (1, 2), 0, 1)])) == [
        edge, SlotEdge(3, (1, 2), 0, 1)]
    read = asking.ask(loaded, state, asked.trace.ids[1:], SETTINGS.with_fusion(needed=0.0))
    found = cutting.effect(
        loaded, read.trace, [CutEdge(last + 1, int(np.flatnonzero(read.kept == asked.kept[3])[0]), slot=True)])
    assert f"{found.top_before} → {found.top_after}" in tree.html(app)
    app.button(key="undo slot edge 0").click().run()
    assert not app.exception and not app.session_state["memory_cuts"]


def test_all_cut_and_nothing_carried_is_gpt2(app, truth, loaded):
    app.query_params["memory_knife"] = "off"
    ask(tell(open_page(app), FACT), QUESTION, "interventions")
    asked = truth[1]
    plain = asking.plain(loaded, tokens.encode(loaded.tokenizer, QUESTION))
    tops = tokens.display(
        loaded.tokenizer, [int(x.next_logits.argmax()) for x in (asked.trace, plain)])
    assert f"{tops[0]} → {tops[1]}" in tree.html(app)


def test_an_intervention_that_cannot_be_is_a_sentence(app):
    app.query_params["memory_knife"] = "value"
    app.query_params["memory_elsewhere"] = "Nothing alike"
    ask(tell(open_page(app), FACT), QUESTION, "interventions")
    assert not app.exception and app.warning
