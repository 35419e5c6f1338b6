"""Eviction and salience by hand, on five slots in three sentences."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from model.memory import eviction, salience, slots


@dataclass(frozen=True, eq=False)
class Evidence:
    """salience.Evidence by hand."""

    surprisal: np.ndarray
    received: np.ndarray
    keys: np.ndarray
    stored: np.ndarray
    gate: np.ndarray | None = None
    sentence: np.ndarray | None = None
    rarity: np.ndarray | None = None
    in_context: np.ndarray | None = None


def table(**columns):
    """Slots 0-1 are block 1, slot 2 is block 2, slots 3-4 are block 3."""
    five = slots.written(
        prompt=1, position=range(5), token=range(5), block=[1, 1, 2, 3, 3],
        text="abcde", around=["ab", "ab", "c", "de", "de"], now=0.0, salience=[1, 3, 9, 4, 4],
    )
    return replace(five, **{name: np.array(values) for name, values in columns.items()})


def kept(policy, budget, **columns):
    rng = np.random.default_rng(0)
    return eviction.keep(table(**columns), budget, policy, rng).tolist()


def test_within_the_budget_nothing_leaves():
    for policy in eviction.POLICIES:
        assert kept(policy, 5) == [0, 1, 2, 3, 4]


def test_fifo_drops_the_oldest_sentence():
    assert kept("fifo", 4) == [2, 3, 4]
    assert kept("fifo", 2) == [3, 4]


def test_least_recently_read_keeps_what_the_last_prompt_read():
    assert kept("least recently read", 3, last_read=[0, 0.5, 0.1, 0.2, 0.2]) == [3, 4]
    assert kept("least recently read", 4, last_read=[0, 0.5, 0.1, 0.2, 0.2]) == [0, 1, 3, 4]


def test_least_attended_keeps_what_was_ever_read_most():
    assert kept("least attended", 4, total_read=[2.0, 0, 1.0, 0.1, 3.0]) == [0, 1, 3, 4]


@pytest.mark.parametrize("policy", ["least recently read", "least attended"])
def test_what_was_told_just_now_is_not_the_first_to_leave(policy):
    reads = {"last_read": [0.5, 0.5, 0.1, 0, 0], "total_read": [2.0, 2.0, 1.0, 0, 0]}
    assert kept(policy, 4, **reads) == [0, 1, 3, 4]


def test_least_salient_goes_by_the_mean_of_the_sentence():
    assert kept("least salient", 3) == [2, 3, 4]  # means 2, 9, 4
    assert kept("least salient", 1) == [2]


def test_random_is_repeatable_and_drops_whole_sentences():
    first = kept("random", 3)
    assert first == kept("random", 3)
    assert first in ([0, 1], [2, 3, 4], [0, 1, 2], [3, 4])


def test_a_sentence_larger_than_the_budget_keeps_its_end():
    assert kept("fifo", 1) == [4]
    assert kept("fifo", 0) == []


def test_an_unknown_policy_is_said():
    with pytest.raises(ValueError, match="Choose one of fifo"):
        kept("lifo", 1)


def test_counting_reads():
    read = table().read(np.array([0.5, 0.001, 0.2, 0, 0.3])).read(np.array([0.5, 0, 0, 0, 0]))
    assert read.n_reads.tolist() == [2, 0, 1, 0, 1]
    np.testing.assert_allclose(read.total_read, [1.0, 0.001, 0.2, 0, 0.3])
    np.testing.assert_allclose(read.last_read, [0.5, 0, 0, 0, 0])


def test_columns_make_a_round_trip_and_damage_is_said():
    columns = slots.to_columns(table())
    back = slots.from_columns(columns)
    assert slots.to_columns(back) == columns
    with pytest.raises(ValueError, match="damaged"):
        slots.from_columns(columns | {"token": [1]})
    with pytest.raises(ValueError, match="token is missing"):
        slots.from_columns({k: v for k, v in columns.items() if k != "token"})


def test_scores_by_hand():
    evidence = Evidence(
        surprisal=np.array([0.0, 3.0]), received=np.array([0.9, 0.2]),
        keys=np.array([[1.0, 0.0], [0.0, 2.0]]), stored=np.array([[5.0, 0.0], [1.0, 1.0]]),
    )
    assert salience.everything(evidence).tolist() == [1, 1]
    assert salience.surprisal(evidence).tolist() == [0, 3]
    assert salience.attention_received(evidence).tolist() == [0.9, 0.2]
    np.testing.assert_allclose(salience.novelty(evidence), [0, 1 - np.sqrt(0.5)], atol=1e-12)


SENTENCES = Evidence(  # <|endoftext|>, then a sentence of three tokens and one of one
    surprisal=np.array([0.0, 1, 9, 2, 4]), received=np.zeros(5),
    keys=np.array([[9.0, 9], [1, 0], [1, 0], [1, 0], [0, 1]]), stored=np.array([[4.0, 0]]),
    sentence=np.array([-1, 0, 0, 0, 1]), rarity=np.array([0.0, 0, 8, 0, 1]),
    in_context=np.array([0.0, 1, 6, 2, 4]),
)


@pytest.mark.parametrize("score, first, second", [
    ("peak surprisal", 9, 4),
    ("peak over the rest", 7, 0),  # 9 - 2
    ("peak over rarity", 2, 3),  # 2 - 0; 4 - 1
    ("peak for its length", 6 / np.sqrt(3), 4),
    # (1,0) to (4,0) + (0,1), two other tokens of 2 + 128; (0,1) to (4,0) + (3,0)
    ("apart", 1 - 4 / np.sqrt(17) * 2 / 130, 1),
    ("apart and surprising", 3 * (1 - 4 / np.sqrt(17) * 2 / 130), 4),
])
def test_a_score_of_whole_sentences_by_hand(score, first, second):
    found = salience.SCORES[score](SENTENCES)
    np.testing.assert_allclose(found[1:], [first] * 3 + [second], atol=1e-12)


def test_with_many_others_apart_is_one_less_the_cosine():
    many = replace(SENTENCES, stored=np.tile([4.0, 0], (100_000, 1)))
    np.testing.assert_allclose(salience.SCORES["apart"](many)[1:], [0, 0, 0, 1], atol=0.01)


def test_the_very_first_sentence_is_apart_from_nothing():
    alone = replace(SENTENCES, stored=np.zeros((0, 2)), sentence=np.array([-1, 0, 0, 0, 0]))
    assert salience.SCORES["apart"](alone)[1:].tolist() == [1] * 4


def test_the_longest_surprise_keeps_a_sentence_that_the_mean_would_lose():
    peak = salience.SCORES["peak surprisal"](SENTENCES)[1:]
    whole = slots.written(1, range(4), range(4), [0, 0, 0, 1], "abcd", "abcd", 0.0, peak)
    assert eviction.keep(whole, 3, "least salient", None).tolist() == [0, 1, 2]
    mean = slots.written(1, range(4), range(4), [0, 0, 0, 1], "abcd", "abcd", 0.0, [1, 6, 2, 4])
    assert eviction.keep(mean, 3, "least salient", None).tolist() == [3]


def test_a_pinned_sentence_stays_and_the_next_in_turn_leaves():
    first = [True, True, False, False, False]
    assert kept("fifo", 4, pinned=first) == [0, 1, 3, 4]
    assert kept("fifo", 3, pinned=first) == [0, 1]
    assert kept("least salient", 3, pinned=first) == [0, 1, 2]  # means 2, 9, 4
    for policy in eviction.POLICIES:
        assert set(kept(policy, 2, pinned=first)) == {0, 1}


def test_pinning_goes_by_the_sentence():
    pinned = table().pin(4, True)
    assert pinned.pinned.tolist() == [False, False, False, True, True]
    assert pinned.pin(3, False).pinned.tolist() == [False] * 5
    assert kept("fifo", 2, pinned=[True, False, False, False, False]) == [0, 1]


def test_the_budget_holds_even_where_everything_is_pinned():
    assert kept("fifo", 4, pinned=[True] * 5) == [2, 3, 4]
    assert kept("fifo", 1, pinned=[True] * 5) == [4]
    assert kept("fifo", 1, pinned=[True, True, False, False, False]) == [1]


def test_a_table_from_before_there_were_pins_has_none():
    columns = slots.to_columns(table(pinned=[True] * 5))
    assert slots.from_columns(columns).pinned.all()
    del columns["pinned"]
    assert slots.from_columns(columns).pinned.tolist() == [False] * 5
