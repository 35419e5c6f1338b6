"""Whatever a file says: it is read, or one line says what is wrong. The same examples every time."""

import json
import random
from argparse import Namespace
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.recall.board import table
from model.classroom import ballot, classes
from model.classroom.room import Place
from model.commands import session
from model.commands.recall_headline import lines
from model.grafts import modules
from model.lessons import reading
from model.loading.weights import read_config
from model.memory import asking, sessions, slots, telling
from model.memory.settings import Settings
from model.memory.state import blank, load_state, save_state
from model.notes import importing
from model.recall import (
    episode_lines,
    headline,
    probe,
    probe_file,
    scoreboard,
    shipped_curves,
)
from model.run import trace
from model.takeaway import trace_file
from model.training import base, jobs, memory_readme, progress, saved
from tests.unit.hostile.mutations import contents, tensor_files, texts, trees

pytestmark = pytest.mark.slow
FUZZ = settings(max_examples=150, derandomize=True, deadline=None, database=None,
                suppress_health_check=list(HealthCheck))
LESSON = """---
title: Words
about: What a word is.
---
## One

A sentence.

```step
link: attention?prompt=I+live
head: previous
ask: next
options: [" in", " on"]
```
"""
YAML = st.sampled_from([
    "[", "{", "&a [*a]", "!!python/object:os.system", "? [a]\n: b\n", "<<: {link: x}\n", "2001-99-99", "~",
    "0x", "1e999", "- ", ": ", "\t", "# ", "## ", "```step\n", "---\n", "[" * 2000, "{a: {b: c}}", "null", "\ud83d",
    "\x00", "!!binary x", "!!set {a}", "*x", "link: 2\n", "1: 2\n", "99999999999999999999:99:99", "!!int x",
])


@contextmanager
def one_line_at_most():
    """The reader may refuse with one sentence, and with nothing else."""
    try:
        yield
    except ValueError as problem:
        said = str(problem)
        assert said and "\n" not in said.strip() and said.rstrip()[-1] in ".)’”", said


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def told(tiny):
    return telling.tell(tiny, blank(tiny), "I am Ann. I live in Rome.", Settings()).state


def summary(state):
    """The same state with a slot that holds a summary, as `summarising` leaves it."""
    bank = state.bank
    origin = slots.Origin(1, (1, 2), (5, 6), ("a", "b"), (0.5, 1.0), "ab")
    origins = slots.column_of([(origin,)] + [()] * (len(bank) - 1))
    return replace(state, bank=replace(bank, slots=replace(bank.slots, origins=origins)))


def test_sessions(tiny, told, folder, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(folder))
    with sessions.hold("x") as path:
        save_state(summary(told), path)
    whole, ids = path.read_bytes(), np.arange(5)

    @FUZZ
    @given(tensor_files(whole, "mnemoscope"))
    def fuzz(content):
        path.write_bytes(content)
        assert list(session.run_command(Namespace(what="list")))
        with one_line_at_most():
            assert list(session.run_command(Namespace(what="show", name="x", json=False)))
            state = load_state(path, tiny)
            assert asking.ask(tiny, state, ids, Settings()).trace.next_logits.isfinite().all()

    fuzz()


def test_memory_files(tiny, folder):
    path, config = folder / "memory.safetensors", tiny.model.config
    modules.save_modules(modules.untrained(config, rank=2), path, "tiny-0", ("early", "edm", "lora"), {"seed": 1})
    whole = path.read_bytes()

    @FUZZ
    @given(tensor_files(whole, "mnemoscope_memory"))
    def fuzz(content):
        path.write_bytes(content)
        with one_line_at_most():
            assert modules.load_modules(path, config, "tiny-0").card is not None
        with one_line_at_most():
            modules.fill_from(modules.untrained(config), path)

    fuzz()


def test_trace_files(tiny):
    checkpoint_ = Namespace(**vars(tiny), placement=Namespace(dtype=tiny.model.dtype))
    whole = trace_file.as_bytes(checkpoint_, trace.run(tiny, np.arange(4)), "abcd")

    @FUZZ
    @given(tensor_files(whole, "mnemoscope"))
    def fuzz(content):
        with one_line_at_most():
            found = trace_file.from_bytes(content, "x.safetensors")
            assert 0 <= trace_file.strongest(found)[-1] <= 1

    fuzz()


def test_exported_notes():
    note = {"title": "a", "text": "I live in Rome.", "source": "typed", "created": 1.0, "changed": 2.0}
    whole = {"mnemoscope_notes": 1, "notes": [note, note]}

    @FUZZ
    @given(st.one_of(
        trees(whole).map(lambda tree: json.dumps(tree).encode()), contents(json.dumps(whole).encode()),
        st.sampled_from([b'{"mnemoscope_notes": 1, "notes": ' + b"[" * 2_000_000, b"%PDF-1.4\n%%EOF"])))
    def fuzz(content):
        with one_line_at_most():
            assert list(importing.read("notes.json", content))

    fuzz()


