"""Notebooks of what memory adds: transformers and torch alone find the page's numbers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from model.loading import checkpoint
from model.memory import asking, telling
from model.memory.settings import Settings
from model.memory.state import blank
from model.memory.variants import modules_of
from model.run import tokens
from model.run.cut_edges import CutEdge
from model.takeaway import notebook, of_memory
from tests.unit.takeaway.test_notebook import ALLOWED, code_of, execute, imported

TOLD = ("My name is James Theory. I live in New York.", "The dog of Ann is called Rex.")
ASK = "Where do I live? I live in"


@pytest.fixture(scope="module")
def whole():
    return checkpoint.load("embedded")


@pytest.fixture(scope="module")
def state(whole):
    every, state = replace(Settings(), modules=modules_of("gpt2-m")), blank(whole)
    for text in TOLD:
        state = telling.tell(whole, state, text, every).state
    return state


def asked(whole, state, variant: str, positions: str = "parallel", ask: str = ASK, **fusion):
    settings = replace(Settings(), modules=modules_of(variant)).with_fusion(positions=positions, **fusion)
    return asking.ask(whole, state, tokens.encode(whole.tokenizer, ask), settings).trace


def where_of(whole, name: str) -> dict:
    answer = tuple(tokens.encode(whole.tokenizer, " New York").tolist())
    return {
        "memory": {"row": 2, "head": None, "edm_head": None, "told": TOLD},
        "slot cut": {"edges": [CutEdge(3, 1, slot=True), CutEdge(4, 2, 2, 5, slot=True)], "told": TOLD},
        "ways": {"told": TOLD}, "answer": {"lead": (), "wanted": answer, "told": TOLD}, "written": {},
    }[name]


def found(whole, run, name: str, folder, **where) -> dict:
    content = notebook.made(whole, run, ASK, name, where_of(whole, name) | where)
    assert imported("\n".join(code_of(content))) <= ALLOWED
    return execute(code_of(content), folder)


@pytest.mark.parametrize("name", ["memory", "ways", "answer"])
@pytest.mark.parametrize("variant", ["gpt2", "gpt2+rnn", "gpt2+edm", "gpt2+am", "gpt2-m"])
def test_every_variant_is_computed_again(whole, state, variant, name, tmp_path):
    expected = found(whole, asked(whole, state, variant), name, tmp_path)["EXPECTED"]
    assert {"with memory", "without memory"} <= set(expected)
    read = {"gpt2+am": "each stored token", "gpt2+edm": "slot of the EDM", "gpt2-m": "each stored token"}
    if name != "ways" and variant in read:
        assert any(read[variant] in one for one in expected)


@pytest.mark.parametrize("variant", ["gpt2+am", "gpt2-m"])
def test_edges_to_slots_are_cut_again(whole, state, variant, tmp_path):
    run = asked(whole, state, variant)
    last = [CutEdge(len(run) - 1, i, slot=True) for i in range(len(run.reading.kept))]
    expected = found(whole, run, "slot cut", tmp_path, edges=[*where_of(whole, "slot cut")["edges"], *last])["EXPECTED"]
    assert expected["KL in nats"] > 1e-3


@pytest.mark.parametrize("positions", ["restart", "continue", "replay"])
def test_every_way_of_placing_is_computed_again(whole, state, positions, tmp_path):
    run = asked(whole, state, "gpt2+am", positions)
    expected = found(whole, run, "memory", tmp_path, head=(2, 1))["EXPECTED"]
    with_memory, without = (expected[f"{one} memory"] for one in ("with", "without"))
    assert max(np.abs(np.subtract(with_memory, without))) > 0.05, "fusion moved nothing: no test"


def test_a_long_prompt_and_nats_of_strength(whole, state, tmp_path):
    """From 16 tokens on, nats are added to what was told apart; of a long prompt one row is compared."""
    run = asked(whole, state, "gpt2-m", ask="Well, now. " * 20 + ASK, strength=0.5, needed=0.0)
    expected = found(whole, run, "memory", tmp_path, edm_head=1)["EXPECTED"]
    assert "map over memory and prompt" not in expected and "row over memory and prompt" in expected


def test_what_is_written_is_the_plain_models(whole, tmp_path):
    run = asking.plain(whole, tokens.encode(whole.tokenizer, TOLD[0]))
    expected = found(whole, run, "written", tmp_path)["EXPECTED"]
    assert {"learned gate, a logit", "length of the keys", "length of the EDM's values"} <= set(expected)


@pytest.mark.parametrize("name, part", [("memory", "keys"), ("memory", "values"), ("answer", "edm.values")])
def test_other_stored_numbers_fail(whole, state, name, part, tmp_path):
    """The notebook computes from what it carries: with something else in memory it does not agree."""
    content = notebook.made(whole, asked(whole, state, "gpt2-m"), ASK, name, where_of(whole, name))
    cells = code_of(content)
    cells.insert(2, f'DATA["{part}"] = -DATA["{part}"]')
    with pytest.raises(AssertionError):
        execute(cells, tmp_path)


def test_what_was_told_is_said_and_the_file_is_of_modest_size(whole, state):
    content = notebook.made(whole, asked(whole, state, "gpt2-m"), ASK, "memory", where_of(whole, "memory"))
    assert len(content) < 1_500_000
    first = "".join(json.loads(content)["cells"][0]["source"])
    assert all(f"> {text}" in first for text in TOLD)


def test_all_recipes_of_memory_are_tested_here(whole):
    assert all(where_of(whole, name) is not None for name in of_memory.RECIPES)
