"""Where a visitor looks, shared by pages: chosen on one, still looked at on the next."""

from components.frame.choices import Choice, Whole, chosen

LAYER, HEAD = Choice("layer", Whole()), Choice("head", Whole())
QUERY, KEY = Choice("query", Whole()), Choice("key", Whole())  # a cell of an attention map
AT = Choice("at", Whole())  # a token of the prompt, or a position

CHOICES = (LAYER, HEAD, QUERY, KEY, AT)


def missing(config, n_tokens: int) -> list[str]:
    """A sentence for each place chosen that is not there; config: a GPT2Config; n_tokens: how many
    tokens can be looked at."""
    ends = ((LAYER, config.n_layer, "this model has layers"),
            (HEAD, config.n_head, "each layer has heads"),
            *((one, n_tokens, "the prompt has tokens") for one in (QUERY, KEY, AT)))
    return [f"The link says {one.name} = “{at:,}”, but {words} 0 to {end - 1:,}. Another is shown."
            for one, end, words in ends if (at := chosen(one)) is not None and at >= end > 0]
