"""What a finished training has come to: its card's figures, and its memory file.

Any list of rows with a name, a share, its interval and n is drawn, whatever the card calls it.
"""

import streamlit as st

from components import memory_weights, run, training_figures
from components.fact_strip import fact_strip
from components.units import show_bytes
from model.training.jobs import Job, Look

SHARE = {"name", "share", "low", "high", "n"}


def show(job: Job | None, now: Look) -> None:
    """The card's shares with n and interval, its numbers, and where the file is."""
    st.markdown("#### What it has come to")
    if now.memory is not None:
        _offer(job, now)
    for key, rows in now.card.items():
        if _is_shares(rows):
            st.markdown(f"**{_words(key)}**: share with its 95 % interval")
            st.plotly_chart(
                training_figures.shares(rows), key=f"training_card_{key}",
                config={"displayModeBar": False},
            )
    numbers = [(name, value) for name, value in now.card.items() if isinstance(value, (int, float))]
    if numbers:
        st.html(fact_strip([(_number(value), _words(name), "") for name, value in numbers]))
    with st.expander("The whole card", key="training_whole_card"):
        st.json(now.card)


def _offer(job: Job | None, now: Look) -> None:
    """The memory file: how large, where, and the button that puts it to use."""
    size = show_bytes(now.memory.stat().st_size)
    if job is None:
        st.markdown(f"Its memory file ({size}) is at work wherever the embedded model is.")
        return
    st.markdown(f"Memory file, {size}: `{now.memory}`")
    row = st.container(horizontal=True, key="training_file")
    fits, is_used = job.request.model == run.checkpoint().name, memory_weights.in_use() == job.id
    row.button(
        "In use" if is_used else "Use this memory", key="training_use", type="primary",
        disabled=is_used or not fits, on_click=memory_weights.use, args=(job.id,),
        help=None if fits else "Choose its base in the sidebar first.",
    )
    row.download_button(
        "Download", now.memory.read_bytes(), f"{job.id}.{now.memory.name}", key="training_download"
    )


def _is_shares(rows) -> bool:
    is_list = isinstance(rows, list) and len(rows) > 0
    return is_list and all(isinstance(row, dict) and SHARE <= set(row) for row in rows)


def _words(key: str) -> str:
    text = key.replace("_", " ")
    return text[:1].upper() + text[1:]


def _number(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
