"""python -m model compare: the arrays, and a sentence for what cannot be compared."""

import shutil

import numpy as np
import pytest

from model.__main__ import main
from model.loading import checkpoint

PROMPT, OTHER = "The cat sat on the old chair", "The dog sat on the chair"


def compare(capsys, out, *more):
    code = main(["compare", "--prompt", PROMPT, "--out", str(out), *map(str, more)])
    heard = capsys.readouterr()
    return code, heard.out, heard.err


def test_two_prompts_on_one_model(capsys, tmp_path):
    code, out, err = compare(capsys, tmp_path / "x.npz", "--other-prompt", OTHER)
    assert code == 0 and not err and "Jensen-Shannon" in out
    file, config = np.load(tmp_path / "x.npz"), checkpoint.load("embedded").model.config
    n, L = len(file["pairs"]), config.n_layer
    assert "".join(file["tokens_first"]) == PROMPT.replace(" ", "·")
    assert file["js"].shape == (n,) and file["logits"].shape == (config.vocab_size,)
    assert file["distance"].shape == file["cosine"].shape == (2 * L + 1, n)
    assert file["heads"].shape == (L, config.n_head, n) and file["mlp"].shape == (L, n)
    first, second = (file[f"tokens_{x}"][file["pairs"][:, i]] for i, x in enumerate(("first", "second")))
    apart = file["distance"][0] > 0  # another word, or the same at another position
    assert (apart >= (first != second)).all() and not apart[0]
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


def test_pairs_by_position(capsys, tmp_path):
    code, _, _ = compare(capsys, tmp_path / "x.npz", "--other-prompt", OTHER, "--align", "position")
    pairs = np.load(tmp_path / "x.npz")["pairs"]
    assert code == 0 and (pairs[:, 0] == pairs[:, 1]).all()


@pytest.mark.slow
def test_one_prompt_on_two_models(capsys, tmp_path):
    folder = shutil.copytree(checkpoint.EMBEDDED, tmp_path / "same")
    code, _, _ = compare(capsys, tmp_path / "x.npz", "--other-model", folder)
    file = np.load(tmp_path / "x.npz")
    assert code == 0 and not file["distance"].any() and not file["logits"].any()
    np.testing.assert_allclose(file["js"], 0, atol=1e-12)


def test_what_cannot_be_compared_is_one_sentence(capsys, tmp_path, saved):
    for more, words in (
        (["--other-model", saved], "different vocabularies, of 4,096 and 257 tokens"),
        (["--other-prompt", ""], "The prompt is empty"),
        (["--other-prompt", "Q", "--align", "subsequence"], "No token of one prompt"),
        (["--other-model", "/no/such/model"], "/no/such/model"),
    ):
        code, _, err = compare(capsys, tmp_path / "x.npz", *more)
        assert code == 2 and words in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())
