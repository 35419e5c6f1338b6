"""The memory page's rows and words: what is folded, what is struck out, nothing that executes."""

import re

import numpy as np
import pytest

from components.kit import next_token
from components.memory import told_rows
from components.memory import words as memory_words
from model.memory import slots, telling


def table(places, text=None):
    """Slots of (prompt, position) places, in that order."""
    made = [
        slots.written(p, [q], [0], [p], [text or f"w{q}"], ["a sentence"], 0.0, [1.0])
        for p, q in places
    ]
    out = slots.empty()
    for one in made:
        out = out.append(one)
    return out


def words_of(rows):
    return {row["number"]: row["words"] for row in rows}


def test_every_word_knows_its_slot_and_what_is_gone_has_none():
    rows = told_rows.rows(("a b c", "d"), table([(1, 2), (2, 0)]), np.array([1]), str.split)
    assert words_of(rows) == {
        "1": [{"t": "a", "s": -1}, {"t": "b", "s": -1}, {"t": "c", "s": 0}],
        "2": [{"t": "d", "s": 1}],
    }


def test_the_start_of_a_text_is_a_slot_without_a_word():
    rows = told_rows.rows(("a",), table([(1, -1), (1, 0)]), np.array([0]), str.split)
    assert words_of(rows)["1"][0] == {"t": "‹start›", "s": 0}


def test_a_long_conversation_keeps_what_is_read_and_the_newest():
    prompts = tuple(" ".join(f"{p}:{i}" for i in range(60)) for p in range(6))
    places = [(p, i) for p in range(1, 7) for i in range(60)]
    rows = told_rows.rows(prompts, table(places), np.arange(60, 70), str.split)
    found = words_of(rows)
    drawn = [word for row in found.values() for word in row if "s" in word]
    assert len(drawn) == told_rows.MOST_WORDS
    assert {word["s"] for word in drawn} >= {*range(60, 70), 359}
    hidden = sum(word.get("fold", 0) for row in found.values() for word in row)
    assert hidden + len(drawn) == 360
    assert found["1"] == [{"fold": 60}] and found["2"][-1] == {"fold": 50}
    assert "3–4" not in found or all("fold" in word for word in found["3–4"])


def test_slots_of_prompts_that_were_never_told_harm_nothing():
    rows = told_rows.rows(("a",), table([(9, 0), (0, 5)]), np.array([0]), str.split)
    assert words_of(rows) == {"1": [{"t": "a", "s": -1}]}


@pytest.mark.parametrize("p, words", [(0.0, "0.0 %"), (1e-9, "< 0.1 %"), (0.5, "50.0 %")])
def test_what_is_not_zero_is_not_shown_as_zero(p, words):
    assert next_token.percent(p) == words


@pytest.mark.parametrize(
    "change, words",
    [(0.0, "0"), (98.04, "+98.0"), (-29.7, "−29.7"), (-0.002, "−0.002"), (1e-9, "+1 × 10⁻⁹")],
)
def test_changes_in_points(change, words):
    assert next_token.points(change) == words


def test_texts_are_escaped():
    bad = "<script>"
    compared = type("C", (), {"texts": [bad], "after": [0.5], "before": [0.1]})
    drawn = next_token.twice(compared, bad, bad) + memory_words.weighted([bad], [1], "red")
    drawn += memory_words.weighted_sentences([bad], [1], "red")
    drawn += memory_words.chips([bad], True) + memory_words.slot_title(table([(1, 0)], bad), 0)
    drawn += memory_words.laws([(bad, bad, True, bad)])
    assert bad not in drawn and "&lt;script&gt;" in drawn


def test_sentences_are_grouped_and_the_start_of_text_is_no_sentence():
    written = telling.Written(
        None, np.arange(5), np.array([9.0, 1, 3, 0, 0]), np.array([-1, 0, 0, 1, 1]),
        np.array([False, True, True, False, False]), 0,
    )
    drawn = memory_words.sentence_rows(list("sabcd"), written, 1.0, 0)
    assert drawn.count("<b>written</b>") == 1 and "mean 2 · 2 tokens" in drawn
    assert drawn.count("not written: its mean") == 1 and "<bdi>s</bdi>" not in drawn


def bars(drawn) -> tuple[list[float], list[float]]:
    """The lengths of the means' bars and the places of the threshold, in percent."""
    lengths = re.findall(r"height:100%;width:(-?[\d.]+)%", drawn)
    return [float(x) for x in lengths], [float(x) for x in re.findall(r"left:(-?[\d.]+)%", drawn)]


def test_negative_means_and_a_negative_threshold_have_places_on_one_scale():
    written = telling.Written(
        None, np.arange(3), np.array([-6.0, -1, 2]), np.arange(3), np.array([False, True, True]), 0
    )
    (low, middle, high), (line, *_) = bars(memory_words.sentence_rows(list("abc"), written, -3, 0))
    assert 0 < low < line < middle < high < 100
    assert (line - low) / (high - low) == pytest.approx(3 / 8, abs=1e-3)
    for threshold in (1e9, -1e9, np.inf, -np.inf):
        lengths, lines = bars(memory_words.sentence_rows(list("abc"), written, threshold, 0))
        assert all(0 <= x <= 100 for x in lengths + lines)


def test_what_was_not_among_the_best_is_told_from_what_is_below_the_threshold():
    written = telling.Written(
        None, np.arange(3), np.array([3.0, 2, 0]), np.arange(3), np.array([True, False, False]), 0
    )
    drawn = memory_words.sentence_rows(list("abc"), written, 1.0, 1)
    assert [drawn.count(x) for x in ("not among the best 1<", "below the threshold")] == [1, 1]
