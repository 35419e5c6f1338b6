"""Training memory: what moves, what stays frozen, what an episode's tensors say, resuming."""

import json
import random
from dataclasses import replace

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Tokenizer

from model.__main__ import main
from model.grafts import modules
from model.loading import checkpoint
from model.recall.episodes import ME, UNKNOWN, Ask, Fact
from model.training import memory, memory_card, remembering
from model.training.memory_data import Data, Lesson
from tests.conftest import byte_tokenizer

FACT = Fact(ME, "city", "New York", "I live in New York.")


def folder_of(path, **sizes):
    """A random GPT-2 with a byte tokenizer as a checkpoint folder."""
    torch.manual_seed(0)
    sizes = {"n_layer": 2, "n_head": 2, "n_embd": 32, "n_positions": 256} | sizes
    GPT2LMHeadModel(GPT2Config(vocab_size=257, bos_token_id=256, eos_token_id=256, **sizes)
                    ).save_pretrained(path)
    byte_tokenizer().save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("base"))


def options(folder, out, **others):
    return memory.MemoryTrainingOptions(out, model=str(folder), rows=3, asks=2, every=2, n_recall=4,
                                        **{"steps": 4} | others)


@pytest.fixture(scope="module")
def data():
    return Data(checkpoint.load("embedded").tokenizer, None)


# -- what an episode's tensors say ---------------------------------------------------------------


def test_the_value_and_the_stop_behind_it_are_worth_a_slot(data):
    ids, value = data.told("It rains. I live in New York. Who knows New York?", [FACT])
    texts = [data.tokenizer.decode([i]) for i in ids]
    assert "".join(t for t, v in zip(texts, value) if v) == " New York."
    assert ids[0] == data.start and value[0] == 0


def test_a_value_in_the_middle_of_a_sentence_has_no_stop(data):
    fact = Fact(ME, "city", "Rome", "I come home to Rome every evening.")
    ids, value = data.told(fact.sentence, [fact])
    assert data.tokenizer.decode([i for i, v in zip(ids, value) if v]) == " Rome"


def test_only_what_was_told_weighs(data):
    asked = data.asked(Ask("Where do I live?", "I live in", "New York", FACT))
    ids, weight, answer, never = asked
    text = data.tokenizer.decode
    assert text(ids[1:]) == "Where do I live? I live in New York."
    assert text([i for i, a in zip(ids, answer) if a]) == " New York."
    assert text([i for i, w in zip(ids, weight) if w]) == " I live in New York."
    assert not any(never)
    ids, weight, answer, never = data.asked(Ask("Where do I live?", "", UNKNOWN, None))
    assert text(ids[1:]) == f"Where do I live? {UNKNOWN}" and not any(weight) and not any(answer)
    assert text([i for i, n in zip(ids, never) if n]) == f" {UNKNOWN}"


def test_a_batch_belongs_together(data):
    lesson = Lesson("x", memory.LESSONS[1].plan, (1, 2))
    batch = data.batch(random.Random(0), [lesson] * 5, asks=2)
    assert batch.asked.ids.shape[0] == 5 * 2 + 3  # two questions each, an ordinary text for every second
    for row, one in enumerate(batch.episodes):
        mine = batch.told.ids[batch.told.row == row]
        assert len(one.prompts) + 1 <= len(mine) <= len(one.prompts) + 2
        assert len(one.asks) == 2
    assert (batch.told.n >= 2).all() and batch.told.value.sum() > 0


# -- what moves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant, cell, lora", [
    ("gpt2-m", "gru", 0), ("gpt2-m", "lstm", 0), ("gpt2+edm", "gru", 0), ("gpt2+rnn", "gru", 0),
    ("gpt2+edm", "gru", 4)])
