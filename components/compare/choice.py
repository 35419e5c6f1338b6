"""What the visitor chooses on the Compare page: what is patched and how it is measured.

Prompt A is the prompt box's, B the frame's second one (frame/second_prompt.py); the token that is
looked at is shared with other pages (frame/place.py).
"""

import streamlit as st

from components.frame.choices import Cell, Choice, OneOf, Text, Whole, choose
from components.frame.place import AT, HEAD, LAYER
from components.frame.second_prompt import FIRST_OTHER, OTHER

VIEWS = {"prompts": "Prompts", "patch": "Patch", "paths": "Paths", "models": "Models"}
WITH_MEMORY = "memory"  # in the place of the second model's name: the first one, with memory
SITES = {"stream": "Stream", "attn": "Attention", "mlp": "MLP", "head": "Heads"}
FILLS = {"patch": "A's value", "zero": "Zero", "mean": "Mean of A", "resample": "Another token"}
RUNS_READ = {
    "alone": "read by none", "both": "read by both", "into": "A with, B without",
}
INPUTS = {"qkv": "Query, key, value", "q": "Query", "k": "Key", "v": "Value"}
METRICS = {"difference": "Logit difference", "probability": "Probability", "kl": "KL"}
METRIC_WORDS = {"difference": "logit difference", "probability": "probability", "kl": "KL"}
PAIRS = {  # examples: name -> prompt A, prompt B
    "One word, two contexts": ("a machine learning model", "a fashion model"),
    "Another town": (
        "My name is James Theory. I live in New York. Where do I live? I live in",
        FIRST_OTHER,
    ),
    "Another person": (
        "Mary lives in Paris. Tom lives in Rome. Where does Mary live? Mary lives in",
        "Mary lives in Paris. Tom lives in Rome. Where does Tom live? Tom lives in",
    ),
    "A word comes back": ("the blue ship of Henry saw the blue", "the red ship of Henry saw the blue"),
}

VIEW = Choice("compare", OneOf(VIEWS), "prompts")
OTHER_MODEL = Choice("other_model", Text(300), WITH_MEMORY)
STATION = Choice("apart_station", Whole())  # 0 to 2L
PART = Choice("apart_part", Cell())  # a layer, and a head or behind them the MLP
NEIGHBOUR = Choice("apart_neighbour", Cell())  # a layer, and a neighbour of A or of B
SITE = Choice("patch_site", OneOf(SITES), "stream")
RUNS = Choice("patch_runs", OneOf(RUNS_READ), "alone")
FILL = Choice("patch_fill", OneOf(FILLS), "patch")
METRIC = Choice("patch_metric", OneOf(METRICS), "difference")
ANSWER, AGAINST = Choice("patch_answer", Text(100), ""), Choice("patch_against", Text(100), "")
PATCHED = Choice("patched", Cell())  # a layer, and a token of prompt B or a head
PATCH_FROM = Choice("patch_from", Cell())  # the same of A, where it is not the one that stands for it
FIRST = Choice("patch_first", Whole())  # the first of the tokens that are patched, of a long prompt
CHANGED = Choice("patch_changed", Cell())  # a station and a token, of what a patch changes
SENDER, RECEIVER = Choice("path_from", Cell()), Choice("path_to", Cell())  # layer and head
INPUTS_READ = Choice("path_inputs", OneOf(INPUTS), "qkv")
READ = Choice("path_read", Cell())  # a run and a token, of what the receiver reads
CHOICES = (VIEW, RUNS, OTHER_MODEL, STATION, PART, NEIGHBOUR, SITE, FILL, METRIC, ANSWER, AGAINST, PATCHED,
           PATCH_FROM, FIRST, CHANGED, SENDER, RECEIVER, INPUTS_READ, READ)


def take_pair(name: str) -> None:
    """Choose an example: both prompts, and their last words."""
    st.session_state.prompt, other = PAIRS[name]
    choose(OTHER, other)
    for one in (AT, ANSWER, AGAINST, PATCHED, PATCH_FROM, FIRST, SENDER, RECEIVER):
        choose(one, None)


def take_patched(layer: int, column: int) -> None:
    """Choose the cell of B that is patched; its own partner of A is put in."""
    choose(PATCHED, (layer, column))
    choose(PATCH_FROM, None)


def take_part(n_heads: int):
    """A callback that remembers a head, or behind them the MLP."""
    def take(layer: int, column: int) -> None:
        choose(PART, (layer, column))
        choose(LAYER, layer)
        if column < n_heads:
            choose(HEAD, column)

    return take
