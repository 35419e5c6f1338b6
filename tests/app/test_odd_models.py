"""Pages with a model whose tokenizer has no bytes, and whose texts begin with nothing."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests import odd_tokenizers as odd
from tests.app import tree
from tests.conftest import random_gpt2
from tests.waiting import PATIENCE_S

APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """A page on a random model with a tokenizer of some kind."""

    def show(page, kind, prompt):
        n_vocab = kind(tmp_path)
        model = random_gpt2(vocab_size=n_vocab)
        for config in (model.config, model.generation_config):
            config.bos_token_id = config.eos_token_id = None
        model.save_pretrained(tmp_path)
        monkeypatch.setenv("MNEMOSCOPE_MODEL", str(tmp_path))
        app = AppTest.from_file(str(APP), default_timeout=PATIENCE_S)
        app.query_params["prompt"] = prompt
        app.switch_page(f"pages/{page}.py")
        return app.run()

    return show


def test_words_of_wordpiece_are_shown_as_words(opened):
    app = opened("tokens", odd.wordpiece_in_one_file, "für größer café")
    assert not app.exception and not app.error
    assert "no bytes and merges" in " ".join(one.value for one in app.caption)
    assert "‹" not in tree.html(app)


@pytest.mark.parametrize("page", ["memory", "start"])
def test_a_model_without_a_start_token_is_shown_and_says_so(opened, page):
    app = opened(page, odd.letters_only, "abc hi.")
    assert not app.exception and not app.error
    said = " ".join(one.value for one in app.warning)
    assert "nothing stands in front" in said and "ends a text" in said
