"""Checkpoints that several rooms' tests share: tiny and random, on disk or with trained memory.

torch is imported where a model is made (tests/conftest.py).
"""

import shutil

import pytest

from tests.conftest import byte_tokenizer, random_gpt2


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    random_gpt2().save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A checkpoint folder that a test may break."""
    return shutil.copytree(saved, tmp_path / "model")


@pytest.fixture(scope="module")
def able(tiny):
    """The tiny checkpoint with trained memory whose gate lets everything through."""
    from tests.unit.grafts.test_trained_modules import random_modules

    made = random_modules(tiny.model.config)
    made.external.gate.bias.data.fill_(20.0)
    made.fingerprint = "modules-0"
    return type(tiny)(**{**vars(tiny), "memory": made})


class _NobodyWaits:
    """The turn of a work for which nobody waits."""

    undivided = False

    def give_way(self):
        from model.run.turn import Overtaken

        raise Overtaken

    def report(self, progress):
        raise AssertionError("the work went on")


@pytest.fixture
def nobody_waits():
    """A turn that ends its work at the next place where others may run."""
    return _NobodyWaits()
