"""What a link says was told: packed, read again, and never more than it may hold."""

import json
import random
import socket
import string
from pathlib import Path

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


def test_the_address_of_another_machine_stays():
    assert shared_link.for_the_room("http://10.0.0.5:8501/a?b=c")[0] == "http://10.0.0.5:8501/a?b=c"


@pytest.fixture
def at_home(monkeypatch):
    """A port that listens on this machine, which is told an address of the network."""
    monkeypatch.setattr(shared_link, "_own_address", lambda: "127.0.0.1")  # it answers on every machine
    monkeypatch.setattr(shared_link, "CONTAINER", ())
    monkeypatch.setattr(shared_link.st, "get_option", lambda name: None)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_at_home_others_get_this_machine_s_address_in_its_network(at_home):
    link, words = shared_link.for_the_room(f"http://localhost:{at_home}/a?b=c")
    assert link == f"http://127.0.0.1:{at_home}/a?b=c"
    assert words == f"For everyone in this network: 127.0.0.1:{at_home}."


@pytest.mark.parametrize("told, value, why", [
    ("st.get_option", lambda name: "127.0.0.1", "listens to no other"),
    ("_own_address", lambda: None, "listens to no other"),
    ("CONTAINER", (Path(__file__),), "runs in a container"),
    ("_answers", lambda host, port: False, "does not answer at 127.0.0.1:"),
])
def test_an_address_that_others_do_not_reach_is_never_given(at_home, monkeypatch, told, value, why):
    monkeypatch.setattr(f"components.frame.shared_link.{told}", value)
    said = f"http://localhost:{at_home}/a"
    link, words = shared_link.for_the_room(said)
    assert link == said and words.startswith("This address opens on this machine only: ") and why in words


def test_a_port_that_nobody_listens_at_does_not_answer():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # so that nobody else takes it
        assert not shared_link._answers("127.0.0.1", taken.getsockname()[1])
        taken.listen()
        assert shared_link._answers("127.0.0.1", taken.getsockname()[1])
