"""Names that options offer and whose owners load torch. A test compares them with the owners'."""

CACHE_POLICIES = ("stop", "slide", "sinks", "heavy", "least", "random")
CELLS = ("gru", "lstm")
CURVES = ("distance", "far", "facts", "slots", "policy", "contradiction", "paraphrase")
TASKS = ("passkey", "needle", "mqar", "babi")
HEADLINE_CASES = (
    "next", "eight", "people", "middle", "end", "never", "near miss", "near miss, led"
)
TEXT, GIST, FAR = "text", "gist", "far"
HEADLINE_PARTS = (*HEADLINE_CASES, TEXT, GIST, FAR)
SHAPES = ("embedded", "mini", "midi", "distilgpt2", "gpt2")  # of base.SHAPES
