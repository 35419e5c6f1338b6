"""Choosing and starting a training. What runs it is model/training/jobs.py."""

import streamlit as st

from components.frame import memory_weights, visit, whose
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import choose
from components.kit.export.offers import no_notebook
from components.kit.titles import TITLES
from components.training import choice, run
from model.disk.called import command
from model.training import jobs
from model.training.jobs import JobError, TrainingRequest

NO_NOTEBOOK = (
    "No model numbers on this page: it starts a training, and shows the command that does the same."
)


def show() -> None:
    """The choices, the equal command, and the button."""
    no_notebook(NO_NOTEBOOK)
    left, right = st.columns([3, 2], gap="large")
    with left:
        request, texts = _choices()
    with right:
        _start(request, texts)


def _choices() -> tuple[TrainingRequest, dict[str, bytes]]:
    base, plain = visit.checkpoint(), run.options()
    st.markdown(f"**Base**, frozen: {visit.model_name()}. Another one: in the sidebar.")
    titles = {name: TITLES[name] for name in choice.VARIANTS}
    variant = one_of("Memory to train", choice.VARIANT, titles, shown=True)
    words = choice.VARIANTS[variant]
    st.caption(f"{words[0].upper()}{words[1:]}.")
    texts = _texts()
    row = st.columns([3, 3, 4])
    steps = row[0].number_input(
        "Steps", choice.STEPS.kind.least, choice.STEPS.kind.most, step=50, **holding(choice.STEPS),
        help=f"With {choice.SMALL} steps, the EDM's recall rises above chance; the shipped memory took "
             f"1,600. One step learns from {plain.rows} episodes. Every {plain.every} steps recall is "
             "measured and a checkpoint is written.",
    )
    seed = row[1].number_input("Seed", 0, 999_999, **holding(choice.SEED))
    cell = row[2].segmented_control(
        "Recurrent cell", ["gru", "lstm"], format_func=str.upper, required=True,
        disabled=variant == "gpt2+edm", **holding(choice.CELL),
    )
    lora = _lora()
    st.caption(
        "Training needs no slots and no eviction policy: it keeps every token that passes the "
        "learned gate for the episode. Choose both where memory is used, on the Memory page."
    )
    model = memory_weights.base_name(base)
    return TrainingRequest(model, variant, int(steps), int(seed), cell, lora), texts


def _texts() -> dict[str, bytes]:
    """The visitor's own text, told between facts; by default made-up sentences."""
    files = st.file_uploader(
        "Text between facts: your own (.txt, UTF-8); without a file, made-up sentences", type="txt",
        accept_multiple_files=True, key="training_texts", max_upload_size=50,  # jobs: 50 MB in all
    )
    texts = {f"{i} {file.name}": file.getvalue() for i, file in enumerate(files or [], 1)}
    if texts:
        n = run.usable_sentences(texts)
        st.caption(
            f"{n:,} sentence{'s' if n != 1 else ''} of it can be used: plain English of 20 to 110 "
            "characters without “I” and “my”."
            + ("" if n else " With none, sentences are made up.")
        )
    return texts


def _lora() -> int:
    """The rank of LoRA, 0 for none; options that cannot run here say why."""
    row = st.container(horizontal=True, vertical_alignment="bottom", key="training_lora_row")
    wanted = row.toggle(
        "LoRA on the base", **holding(choice.LORA),
        help="Low-rank changes of the base's attention, trained together with memory and on only "
             "in runs that read memory. They may change more than recall: watch the KL. Saved in "
             "the memory's file and, for peft, in the folder adapter beside it.",
    )
    rank = row.number_input("Rank", 1, 64, disabled=not wanted, width=150, **holding(choice.RANK))
    row.toggle("4-bit base (QLoRA)", key="training_4_bit", disabled=True)
    st.caption(f"4-bit QLoRA cannot run here: {run.four_bit_problem()}.")
    return int(rank) if wanted else 0


def _start(request: TrainingRequest, texts: dict[str, bytes]) -> None:
    st.markdown(
        f"The training runs in the background on {_threads()}, with low priority, and continues "
        "when you close this page. You can pause it, or stop it and keep what it learned, at any "
        "time."
    )
    st.markdown("The same as a command:")
    st.code(_command(request, bool(texts)), language=None, wrap_lines=True)
    if not whose.is_owner():
        st.info(f"Only the owner of this server can start a training. {whose.HOW}")
        return
    st.button(
        "Start training", type="primary", key="training_start", on_click=_begin,
        args=(request, texts),
    )


def _begin(request: TrainingRequest, texts: dict[str, bytes]) -> None:
    """Start it and show its curves; if it cannot start, stay here and say why."""
    try:
        choose(choice.TRAINING, jobs.start(request, texts).id)
        choose(choice.VIEW, "curves")
    except JobError as error:
        st.session_state.training_problem = str(error)


def _threads() -> str:
    n = jobs.threads()
    return f"{n} thread{'s' if n > 1 else ''}"


def _command(request: TrainingRequest, has_text: bool) -> str:
    words = jobs.choices(request)
    pairs = [f"{name} {value}" for name, value in zip(words[::2], words[1::2])]
    pairs = [command("train memory"), "--out FOLDER", *pairs]
    return " \\\n    ".join([*pairs, "--text FOLDER_OF_TEXT"] if has_text else pairs)