def test_probe_files(tiny):
    whole = {"tell": ["I live in Rome."], "ask": "I live in", "answer": " Rome", "distance": 5, "seed": 1, "label": "x",
             "distraction": "It rains. " * 9, "wrong": " Oslo"}

    @FUZZ
    @given(trees(whole).map(lambda tree: json.dumps(tree).encode()) | contents(json.dumps(whole).encode()))
    def fuzz(content):
        with one_line_at_most():
            probe.prepare(tiny, probe_file.parsed(content))

    fuzz()


@FUZZ
@given(texts(LESSON, YAML))
def test_lessons(text):
    with one_line_at_most():
        assert reading.read(text, "x", "x.md").steps


def test_configs(tmp_path, tiny):
    config = {**tiny.model.config.to_dict(), "model_type": "gpt2"}

    @FUZZ
    @given(trees(config).map(lambda tree: json.dumps(tree).encode()) | contents(json.dumps(config).encode()))
    def fuzz(content):
        (tmp_path / "config.json").write_bytes(content)
        with one_line_at_most():
            assert read_config(tmp_path).n_layer

    fuzz()


def test_trainings(tmp_path, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path))
    job = tmp_path / "trainings" / "1-a"
    job.mkdir(parents=True)
    asked = {"request": {"model": "embedded", "variant": "gpt2-m", "steps": 9, "texts": ["a.txt"]}, "created": 1.0,
             "pid": 2**30, "birth": "x"}
    share = {"hits": 1, "n": 2, "share": 0.5, "low": 0.1, "high": 0.9}
    card = {"recall": {"one fact": {"gpt2": share}}, "refused": {"gpt2": share}, "seed": 1, "seconds": 9,
            "stability": {"tokens": 9, "relative_change": 0.1, "kl_nats_per_token": 0.1}}
    line = {"step": 1, "steps": 2, "seconds": 1.0, "recall": {"gpt2": 0.5}, "gates": {"early": None}, "loss": 2.0}

    @FUZZ
    @given(trees({"job.json": asked, "card.json": card, "progress.jsonl": line}), st.none() | contents(b'{"step": 1'))
    def fuzz(files, raw):
        for name in ("job.json", "card.json", "progress.jsonl"):
            (job / name).write_bytes(json.dumps(files.get(name)).encode() if raw is None else raw)
        jobs.all_jobs()
        with one_line_at_most():
            assert jobs.look(jobs.find(job.name)).state
        with one_line_at_most():
            progress.read_curves(job / "progress.jsonl")

    fuzz()


def test_measurements(tmp_path):
    share = {"hits": 1, "n": 2, "share": 0.5, "low": 0.1, "high": 0.9}
    span = {"mean": 0.5, "low": 0.1, "high": 0.9}
    text = {"bits_per_byte": 1.0, "percent": 0.1, "low": 0.0, "high": 0.2}
    board = {"version": 1, "model": "m", "fingerprint": "f", "memory": None, "seed": 0, "rules": 6,
             "cases": {name: {"title": "t", "variants": {"gpt2": share}, "labels": {"x": {"gpt2": share}}}
                       for name in ("next", "many tokens, 1 slots")},
             "text": {"passages": 1, "bytes": 9, "variants": {"gpt2": text, "mine": text}},
             "gist": {"all books": {"pairs": 1, "saved_by_own": span, "saved_by_other": span, "percent": span}}}
    episode = [{"curve": "facts", "variant": "gpt2", "point": "4", "seed": 0, "made_with": "m"}]
    cell = share | {"about": "the user", "facts": 1, "between": 0, "variant": "gpt2+edm", "seed": 0}
    part = {"seed": 0, "steps": 1, "tokens": 1, "seconds": 9}
    card = part | {"base": "f", "platform": "cpu", "file_bytes": 9, "n_parameters": 9, "recall": {"one": {"gpt2": share}, "two": {"gpt2": share, "gpt2-m": share}},
                   "went_on_from": {"steps": 1, "tokens": 1, "seconds": 9, "base": "f"}, "refused": {"gpt2": share},
                   "stability": {"tokens": 9, "relative_change": 0.1, "kl_nats_per_token": 0.1}}
    row = {"variant": "gpt2", "point": "1", "x": 1, "y": None, "stop": 0, "n_stops": 1, "episodes": 2,
           "series": {"recalled": [1, 2]}}
    measured = {"value": 1.0, "low": None, "high": None, "n": 2, "unit": "share", "how": "h"}
    units = dict.fromkeys(scoreboard.COLUMNS, "share") | {"context_limit": "tokens", "perplexity": "percent", "bytes": "bytes", "ms": "ms"}
    shown = board | {"made": "", "episodes": 1, "slots": {"am": 1, "edm": 1}, "policy": "fifo", "window": 9, "rows": [
        {"variant": "gpt2", "cells": {name: measured | {"unit": unit} for name, unit in units.items()}}]}
    files = {"memory_headline.json": board, "scoreboard.json": shown | {"version": scoreboard.VERSION}, "x.episodes.jsonl": episode, "memory_card.json": card,
             "memory_grid.json": {"cells": {"a": [cell, cell | {"facts": 2, "between": 1}]}, "whole": {"a": [cell]}, "seeds": [part]},
             "recall_curves.json": board | {"settings": {}, "curves": {"facts": {"n": 1, "made": "", "rows": [row]}}}}
    readers = {
        "memory_headline.json": lambda path: [list(lines(headline.load(path))), memory_readme.write_from(path.parent)],
        "x.episodes.jsonl": episode_lines.read_lines,
        "memory_card.json": lambda path: memory_readme.write_from(path.parent),
        "memory_grid.json": lambda path: memory_readme.write_from(path.parent),
        "recall_curves.json": lambda path: shipped_curves.load(path.parent),
        "scoreboard.json": lambda path: [table(scoreboard.load(path)).encode()] + [
            scoreboard.in_words(cell) for one in scoreboard.load(path)["rows"] for cell in one["cells"].values()],
    }

    @FUZZ
    @given(st.sampled_from(sorted(files)), st.data())
    def fuzz(name, data):
        for other, told in files.items():
            (tmp_path / other).write_bytes(json.dumps(told).encode() + b"\n")
        whole = json.dumps(files[name]).encode()
        content = data.draw(trees(files[name]).map(lambda tree: json.dumps(tree).encode()) | contents(whole))
        (tmp_path / name).write_bytes(content + b"\n")
        with one_line_at_most():
            readers[name](tmp_path / name)

    for name, told in files.items():
        (tmp_path / name).write_bytes(json.dumps(told).encode() + b"\n")
    assert all(read(tmp_path / name) is not None for name, read in readers.items())
    fuzz()


