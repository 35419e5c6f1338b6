"""How tokens are drawn, on every page: the settings of the link, of the dials, or the plain ones.

They are the keys temperature, top_k, top_p and seed in st.session_state; address.py carries them in
the link. Values that make no sense are ignored.
"""

import streamlit as st

from model.run.sampling import Settings

MAX_SEED = 2**31 - 1


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
