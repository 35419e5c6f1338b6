"""Notebooks: run from top to bottom they find the page's numbers, with transformers and torch alone."""

import ast
import copy
import dataclasses
import json
import runpy
from pathlib import Path

import pytest
import torch

from model.analysis import arithmetic
from model.analysis.ablation import Off
from model.loading import checkpoint
from model.run import tokens, trace
from model.run.cut_edges import CutEdge
from model.takeaway import notebook, of_memory

PROMPT = "My name is James Theory. I live in"
OTHER = [262, 300, 281, 400, 12, 900, 35, 17, 280, 299, 310]
WHERE = {
    "next": {}, "parameters": {}, "inputs": {}, "stream": {}, "cache": {}, "surprisal": {},
    "attention": {"layer": 3, "head": 6, "query": 9}, "positions": {"at": 40},
    "prediction": {"at": 8, "temperature": 1.0, "top_k": 0, "top_p": 1.0},
    "tensor": {"tensor_name": "transformer.h.2.mlp.c_fc.weight"}, "head weights": {"layer": 2},
    "size": {"shape": arithmetic.PRESETS["gpt2"], "tied": True}, "block": {"layer": 1},
    "text": {"written": "Where is 東京? I don't know, it's unbelievable."},
    "likeness": {"kind": "total", "at": 3}, "everywhere": {"token": 300, "at": 7},
    "near": {"asked": (((300,), (), 13), ((300, 500), (400,), 12))}, "flow": {"at": 8},
    "word map": {"words": (300, 301, 302, 310, 400), "placed": True},
    "lens": {"at": 5}, "logit parts": {"at": 6, "token": 300, "against": 400}, "mlp": {"layer": 2, "at": 4},
    "norm": {"station": 5, "at": 4},
    "off": {"at": 8, "off": Off(frozenset({(0, 1), (3, 6)}), frozenset({2}), frozenset({4}), "mean")},
    "sinusoids": {"at": 40}, "schemes": {"layer": 1, "head": 2, "query": 8, "slope": 2.0**-3},
    "order": {"before": ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9), tuple(range(10)), True),
              "after": ((3, 1, 0, 2, 5, 4, 6, 8, 7, 9), tuple(range(10)), False)},
    "shifted": {"shifts": (0, 50, 100)}, "dropped": {"budget": 6}, "scaled": {"at": 3},
    "cut": {"edges": [CutEdge(9, 3, 2), CutEdge(8, 0, head=5), CutEdge(9, 6, 4, 1, factor=-2.0)]},
    "score": {"layer": 4, "head": 2, "query": 9, "key": 5}, "rollout": {},
    "patching": {"corrupt": OTHER, "pairs": [-1, -1, -1, 3, 4, -1, 6, 7, 8, 9, 10], "site": "attn",
                 "metric": "kl", "answer": 300, "against": 301},
    "path": {"corrupt": OTHER, "sender": (1, 7), "receiver": (4, 5), "inputs": "qk",
             "metric": "difference", "answer": 300, "against": 301},
    "comparison": {"other": OTHER, "pairs": [(0, 0), (4, 5), (9, 9)]},
}
ALLOWED = {"base64", "io", "numpy", "torch", "transformers"}  # the first two are Python's own


@pytest.fixture(scope="module")
def whole():
    return checkpoint.load("embedded")


@pytest.fixture(scope="module")
def run(whole):
    return trace.run(whole, tokens.encode(whole.tokenizer, PROMPT))


def code_of(content: bytes) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(content)["cells"] if cell["cell_type"] == "code"]


def execute(cells: list[str], folder: Path) -> dict:
    """Run all cells from top to bottom, as a kernel does -> what they leave."""
    path = folder / "cells.py"
    path.write_text("\n".join(cells), encoding="utf-8")
    return runpy.run_path(str(path))


def imported(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module.split(".")[0])
    return found


NEEDS_MORE = {*of_memory.RECIPES, "two models"}  # a memory, a second model


@pytest.mark.parametrize("name", [name for name in notebook.RECIPES if name not in NEEDS_MORE])
def test_every_recipe_finds_the_pages_numbers(whole, run, name, capsys, tmp_path):
    content = notebook.made(whole, run, PROMPT, name, WHERE[name])
    assert imported("\n".join(code_of(content))) <= ALLOWED
    execute(code_of(content), tmp_path)
    assert "The same numbers:" in capsys.readouterr().out


@pytest.mark.parametrize("site, metric, fill", [
    ("stream", "difference", "zero"), ("mlp", "probability", "mean"), ("head", "difference", "patch"),
    ("head", "difference", "resample"),
])
def test_every_site_metric_and_fill_of_patching(whole, run, site, metric, fill, tmp_path):
    where = WHERE["patching"] | {"site": site, "metric": metric, "fill": fill}
    found = execute(code_of(notebook.made(whole, run, PROMPT, "patching", where)), tmp_path)["found"]
    assert len(found["recovered share"][0]) == (8 if site == "head" else 7)


def test_two_models_are_loaded_and_compared(whole, run, capsys, tmp_path):
    second = dataclasses.replace(whole, model=copy.deepcopy(whole.model), name=str(tmp_path / "other"),
                                 folder=tmp_path / "other")
    second.model.transformer.h[2].mlp.c_proj.weight.data *= 0.5
    second.model.save_pretrained(second.folder)
    where = {"second": lambda: second, "other": run.ids.tolist(), "pairs": [(0, 0), (4, 4), (9, 9)]}
    content = notebook.made(whole, run, PROMPT, "two models", where)
    found = execute(code_of(content), tmp_path)["found"]
    assert "The same numbers:" in capsys.readouterr().out
    assert max(found["distance of the streams"][-1]) > 0.01 and max(found["distance of the streams"][2]) == 0
    with pytest.raises(ValueError, match="no longer loaded"):
        notebook.made(whole, run, PROMPT, "two models", where | {"second": lambda: None})


@pytest.mark.parametrize("temperature, top_k, top_p", [(0.0, 0, 1.0), (0.7, 40, 0.9), (2.0, 3, 1.0)])
def test_a_draw_is_shaped_as_on_the_page(whole, run, temperature, top_k, top_p, tmp_path):
    where = {"at": 5, "temperature": temperature, "top_k": top_k, "top_p": top_p}
    execute(code_of(notebook.made(whole, run, PROMPT, "prediction", where)), tmp_path)


@pytest.mark.parametrize("name", ["stream", "attention", "cache"])
def test_other_numbers_fail(whole, run, name, tmp_path):
    """An assertion that cannot fail is none: the numbers of another prompt are refused."""
    other = trace.run(whole, tokens.encode(whole.tokenizer, "Your name is James Theory. I live in"))
    own, wrong = (code_of(notebook.made(whole, one, PROMPT, name, WHERE[name])) for one in (run, other))
    with pytest.raises(AssertionError):
        execute([*own[:-1], wrong[-1]], tmp_path)


def test_it_is_a_notebook_of_version_4_5(whole, run):
    book = json.loads(notebook.made(whole, run, "a `b`\nc", "next", {}))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert [set(cell) for cell in book["cells"]] == [
        {"cell_type", "metadata", "source", "id"},
        *[{"cell_type", "metadata", "source", "id", "execution_count", "outputs"}] * 3]
    assert "Prompt: `a 'b' c`" in "".join(book["cells"][0]["source"])


def test_of_a_long_prompt_one_row_is_compared(whole):
    run = trace.run(whole, torch.arange(100).numpy())
    recipe = notebook.one_head(whole, run, 0, 0, 99)
    assert set(recipe.expected) == {"row"} and len(recipe.expected["row"]) == 100
