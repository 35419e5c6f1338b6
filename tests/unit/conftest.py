"""A checkpoint on disk, tiny and random, for the tests of loading."""

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
