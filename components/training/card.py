"""The result of a finished training: its card's figures, and its memory file."""

import streamlit as st

from components.frame import memory_weights, visit
from components.kit.fact_strip import fact_strip
from components.kit.units import show_bytes, show_duration
from components.training import figures
from model.training.jobs import Job, JobReport

NEVER = "never told: “I do not know.”"
FIGURE = {"hits", "n", "share", "low", "high"}


def show(job: Job | None, now: JobReport) -> None:
    """The card's shares with n and interval, what memory does to ordinary text, and the file."""
    card = now.card
    st.markdown("#### The result")
    settings = _settings(card.get("recall"))
    never = _settings({NEVER: card.get("refused")})
    if settings:
        n = sorted({one["n"] for row in settings.values() for one in row.values()})
        spread = " to ".join(f"{x:,}" for x in dict.fromkeys((n[0], n[-1])))
        st.markdown(
            "A greedy answer counts if every token is right. Its value was **never trained on**, "
            f"unless a row says “values of the lists”. n = {spread} episodes a dot; bars are 95 % "
            "intervals (Wilson). GPT2-M is measured here without fusion (AM), which needs no training."
            + (" If nothing was told, “I do not know.” is right." if never else "")
        )
        settings = {**settings, **never}
        st.plotly_chart(
            figures.shares(settings), key="training_card", config={"displayModeBar": False}
        )
    st.html(fact_strip([*_stability(card.get("stability")), *_size(card)]))
    if now.memory is not None:
        _offer(job, now)
    with st.expander("The whole card", key="training_whole_card"):
        st.json(card)


def _settings(recall) -> dict[str, dict[str, dict]]:
    """setting -> variant -> figure, without what is none."""
    found = recall if isinstance(recall, dict) else {}
    kept = {
        setting: {name: one for name, one in row.items()
                  if isinstance(one, dict) and FIGURE <= set(one)}
        for setting, row in found.items() if isinstance(row, dict)
    }
    return {setting: row for setting, row in kept.items() if row}


def _stability(found) -> list[tuple[str, str, str]]:
    """How a memory full of other facts changes ordinary text, in numbers."""
    wanted = {"tokens", "relative_change", "kl_nats_per_token"}
    if not isinstance(found, dict) or not wanted <= set(found):
        return []
    of = f"over {found['tokens']:,} tokens of ordinary text, memory full of other things"
    return [
        (f"{found['relative_change']:+.2%}".replace("-", "−"), "loss on ordinary text, change", of),
        (f"{found['kl_nats_per_token']:.4f}", "nats a token, KL to the base", of),
    ]


def _size(card: dict) -> list[tuple[str, str, str]]:
    cells = []
    if "n_parameters" in card:
        cells.append((f"{card['n_parameters']:,}", "parameters trained", "the base stays frozen"))
    if "seconds" in card:
        where = str(card.get("platform", ""))
        cells.append((show_duration(card["seconds"]), "of training", where))
    if "seed" in card:
        cells.append((str(card["seed"]), "seed", ""))
    return cells


def _offer(job: Job | None, now: JobReport) -> None:
    """The memory file: how large, where, and the button that puts it to use."""
    size = show_bytes(now.memory.stat().st_size)
    if job is None:
        st.markdown(f"The embedded model uses this memory file ({size}) everywhere in the app.")
        return
    st.markdown(f"Memory file, {size}: `{now.memory}`")
    row = st.container(horizontal=True, key="training_file")
    fits = job.request.model == memory_weights.base_name(visit.checkpoint())
    is_used = fits and memory_weights.in_use() == job.id
    row.button(
        "In use" if is_used else "Use this memory", key="training_use", type="primary",
        disabled=is_used or not fits, on_click=memory_weights.use, args=(job.id,),
        help=None if fits else "Choose its base in the sidebar first.",
    )
    row.download_button(
        "Download", now.memory.read_bytes(), f"{job.id}.{now.memory.name}", key="training_download"
    )
