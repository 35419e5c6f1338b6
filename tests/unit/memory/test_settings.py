"""Settings in two parts, and the names that files of results and links keep them by."""

from dataclasses import fields

import pytest

from model.memory.settings import EdmSettings, FusionSettings, Settings, from_saved

# What was written before fusion's settings and the EDM's were apart: names, order and values.
FORMER = {
    "budget": 512, "policy": "least salient", "score": "apart and surprising", "threshold": 0.0,
    "positions": "parallel", "unit": "sentence", "n_retrieved": 4, "fits": 0.8, "strength": 0.0,
    "needed": 0.4, "modules": frozenset({"am"}), "slots": 128, "slot_score": "learned gate",
    "slot_threshold": 0.0, "best": 0, "lora": True,
}


def test_the_usual_settings_are_saved_as_they_always_were():
    assert list(Settings().saved().items()) == list(FORMER.items())


def test_former_names_open_into_their_parts():
    found = from_saved({"budget": 20, "slots": 8, "slot_score": "surprisal", "score": "novelty",
                        "threshold": 1.0, "slot_threshold": 2.0, "policy": "fifo"})
    assert found.fusion == FusionSettings(slots=20, score="novelty", threshold=1.0)
    assert found.edm == EdmSettings(slots=8, score="surprisal", threshold=2.0)
    assert found.policy == "fifo" and found.modules == Settings().modules


def test_every_setting_is_saved_and_comes_back():
    other = {name: f"other {name}" for name in FORMER}
    assert from_saved(other).saved() == other
    n_parts = len(fields(FusionSettings)) + len(fields(EdmSettings)) + len(fields(Settings)) - 2
    assert len(FORMER) == n_parts


def test_a_name_that_is_none_is_told():
    with pytest.raises(KeyError, match="n_slots"):
        from_saved({"n_slots": 3})


def test_slots_of_both_stores_and_of_each():
    both = Settings().with_slots(7)
    assert (both.fusion.slots, both.edm.slots) == (7, 7)
    assert both.with_fusion(slots=3).edm.slots == 7
    assert both.with_edm(slots=3).fusion.slots == 7
