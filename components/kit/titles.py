"""Names on screen: of the variants, and of a training (its variant and its time)."""

import time

TITLES = {
    "gpt2": "GPT-2, frozen, no memory", "gpt2+rnn": "GPT-2 + RNN", "gpt2+edm": "GPT-2 + EDM",
    "gpt2-m": "GPT2-M",
}


def of_training(variant: str, created: float) -> str:
    """"GPT2-M · 21 Nov 11:05:09", the server's time; no two begin in one second."""
    when = time.strftime("%d %b %H:%M:%S", time.localtime(created)).lstrip("0")
    return f"{TITLES.get(variant, variant)} · {when}"
