"""Numbers as people read them: no e-notation, nothing rounded to zero."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.kit.units import RAISED, show_change, show_error, show_number

PLAIN = {raised: chr(plain) for plain, raised in RAISED.items()} | {ord("−"): "-"}


@pytest.mark.parametrize(
    "x, digits, words",
    [(0, 3, "0"), (1, 3, "1"), (0.000073, 2, "0.000073"), (12345, 3, "12,300"), (-4.5, 3, "−4.5"),
     (99.96, 3, "100"), (1.2e-9, 3, "1.2 × 10⁻⁹"), (3e12, 3, "3 × 10¹²"), (0.020, 2, "0.02"),
     (math.inf, 3, "∞"), (-math.inf, 3, "−∞"), (math.nan, 3, "not a number")],
)
def test_a_number_as_it_is_read(x, digits, words):
    assert show_number(x, digits) == words


@given(st.floats(-1e15, 1e15, allow_nan=False), st.integers(1, 7))
def test_what_is_read_is_the_number_and_never_e_notation(x, digits):
    words = show_number(x, digits)
    mantissa, _, power = words.translate(PLAIN).replace(",", "").partition(" × 10")
    assert "e" not in words and float(f"{mantissa}e{power or 0}") == float(f"{x:.{digits - 1}e}")


def test_a_sign_for_a_gain_and_a_power_for_an_error():
    assert show_number(2, sign=True) == "+2" and show_number(0, sign=True) == "0"
    assert show_error(0) == "0" and show_error(-6.8e-7) == "7 × 10⁻⁷"
    assert [show_change(x) for x in (0, 0.25, -1.5, -0.0003)] == ["0", "+0.25", "−1.50", "−0.0003"]
