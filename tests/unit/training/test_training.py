"""Training the embedded model: text in, a resumable run, a checkpoint that transformers loads."""

import argparse
import json
import math
import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import AutoTokenizer, GPT2LMHeadModel

from model.__main__ import main
from model.commands import train_base
from model.commands.arguments import train_base as arguments
from model.recall import open_facts
from model.recall.episodes import Plan
from model.recall.share import wilson
from model.training import base, card, corpus, evaluate, export, open_evaluate

EMBEDDED = Path(__file__).parents[3] / "model" / "embedded"
TINY = base.Shape(layers=2, heads=2, width=32, positions=64, vocab=300)
STAGES = (corpus.Stage("only", 1.0, 32, 8, books=0.5, repeats=0.2, plan=Plan(facts=(1, 1))),)


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    for name in ("one.txt", "two.txt", "three.txt"):
        lines = [f"In {name} the cat saw line {i} and the dog saw line {i + 1}." for i in range(80)]
        (folder / name).write_text("\n".join(lines))
    return folder


@pytest.fixture
def options(text, tmp_path) -> base.Options:
    return base.Options(text, tmp_path / "out", tokens=20 * 256, shape=TINY, stages=STAGES,
                        every=5 * 256, peak=0.02)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Sums in another order would differ in the last bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def weights_in(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / base.CHECKPOINT, weights_only=True)["model"]


@pytest.mark.slow
def test_training_lowers_the_loss_and_reports_every_stretch(options):
    events = list(base.train(options))
    assert [event.tokens for event in events] == [1280, 2560, 3840, 5120]
    assert events[-1].loss < events[0].loss - 0.2
    assert events[-1].seconds_left == 0.0
    assert 0 <= events[-1].recall_known <= 1


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights(options, tmp_path):
    list(base.train(options))
    killed = replace(options, out=tmp_path / "killed")
    stream = base.train(killed)
    next(stream), next(stream)  # half of it, then gone without a word
    stream.close()
    resumed = list(base.train(killed, resume=True))
    assert [event.tokens for event in resumed] == [3840, 5120]
    whole, mended = weights_in(options.out), weights_in(killed.out)
    assert all(torch.equal(whole[name], mended[name]) for name in whole)


@pytest.mark.slow
def test_another_seed_gives_other_weights(options, tmp_path):
    other = replace(options, out=tmp_path / "other", seed=1)
    next(base.train(options)), next(base.train(other))
    a, b = weights_in(options.out), weights_in(other.out)
    assert not torch.equal(a["transformer.wte.weight"], b["transformer.wte.weight"])


def test_resuming_nothing_says_what_was_expected(options):
    with pytest.raises(corpus.CorpusError, match="training.pt.*without --resume"):
        next(base.train(options, resume=True))


def test_a_folder_without_two_texts_is_refused(tmp_path):
    (tmp_path / "one.txt").write_text("Only one text.")
    (tmp_path / "empty.txt").write_text("  \n")
    with pytest.raises(corpus.CorpusError, match="at least two .txt files"):
        corpus.read_books(tmp_path)


def test_the_left_out_book_is_not_trained_on(text):
    books = corpus.read_books(text)
    assert books.left_out_name not in books.training and len(books.training) == 2
    assert books.left_out not in books.training.values()


def test_left_out_book_does_not_depend_on_the_order_of_files(text, tmp_path):
    for path in sorted(text.glob("*.txt"), reverse=True):
        (tmp_path / path.name).write_text(path.read_text())
    assert corpus.read_books(tmp_path).left_out_name == corpus.read_books(text).left_out_name


def test_documents_do_not_see_each_other_nor_the_future():
    seen = [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]
    assert seen_of([0, 0, 2, 2], [-1, -1, -1, -1], [0, 0, 0, 0]) == seen


def test_told_prompts_are_read_apart_and_what_is_asked_sees_them_all():
    # two told prompts, the first of whose tokens is hidden from others, then two questions
    seen = [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 0, 1]]
    assert seen_of([0] * 5, [0, 0, 1, -1, -2], [1, 0, 0, 0, 0]) == seen


