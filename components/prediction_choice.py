"""Which position, settings and draws the visitor looks at: the link's, a click's, or plain ones.

The keys at, temperature, top_k, top_p, seed and draws in st.session_state; address.py carries them
in the link. What makes no sense there is left out.
"""

import streamlit as st

from model.sampling import Settings

DRAWS = (1, 10, 100, 1_000, 10_000)
PLAIN_DRAWS = 100
MAX_SEED = 2**31 - 1


def position(n_tokens: int) -> int:
    """The chosen position, 0 to n_tokens - 1; the last one where none is chosen."""
    at = st.session_state.get("at")
    return n_tokens - 1 if at is None else min(at, n_tokens - 1)


def is_chosen() -> bool:
    """Whether the visitor, or the link, chose a position."""
    return st.session_state.get("at") is not None


def choose_position(at: int | None) -> None:
    """Remember a position; None: the last one, also as the prompt grows."""
    st.session_state.at = at


def settings() -> Settings:
    """The chosen settings; the model's plain distribution where they make no sense."""
    plain = Settings()
    chosen = {name: st.session_state.get(name) for name in ("temperature", "top_k", "top_p")}
    wanted = {name: getattr(plain, name) if x is None else x for name, x in chosen.items()}
    try:
        return Settings(
            float(wanted["temperature"]), int(wanted["top_k"]), float(wanted["top_p"])
        )
    except ValueError:
        return Settings()


def seed() -> int:
    """The chosen seed, 0 to MAX_SEED; 0 where none is."""
    return min(int(st.session_state.get("seed") or 0), MAX_SEED)


def n_draws() -> int:
    """How many draws: one of DRAWS."""
    chosen = st.session_state.get("draws")
    return chosen if chosen in DRAWS else PLAIN_DRAWS


def choose(sent: dict) -> None:
    """Remember what the dials sent, None where it is the plain choice, so that links stay short.

    Raises ValueError where it makes no sense.
    """
    wanted = Settings(float(sent["temperature"]), int(sent["top_k"]), float(sent["top_p"]))
    st.session_state.temperature = None if wanted.temperature == 1 else f"{wanted.temperature:g}"
    st.session_state.top_k = wanted.top_k or None
    st.session_state.top_p = None if wanted.top_p == 1 else f"{wanted.top_p:g}"
    st.session_state.seed = max(0, min(int(sent["seed"]), MAX_SEED)) or None
    st.session_state.draws = None if sent["draws"] == PLAIN_DRAWS else int(sent["draws"])
