"""The trained memory that is shipped with the embedded model: floors, not wishes."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.__main__ import main
from model.grafts import modules
from model.loading import checkpoint
from model.loading.checkpoint import EMBEDDED
from model.memory import asking, telling
from model.memory.settings import from_saved
from model.memory.state import blank
from model.memory.variants import VARIANTS, modules_of
from model.recall import episodes, headline, open_probes, probe_controls, scoreboard
from model.run import tokens, trace
from model.training import memory_headline, memory_readme
from model.training.memory_data import Data
from model.training.memory_grid import lesson

TOLD = "My name is James Theory. I live in New York."
QUESTION = "Where do I live? I live in"
CHATTER = ("Nobody said a word. It rained all day.", "The train to Oslo was late.",
           "A small map was sold not far from here.")


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded")


def settings(variant, **others):
    return from_saved({"modules": modules_of(variant), **others})


def told(embedded, variant, *texts):
    state = blank(embedded)
    for text in texts:
        state = telling.tell(embedded, state, text, settings(variant)).state
    return state


def next_texts(embedded, state, variant, text=QUESTION, n=3):
    """The n most probable tokens, greedily."""
    said, ids = [], list(tokens.encode(embedded.tokenizer, text))
    for _ in range(n):
        asked = asking.ask(embedded, state, np.array(ids), settings(variant))
        ids.append(int(asked.trace.next_logits.argmax()))
        said.append(ids[-1])
    return embedded.tokenizer.decode(said)


def test_it_is_small_and_says_where_it_came_from(embedded):
    assert (EMBEDDED / modules.FILE).stat().st_size <= 10_000_000
    card = json.loads((EMBEDDED / "memory_card.json").read_text())
    assert set(embedded.memory.parts) == {"early", "late", "edm"}
    assert embedded.memory.card["seed"] == card["seed"] and card["base"] == embedded.fingerprint
    assert embedded.warnings == ()


def test_its_page_says_what_its_card_says():
    card = json.loads((EMBEDDED / "memory_card.json").read_text())
    path = EMBEDDED / "memory_grid.json"
    grid = json.loads(path.read_text()) if path.is_file() else {}
    assert (EMBEDDED / "MEMORY.md").read_text() == memory_readme.readme(
        card, grid, memory_headline.beside(EMBEDDED, card["base"]))


def test_one_memory_is_no_two_seeds_and_a_folder_no_figures(tmp_path):
    board = (EMBEDDED / "memory_headline.json").read_text()
    base = json.loads(board)["fingerprint"]
    for name in ("memory_headline.json", "memory_headline_copy.json"):
        (tmp_path / name).write_text(board)
    with pytest.raises(ValueError, match="Same memory twice: .*_copy.json and a file beside it"):
        memory_headline.beside(tmp_path, base)
    (tmp_path / "memory_headline_copy.json").unlink()
    (tmp_path / "memory_headline_copy.json").mkdir()
    with pytest.raises(ValueError, match="Cannot read .*_copy.json: it is a folder"):
        memory_headline.beside(tmp_path, base)


def test_its_scoreboard_was_measured_with_it(embedded):
    board = scoreboard.load()
    assert (board["fingerprint"], board["memory"]) == (embedded.fingerprint, embedded.memory.fingerprint)
    cells = {row["variant"]: row["cells"] for row in board["rows"]}
    assert list(cells) == list(VARIANTS)
    assert all(one["across"]["n"] >= 200 and one["false_recall"]["value"] <= 0.05 for one in cells.values())


@pytest.mark.parametrize("variant", ["gpt2+edm", "gpt2+am", "gpt2-m"])
def test_the_founding_demo(embedded, variant):
    state = told(embedded, variant, TOLD)
    assert next_texts(embedded, state, variant) == " New York"
    assert next_texts(embedded, blank(embedded), variant) != " New York"
    assert next_texts(embedded, state, "gpt2") != " New York"


@pytest.mark.parametrize("variant", ["gpt2+edm", "gpt2-m"])
def test_the_founding_demo_with_other_prompts_between(embedded, variant):
    state = told(embedded, variant, TOLD, *CHATTER)
    assert next_texts(embedded, state, variant) == " New York"


@pytest.mark.parametrize("variant", ["gpt2+edm", "gpt2+am", "gpt2-m"])
def test_the_founding_demo_in_two_commands(variant, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path))
    begin = ["generate", "--variant", variant, "--session", "demo", "--prompt"]
    assert main([*begin, TOLD, "--tokens", "0"]) == 0
    capsys.readouterr()
    ask = ["--tokens", "3", "--temperature", "0", "--json"]
    assert main([*begin, QUESTION, *ask]) == 0
    assert json.loads(capsys.readouterr().out)["text"].startswith(" New York")
    assert main(["generate", "--variant", variant, "--session", "fresh", "--prompt", QUESTION,
                 *ask]) == 0
    assert not json.loads(capsys.readouterr().out)["text"].startswith(" New York")


def test_knocking_out_the_slots_of_the_answer_removes_it(embedded):
    state = told(embedded, "gpt2+edm", TOLD)
    table = state.external.slots
    spoken = np.flatnonzero(~np.isin(table.text, ["·New", "·York"]))
    without = type(state)(**{**vars(state), "external": state.external.select(spoken)})
    assert next_texts(embedded, without, "gpt2+edm") != " New York"


def recalled(embedded, variant, about, facts, n):
    """Share of n held-out episodes answered exactly, the first of three prompts about nothing."""
    data, rng, right = Data(embedded.tokenizer, None), random.Random("floor"), 0
    plan = replace(lesson(about, facts).plan, asks=(1, 1))
    for _ in range(n):
        one = episodes.episode(rng, plan)
        state = told(embedded, variant, *one.prompts, *CHATTER)
        ids, _, answer, _ = data.asked(one.asks[-1])
        first = answer.index(True)
        asked = asking.ask(embedded, state, np.array(ids[1:first]), settings(variant)).trace
        whole = trace.run(embedded, np.r_[asked.ids, ids[first:-1]], prefix=asked,
                          reading=asked.reading, graft=asked.graft)
        best = trace.logits(embedded, whole, start=first - 1).argmax(-1).tolist()
        right += best == ids[first:]
    return right / n


@pytest.mark.slow
@pytest.mark.parametrize("variant, about, facts, floor", [
    ("gpt2+edm", "oneself", 1, 0.8), ("gpt2+edm", "oneself", 4, 0.7),
    ("gpt2+edm", "many people", 4, 0.6), ("gpt2-m", "oneself", 4, 0.7)])
def test_never_seen_values_are_recalled(embedded, variant, about, facts, floor):
    assert recalled(embedded, variant, about, facts, 20) >= floor
    assert recalled(embedded, "gpt2", about, facts, 5) <= 0.1


@pytest.mark.slow
def test_sentences_of_held_out_frames_are_recalled_in_the_next_prompt(embedded, tmp_path):
    """Measured with 500: 75, 93 and 94 %."""
    path, floors = tmp_path / "board.json", {"gpt2+edm": 0.6, "gpt2+am": 0.8, "gpt2-m": 0.8}
    for _ in headline.measure(embedded, open_probes.held_out(24), path, cases=["next"],
                              variants=list(floors), n=24):
        pass
    found = headline.load(path)["cases"]["next"]["variants"]
    for variant, floor in floors.items():
        assert found[variant]["n"] == 24 and found[variant]["share"] >= floor, found


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["gpt2+edm", "gpt2+am", "gpt2-m"])
def test_what_was_never_told_is_mostly_refused(embedded, variant):
    rng, refused, n = random.Random("refusals"), 0, 10
    plan = replace(lesson("oneself", 4).plan, asks=(1, 1), unknown=1.0)
    for _ in range(n):
        one = episodes.episode(rng, plan)
        state = told(embedded, variant, *one.prompts, CHATTER[0])
        ids = tokens.encode(embedded.tokenizer, one.asks[0].question)
        said = probe_controls.say(embedded, state, ids, settings(variant))
        refused += probe_controls.refuses(said)
    assert refused / n >= 0.8


def test_ordinary_text_hardly_changes_with_memory_full_of_other_things(embedded):
    card = json.loads((EMBEDDED / "memory_card.json").read_text())
    assert abs(card["stability"]["relative_change"]) < 0.01
    state = told(embedded, "gpt2+edm", TOLD, "My number is 4711. My pet is an owl.", *CHATTER)
    text = ("Scrooge went to bed again, and thought, and thought, and thought it over and over, and "
            "could make nothing of it. The more he thought, the more perplexed he was.")
    ids = tokens.encode(embedded.tokenizer, text)
    nats = []
    for one in (state, blank(embedded)):
        found = asking.ask(embedded, one, ids, settings("gpt2+edm")).trace
        log_p = trace.logits(embedded, found)[:-1].log_softmax(-1)
        nats.append(-log_p.gather(1, torch.tensor(found.ids[1:].copy())[:, None]).mean().item())
    assert abs(nats[0] / nats[1] - 1) < 0.03  # one passage; the card says it of thousands of tokens


@pytest.mark.parametrize("on", [{"am"}, {"edm", "am"}, {"edm", "am", "early", "late"}])
def test_moved_is_the_probability_that_what_is_stored_moves(embedded, on):
    """Two runs that differ in the bank alone, without the EDM; half the sum of |p − q| is at most 1."""
    state = told(embedded, "gpt2-m", TOLD, *CHATTER)
    ids = tokens.encode(embedded.tokenizer, QUESTION)
    both = replace(settings("gpt2-m"), modules=frozenset(on))
    runs = (asking.ask(embedded, state, ids, replace(both, modules=both.modules - off)).trace
            for off in ({"edm"}, {"am", "edm"}))
    p, q = (trace.logits(embedded, run)[-3:].softmax(-1) for run in runs)
    moved = asking.ask(embedded, state, ids, both).moved
    assert moved == pytest.approx(float((p - q).clamp(min=0).sum(-1).max()), abs=1e-5)
    assert both.fusion.needed < moved <= 1


@pytest.mark.parametrize("variant", ["gpt2+am", "gpt2-m"])
def test_every_beginning_of_the_answer_goes_on_to_the_fact(embedded, variant):
    state = told(embedded, variant, TOLD)
    for lead in ("", " You", " You live", " You live in"):
        ids = tokens.encode(embedded.tokenizer, f"Where do I live?{lead}")
        said = probe_controls.say(embedded, state, ids, settings(variant))
        assert f"{lead}{said}" == " You live in New York.", lead


@pytest.mark.parametrize("variant", ["gpt2+am", "gpt2-m"])
def test_fusion_reads_where_memory_moves_the_prediction(embedded, variant):
    state = told(embedded, "gpt2-m", TOLD, *CHATTER)
    both = settings(variant)
    ids = tokens.encode(embedded.tokenizer, QUESTION)
    asked = asking.ask(embedded, state, ids, both)
    assert asked.moved >= both.fusion.needed
    assert "·I·live·in·New·York." in state.bank.slots.around[asked.kept]
    ids = tokens.encode(embedded.tokenizer, "It was a dark night, and the wind blew over the hill")
    idle = asking.ask(embedded, state, ids, both)
    assert idle.moved < both.fusion.needed and not len(idle.kept) and idle.trace.reading is None
    plain = asking.ask(embedded, state, ids, replace(both, modules=both.modules - {"am"})).trace
    assert torch.equal(idle.trace.next_logits, plain.next_logits)
    always = asking.ask(embedded, state, ids, both.with_fusion(needed=0.0))
    assert always.moved is None and len(always.kept)



def test_words_of_other_scripts_are_compared_as_words(embedded):
    state = told(embedded, "gpt2+am", "Ключ лежит под ковром.", "Собака спит во дворе.")
    ids = tokens.encode(embedded.tokenizer, "Где лежит ключ?")
    asked = trace.run(embedded, np.r_[embedded.tokenizer.bos_token_id, ids])
    plain = np.ones(len(state.bank))
    weights = asking._with_words(embedded, state.bank, asked, plain) - plain
    shared = {int(block): float(weights[state.bank.slots.block == block].max())
              for block in np.unique(state.bank.slots.block)}
    first, second = shared.values()
    assert first == pytest.approx(2 * np.log(3)) and second == 0