def test_a_prompt_read_apart_is_what_fusion_reads(options):
    """The asking rows of training and fusion's positions `parallel` are one computation."""
    model = base.build_model(TINY, 0).eval()
    told, asked = torch.tensor([[0, 5, 6, 7]]), torch.tensor([[0, 8, 9]])
    cache = model(told).past_key_values
    for layer in cache.layers:
        layer.keys, layer.values = layer.keys[:, :, 1:], layer.values[:, :, 1:]  # <|endoftext|>
    there = model(asked, past_key_values=cache, position_ids=torch.tensor([[4, 5, 6]])).logits
    model.set_attn_implementation(base.ATTENTION)
    mask = base.mask_of(torch.zeros(1, 7), torch.tensor([[0, 0, 0, 0, -1, -1, -1]]),
                        torch.tensor([[True, *[False] * 6]]))
    places = torch.tensor([[0, 1, 2, 3, 4, 5, 6]])
    here = model(torch.cat([told, asked], 1), attention_mask=mask, position_ids=places,
                 use_cache=False).logits
    torch.testing.assert_close(here[:, 4:], there, atol=1e-5, rtol=1e-4)


def seen_of(documents, parts, hidden) -> list[list[int]]:
    mask = base.mask_of(*map(torch.tensor, ([documents], [parts])), torch.tensor([hidden]).bool())
    return (mask[0, 0] == 0).int().tolist()


def test_training_attention_equals_transformers(options):
    model = base.build_model(TINY, 0).eval()
    ids = torch.arange(24).reshape(2, 12)
    stock = model(ids).logits
    model.set_attn_implementation(base.ATTENTION)
    mask = base.mask_of(torch.zeros_like(ids), torch.full_like(ids, -1), torch.zeros_like(ids).bool())
    ours = model(ids, attention_mask=mask, use_cache=False).logits
    torch.testing.assert_close(ours, stock, atol=1e-5, rtol=1e-4)


def test_rows_are_full_and_only_repetitions_are_predicted(options):
    data = base.start(options, resume=False).data
    batch = data.batch(replace(STAGES[0], books=0.0, repeats=1.0), np_rng())
    assert batch.ids.shape == batch.weights.shape == (8, 33) and batch.ids.min() >= 0
    for ids, documents, weights in zip(batch.ids, batch.documents, batch.weights):
        predicted = np.flatnonzero(weights)
        assert len(predicted)
        for i in predicted:
            assert ids[i] in ids[documents == documents[i]][: i - documents[i]]


def np_rng():
    return random.Random(3)


def test_learning_rate_warms_up_holds_and_ends_at_zero():
    rates = [base.learning_rate(done, 1000, 1.0) for done in (0.0, 0.5, 0.75, 1.0)]
    assert rates == [1.0, 1.0, 0.5, 0.0] and base.learning_rate(0.0, 0, 1.0) == 0.01


def test_uniform_model_needs_log2_of_the_vocabulary(text, options):
    training = base.start(options, resume=False)
    for parameter in training.model.parameters():
        parameter.data.zero_()
    tokenizer, book = training.data.tokenizer, training.books.left_out
    bits = evaluate.bits_per_byte(training.model, tokenizer, book)
    n_tokens, n_bytes = len(tokenizer.encode(book).ids), len(book.encode())
    assert n_tokens > 2 * TINY.positions  # several windows: no token counted twice or never
    assert bits == pytest.approx(math.log2(300) * n_tokens / n_bytes, rel=1e-5)


def test_wilson_interval_by_hand():
    low, high = wilson(95, 100)
    assert (round(low, 3), round(high, 3)) == (0.888, 0.978)
    assert wilson(0, 10)[0] == 0.0 and wilson(10, 10)[1] == 1.0


def test_head_scores_find_a_head_that_looks_at_the_previous_token():
    model = base.build_model(replace(TINY, positions=128), 0).eval()
    width, head = 32, 16
    with torch.no_grad():
        angles = torch.arange(128)[:, None] * 2 * math.pi / 128 * torch.arange(1, 9)
        position = torch.cat([angles.cos(), angles.sin()], 1)  # (128,16)
        back = angles - 2 * math.pi / 128 * torch.arange(1, 9)
        model.transformer.wte.weight.zero_()
        model.transformer.wpe.weight[:, :16] = position
        model.transformer.wpe.weight[:, 16:] = torch.cat([back.cos(), back.sin()], 1)
        c_attn = model.transformer.h[0].attn.c_attn.weight
        c_attn.zero_()
        c_attn[16:32, :head] = 10 * torch.eye(16)  # queries of head 0: the position before
        c_attn[:16, width : width + head] = 10 * torch.eye(16)  # keys: the own position
    induction, previous = evaluate.head_scores(model, n=2, length=20)
    assert previous[0][0] > 0.8 and previous[0][1] < 0.2
    assert all(score < 0.2 for layer in induction for score in layer)


