"""One colour for one meaning, the same on every page; readable on light and dark ground."""

QUERY = "#3b82f6"
KEY = "#f59e0b"
VALUE = "#10b981"
ATTENTION = "#8b5cf6"
RESIDUAL = "#8b8fa8"
EMBEDDING = "#0ea5a4"
POSITION = "#ca8a04"
MLP = "#c2603a"
NORM = "#64748b"
OUTPUT = "#6366f1"
MEMORY = "#ec4899"
SURPRISAL = "#dc2626"
RAISES, LOWERS = QUERY, "#e11d48"  # above and below zero, where a picture has signs
LABEL = "#858b9a"  # words inside a picture that does not know the theme
EMPTY = "rgba(128,128,128,.25)"

MODULES = {"early": "#0891b2", "late": "#0e7490", "edm": MEMORY, "am": KEY}  # of a memory
VARIANTS = {
    "gpt2": LABEL, "gpt2+rnn": MODULES["early"], "gpt2+edm": MODULES["edm"], "gpt2+am": MODULES["am"],
    "gpt2-m": ATTENTION,
}
IN_CONTEXT = VALUE  # the fact and the question in one prompt

PARTS = {
    "token embedding": EMBEDDING,
    "position embedding": POSITION,
    "attention": ATTENTION,
    "MLP": MLP,
    "layer norm": NORM,
    "unembedding": OUTPUT,
}
