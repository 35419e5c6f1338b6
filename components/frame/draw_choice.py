"""How tokens are drawn, on every page: the settings of the link, of the dials, or the plain ones.

Values that make no sense together are ignored.
"""

from components.frame.choices import Choice, Decimal, Whole, chosen
from model.run.sampling import SamplingSettings

MAX_SEED = 2**31 - 1
PLAIN = SamplingSettings()  # the model's own distribution
TEMPERATURE = Choice("temperature", Decimal(0, 1000), PLAIN.temperature)
TOP_K = Choice("top_k", Whole(0, 1_000_000), PLAIN.top_k)
TOP_P = Choice("top_p", Decimal(0, 1), PLAIN.top_p)
SEED = Choice("seed", Whole(0, MAX_SEED), 0)
CHOICES = (TEMPERATURE, TOP_K, TOP_P, SEED)


def settings() -> SamplingSettings:
    """The chosen settings; the plain ones where they make no sense."""
    try:
        return SamplingSettings(float(chosen(TEMPERATURE)), chosen(TOP_K), float(chosen(TOP_P)))
    except ValueError:
        return PLAIN


def seed() -> int:
    """The chosen seed, 0 to MAX_SEED."""
    return chosen(SEED)
