"""Where texts begin and end: by what a folder has, and as transformers' generate ends."""

import json

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel

from model.loading import checkpoint
from model.memory import asking, fusion, telling
from model.memory.settings import Settings
from model.memory.state import blank, load_state, save_state
from model.run import borders, tokens, trace
from model.run.cache import KVCache
from model.run.generate import WithCache, generate
from model.run.sampling import SamplingSettings
from tests import odd_tokenizers as odd
from tests.checkpoint_folders import edit_config
from tests.conftest import random_gpt2

SETTINGS = Settings(modules=frozenset({"am"}))


@pytest.fixture
def made(tmp_path):
    """A folder with random weights, a tokenizer of some kind and these ends."""

    def write(kind=odd.own_parts, **ends):
        n_vocab = kind(tmp_path)
        model = random_gpt2(vocab_size=n_vocab)
        model.save_pretrained(tmp_path)
        (tmp_path / "generation_config.json").unlink()
        edit_config(tmp_path, **({"bos_token_id": None, "eos_token_id": None} | ends))
        return tmp_path

    return write


def greedy(loaded, ids, n=20):
    steps = generate(
        WithCache(loaded, KVCache(3)), ids, n, settings=SamplingSettings(0.0),
        generator=torch.Generator(), end_tokens=borders.ends(loaded),
    )
    return [step.token for step in steps]


def stock_greedy(folder, ids, n=20):
    model = GPT2LMHeadModel.from_pretrained(folder).eval()
    made = model.generate(
        torch.tensor([ids]), max_new_tokens=n, do_sample=False, pad_token_id=0)[0]
    return made[len(ids):].tolist()


@pytest.mark.parametrize("where", ["config.json", "generation_config.json"])
def test_generation_ends_at_any_end_token_where_transformers_does(made, where):
    folder, ids = made(), [72, 105, 32]
    free = stock_greedy(folder, ids)
    second = next(t for t in free if t != free[0])
    path = folder / where
    said = json.loads(path.read_text()) if path.exists() else {}
    for ends in ([256, second], second, [second]):
        path.write_text(json.dumps(said | {"eos_token_id": ends}))
        found = greedy(checkpoint.load(str(folder)), ids)
        assert found == stock_greedy(folder, ids) and found[-1] == second and len(found) < 20


@pytest.mark.parametrize("config, generation", [(7, None), (None, None), (7, {}), (999, None)])
def test_no_end_token_is_said_and_goes_on_as_transformers_does(made, config, generation):
    folder, ids = made(eos_token_id=config), [72, 105, 32]
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    loaded = checkpoint.load(str(folder))
    assert greedy(loaded, ids) == stock_greedy(folder, ids)
    assert ("ends a text" in " ".join(loaded.warnings)) == (config != 7 or generation == {})


def test_an_end_token_that_is_no_number_is_one_sentence(made):
    with pytest.raises(checkpoint.CheckpointError, match="No token ids in"):
        folder = made()
        (folder / "generation_config.json").write_text('{"eos_token_id": "</s>"}')
        checkpoint.load(str(folder))


@pytest.mark.parametrize("kind, ends, start, said", [
    (odd.own_parts, {}, ["<|endoftext|>"], ""),
    (odd.own_parts, {"eos_token_id": [256, 10]}, ["<|endoftext|>"], ""),
    (odd.own_parts, {"eos_token_id": 257, "bos_token_id": 257}, ["<|endoftext|>"], ""),
    (odd.wordpiece_in_one_file, {"bos_token_id": 2, "eos_token_id": 3}, ["[CLS]"], ""),
    (odd.wordpiece_in_one_file, {"eos_token_id": [3, 1]}, ["[SEP]"], "[SEP], its end, stands"),
    (odd.wordpiece, {}, ["[CLS]"], ""),
    (odd.unigram, {}, ["<s>"], ""),
    (odd.characters, {}, ["·"], "a space stands in front"),
    (odd.letters_only, {}, [], "nothing stands in front"),
])
def test_a_text_begins_with_what_the_folder_has(made, tmp_path, kind, ends, start, said):
    """And memory works with it: tell, ask, save, open."""
    loaded = checkpoint.load(str(made(kind, **ends)))
    assert tokens.display(loaded.tokenizer, borders.start(loaded)) == start
    assert said in " ".join(loaded.warnings)
    told = telling.tell(loaded, blank(loaded), "Hi. a hi abc.", SETTINGS)
    assert len(told.state.bank)
    ids = tokens.encode_part(loaded.tokenizer, "hi a")
    for positions in fusion.POSITIONS:
        settings = Settings(modules=frozenset({"am"}), fusion=SETTINGS.fusion.__class__(positions=positions))
        asked = asking.ask(loaded, told.state, ids, settings)
        assert asked.trace.next_logits.isfinite().all()
    save_state(told.state, tmp_path / "told")
    assert len(load_state(tmp_path / "told", loaded).bank) == len(told.state.bank)


@pytest.mark.parametrize("kind", [odd.own_parts, odd.letters_only])
def test_replay_is_one_text_with_a_start_token_and_without(made, kind):
    loaded = checkpoint.load(str(made(kind)))
    told = telling.tell(loaded, blank(loaded), "abc hi.", SETTINGS)
    ids, bank = tokens.encode_part(loaded.tokenizer, "abc"), told.state.bank
    read = fusion.replayed(loaded, bank, np.arange(len(bank)))
    again = trace.run(loaded, borders.with_start(loaded, ids), reading=read)
    plain = trace.run(loaded, borders.with_start(loaded, np.r_[bank.slots.token, ids]))
    torch.testing.assert_close(again.next_logits, plain.next_logits, rtol=0, atol=1e-4)


def test_a_slot_keeps_its_sentence_with_the_spaces_of_words(made):
    loaded = checkpoint.load(str(made(odd.wordpiece)))
    told = telling.tell(loaded, blank(loaded), "café ist größer.", SETTINGS)
    assert set(told.state.bank.slots.around) == {"café·ist·größer."}


def test_telling_what_gives_no_finite_numbers_saves_nothing(made):
    folder = made()
    loaded = checkpoint.load(str(folder))
    loaded.model.transformer.wte.weight.data[ord("z") - 33] = torch.nan
    with pytest.raises(ValueError, match="Not finite"):
        telling.tell(loaded, blank(loaded), "abcz", SETTINGS)


def test_a_state_that_would_not_open_is_not_saved(made, tmp_path):
    loaded = checkpoint.load(str(made()))
    state = telling.tell(loaded, blank(loaded), "abc.", SETTINGS).state
    state.bank.keys[0, 0, 0, 0] = torch.inf
    with pytest.raises(ValueError, match="keys of the memory"):
        save_state(state, tmp_path / "told")
    assert not (tmp_path / "told").exists()