def test_exported_folder_loads_and_equals_the_rounded_model(options, tmp_path):
    training = base.start(options, resume=False)
    export.write_folder(training.model, training.data.tokenizer, tmp_path / "folder")
    loaded = GPT2LMHeadModel.from_pretrained(tmp_path / "folder").eval()
    assert loaded.dtype == torch.float32
    for name, tensor in training.model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor.half().float()), name
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "folder")
    sample = "My name is Zorlim.\nNaïve 𝔊 12"
    assert tokenizer(sample).input_ids == training.data.tokenizer.encode(sample).ids


@pytest.mark.slow
def test_command_trains_exports_and_writes_the_card(text, tmp_path, monkeypatch):
    small = base.Options(text, tmp_path, tokens=1280, shape=replace(TINY, positions=512),
                         stages=STAGES, every=640, n_recall=4)
    monkeypatch.setattr(train_base, "options_of", lambda args: small)
    lines = list(train_base.run_command(argparse.Namespace(resume=False)))
    assert "nats/token" in lines[0] and "bits/byte" in lines[0] and "tokens/s" in lines[0]
    assert any("(aim at most 1.62: missed)" in line for line in lines)
    assert "previous-token" in lines[-1]
    figures = json.loads((tmp_path / "card.json").read_text())
    assert figures["training"]["tokens"] == 1280 and figures["left_out"].endswith(".txt")
    assert len(json.loads((tmp_path / "curves.json").read_text())) == 2
    assert (tmp_path / "README.md").read_text() == card.readme(figures)
    assert GPT2LMHeadModel.from_pretrained(tmp_path).config.n_positions == 512


def test_options_come_from_the_command_line(tmp_path):
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    options = train_base.options_of(parser.parse_args(["--text", "t", "--out", str(tmp_path)]))
    assert (options.minutes, options.tokens, options.seed) == (90.0, None, 0)
    args = parser.parse_args(["--text", "t", "--out", "o", "--tokens", "9", "--seed", "3"])
    options = train_base.options_of(args)
    assert (options.minutes, options.tokens, options.seed) == (None, 9, 3)


@pytest.mark.parametrize("name, n_parameters", [("embedded", 5_918_720), ("gpt2", 124_439_808)])
def test_shapes_up_to_gpt2_small(name, n_parameters, tmp_path):
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    args = parser.parse_args(["--text", "t", "--out", str(tmp_path), "--shape", name])
    options = train_base.options_of(args)
    with torch.device("meta"):
        model = base.build_model(options.shape, 0)
    last = options.stages[-1]
    assert sum(p.numel() for p in model.parameters()) == n_parameters
    assert (last.length, last.rows * last.length) == (options.shape.positions, 4096)


@pytest.mark.slow
def test_a_training_goes_on_from_the_weights_of_another(options, tmp_path):
    list(base.train(options))
    model, tokenizer, _ = train_base.trained(options)
    export.write_folder(model, tokenizer, tmp_path / "shipped")
    on = base.start(replace(options, out=tmp_path / "on", weights=tmp_path / "shipped"), False)
    for name, tensor in model.state_dict().items():
        assert torch.equal(on.model.state_dict()[name], tensor.half().float()), name
    assert on.data.tokenizer.to_str() == tokenizer.to_str()
    wrong = replace(options, weights=tmp_path / "shipped", shape=replace(TINY, width=64))
    with pytest.raises(corpus.CorpusError, match="another shape"):
        base.start(wrong, False)
    with pytest.raises(corpus.CorpusError, match="no tokenizer.json"):
        base.start(replace(options, weights=tmp_path), False)


@pytest.mark.parametrize("wrong", [["--tokens", "0"], ["--minutes", "-1"]])
def test_senseless_lengths_are_refused(wrong, tmp_path):
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    with pytest.raises(ValueError, match="must be more than 0"):
        train_base.options_of(parser.parse_args(["--text", "t", "--out", str(tmp_path), *wrong]))


