"""python -m model patch: the arrays, and a sentence for what cannot be patched."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from model.__main__ import main
from model.commands import patch as command
from model.loading import checkpoint

CLEAN = "When Mary and John went out, John gave a book to"
CORRUPT = "When Mary and John went out, Mary gave a book to"
GIVEN = {"--clean": CLEAN, "--corrupt": CORRUPT, "--answer": " Mary", "--against": " John"}


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded")


def patch(capsys, out, **changed):
    given = GIVEN | {"--out": str(out)} | {f"--{name}": value for name, value in changed.items()}
    arguments = [x for name, value in given.items() for x in ((name, value) if value is not None else (name,))]
    code = main(["patch", *arguments])
    heard = capsys.readouterr()
    return code, heard.out, heard.err


@pytest.mark.slow
def test_it_writes_every_site_and_what_both_prompts_say(capsys, tmp_path, embedded):
    code, out, err = patch(capsys, tmp_path / "x.npz")
    assert code == 0 and not err
    file, config = np.load(tmp_path / "x.npz"), embedded.model.config
    ids = embedded.tokenizer(CORRUPT)["input_ids"]
    for site in ("stream", "attn", "mlp"):
        assert file[site].shape == (config.n_layer, len(ids)) and np.isfinite(file[site]).all()
        assert f"  {site}" in out
    assert file["head"].shape == (config.n_layer, config.n_head)
    answer, against = (embedded.tokenizer(f" {name}")["input_ids"][0] for name in ("Mary", "John"))
    with torch.inference_mode():
        for name, text in (("clean", CLEAN), ("corrupt", CORRUPT)):
            logits = embedded.model(torch.tensor([embedded.tokenizer(text)["input_ids"]])).logits[0, -1]
            np.testing.assert_allclose(file[name], logits[answer] - logits[against], atol=1e-4)
            assert len(file[f"tokens_{name}"]) == len(ids)
    np.testing.assert_allclose(file["stream"][0, :7], 0, atol=1e-4)  # these tokens are the same
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


def test_only_chosen_sites_and_tokens_are_patched(capsys, tmp_path):
    code, out, _ = patch(capsys, tmp_path / "x.npz", sites="attn", range="7:9")
    assert code == 0 and "attn" in out and "stream" not in out
    file = np.load(tmp_path / "x.npz")
    assert "stream" not in file.files
    assert np.isfinite(file["attn"][:, 7:9]).all() and np.isnan(np.delete(file["attn"], [7, 8], 1)).all()


def test_it_says_how_far_it_is(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "EVERY_S", -1)
    _, out, _ = patch(capsys, tmp_path / "x.npz", sites="attn", range="7:8")
    assert "  attn: 1 of 6 layers\n" in out and "  attn: 6 of 6 layers\n" in out


def test_prompts_of_different_lengths_are_aligned_when_asked(capsys, tmp_path):
    longer = CLEAN.replace("went", "both went")
    code, _, err = patch(capsys, tmp_path / "x.npz", clean=longer)
    n = len(checkpoint.load("embedded").tokenizer(CORRUPT)["input_ids"])
    assert code == 2 and f"{n + 1} in --clean, {n} in --corrupt" in err and "--align" in err
    code, _, _ = patch(capsys, tmp_path / "x.npz", clean=longer, align=None, sites="mlp")
    assert code == 0 and np.isfinite(np.load(tmp_path / "x.npz")["mlp"]).all()


def test_the_first_token_of_several_is_taken_and_said(capsys, tmp_path):
    code, out, _ = patch(capsys, tmp_path / "x.npz", answer=" Mary went out", sites="attn", range="0:1")
    assert code == 0 and "--answer has 3 tokens (·Mary ·went ·out); the first, ·Mary, is taken" in out


def test_the_python_of_the_readme_runs_and_gives_the_commands_numbers(capsys, tmp_path):
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    code = readme.partition("```python\n")[2].partition("```")[0]
    assert len(code.splitlines()) == 10
    (tmp_path / "ten_lines.py").write_text(code, encoding="utf-8")
    found = runpy.run_path(str(tmp_path / "ten_lines.py"))
    clean, corrupt, _ = found["texts"]
    patch(capsys, tmp_path / "x.npz", clean=clean, corrupt=corrupt, sites="stream")
    np.testing.assert_allclose(found["share"], np.load(tmp_path / "x.npz")["stream"], atol=1e-4)


@pytest.mark.parametrize("changed, words", [
    ({"sites": "stream,heads"}, "Unknown site 'heads'. Choose among stream, attn, mlp, head."),
    ({"corrupt": CLEAN}, "give the same logit difference"),
    ({"against": " Mary"}, "begin with the same token"),
    ({"answer": ""}, "--answer is empty"),
    ({"clean": ""}, "--clean: The prompt is empty"),
    ({"range": "9:8"}, "No range '9:8' of"),
    ({"range": "5"}, "Write FIRST:END, such as 0:1"),
    ({"clean": "a " * 200 + "b", "corrupt": "a " * 200 + "c"}, "Add --range FIRST:END with at most 128"),
    ({"clean": "a", "corrupt": "b c d", "align": None}, "No token to patch"),
    ({"out": "x.npy"}, "x.npy is no *.npz file"),
    ({"out": "/no/such/folder/x.npz"}, "There is no folder /no/such/folder"),
])
def test_bad_input_is_one_sentence_and_exit_code_2(capsys, tmp_path, monkeypatch, changed, words):
    monkeypatch.chdir(tmp_path)
    code, _, err = patch(capsys, **({"out": "x.npz"} | changed))
    assert code == 2 and words in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())