def test_gradients_reach_every_trained_tensor_and_none_of_the_base(
    folder, tmp_path, variant, cell, lora
):
    training = memory.start(options(folder, tmp_path, variant=variant, cell=cell, lora=lora))
    if lora:
        training.modules.lora.up.data.normal_(std=0.1)
    for module in ("early", "late", "external"):
        getattr(training.modules, module).output.weight.data.normal_(std=0.1)
    batch = training.data.batch(training.rng, [memory.LESSONS[0]] * 3, 2)
    losses = memory.loss_of(training, batch)
    (losses["loss"] + losses["kl"] + losses["gate"]).backward()
    wanted = modules.prefixes(memory.written(training))
    still = [name for name, p in training.modules.named_parameters()
             if name.startswith(wanted) and (p.grad is None or not p.grad.abs().sum() > 0)]
    assert still == []
    assert all(p.grad is None and not p.requires_grad for p in training.model.parameters())


def test_untrained_memory_begins_with_the_base_models_loss(folder, tmp_path):
    training = memory.start(options(folder, tmp_path))
    batch = training.data.batch(training.rng, [memory.LESSONS[0]] * 3, 2)
    assert memory.loss_of(training, batch)["kl"].item() == 0.0


def test_lora_begins_as_the_base_and_is_kept_in_the_file(folder, tmp_path, capsys):
    training = memory.start(options(folder, tmp_path, variant="gpt2+edm", lora=4))
    batch = training.data.batch(training.rng, [memory.LESSONS[0]] * 3, 2)
    assert memory.loss_of(training, batch)["kl"].item() == 0.0
    memory.step(training), memory.step(training)
    path, base = tmp_path / "m.safetensors", training.checkpoint.fingerprint
    modules.save_modules(training.modules, path, base, memory.written(training), {})
    back = modules.load_modules(path, training.model.config, base)
    assert set(back.parts) == {"edm", "lora"} and back.lora.up.abs().sum() > 0


def test_rows_do_not_mix_in_training(folder, tmp_path):
    """The answer of an episode has no gradient to what another episode told."""
    training = memory.start(options(folder, tmp_path, variant="gpt2+edm"))
    training.modules.external.output.weight.data.normal_(std=0.1)
    batch = training.data.batch(random.Random(1), [memory.LESSONS[0]] * 2, 1)
    read = remembering.read_plainly(training, batch.told)
    read.first.requires_grad_(True)
    salience = training.modules.external.salience(read.middle, read.surprisal)
    remembered = remembering.remember(training, batch.told, read, salience, 2,
                                 {"edm": torch.ones(2), "rnn": torch.ones(2)})
    mine = remembering.select(batch.asked, batch.asked.row == 0)
    places = torch.arange(mine.ids.shape[1]).expand(len(mine.ids), -1)
    remembering.logits(training, mine, remembering.pick(remembered, mine.row), places).sum().backward()
    by_row = [read.first.grad[batch.told.row == row].abs().sum() for row in (0, 1)]
    assert by_row[0] > 0 and by_row[1] == 0


# -- the whole command --------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(folder, tmp_path):
    whole = list(memory.train(options(folder, tmp_path / "whole")))
    half = memory.start(options(folder, tmp_path / "half"))
    next(memory.loop(half))
    rest = list(memory.train(options(folder, tmp_path / "half"), resume=True))
    timeless = ("seconds", "seconds_left", "tokens_per_second")
    ends = [{k: v for k, v in run[-1].items() if k not in timeless} for run in (whole, rest)]
    assert ends[0] == ends[1] and ends[0]["step"] == 4
    lines = (tmp_path / "half" / memory.PROGRESS).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]


def test_measuring_beside_a_training_leaves_its_curve(folder, tmp_path):
    list(memory.train(options(folder, tmp_path, steps=2)))
    before = (tmp_path / memory.PROGRESS).read_text()
    memory.start(options(folder, tmp_path), fresh=False)
    assert (tmp_path / memory.PROGRESS).read_text() == before != ""
    memory.start(options(folder, tmp_path))
    assert not (tmp_path / memory.PROGRESS).exists()


