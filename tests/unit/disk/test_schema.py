"""What a file says is checked; what is wrong is said in a few words."""

import pytest

from model.disk.schema import Count, Seconds, Told, check_is_file, checked, from_json


class Inner(Told):
    n: Count


class Outer(Told):
    inner: Inner
    when: list[Seconds]


def test_what_is_right_is_read_and_what_is_not_asked_for_is_left_out():
    read = checked(Outer, {"inner": {"n": 3, "more": 1}, "when": [1, 2.5], "other": None})
    assert (read.inner.n, read.when) == (3, [1, 2.5])


@pytest.mark.parametrize("wrong, words", [
    ({"inner": {"n": "3"}, "when": []}, "inner.n is '3'; it should be a valid integer"),
    ({"inner": {"n": True}, "when": []}, "inner.n is True"),
    ({"inner": {"n": 2**70}, "when": []}, "inner.n is 1180591620717411303424; it should be less than"),
    ({"inner": {"n": 1}}, "when is missing"),
    ({"inner": {"n": 1}, "when": [0, float("nan")]}, "when.1 is nan"),
    ([1], r"it is \[1\]; it should be a table"),
])
def test_what_is_wrong_is_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        checked(Outer, wrong)


@pytest.mark.parametrize("text", ["[" * 2_000_000, b"\xff", "{", "", "9" * 5000])
def test_what_is_no_json_is_said_in_a_few_words(text):
    with pytest.raises(ValueError) as raised:
        from_json(text)
    assert len(str(raised.value)) < 200


def test_a_missing_file_is_not_taken_for_a_damaged_one(tmp_path):
    for path, what in ((tmp_path, "is a folder"), (tmp_path / "x", "is missing")):
        with pytest.raises(ValueError, match=f"{what}. Name a file that is there"):
            check_is_file(path)
