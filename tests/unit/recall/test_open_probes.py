"""Probes of open facts: made from a seed, of four labels, never of words or values in training."""

from model.recall import open_probes, open_values


def test_labels_take_turns_and_a_seed_says_it_all():
    made = open_probes.held_out(40)
    assert [one.label for one in made[:4]] == list(open_probes.PLANS)
    assert made == open_probes.held_out(40) and made[:8] == open_probes.held_out(8)
    assert made != open_probes.held_out(40, seed=1)


def test_a_probe_tells_its_answer_and_asks_as_its_label_says():
    for one in open_probes.held_out(80):
        assert any(one.answer.strip().lower() in said.lower() for said in one.tell)
        assert open_values.is_held_out(one.answer.strip())
        assert ("?" in one.ask) == (one.label in ("question", "near miss told too"))
        if one.label == "word for word":
            assert one.tell[0].startswith(one.ask)
        if one.label == "other words":
            assert not one.tell[0].startswith(one.ask)


def test_a_near_miss_tells_another_value_in_the_same_form():
    near = [one for one in open_probes.held_out(80) if one.label == "near miss told too"]
    assert near and all(len(one.tell) == 2 and one.wrong for one in near)
    assert all(any(one.wrong.lower() in said.lower() for said in one.tell) for one in near)
    last = [one.answer.strip().lower() in one.tell[-1].lower() for one in near]
    assert any(last) and not all(last)  # where it was told tells nothing
