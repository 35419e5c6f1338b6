"""The turnstile: one script draws at a time, whose script began first comes first."""

import threading

from components.frame import turnstile
from components.frame.turnstile import Turnstile
from tests.waiting import PATIENCE_S


def is_in(place):
    return place.called.is_set()


def test_one_is_inside_and_who_began_first_comes_next():
    line = Turnstile(hold_s=PATIENCE_S)
    first, late, early = line.join(1.0), line.join(9.0), line.join(5.0)
    assert [is_in(x) for x in (first, late, early)] == [True, False, False]
    line.leave(first)
    assert [is_in(x) for x in (late, early)] == [False, True]
    line.leave(early)
    assert is_in(late)


def test_who_leaves_the_line_holds_nobody_up():
    line = Turnstile(hold_s=PATIENCE_S)
    first, gone, last = (line.join(n) for n in (1.0, 2.0, 3.0))
    line.leave(gone)
    line.leave(first)
    assert is_in(last) and not is_in(gone)


def test_it_is_wanted_while_somebody_is_in_the_line():
    line = Turnstile(hold_s=PATIENCE_S)
    first = line.join(1.0)
    assert not line.is_wanted()
    second = line.join(2.0)
    assert line.is_wanted()
    line.leave(first)
    assert is_in(second) and not line.is_wanted()


def test_who_draws_for_long_holds_nobody_up():
    line = Turnstile(hold_s=-1.0)
    line.join(1.0)
    assert is_in(line.join(2.0))


def test_who_waits_for_something_else_is_outside():
    """Two scripts: the second draws while the first waits, and the first goes on after it."""
    waits, is_drawn, order = threading.Event(), threading.Event(), []

    def first():
        with turnstile.inside():
            with turnstile.outside():
                waits.set()
                assert is_drawn.wait(PATIENCE_S)
            order.append("first")

    def second():
        assert waits.wait(PATIENCE_S)
        with turnstile.inside():
            order.append("second")
            is_drawn.set()

    threads = [threading.Thread(target=one) for one in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert order == ["second", "first"]


def test_a_script_that_fails_lets_the_next_one_in():
    try:
        with turnstile.inside():
            raise ValueError("as a page may")
    except ValueError:
        pass
    with turnstile.inside():
        assert turnstile.begun() is not None
    assert turnstile.begun() is None