# --- the shipped model ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(EMBEDDED)


@settings(max_examples=300)
@given(st.text())
def test_tokenizer_gives_back_any_unicode(tokenizer, sample):
    ids = tokenizer(sample).input_ids
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == sample


def test_tokenizer_has_all_bytes_and_one_token_per_digit(tokenizer):
    assert len(tokenizer) == 4096 and tokenizer.unk_token is None
    assert tokenizer.convert_ids_to_tokens(tokenizer("In 1234").input_ids)[-3:] == ["2", "3", "4"]
    every_byte = bytes(range(256)).decode("latin-1")
    assert tokenizer.decode(tokenizer(every_byte).input_ids) == every_byte


def test_shipped_files_are_small_enough():
    assert (EMBEDDED / "model.safetensors").stat().st_size <= 15_000_000


@pytest.mark.slow
def test_shipped_model_recalls_what_it_was_told(tokenizer):
    model = GPT2LMHeadModel.from_pretrained(EMBEDDED).eval()
    raw = tokenizer.backend_tokenizer
    shares = [evaluate.share_recalled(model, raw, name, replace(evaluate.TOLD, source=source), 60,
                                      lambda one, size: True)
              for name, source in (("known values", "known"), ("values never seen", "unseen"))]
    assert [share.value >= 0.7 for share in shares] == [True, True], shares


def test_card_agrees_with_the_shipped_files():
    figures = json.loads((EMBEDDED / "card.json").read_text())
    model = GPT2LMHeadModel.from_pretrained(EMBEDDED)
    assert figures["n_parameters"] == sum(p.numel() for p in model.parameters())
    assert figures["file_bytes"] == (EMBEDDED / "model.safetensors").stat().st_size
    assert (EMBEDDED / "README.md").read_text() == card.readme(figures)
    assert all(row["n"] >= 500 for row in figures["recall"] + figures["replies"] + figures["open"])


@pytest.mark.slow
def test_shipped_model_copies_from_any_sentence(tokenizer):
    """A floor for frames, words and values that it was never trained on."""
    model = GPT2LMHeadModel.from_pretrained(EMBEDDED).eval()
    plan, wanted = open_evaluate.settings()["the sentence again, word for word"]
    rng = random.Random("floor")
    drawn = (open_facts.episode(rng, plan, open_facts.Source()) for _ in range(400))
    share = evaluate.share_of(model, tokenizer.backend_tokenizer, "floor", drawn, 60, wanted)
    assert share.n == 60 and share.value >= 0.85, share


@pytest.mark.parametrize("what, held", [
    ("base", "training.pt"), ("base", "model.safetensors"), ("base", "config.json"), ("base", "README.md"),
    ("memory", "training.pt"), ("memory", "memory.safetensors"), ("memory", "card.json"),
])
def test_a_new_training_replaces_nothing(text, tmp_path, capsys, what, held):
    (tmp_path / held).write_text("hours of work")
    assert main(["train", what, "--text", str(text), "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"There is {held} in {tmp_path} already. Choose a new folder" in said and "--resume" in said
    assert (tmp_path / held).read_text() == "hours of work" and len(list(tmp_path.iterdir())) == 1


def test_too_little_text_is_said_with_its_tokens(text, options, tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("Hi.")
    with pytest.raises(corpus.CorpusError, match="tokens; a row takes 33. Add books"):
        base.start(replace(options, text=tmp_path), resume=False)
    os.mkfifo(text / "pipe.txt")  # who reads it waits for ever
    assert len(corpus.read_books(text).training) == 2


def test_a_tokenizer_that_is_no_trainings_is_refused(options, tmp_path):
    training = base.start(options, resume=False)
    export.write_folder(training.model, training.data.tokenizer, tmp_path / "own")
    path = tmp_path / "own" / "tokenizer.json"
    for tokenizer in (training.data.tokenizer, Tokenizer(WordLevel({"a": 0}, unk_token="a"))):
        if tokenizer is training.data.tokenizer:
            tokenizer.add_tokens(["Zorvo"])
        tokenizer.save(str(path))
        with pytest.raises(corpus.CorpusError, match="this network has 300, the first '<|endoftext|>'.*--from"):
            base.start(replace(options, out=tmp_path / "new", weights=tmp_path / "own"), resume=False)
