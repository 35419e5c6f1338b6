"""The cache page's tables and bars: letters as on the other pages, a true minus."""

from types import SimpleNamespace

from components.cache import figures
from model.analysis import cost


def test_the_models_width_has_the_letter_that_anatomy_gives_it(tiny):
    said = figures.work(cost.with_cache(tiny.model.config, 3), cost.without_cache(tiny.model.config, 3))
    assert "4D²" in said and "D · V" in said and "C" not in said.replace("LM head", "")


def test_a_policy_that_needs_fewer_bits_has_a_minus_and_no_hyphen():
    found = {name: SimpleNamespace(bits_per_byte=bits, n_run=9) for name, bits in (("all", 2), ("h2o", 1.9))}
    bars = figures.prices(found, {"all": "full context", "h2o": "Heavy hitters"}, "all").data[0]
    assert list(bars.text) == ["2.000", "1.900  (−0.100)"]
