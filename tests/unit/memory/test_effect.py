"""What a memory changes: identities with the runs it is made of."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model.memory import asking, effect, fusion, state, telling
from model.memory.settings import FusionSettings, Settings
from model.memory.state import blank
from model.run import tokens, trace

TOLD, QUESTION = "I am Ann. I live in Rome.", "Where do I live?"
ALL = Settings(fusion=FusionSettings(unit="all"))


@pytest.fixture
def asked(tiny):
    told = telling.tell(tiny, blank(tiny), TOLD, ALL).state
    return told, asking.ask(tiny, told, tokens.encode(tiny.tokenizer, QUESTION), ALL)


def test_without_no_slot_nothing_changes(tiny, asked):
    told, found = asked
    again = effect.without(tiny, told.bank, found, [], ALL)
    assert torch.equal(again.next_logits, found.trace.next_logits)


def test_without_a_sentence_is_reading_the_others(tiny, asked):
    told, found = asked
    first = np.flatnonzero(told.bank.slots.block == told.bank.slots.block[0])
    rest = np.setdiff1d(np.arange(len(told.bank)), first)
    there = trace.run(tiny, found.trace.ids, reading=fusion.reading(told.bank, kept=rest))
    gone = effect.without(tiny, told.bank, found, first, ALL)
    assert torch.equal(gone.next_logits, there.next_logits)
    assert (gone.next_logits - found.trace.next_logits).abs().max() > 1e-3


def test_without_all_slots_it_is_gpt2(tiny, asked):
    told, found = asked
    gone = effect.without(tiny, told.bank, found, np.arange(len(told.bank)), ALL)
    plain = trace.run(tiny, found.trace.ids)
    assert torch.equal(gone.next_logits, plain.next_logits)


def test_compared_probabilities_are_those_of_both(tiny):
    one, other = torch.tensor([3.0, 0.0, 1.0]), torch.tensor([0.0, 5.0, 1.0])
    both = effect.compare(tiny, one, other, 2)
    assert both.ids.tolist() == [1, 0]
    np.testing.assert_allclose(both.after, one.double().softmax(-1)[[1, 0]])
    np.testing.assert_allclose(both.before, other.double().softmax(-1)[[1, 0]])


def test_values_of_all_heads_together_are_what_the_layer_writes(tiny, asked):
    """Summed over heads, the direct path is c_proj (less its bias), ln_f's gain and the LM head."""
    bank, vocabulary = asked[0].bank, tiny.model.config.vocab_size
    model, total = tiny.model, np.zeros(vocabulary)
    for head in range(model.config.n_head):
        total += _by_id(tiny, bank, head, vocabulary)
    attn, ln_f = model.transformer.h[1].attn, model.transformer.ln_f
    with torch.inference_mode():
        written = attn.c_proj(bank.values[1, :, 3].flatten()) - attn.c_proj.bias
        expected = model.lm_head((written - written.mean()) * ln_f.weight)
    np.testing.assert_allclose(total, expected, atol=1e-4)


def _by_id(tiny, bank, head, vocabulary):
    names, scores = effect.value_points_to(tiny, bank.values, 3, 1, head, vocabulary)
    place = {name: i for i, name in enumerate(tokens.display(tiny.tokenizer, range(vocabulary)))}
    assert len(place) == vocabulary and (np.diff(scores) <= 0).all()
    out = np.zeros(vocabulary)
    out[[place[name] for name in names]] = scores
    return out


@pytest.mark.parametrize("positions", fusion.POSITIONS)
def test_room_is_exactly_what_fits(tiny, positions):
    settings = Settings(fusion=FusionSettings(positions=positions, unit="all"))
    told = telling.tell(tiny, blank(tiny), TOLD, settings).state
    room = asking.room(tiny, told, settings)
    asking.ask(tiny, told, np.zeros(room, np.int64), settings)
    with pytest.raises(ValueError, match="and 1 to [0-9]+ fit"):
        asking.ask(tiny, told, np.zeros(room + 1, np.int64), settings)


@pytest.mark.parametrize(
    "header",
    ["[]", {"version": 1}, {"version": 1, "n_prompts": -1},
     {"version": 1, "n_prompts": 1, "longest": 1, "n_tokens": 1, "n_evicted": 0, "prompts": [3],
      "fingerprint": "tiny-0", "slots": {}}],
)
def test_a_header_that_lies_is_refused_in_a_sentence(tiny, tmp_path, header):
    path, nothing = tmp_path / "x.memory", torch.zeros(3, 4, 0, 8)
    text = header if isinstance(header, str) else json.dumps(header)
    save_file({"keys": nothing, "values": nothing.clone()}, path, {"mnemoscope": text})
    with pytest.raises(ValueError, match="no memory file"):
        state.load_state(path, tiny)