POINT = {"step": 1, "tokens": 2, "seconds": 1.0, "tokens_per_second": 2.0, "seconds_left": 1.0, "stage": "one",
         "loss": 1.0, "bits_per_byte": 1.0, "recall_known": 0.1, "recall_unseen": 0.1, "recall_open": 0.0}
STATE = {"step": 1, "tokens": 2, "seconds": 1.0, "stage": 0, "seed": 0, "curves": [POINT]}
RNG = json.loads(json.dumps(random.Random(0).getstate()))


@FUZZ
@given(st.none() | st.binary(max_size=40), trees({"rng": RNG[:1] + [RNG[1][:3]] + [None], "state": STATE}))
def test_saved_trainings(raw, tree):
    with TemporaryDirectory() as place, one_line_at_most():
        path = Path(place) / "training.pt"
        if raw is None:
            torch.save({name: json.dumps(told) for name, told in tree.items()}, path)
        else:
            path.write_bytes(raw)
        saved.read(path, torch.device("cpu"), ("rng", "state"), saved.BaseStateTold)


@FUZZ
@given(trees(STATE))
def test_states_of_trainings(tree):
    with TemporaryDirectory() as place, one_line_at_most():
        path = Path(place) / "training.pt"
        torch.save({"rng": json.dumps(RNG), "state": json.dumps(tree)}, path)
        kept = saved.read(path, torch.device("cpu"), ("rng", "state"), saved.BaseStateTold)
        saved.set_random(random.Random(), kept["rng"])
        assert base.State(**kept["state"]).step >= 0


@FUZZ
@given(trees({"state": [[0, {"step": 1.0, "exp_avg": [0.0, 0.0]}]], "param_groups": [{"lr": 0.1, "params": [0]}]}))
def test_optimizers_of_trainings(tree):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.1)
    if isinstance(tree.get("state"), list):
        tree["state"] = dict(one for one in tree["state"] if isinstance(one, list) and len(one) == 2
                             and not isinstance(one[0], list | dict))
    with one_line_at_most():
        saved.fill_optimizer(optimizer, tree, Path("training.pt"))


def test_classes(tmp_path):
    room, _ = classes.start(tmp_path, Place(page="tokens", prompt="x", parameters={"layer": "1"}), 1.0)
    asked = ballot.ask(tmp_path, room.code, "0" * 16, 3, False)
    asked = asked.model_copy(update={"votes": {"a": [1, 2]}})
    files = {tmp_path / f"{room.code}.json": json.loads(room.model_dump_json()),
             tmp_path / f"{room.code}.answers" / f"{'0' * 16}.json": json.loads(asked.model_dump_json())}

    @FUZZ
    @given(st.sampled_from(sorted(files)), st.data())
    def fuzz(path, data):
        for other, told in files.items():
            other.write_text(json.dumps(told))
        whole = json.dumps(files[path]).encode()
        path.write_bytes(data.draw(trees(files[path]).map(lambda tree: json.dumps(tree).encode()) | contents(whole)))
        with one_line_at_most():
            assert classes._parsed(tmp_path / f"{room.code}.json").place.page
        with one_line_at_most():
            assert len(ballot.counts(ballot._parsed(tmp_path / f"{room.code}.answers" / f"{'0' * 16}.json"))) > 0
        classes._forget_old(tmp_path, 2.0)

    fuzz()


def test_a_whole_file_of_each_kind_is_read(tiny, told, folder):
    """What is mutated above is right before it is mutated."""
    save_state(summary(told), folder / "x")
    assert load_state(folder / "x", tiny).bank.slots.n_tokens[0] == 2
    assert len(reading.read(LESSON, "x", "x.md").steps) == 1
