"""The Compare page: two prompts and patches between them, with the model's own numbers."""

import numpy as np
import pytest
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from components.compare import other_model
from components.kit.units import show_number
from model.analysis import comparison, patching, path_patching, recovery
from model.loading import checkpoint
from model.memory import asking, telling
from model.memory.settings import Settings
from model.memory.state import blank
from model.run import tokens, trace
from tests.app import tree
from tests.conftest import byte_tokenizer, random_gpt2
from tests.waiting import PATIENCE_S

WORDS = "a machine learning model", "a fashion model"
PEOPLE = (
    "Mary lives in Paris. Tom lives in Rome. Where does Mary live? Mary lives in",
    "Mary lives in Paris. Tom lives in Rome. Where does Tom live? Tom lives in",
)
BLUE = "the blue ship of Henry saw the blue", "the red ship of Henry saw the blue"


@pytest.fixture(scope="module")
def model():
    return checkpoint.load("embedded")


def runs(model, prompts) -> list[trace.Trace]:
    return [trace.run(model, tokens.encode(model.tokenizer, text)) for text in prompts]


def opened(prompts, session=(), **link) -> AppTest:
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in {"prompt": prompts[0], "other_prompt": prompts[1], **link}.items():
        app.query_params[name] = str(value)
    for name, value in dict(session).items():
        app.session_state[name] = value
    app.switch_page("pages/compare.py")
    return app.run()


def grid(app, key: str) -> dict:
    """What the grid with this key was given."""
    return next(message for _, found, message in tree.components(app) if found == key)


def table(message: dict, name: str) -> np.ndarray:
    return message[name].reshape(len(message["rows"]), len(message["columns"]))


def test_one_word_in_two_contexts(model):
    app = opened(WORDS)
    assert not app.exception and not app.error
    first, second = (comparison.Side(model, run) for run in runs(model, WORDS))
    pairs = comparison.paired(first.trace, second.trace, "subsequence")
    apart = comparison.apart(first, second, pairs)
    sent = grid(app, "apart_grid")
    np.testing.assert_allclose(table(sent, "distance"), apart.distance, atol=1e-5)
    n, m = len(first.trace), len(second.trace)
    assert sent["chosen"] == {"row": 2 * first.trace.n_layers, "column": len(pairs) - 1}
    assert sent["columns"][-1] == tokens.display(model.tokenizer, first.trace.ids)[-1]
    assert f"Prompt A has {n} tokens, B has {m}" in "".join(c.value for c in app.caption)
    parts = table(grid(app, "apart_parts"), "values")
    np.testing.assert_allclose(parts[:, :-1], apart.heads[:, :, -1], atol=1e-5)
    js = comparison.js_nats(first, second, pairs)[-1]
    assert f"{js:.3f}" in tree.html(app)
    near = [comparison.neighbours(side, int(place)) for side, place in zip((first, second), pairs[-1])]
    sent = grid(app, "apart_neighbours")
    np.testing.assert_allclose(table(sent, "cosine"), np.concatenate([x.cosine for x in near], 1), atol=1e-5)
    assert sent["texts"][0] == tokens.display(model.tokenizer, near[0].ids[0, :1])[0]


@pytest.mark.parametrize("site, fill", [*((site, "patch") for site in patching.SITES),
                                        *zip(patching.SITES, ("zero", "mean", "resample"))])
def test_every_cell_of_a_patch(model, site, fill):
    app = opened(PEOPLE, compare="patch", patch_site=site, patch_fill=fill)
    assert not app.exception and not app.error
    clean, corrupt = runs(model, PEOPLE)
    answers = [int(run.next_logits.argmax()) for run in (clean, corrupt)]
    cells = patching.every_cell(model, corrupt, clean, site, fill=fill)
    read = recovery.recovered(model, cells, clean, corrupt, "difference", *answers)
    sent = grid(app, "patch_grid")
    np.testing.assert_allclose(table(sent, "share"), read.share, atol=1e-4)
    assert np.unravel_index(read.share.argmax(), read.share.shape) == tuple(sent["chosen"].values())


def test_all_cells_of_the_last_layer_give_a(model):
    app = opened(PEOPLE, compare="patch")
    said = "".join(c.value for c in app.caption)
    assert "give A's logits: largest difference" in said
    clean, corrupt = runs(model, PEOPLE)
    last = patching.together(model, corrupt, clean, "stream", clean.n_layers - 1, np.arange(len(clean)))
    np.testing.assert_allclose(trace.final_logits(model.model, last), clean.next_logits, atol=1e-3)


def test_a_single_patch_changes_nothing_before_it(model):
    app = opened(PEOPLE, compare="patch", patched="2.15")
    moved = table(grid(app, "patch_cone"), "moved")
    assert np.abs(moved[:, :15]).max() < 1e-5 and np.abs(moved[:4]).max() < 1e-5 and moved[4, 15] > 1e-3
    clean, corrupt = runs(model, PEOPLE)
    cone = patching.cone(model, corrupt, clean, "stream", (2, 15), (2, 15))
    np.testing.assert_allclose(moved, cone.moved, atol=1e-5)