@pytest.mark.slow
def test_the_command_leaves_a_file_that_loads_with_its_card(folder, tmp_path, capsys):
    arguments = ["train", "memory", "--model", str(folder), "--out", str(tmp_path), "--variant",
                 "gpt2-m", "--steps", "2", "--rows", "2", "--episodes", "4", "--lora", "2"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "step 2 of 2" in said and "n = 4" in said and "on 28 held-out episodes, --episodes 4" in said
    loaded = checkpoint.load(str(folder))
    found = modules.load_modules(tmp_path / modules.FILE, loaded.model.config, loaded.fingerprint)
    assert set(found.parts) == {"early", "late", "edm", "lora"} and found.card["seed"] == 0
    assert "as peft reads them" in said
    adapter = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (adapter["r"], adapter["base_model_name_or_path"]) == (2, str(folder))
    card = json.loads((tmp_path / "card.json").read_text())
    assert found.card == card and card["steps"] == 2
    assert set(card["recall"]) == {name for name, _ in memory_card.GRID} | {memory_card.KNOWN}


@pytest.mark.slow
def test_a_gpt2_small_shaped_model_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(remembering, "WARM", (12, 24))  # the long ones are read by the small models
    big = folder_of(tmp_path / "big", n_layer=12, n_head=12, n_embd=768, n_positions=1024)
    training = memory.start(replace(options(big, tmp_path, steps=2), rows=1, asks=1))
    before = {n: p.clone() for n, p in training.modules.named_parameters()}
    assert all(value >= 0 for value in memory.step(training).values())
    losses = memory.step(training)
    assert all(torch.isfinite(torch.tensor(value)) for value in losses.values())
    assert training.modules.sizes == modules.Sizes(768, 12, 6, n_layers=12)
    moved = [n for n, p in training.modules.named_parameters() if not torch.equal(p, before[n])]
    assert "external.key.weight" in moved and "early.cell.weight_hh_l0" in moved


@pytest.mark.parametrize("wrong, words", [
    (["--variant", "gpt2"], "invalid choice"),
    (["--steps", "0"], "--steps must be 1 or more"),
    (["--resume"], "Nothing to resume"),
    (["--lora", "-1"], "--lora must be from 0"),
    (["--four-bit"], "--four-bit needs a CUDA GPU"),
])
def test_wrong_options_are_one_sentence(folder, tmp_path, capsys, monkeypatch, wrong, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    try:
        code = main(["train", "memory", "--model", str(folder), "--out", str(tmp_path), *wrong])
    except SystemExit as exit:
        code = exit.code
    assert code == 2 and words in capsys.readouterr().err


def test_a_checkpoint_of_another_model_is_refused(folder, tmp_path):
    list(memory.train(options(folder, tmp_path / "a", steps=1)))
    other = folder_of(tmp_path / "other", n_layer=3)
    with pytest.raises(ValueError, match="another model"):
        memory.start(options(other, tmp_path / "a"), resume=True)


@pytest.mark.parametrize("steps, ends", [(1100, (165, 495)), (300, (150, 300))])
def test_a_short_training_stays_with_its_first_lessons(folder, tmp_path, steps, ends):
    training = memory.start(options(folder, tmp_path, steps=steps))
    seen = []
    for step in range(steps):
        training.state.step = step
        memory._next_lesson(training)
        seen.append(training.state.lesson)
    assert [seen.index(lesson) if lesson in seen else steps for lesson in (1, 2)] == list(ends)


def test_prompts_begin_with_the_start_token_once_whatever_the_tokenizer_adds():
    """add_bos_token puts one in front of every text; parts of a prompt have none."""
    adding = GPT2Tokenizer(vocab=byte_tokenizer().get_vocab(), merges=[], add_bos_token=True)
    assert adding("a")["input_ids"][0] == 256
    ids, _ = Data(adding, None, 256).told("I live in Rome.", ())
    assert ids[0] == 256 and 256 not in ids[1:] and len(ids) == 1 + len("I live in Rome.")
