"""What a link says was told: packed, read again, and never more than it may hold."""

import json
import random
import string

import pytest

from components.frame import packed, shared_link
from components.frame.choices import Text
from components.memory import choice
from components.memory.told import BY_HAND, MOST

KIND = choice.TOLD.kind
TOLD = [("My name is James Theory. I live in New York.", {}), ("naïve 東京 🧠", {"budget": 64, "unit": "all"})]


def noise(n: int) -> str:
    return "".join(random.Random(0).choices(string.ascii_letters, k=n))


def test_what_was_told_comes_back():
    said = KIND.write(TOLD)
    assert len(said) < 200 and KIND.read(said) == TOLD
    assert set(said) <= set(string.ascii_letters + string.digits + "-_")


def test_what_is_too_long_and_what_no_telling_leaves_are_in_no_link():
    assert KIND.write([(noise(4000), {})]) is None
    assert KIND.write(BY_HAND) is None and KIND.allows(BY_HAND)


@pytest.mark.parametrize("said", [
    "", "x", "<b>", "!!!!", "A" * 100_000, packed.packed("not json"), packed.packed("3"),
    packed.packed('["a"]'), packed.packed('[["a"]]'), packed.packed('[["a", {"what": 1}]]'),
    packed.packed('[["a", {"budget": -1}]]'), packed.packed('[[1, {}]]'),
    packed.packed(json.dumps([["a", {}]] * 201)), packed.packed("[" * 10_000), "é" * 8,
    KIND.write(TOLD)[:-6],
])
def test_a_broken_link_is_refused(said):
    with pytest.raises(ValueError):
        KIND.read(said)


def test_a_few_letters_do_not_unfold_to_gigabytes():
    said = packed.packed(" " * 1_900_000)
    assert len(said) < 3000
    with pytest.raises(ValueError, match="more than 200,000 bytes"):
        packed.unpacked(said)


def test_a_long_text_goes_packed_and_a_longer_one_not_at_all():
    kind, long = Text(200), "I live in Rome. " * 40
    assert kind.write("I live in Rome.") == "I live in Rome."
    assert len(kind.write(long)) <= 200 and kind.read(kind.write(long)) == long
    assert kind.read(kind.write("packed.by hand")) == "packed.by hand"
    assert kind.write(noise(4000)) is None
    with pytest.raises(ValueError):
        kind.read("packed.x")
    assert MOST == 2000


def test_a_qr_code_holds_the_link_or_says_that_it_is_too_long():
    assert shared_link.qr_code("http://192.0.2.7:8501/memory?prompt=x").startswith(b"<?xml")
    with pytest.raises(ValueError, match="3,000 characters"):
        shared_link.qr_code("x" * 3000)


def test_the_address_of_another_machine_stays(monkeypatch):
    assert shared_link.for_the_room("http://10.0.0.5:8501/a?b=c")[0] == "http://10.0.0.5:8501/a?b=c"
    monkeypatch.setattr(shared_link, "_own_address", lambda: "10.0.0.9")
    monkeypatch.setattr(shared_link.st, "get_option", lambda name: None)
    link, words = shared_link.for_the_room("http://localhost:8501/a?b=c")
    assert link == "http://10.0.0.9:8501/a?b=c" and "10.0.0.9:8501" in words
    monkeypatch.setattr(shared_link.st, "get_option", lambda name: "127.0.0.1")
    assert shared_link.for_the_room("http://localhost:8501/a")[0] == "http://localhost:8501/a"