def test_any_cell_of_a_goes_into_any_cell_of_b(model):
    app = opened(PEOPLE, compare="patch", patched="4.20", patch_from="2.15")
    assert not app.exception and not app.error
    clean, corrupt = runs(model, PEOPLE)
    cone = patching.cone(model, corrupt, clean, "stream", (2, 15), (4, 20))
    np.testing.assert_allclose(table(grid(app, "patch_cone"), "moved"), cone.moved, atol=1e-5)
    answers = [int(run.next_logits.argmax()) for run in (clean, corrupt)]
    one = recovery.recovered(model, patching.Grid("stream", cone.last[None, None]), clean, corrupt,
                             "difference", *answers)
    assert show_number(float(one.share[0, 0])) in tree.html(app)
    app.button(key="patch_from_own").click().run()
    assert app.session_state["patch_from"] is None and app.session_state["patched"] == (4, 20)


def test_a_cell_without_a_partner_stays_chosen_and_is_one_sentence():
    app = opened(WORDS, compare="patch", patched="1.1")
    assert not app.exception and not app.error
    assert grid(app, "patch_grid")["chosen"] == {"row": 1, "column": 1}
    said = [caption.value for caption in app.caption if "has no partner in A. Choose" in caption.value]
    assert len(said) == 1 and not any(key == "patch_cone" for _, key, _ in tree.components(app))


def test_what_memory_brings_is_patched_into_the_run_without_it(model):
    ask = "Where do I live? I live in"
    app = opened((ask, ask), compare="patch", patch_runs="into")
    assert not app.exception and not app.error
    settings = Settings(modules=frozenset({"am", *model.memory.parts}))
    state = telling.tell(model, blank(model), other_model.EXAMPLE, settings).state
    ids = tokens.encode_part(model.tokenizer, ask)
    clean, corrupt = asking.ask(model, state, ids, settings).trace, asking.plain(model, ids)
    answers = [int(run.next_logits.argmax()) for run in (clean, corrupt)]
    cells = patching.every_cell(model, corrupt, clean, "stream")
    read = recovery.recovered(model, cells, clean, corrupt, "difference", *answers)
    np.testing.assert_allclose(table(grid(app, "patch_grid"), "share"), read.share, atol=1e-3)
    assert read.share[-1, -1] > 0.5  # before the last layer the last token holds what memory said


def test_an_induction_head_hears_the_previous_token_head(model):
    app = opened(BLUE, compare="paths", path_to="2.5")
    assert not app.exception and not app.error
    clean, corrupt = runs(model, BLUE)
    answers = [int(run.next_logits.argmax()) for run in (clean, corrupt)]
    assert grid(app, "path_senders")["chosen"] == {"row": 1, "column": 7}  # reads the previous token
    found = path_patching.every_path(model, corrupt, clean, (1, 7))
    read = recovery.recovered(model, found.ends, clean, corrupt, "difference", *answers)
    sent = grid(app, "path_receivers")
    np.testing.assert_allclose(table(sent, "share"), read.share[2:], atol=1e-4)
    np.testing.assert_allclose(table(sent, "moved"), found.moved[2:], atol=1e-5)
    alone = path_patching.direct_path(model, corrupt, clean, (1, 7), (2, 5))
    weights = table(grid(app, "path_reads"), "weight")
    np.testing.assert_allclose(weights[:2], [alone.before[-1], alone.after[-1]], atol=1e-5)
    assert weights[:, 2].argmin() == 0  # the path makes it read what followed the first "blue"


def test_paths_between_prompts_of_different_counts_are_a_sentence():
    app = opened(WORDS, compare="paths")
    assert not app.exception and "Different token counts: 7 in A, 4 in B" in app.info[0].value
    app.button(key="path_pair").click().run()
    assert not app.exception and not app.info
    assert app.session_state["prompt"] == "the blue ship of Henry saw the blue"


def test_one_model_without_and_with_what_memory_was_told(model):
    app = opened(("Where do I live? I live in", ""), compare="models")
    assert not app.exception and not app.error
    settings = Settings(modules=frozenset({"am", *model.memory.parts}))
    state = telling.tell(model, blank(model), other_model.EXAMPLE, settings).state
    ids = tokens.encode_part(model.tokenizer, "Where do I live? I live in")
    recalled = asking.ask(model, state, ids, settings).trace
    sides = comparison.Side(model, asking.plain(model, ids)), comparison.Side(model, recalled)
    pairs = comparison.paired(sides[0].trace, recalled, "position")[1:]
    apart = comparison.apart(*sides, pairs)
    sent = grid(app, "models_grid")
    np.testing.assert_allclose(table(sent, "distance"), apart.distance, atol=1e-4)
    assert f"{comparison.js_nats(*sides, pairs)[-1]:.3f}" in tree.html(app)
    parts = grid(app, "models_parts")["chosen"]
    layer, head = parts["row"], parts["column"]
    expected = comparison.weight_difference(*sides, pairs, layer, head)
    np.testing.assert_allclose(table(grid(app, "models_attention"), "change"), expected, atol=1e-5)


