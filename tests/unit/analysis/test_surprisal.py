"""Surprisal: equal to a naive pass per token, incremental = fresh, and the score command."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model.__main__ import main
from model.analysis import surprisal
from model.loading import checkpoint
from model.run import sampling, tokens, trace
from tests import odd_tokenizers
from tests.conftest import random_gpt2

TEXT = "The old man said the old man said: naïve 🧠!"


def ids_of(tiny, text=TEXT):
    return tokens.encode(tiny.tokenizer, text)


def naive_bits(model, ids, n_before):
    """One pass of the untouched model per token, each with at most n_before(t) tokens before it."""
    bits = []
    for t in range(1, len(ids)):
        context = torch.tensor(ids[t - n_before(t) : t])[None]
        logits = model(context).logits[0, -1].double()
        bits.append(-float(logits.log_softmax(-1)[ids[t]]) / math.log(2))
    return np.array(bits)


def test_every_token_as_a_naive_pass_per_token_sees_it(tiny, stock):
    ids = ids_of(tiny)
    reading = surprisal.read(tiny, trace.run(tiny, ids))
    assert math.isnan(reading.bits[0]) and reading.rank[0] == 0
    np.testing.assert_allclose(reading.bits[1:], naive_bits(stock, ids, lambda t: t), atol=1e-4)
    assert reading.total.bits == pytest.approx(reading.bits[1:].sum())


def test_total_equals_transformers_own_loss(tiny, stock):
    ids = torch.tensor(ids_of(tiny))[None]
    total = surprisal.read(tiny, trace.run(tiny, ids[0].numpy())).total
    assert total.perplexity == pytest.approx(math.exp(stock(ids, labels=ids).loss), rel=1e-5)
    assert total.n_bytes == len(TEXT.encode()) - 1  # the byte tokenizer's first token is one byte
    assert total.bits_per_byte == pytest.approx(total.bits / total.n_bytes)
    assert total.perplexity == pytest.approx(2 ** (total.bits / total.n_tokens))


def test_guesses_ranks_and_entropy_belong_to_the_position_before(tiny):
    ids = ids_of(tiny)
    run = trace.run(tiny, ids)
    reading = surprisal.read(tiny, run)
    p = sampling.softmax(trace.logits(tiny, run))
    entropy = -(p * p.log2()).sum(-1)
    np.testing.assert_allclose(reading.entropy_bits, entropy, atol=1e-5)
    for t in range(len(ids)):
        order = p[t].argsort(descending=True)
        assert reading.guess_ids[t].tolist() == order[: surprisal.N_GUESSES].tolist()
        assert reading.guess_probability[t][0] == pytest.approx(float(p[t].max()))
        if t + 1 < len(ids):
            assert reading.rank[t + 1] == 1 + order.tolist().index(ids[t + 1])
    assert reading.n_hits == (reading.guess_ids[:-1, 0] == ids[1:]).sum()


@pytest.mark.parametrize(
    "before, after",
    [
        ("The old", TEXT), (TEXT, "The old"), (TEXT, TEXT),
        ("The new", TEXT), ("X", TEXT), ("T", "T"),
    ],
)
def test_while_typing_only_new_rows_are_computed_and_nothing_differs(
    tiny, before, after, monkeypatch
):
    earlier = surprisal.read(tiny, trace.run(tiny, ids_of(tiny, before)))
    run = trace.run(tiny, ids_of(tiny, after))
    fresh = surprisal.read(tiny, run)
    rows = []
    real = surprisal.final_logits

    def counted(model, stream):
        rows.append(len(stream))
        return real(model, stream)

    monkeypatch.setattr(surprisal, "final_logits", counted)
    reused = surprisal.read(tiny, run, earlier)
    shared = trace.common_prefix(earlier.ids, fresh.ids)
    assert sum(rows) == len(fresh.ids) - max(shared - 1, 0)
    for name in vars(fresh).keys() - {"total"}:
        np.testing.assert_allclose(getattr(reused, name), getattr(fresh, name), atol=1e-4)


def test_one_token_has_a_prediction_and_no_total(tiny):
    reading = surprisal.read(tiny, trace.run(tiny, ids_of(tiny, "T")))
    assert reading.total is None and reading.guess_ids.shape == (1, surprisal.N_GUESSES)


def test_rows_beyond_one_block_are_joined(tiny, monkeypatch):
    run = trace.run(tiny, ids_of(tiny))
    whole = surprisal.read(tiny, run)
    monkeypatch.setattr(surprisal, "ROWS_AT_ONCE", 7)
    np.testing.assert_allclose(surprisal.read(tiny, run).bits, whole.bits, atol=1e-5)


def test_a_broken_model_is_named_not_scored():
    model = random_gpt2()
    broken = SimpleNamespace(model=model, tokenizer=None)
    model.lm_head.weight.data[5] = math.nan
    with pytest.raises(ValueError, match=r"logits for tokens 1 to 3 .*NaN"):
        list(surprisal.in_windows(broken, np.arange(4), 8, 4))


# -- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "n, window, stride",
    [(30, 8, 3), (30, 8, 8), (30, 8, 1), (9, 8, 4), (8, 8, 4), (2, 8, 4), (24, 8, 4)],
)
def test_windows_equal_a_naive_pass_per_token(tiny, stock, n, window, stride):
    ids = ids_of(tiny)[:n]

    def n_before(t):
        """Tokens that the first window which predicts t puts before it."""
        start = 0
        while start + window < t:
            start += stride
        return t - start

    found = list(surprisal.in_windows(tiny, ids, window, stride))
    lengths = [len(bits) for _, bits, _ in found]
    assert [first for first, *_ in found] == [1 + sum(lengths[:i]) for i in range(len(found))]
    bits = np.concatenate([w[1] for w in found])
    np.testing.assert_allclose(bits, naive_bits(stock, ids, n_before), atol=1e-4)
    beyond = range(window + 1, n)
    assert all(window - stride + 1 <= n_before(t) <= window for t in beyond)


def test_a_text_inside_one_window_scores_like_its_trace(tiny):
    ids = ids_of(tiny)
    *_, total = surprisal.score(tiny, ids, 64, 32)
    reading = surprisal.read(tiny, trace.run(tiny, ids)).total
    assert replace(total, bits=0) == replace(reading, bits=0)
    assert total.bits == pytest.approx(reading.bits, rel=1e-6)


@pytest.mark.parametrize(
    "n, window, stride, says",
    [
        (0, 8, 4, "too short: 0 tokens"),
        (1, 8, 4, "too short: 1 token,"),
        (9, 0, 1, "Window out of range: 0"),
        (9, 65, 1, "1 to 64"),
        (9, 8, 0, "Stride out of range: 0"),
        (9, 8, 9, "leave tokens out"),
    ],
)
def test_windows_that_cannot_be_are_refused(tiny, n, window, stride, says):
    with pytest.raises(ValueError, match=says):
        list(surprisal.in_windows(tiny, np.zeros(n, np.int64), window, stride))


# -- the command ----------------------------------------------------------------------------------


def score(capsys, path, *more):
    code = main(["score", "--model", "embedded", "--file", str(path), *more])
    out = capsys.readouterr()
    return code, out.out, out.err


@pytest.mark.slow
def test_score_says_what_it_counted(tmp_path, capsys):
    file = tmp_path / "text.txt"
    file.write_text("Once upon a time there was a little girl — naïve, brave.\n" * 90, "utf-8")
    code, out, _ = score(capsys, file, "--json")
    found = json.loads(out)
    loaded = checkpoint.load("embedded")
    ids = tokens.encode(loaded.tokenizer, file.read_text("utf-8"))
    assert code == 0 and found["tokens"] == len(ids) == found["tokens_counted"] + 1
    first = len(tokens.token_bytes(loaded.tokenizer, ids[0]))
    assert found["bytes"] == file.stat().st_size == found["bytes_counted"] + first
    assert found["window"] == loaded.model.config.n_positions == 2 * found["stride"]
    assert len(ids) > found["window"]
    expected = found["bits_per_token"] * found["tokens_counted"] / found["bytes_counted"]
    assert found["bits_per_byte"] == pytest.approx(expected)
    code, out, _ = score(capsys, file, "--stride", "100")
    assert code == 0 and "stride 100" in out and "not counted: the first token" in out


@pytest.mark.parametrize(
    "content, says",
    [
        (b"", "Empty file: "),
        (b"\x89PNG\x00\x01", "zero byte at 4"),
        (b"caf\xe9 au lait", "byte 0xe9 at 3"),
        (b"a", "too short: 1 token,"),
    ],
)
def test_what_is_no_text_gets_one_sentence(tmp_path, capsys, content, says):
    (tmp_path / "x").write_bytes(content)
    code, out, err = score(capsys, tmp_path / "x")
    assert code == 2 and not out
    assert says in err and err.count("\n") == 1


def test_a_missing_file_or_a_folder_is_named(tmp_path, capsys):
    for path in (tmp_path / "none.txt", tmp_path):
        code, _, err = score(capsys, path)
        assert code == 2 and str(path) in err and err.count("\n") == 1


@pytest.mark.parametrize("kind, n_first, n_unknown", [
    (odd_tokenizers.wordpiece_in_one_file, 3, 2), (odd_tokenizers.wordpiece, 0, 2), (odd_tokenizers.with_beginning, 0, 0),
])
def test_bytes_are_the_texts_own_whatever_the_tokenizer_drops(tmp_path, capsys, kind, n_first, n_unknown):
    """für and the second unknown word are spelt as [UNK]; [CLS] and a start token stand for no byte."""
    folder, file = tmp_path / "model", tmp_path / "x"
    folder.mkdir()
    random_gpt2(vocab_size=kind(folder)).save_pretrained(folder)
    text = "abc  unbekannteswort café" if n_first else "für unbekannteswort  x café"
    file.write_text(text, "utf-8")
    found = json.loads(score(capsys, file, "--model", str(folder), "--json")[1])
    assert found["bytes"] == len(text.encode()) == found["bytes_counted"] + n_first
    assert found["tokens_unknown"] == n_unknown and found["bits_per_byte"] == pytest.approx(
        found["bits_per_token"] * found["tokens_counted"] / found["bytes_counted"])


@pytest.mark.parametrize("name, words", [("nope.txt", "No such file"), ("", "Is a directory")])
def test_score_says_which_file_it_could_not_read(tmp_path, capsys, name, words):
    code, out, err = score(capsys, tmp_path / name)
    assert code == 2 and out == ""
    assert err.startswith("python -m model: Could not read")
    assert words in err and "Name a text file" in err and err.count("\n") == 1 and "Errno" not in err
