"""The Anatomy page: every view draws what the checkpoint and the prompt really hold."""

import re
import shutil

import pytest
import torch
from streamlit.testing.v1 import AppTest

from components.frame import whose
from model.analysis import anatomy, arithmetic
from model.loading import checkpoint
from tests.app import tree
from tests.waiting import PATIENCE_S

VIEWS = ("map", "tensors", "heads", "tour", "size")


def opened(view: str, **link) -> AppTest:
    """The app at /anatomy?anatomy=view&… as a link opens it."""
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in {"anatomy": view, "prompt": "Hello world", **link}.items():
        app.query_params[name] = value
    return app.switch_page("pages/anatomy.py").run()


@pytest.fixture(scope="module")
def found():
    return anatomy.dissect(checkpoint.EMBEDDED)


@pytest.mark.parametrize("prompt", ["Hello world", "", "<script>alert(1)</script>", "word " * 3000])
def test_every_view_with_any_prompt(prompt):
    app = opened(VIEWS[0], prompt=prompt)
    for view in VIEWS:
        app.session_state["anatomy"] = view
        app.run()
        assert not app.exception and not app.error, view
        assert "<script>" not in tree.html(app), view


def test_the_map_reconciles_on_the_page(found):
    page = tree.html(opened("map"))
    assert "= size on disk" in page and f"{found.n_bytes:,}" in page
    assert f"{found.header_bytes:,}" in page
    for total in found.totals():
        assert total.part in page and f"{total.n_bytes:,}" in page
    assert "model.safetensors" in page and "config.json" in page


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_format_of_the_file_stands_beside_that_of_the_app(found, dtype):
    app = opened("map")
    app.session_state["model_dtype"] = dtype
    page = tree.html(app.run())
    assert f"in the file; the app computes in {dtype}" in page
    assert all(f">{d}<" in page for d in {t.dtype for t in found.tensors})


@pytest.mark.parametrize("is_owner", [True, False])
def test_the_path_is_for_the_owner(tmp_path, monkeypatch, is_owner):
    folder = shutil.copytree(checkpoint.EMBEDDED, tmp_path / "mine")
    monkeypatch.setenv("MNEMOSCOPE_MODEL", str(folder))
    monkeypatch.setattr(whose, "is_owner", lambda: is_owner)
    titles = [m.value for m in opened("map").markdown if "The files in" in m.value]
    assert titles == [f"#### The files in `{folder if is_owner else 'mine'}`"]


def test_every_tensor_is_in_the_table_and_can_be_filtered(found):
    app = opened("tensors")
    assert list(app.dataframe[0].value["tensor"]) == [t.name for t in found.tensors]
    app.session_state["tensor_parts"] = ["LayerNorms"]
    app.run()
    assert set(app.dataframe[0].value["part"]) == {"LayerNorms"}
    assert len(app.dataframe[0].value) == len(found.of_part("LayerNorms"))


def test_a_link_opens_its_tensor_and_nonsense_opens_the_first(found):
    name = found.of_part("LayerNorms")[0].name
    assert f">{name}<" in tree.html(opened("tensors", tensor=name))
    app = opened("tensors", tensor="<b>no such tensor</b>", layer="999", size="gpt9")
    assert not app.exception and not app.error
    assert "wte.weight</span>" in tree.html(app)


def test_a_window_of_the_token_embedding(found):
    app = opened("map")
    app.session_state["tensor_form"] = "window"
    app.run()
    assert not app.exception
    assert any("Every value is shown" in c.value for c in app.caption)


def test_the_tour_shows_the_shapes_of_this_prompt():
    app = opened("tour", layer="2")
    page, loaded = tree.html(app), checkpoint.load("embedded")
    T, config = len(loaded.tokenizer("Hello world")["input_ids"]), loaded.model.config
    H, D = config.n_head, config.n_embd
    assert f"T = {T:,}" in page and "block 2" in page
    for shape in ((1, T, D), (1, T, 3 * D), (1, H, T, D // H), (1, H, T, T)):
        assert str(shape) in page, shape
    assert any("All 28 tensors, computed from this prompt" in m.value for m in app.markdown)
    assert f"d_h = {D // H}" in page
    assert len(app.dataframe[0].value) == 28


def test_the_tour_of_no_prompt_says_what_to_do():
    app = opened("tour")
    app.session_state["prompt"] = ""
    app.run()
    assert "Type a prompt" in app.info[0].value


def test_the_calculator_starts_with_gpt3_and_follows_its_inputs():
    app = opened("size")
    page = tree.html(app)
    for number in ("175,181,291,520", "27,938", "174,604,259,328"):
        assert number in page
    app.number_input(key="gpt3 n_layer").set_value(1).run()
    shape = arithmetic.GptShape(1, 96, 12_288, 128, 49_152, 50_257, 2048)
    assert f"{arithmetic.count(shape).weights:,}" in tree.html(app)


def test_the_calculator_agrees_with_this_checkpoint(found):
    page = tree.html(opened("size", size="this model"))
    assert f"{found.n_parameters:,}" in page


def test_pickled_weights_say_so(tmp_path, monkeypatch):
    loaded = checkpoint.load("embedded")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((checkpoint.EMBEDDED / name).read_bytes())
    torch.save(loaded.model.state_dict(), tmp_path / "pytorch_model.bin")
    monkeypatch.setenv("MNEMOSCOPE_MODEL", str(tmp_path))
    app = opened("map")
    assert not app.exception and not app.error
    assert f"{(tmp_path / 'pytorch_model.bin').stat().st_size:,}" in tree.html(app)
    assert any("Pickled weights" in m.value for m in app.markdown)


def test_heads_keep_the_choice_for_the_other_pages():
    app = opened("heads", layer="1", head="2")
    assert app.selectbox(key="anatomy_layer").value == 1
    app.selectbox(key="anatomy_head").select(3).run()
    assert (app.session_state["layer"], app.session_state["head"]) == (1, 3)
    assert any(re.search("Layer 1, head 3", m.value) for m in app.markdown)


def test_looking_at_heads_chooses_none():
    app = opened("heads")
    assert "head" not in app.session_state


def test_a_link_carries_the_numbers_of_the_calculator():
    app = opened("size", size="gpt2", size_numbers="gpt2:n_layer=3")
    assert app.number_input(key="gpt2 n_layer").value == 3
    app.number_input(key="gpt2 n_head").set_value(6).run()
    said = tree.sent(app, "live_prompt")["address"]["size_numbers"]
    assert said == "gpt2:n_layer=3,n_head=6"
    app.number_input(key="gpt2 n_head").set_value(12).run()
    app.number_input(key="gpt2 n_layer").set_value(12).run()
    assert tree.sent(app, "live_prompt")["address"]["size_numbers"] is None
