"""Words that a prompt shares with stored sentences: rare ones weigh more."""

import numpy as np
import pytest

from model.memory import shared_words


def test_weights_by_hand():
    texts = ["The code of the office is Rix.", "The code of the cabin is Vom.", "It rains."]
    found = shared_words.weights(texts, "What is the code of the Cabin?")
    common = 4 * np.log1p(3 / 2)  # the, code, of, is: in two of three
    assert found == pytest.approx([common, common + np.log1p(3), 0.0])


@pytest.mark.parametrize("texts, prompt", [([], "Who?"), (["A b."], ""), (["🐶", "…"], "🐶 ?")])
def test_nothing_shared_weighs_nothing(texts, prompt):
    assert not shared_words.weights(texts, prompt).any()


def test_a_sentence_that_shares_less_of_the_same_words_is_a_near_miss():
    told = ["Her fast nail was trained by Lix a month ago.", "Her fast hook was trained by Foo a month ago.",
            "The men went out to see the boats."]
    found = shared_words.near_misses(told, "Who trained her fast hook a month ago? It was",
                                     np.array([1.7, 0.8, 0.1]))
    assert found.tolist()[:2] == [True, False]


def test_what_hardly_fits_makes_no_near_miss_of_another():
    told = ["Her fast nail was trained by Lix.", "Her fast hook was trained by Foo."]
    found = shared_words.near_misses(told, "Who trained her fast hook?", np.array([1.0, 0.01]))
    assert not found.any()


def test_two_that_share_the_same_words_or_different_ones_are_both_read():
    told = ["My dog is called Rex.", "Now my dog is called Tom.", "My boat sank."]
    fits = np.ones(3)
    assert not shared_words.near_misses(told[:2], "What is my dog called?", fits[:2]).any()
    assert not shared_words.near_misses(told[1:], "Is the boat called so?", fits[1:]).any()


def test_what_shares_little_may_say_the_same_in_other_words():
    told = ["My dog is Rex.", "I have a boat and a pet shop."]
    assert not shared_words.near_misses(told, "What pet do I have?", np.ones(2)).any()
