"""Where a visitor looks, shared by pages: chosen on one, still looked at on the next."""

from components.frame.choices import Choice, Whole

LAYER, HEAD = Choice("layer", Whole()), Choice("head", Whole())
QUERY, KEY = Choice("query", Whole()), Choice("key", Whole())  # a cell of an attention map
AT = Choice("at", Whole())  # a token of the prompt, or a position

CHOICES = (LAYER, HEAD, QUERY, KEY, AT)
