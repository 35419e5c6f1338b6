"""The memory page without trained memory: real numbers, nothing lost, nothing that executes."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from model.loading import checkpoint
from model.memory import asking, fusion, sessions, telling
from model.memory.settings import FusionSettings, Settings
from model.memory.state import blank
from model.run import tokens, trace
from tests.app import remembering, tree
from tests.waiting import PATIENCE_S

FACT, QUESTION = "My name is James Theory. I live in New York.", "Where do I live? I live in"
HOSTILE = "<script>alert(1)</script> **b** `a` $x^2$ [a](b) \u202e abc </script> \x00 🧠 שלום."
SETTINGS = Settings(fusion=FusionSettings(slots=128))


@pytest.fixture(scope="module")
def loaded():
    return checkpoint.load("embedded")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    return str(remembering.without(tmp_path_factory.mktemp("untrained")))


@pytest.fixture
def app(untrained, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_MODEL", untrained)
    return AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)


def open_page(app, prompt="", view="reads"):
    app.query_params["prompt"] = prompt
    app.switch_page("pages/memory.py")
    app.session_state["memory_view"] = view
    app.run()
    assert not app.exception
    return app


def tell(app, text):
    app.session_state["prompt"] = text
    app.run()
    app.button(key="remember").click().run()
    assert not app.exception
    return app


def ask(app, text, view="reads"):
    app.session_state["prompt"], app.session_state["memory_view"] = text, view
    app.run()
    assert not app.exception
    return app


def sent(app, name):
    """What the component `name` was given: its header, and its arrays by name."""
    return tree.sent(app, f"memory_{name}")


def state_of(app):
    (steps,) = app.session_state["memory:conversations"].values()
    return steps[-1].state


@pytest.fixture(scope="module")
def truth(loaded):
    state = telling.tell(loaded, blank(loaded), FACT, SETTINGS).state
    asked = asking.ask(loaded, state, tokens.encode(loaded.tokenizer, QUESTION), SETTINGS)
    return state, asked


def test_the_picture_is_the_models_own_reads(app, loaded, truth):
    state, asked = truth
    ask(tell(open_page(app), FACT), QUESTION)
    reads = sent(app, "reads")
    expected = fusion.read_weights(loaded, asked.trace).mean((0, 1))[1:]
    np.testing.assert_allclose(reads["weights"].reshape(expected.shape), expected, atol=1e-6)
    assert reads["columns"] == asked.kept.tolist()
    told = [word["t"] for row in reads["told"] for word in row["words"]]
    assert told == state.bank.slots.text.tolist()
    probability = float(asked.trace.next_logits.double().softmax(-1).max())
    assert reads["guesses"][0][1] == pytest.approx(probability, abs=1e-5)
    share = fusion.read_weights(loaded, asked.trace).sum(-1)[..., -1]
    np.testing.assert_allclose(sent(app, "heads")["share"], share.ravel(), atol=1e-5)


def test_without_memory_it_says_what_gpt2_says(app, loaded):
    ask(tell(open_page(app), FACT), QUESTION)
    start = loaded.tokenizer.bos_token_id
    plain = trace.run(loaded, np.r_[start, tokens.encode(loaded.tokenizer, QUESTION)])
    expected = plain.next_logits.double().softmax(-1)
    guess = sent(app, "reads")["guesses"][1]
    assert guess[0] == tokens.display(loaded.tokenizer, [int(expected.argmax())])[0]
    assert guess[1] == pytest.approx(float(expected.max()), abs=1e-5)
    assert "memory off: Δ logits 0" in tree.html(app)


def test_switched_off_nothing_is_read(app):
    ask(tell(open_page(app), FACT), QUESTION)
    app.button(key="variant gpt2").click().run()
    reads = sent(app, "reads")
    assert reads["columns"] == [] and len(reads["guesses"]) == 1
    assert reads["unread"] == "Nothing is read from memory: this is exactly GPT-2."
    app.toggle(key="module_am").set_value(True).run()
    assert sent(app, "reads")["columns"] and app.session_state["variant"] is None


def test_what_was_not_trained_is_disabled_and_says_why(app):
    open_page(app)
    for key in ("variant gpt2+rnn", "variant gpt2+edm", "variant gpt2-m"):
        assert app.button(key=key).disabled and "No memory was trained" in app.button(key=key).help
    for key in ("module_early", "module_late", "module_edm"):
        assert app.toggle(key=key).disabled and "No memory was trained" in app.toggle(key=key).help
    assert not app.button(key="variant gpt2+am").disabled and app.toggle(key="module_am").value
    assert "not at work" in tree.html(app)


def test_rows_over_memory_and_prompt_sum_to_one(app):
    ask(tell(open_page(app), FACT), QUESTION, "weights")
    whole = sent(app, "map")
    n, k = len(whole["rows"]), len(whole["slots"])
    rows = whole["weights"].reshape(n, k + n)
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(rows[:, :k].sum(1), whole["from_memory"], atol=1e-5)
    app.session_state["memory_one_head"] = True
    app.session_state["layer"], app.session_state["head"] = 2, 5
    one = sent(app.run(), "map")
    assert one["of"] == "Layer 2, head 5 alone."
    np.testing.assert_allclose(one["weights"].reshape(n, k + n).sum(1), 1, atol=1e-5)


def test_slots_show_origin_use_and_empty_places(app, truth):
    state, _ = truth
    ask(tell(open_page(app), FACT), QUESTION, "slots")
    grid = sent(app, "slots")
    assert grid["text"] == state.bank.slots.text.tolist() and grid["n"] == 128
    assert grid["chosen"] == int(grid["now"].argmax())
    vectors = sent(app, "vectors")
    assert len(vectors["key"]) == len(vectors["value"]) == state.bank.keys.shape[-1]
    assert "without its sentence" in tree.html(app)


def test_a_write_is_previewed_and_then_happens_exactly(app):
    open_page(app)
    app.session_state["mem_score"] = "surprisal"
    ask(app, FACT, "writes")
    assert len(state_of(app).bank) == 0
    (said,) = [m.value for m in app.markdown if " sentences" in m.value]
    then = next(m.value for m in app.markdown if m.value.startswith("Then"))
    app.button(key="remember").click().run()
    assert "2 of 2 sentences" in said
    assert f"{len(state_of(app).bank)} of 128" in then
    assert state_of(app).prompts == (FACT,)
    assert app.session_state["prompt"] == ""


def test_a_threshold_that_lets_nothing_through(app):
    open_page(app)
    app.session_state["mem_threshold"] = 1e9
    ask(app, FACT, "writes")
    assert "0 of 2 sentences" in next(m.value for m in app.markdown if "would store" in m.value)
    tell(app, FACT)
    assert len(state_of(app).bank) == 0 and state_of(app).prompts == (FACT,)
    for view in ("reads", "weights", "slots"):
        ask(app, QUESTION, view)
    assert "nothing told so far was written to this store" in app.info[0].value


@pytest.mark.parametrize("budget", [0, 1])
def test_zero_slots_and_one_slot(app, budget):
    open_page(app)
    app.session_state["mem_budget"] = budget
    tell(app, FACT)
    assert len(state_of(app).bank) == budget
    for view in ("reads", "weights", "writes", "slots"):
        ask(app, QUESTION, view)
        assert not app.error
    why = "This store has no slots: Settings allow 0."
    assert [i.value for i in app.info] == ([] if budget else [why])


def test_a_smaller_budget_evicts_at_once_and_undo_brings_it_back(app):
    tell(open_page(app), FACT)
    n = len(state_of(app).bank)
    app.number_input(key="mem_budget").set_value(8).run()
    assert len(state_of(app).bank) <= 8 and f"{n - len(state_of(app).bank)} evicted" in tree.html(app)
    app.button(key="undo").click().run()
    assert len(state_of(app).bank) == n
    assert app.number_input(key="mem_budget").value >= n  # the bound holds what came back


def test_a_summary_names_everything_that_went_into_it(app):
    """Policy `summarise`: the slot table says how many tokens a slot holds, the slot lists them,
    and undo, pin and a saved session keep them."""
    open_page(app)
    app.selectbox(key="mem_policy").set_value("summarise").run()
    app.session_state["mem_budget"] = 12
    tell(tell(app, FACT), "It rains.")
    table = state_of(app).bank.slots
    assert len(table) <= 12 and table.n_tokens.max() > 1
    slot = int(table.n_tokens.argmax())
    app.session_state["memory_slot"] = slot
    ask(app, QUESTION, "slots")
    assert sent(app, "slots")["tokens"] == table.n_tokens.tolist()
    said = f"A summary of {table.n_tokens[slot]} tokens"
    assert any(one.label.startswith(said) for one in app.expander)
    shown = re.sub(r"[·\s]|<[^>]*>", "", tree.html(app))
    for origin in table.origins[slot]:
        assert re.sub(r"[·\s]", "", "".join(origin.texts)) in shown
    app.button(key="memory_pin").click().run()
    assert state_of(app).bank.slots.pinned[slot]
    app.button(key="undo").click().run()
    assert not state_of(app).bank.slots.pinned.any() and not app.exception
    app.text_input(key="session_name").set_value("folded").run()
    app.button(key="session_save").click().run()
    app.button(key="forget").click().run()
    app.selectbox(key="session_chosen").set_value("folded").run()
    app.button(key="session_load").click().run()
    assert state_of(app).bank.slots.places == table.places


@pytest.mark.parametrize("view", ["reads", "weights", "slots", "writes", "gates"])
def test_every_view_draws_summaries(app, view):
    open_page(app)
    app.selectbox(key="mem_policy").set_value("summarise").run()
    app.session_state["mem_budget"] = 12
    ask(tell(tell(app, FACT), "It rains."), QUESTION, view)
    assert (state_of(app).bank.slots.n_tokens > 1).any()


def test_reads_are_counted_when_a_prompt_is_told(app):
    tell(tell(open_page(app), FACT), QUESTION)
    slots = state_of(app).bank.slots
    assert slots.total_read[slots.prompt == 1].max() > 0.05
    assert not slots.total_read[slots.prompt == 2].any()


def test_undo_and_forget(app):
    tell(tell(open_page(app), FACT), "It rains.")
    app.button(key="undo").click().run()
    assert state_of(app).prompts == (FACT,)
    app.button(key="forget").click().run()
    assert state_of(app).prompts == ()
    app.button(key="undo").click().run()
    assert state_of(app).prompts == (FACT,)


def test_save_and_load(app):
    tell(open_page(app), FACT)
    app.text_input(key="session_name").set_value("demo").run()
    app.button(key="session_save").click().run()
    assert "saved as demo" in tree.html(app)
    before = state_of(app)
    app.button(key="forget").click().run()
    app.selectbox(key="session_chosen").set_value("demo").run()
    app.button(key="session_load").click().run()
    after = state_of(app)
    assert torch.equal(before.bank.keys, after.bank.keys) and after.prompts == (FACT,)
    tell(app, "It rains.")
    assert "changed since demo was saved" in tree.html(app)
    app.button(key="forget").click().run()
    app.button(key="session_save").click().run()
    assert "There is a session 'demo' already" in app.error[0].value
    app.button(key="undo").click().run()
    app.button(key="undo").click().run()
    app.text_input(key="session_name").set_value("../../x").run()
    app.button(key="session_save").click().run()
    assert "Not a session name: '../../x'. Choose" in app.error[0].value and state_of(app).prompts == (FACT,)


def test_a_session_that_another_process_changed_is_not_overwritten(app):
    tell(open_page(app), FACT)
    app.text_input(key="session_name").set_value("demo").run()
    app.button(key="session_save").click().run()
    with sessions.hold("demo") as path:  # another process tells it something
        written = path.read_bytes()
        path.write_bytes(written + b" ")
    tell(app, "It rains.")
    app.button(key="session_save").click().run()
    assert "another process changed the session" in app.error[0].value
    assert path.read_bytes() == written + b" " and len(state_of(app).prompts) == 2


def test_a_folder_that_cannot_be_written_costs_nothing(app, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_HOME", "/proc/nowhere")
    tell(open_page(app), FACT)
    app.text_input(key="session_name").set_value("demo").run()
    app.button(key="session_save").click().run()
    assert not app.exception and app.error and state_of(app).prompts == (FACT,)


def test_export_and_import_give_the_same_memory(app, tmp_path):
    tell(open_page(app), FACT)
    before = state_of(app)
    from model.memory.state import save_state

    path = tmp_path / "copy.memory"
    save_state(before, path)
    app.button(key="forget").click().run()
    app.file_uploader(key="session_file").upload("x.memory", path.read_bytes(), "application/x")
    app.run()
    app.button(key="session_import").click().run()
    assert torch.equal(state_of(app).bank.values, before.bank.values)
    assert state_of(app).prompts == (FACT,)


def test_a_file_that_is_no_memory_is_refused(app):
    tell(open_page(app), FACT)
    app.file_uploader(key="session_file").upload("x.memory", b"pickle?", "application/octet-stream")
    app.run()
    app.button(key="session_import").click().run()
    assert "no memory file" in app.error[0].value and state_of(app).prompts == (FACT,)


def test_the_first_visit_is_one_click(app):
    open_page(app)
    app.button(key="show James Theory").click().run()
    assert not app.exception and app.session_state["prompt"] == "Where do I live?"
    assert sent(app, "reads")["told"][0]["number"] == "1"
    ask(app, QUESTION)
    reads = sent(app, "reads")
    last = reads["weights"].reshape(len(reads["typed"]), -1)[-1]
    assert state_of(app).bank.slots.text[reads["columns"][int(last.argmax())]] == "·New"


def test_a_prompt_beyond_the_window_asks_with_its_end(app, loaded):
    tell(open_page(app), FACT)
    long = "The king went home. " * 140 + QUESTION  # more than 512 tokens
    for view in ("reads", "slots", "weights", "writes", "gates"):
        ask(app, long, view)
        (said,) = [i.value for i in app.info if "Prompt too long for the room" in i.value]
        assert not app.warning and not app.error
    end = int(re.search(r"last ([\d,]+) tokens ask", said)[1].replace(",", ""))
    front = int(re.search(r"The ([\d,]+) tokens before", said)[1].replace(",", ""))
    assert front + end == len(tokens.encode(loaded.tokenizer, long))
    assert len(state_of(app).prompts) == 1  # nothing of it stays
    tell(app, long)
    assert state_of(app).prompts == (FACT, long) and len(state_of(app).bank) <= 128


def test_a_prompt_beyond_four_windows_says_so_and_can_be_told(app, loaded):
    tell(open_page(app), FACT)
    long = "word " * (4 * loaded.model.config.n_positions + 40)
    for view in ("reads", "slots", "weights", "writes"):
        ask(app, long, view)
    (said,) = [w.value for w in app.warning]  # and nothing of a cut: it is told whole
    assert said.startswith("Prompt too long to follow each key: at most 2,048 tokens fit. Shorten it")
    tell(app, long)
    assert len(state_of(app).prompts) == 2 and len(state_of(app).bank) <= 128


@pytest.mark.parametrize("view", ["reads", "weights", "slots", "writes", "gates"])
@pytest.mark.parametrize("text", ["a", HOSTILE, "   ", ""])
def test_no_text_breaks_any_view(app, view, text):
    tell(open_page(app), HOSTILE)
    ask(app, text, view)
    assert not app.error and "<script>" not in tree.html(app)


def test_another_models_memory_is_set_aside(app):
    tell(open_page(app), FACT)
    told = app.session_state["memory:conversations"]
    (name,) = told
    told["another model"] = told.pop(name)
    ask(app, QUESTION)
    assert "set aside" in app.info[0].value
    told = app.session_state["memory:conversations"]
    told[name] = told.pop("another model")
    assert sent(ask(app, QUESTION), "reads")["columns"]


def test_replay_shows_the_plain_model_on_what_was_retrieved(app, loaded):
    open_page(app, FACT)
    tell(app, FACT)
    app.session_state["mem_positions"], app.session_state["mem_unit"] = "replay", "prompt"
    ask(app, QUESTION, "weights")
    whole = sent(app, "map")
    start = loaded.tokenizer.bos_token_id
    both = [tokens.encode(loaded.tokenizer, text) for text in (FACT, QUESTION)]
    plain = trace.run(loaded, np.r_[start, both[0], both[1]])
    n, k = len(both[1]) + 1, len(both[0])
    rows = whole["weights"].reshape(n, k + n)
    layers = [fusion.union_weights(loaded, plain, layer) for layer in range(plain.n_layers)]
    mean = torch.stack(layers).mean((0, 1)).cpu().numpy()
    np.testing.assert_allclose(rows[1:, :k], mean[k + 1 :, 1 : k + 1], atol=1e-5)
    np.testing.assert_allclose(rows[1:, k], mean[k + 1 :, 0], atol=1e-5)
    ask(app, QUESTION, "slots")
    assert any("As run again for this prompt" in c.value for c in app.caption)


def test_a_pinned_sentence_stays_when_the_memory_is_full(app):
    open_page(app, FACT)
    tell(app, FACT)
    table = state_of(app).bank.slots
    app.session_state["memory_slot"], app.session_state["memory_view"] = 0, "slots"
    app.run()
    assert app.button(key="memory_pin").label == "Pin its sentence"
    app.button(key="memory_pin").click().run()
    assert app.button(key="memory_pin").label == "Unpin its sentence"
    pinned = table.block == table.block[0]
    assert state_of(app).bank.slots.pinned.tolist() == pinned.tolist()
    assert sent(app, "slots")["pinned"] == pinned.tolist()
    app.session_state["mem_budget"] = int(pinned.sum())
    tell(app, "It rains in Rome.")
    assert state_of(app).bank.slots.around.tolist() == table.around[pinned].tolist()
    for _ in range(2):
        app.button(key="undo").click().run()
    assert not state_of(app).bank.slots.pinned.any()


def test_another_visitor_of_the_same_server_finds_no_memory(app):
    open_page(app, FACT)
    tell(app, FACT)
    ask(app, QUESTION)
    other = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    open_page(other, QUESTION)
    assert len(state_of(app).bank) > 0 and len(state_of(other).bank) == 0
    assert "Nothing is in memory" in " ".join(m.value for m in other.markdown)
    theirs, mine = (sent(ask(x, QUESTION, "weights"), "map")["from_memory"] for x in (other, app))
    assert max(theirs) == 0 < max(mine)


@pytest.mark.parametrize("prompts, said", [
    (("x" * 100_001,), "its longest prompt has 100,001 characters"),
    (("x" * 90_000,) * 12, "all together 1,080,000"),
])
def test_a_memory_told_too_much_is_refused_before_it_is_shown(app, tmp_path, prompts, said):
    from model.memory.state import save_state

    tell(open_page(app), FACT)
    path = tmp_path / "big.memory"
    save_state(replace(state_of(app), prompts=prompts), path)
    app.file_uploader(key="session_file").upload("x.memory", path.read_bytes(), "application/x")
    app.run()
    app.button(key="session_import").click().run()
    assert said in app.error[0].value and state_of(app).prompts == (FACT,)