@pytest.fixture
def folder(tmp_path, model):
    """A model of the embedded one's size and words, with other weights in one layer."""
    model.model.config.save_pretrained(tmp_path)
    weights = {name: x.clone() for name, x in model.model.state_dict().items()}
    weights["transformer.h.2.mlp.c_proj.weight"] *= 1.1
    save_file({n: x.float() for n, x in weights.items() if n != "lm_head.weight"},
              tmp_path / "model.safetensors", metadata={"format": "pt"})
    model.tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_a_folder_beside_the_embedded_model_opens_with_a_click(model, folder):
    app = opened((PEOPLE[0], ""), compare="models", other_model=folder)
    assert not app.exception and not tree.components(app)[-1][1].startswith("models")
    app.button(key="beside_load").click().run()
    assert not app.exception and not app.error
    distance = table(grid(app, "models_grid"), "distance")
    # the changed MLP writes station 6; before it only rounding, where a prefix of A's run was kept
    assert distance[:6].max() < 1e-5 and distance[6].min() > 1e-3


def test_of_a_model_of_another_size_only_what_follows_is_compared(tmp_path, model):
    random_gpt2(vocab_size=model.model.config.vocab_size).save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    app = opened((PEOPLE[0], ""), {"folder opened": str(tmp_path)}, compare="models", other_model=tmp_path)
    assert not app.exception and not app.error
    assert "B has 3 layers, 4 heads, width 32" in app.info[0].value
    assert "Δ logit" in tree.html(app) and "models_grid" not in [key for _, key, _ in tree.components(app)]


def test_models_of_other_words_and_missing_models_are_sentences(tmp_path):
    random_gpt2().save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    app = opened((PEOPLE[0], ""), {"folder opened": str(tmp_path)}, compare="models", other_model=tmp_path)
    assert not app.exception and "different vocabularies" in app.error[0].value
    app = opened((PEOPLE[0], ""), compare="models", other_model="gpt2")
    assert not app.exception and "not on this machine" in app.info[0].value


def test_different_token_counts_by_position_are_a_sentence_and_an_offer():
    app = opened(WORDS, compare="patch", align="position")
    assert not app.exception and "Different token counts: 7 in A, 4 in B" in app.info[0].value
    app.button(key="compare_align").click().run()
    assert not app.exception and not app.info and grid(app, "patch_grid")["columns"][-1] == "el"


def test_prompts_without_a_common_token_are_aligned_by_position():
    app = opened(("one two three", "Mary"))
    assert not app.exception and len(grid(app, "apart_grid")["columns"]) == 2
    assert "aligned by position" in "".join(c.value for c in app.caption)
    app = opened(("one two three", "Mary"), compare="patch")
    assert not app.exception and "no token is in both" in app.info[0].value


def test_an_answer_of_several_tokens_is_measured_by_its_first():
    app = opened(PEOPLE, compare="patch", patch_answer="·Paris·town")
    assert "the first, ·Par, is measured" in "".join(c.value for c in app.caption).replace("\\", "")


def test_two_equal_answers_are_a_sentence():
    app = opened(PEOPLE, compare="patch", patch_answer="·the", patch_against="·the")
    assert not app.exception and "Choose two that differ" in app.error[0].value


def test_of_a_long_prompt_a_range_is_patched():
    long = "one two three four five " * 30, "one two three four six " * 30
    app = opened(long, compare="patch")
    assert not app.exception and not app.error
    assert len(grid(app, "patch_grid")["columns"]) == patching.MOST_TOKENS
    app.button(key="patch_earlier").click().run()
    assert grid(app, "patch_grid")["column_words"][0].startswith("A ")
    assert not app.exception and not app.error
    app.session_state["compare"] = "paths"
    app.run()
    assert not app.exception and "too many for paths" in app.info[0].value


@pytest.mark.parametrize("view", ["prompts", "patch", "paths", "models"])
@pytest.mark.parametrize("prompts", [
    ("a", "b"), ("a", "   "), ("<script>x</script> **b**", "$x^2$ [a](b) 🧠"), ("a b", "a b"),
])
def test_no_prompt_breaks_a_view(view, prompts):
    app = opened(prompts, compare=view)
    assert not app.exception


@pytest.mark.parametrize("which", ["prompt", "other_prompt"])
def test_an_empty_prompt_says_what_to_do(which):
    app = opened(WORDS)
    app.session_state[which] = ""
    app.run()
    assert not app.exception and "Type both" in app.info[0].value


def test_a_pair_fills_both_boxes():
    app = opened(PEOPLE, at=2)
    app.button(key="pair One word, two contexts").click().run()
    assert not app.exception
    assert (app.session_state["prompt"], app.session_state["other_prompt"]) == WORDS
    assert grid(app, "apart_grid")["chosen"]["column"] == len(grid(app, "apart_grid")["columns"]) - 1
