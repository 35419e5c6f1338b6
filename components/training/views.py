"""Watching trainings: the list, the curves while they grow, the buttons, the card at the end.

A training lives in its folder, not here: closing the page changes nothing.
"""

from functools import partial

import streamlit as st

from components.frame import presenting, whose
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import choose, chosen
from components.kit import palette
from components.kit.export.offers import no_notebook
from components.training import card, choice, figures, run, words
from components.training.words import SHIPPED
from model.disk.called import command
from model.training import jobs
from model.training.jobs import AT_WORK, Job, JobError, JobReport

EVERY_S = 2  # between two looks at a training that is at work
JUMP = (
    "**Watch for the jump.** Recall stays with the frozen base, then rises within a few hundred "
    "steps: a phase transition. Reading learns nothing before something useful is written, and "
    "writing learns nothing before it is read; once both work a little, each helps the other. A "
    "dotted line marks a harder lesson: from there on recall is measured on it, so it may drop."
)
WENT_ON = (
    "**This curve begins high.** The training went on from memory that recalled already. Memory that "
    "begins untrained recalls nothing at first, then rises within a few hundred steps. To watch that, "
    "choose **Train your own** above."
)
KNOWN = (
    "**What recurrent memory can learn.** Its state is one vector of fixed size. At most it learns to "
    "carry words that it met in training, from lists of names, cities, animals …, never words that it "
    "did not meet. The EDM stores each token separately, so new words work. The lesson is the same "
    "all through."
)
REFUSED = (
    "**What memory must not do.** Here the question's answer was never told, while memory holds "
    "other facts. The frozen base says “I do not know.”, and memory must not change that. Any "
    "other answer is a false recall."
)
WORDS = {"never": JUMP, "known": KNOWN, "refused": REFUSED}
SMALL = {
    "loss": ("Loss", "of the answers, nats a token"),
    "kl": ("KL to the base", "of all else, nats a token"),
    "gates": ("Gates, ‖W_o‖", "0: closed, exactly GPT-2"),
}
NO_NOTEBOOK = (
    "This view has no notebook: its curves were recorded during a training. Only another training makes "
    f"them again (“{command('train memory')}”). Take them as CSV."
)


def show() -> None:
    """The chosen training; on a first visit the running one, else the shipped one."""
    no_notebook(NO_NOTEBOOK)
    st.session_state.pop("training_acted", None)
    by_id, shipped = {job.id: job for job in run.trainings()}, run.shipped()
    names = [*by_id, *([SHIPPED] if shipped else [])]
    if not names:
        st.info("No training yet. Choose **Train your own** above.")
        return
    if chosen(choice.TRAINING) not in names:
        at_work = [name for name, job in by_id.items() if jobs.is_alive(job)]
        choose(choice.TRAINING, (at_work or names[-1:])[0])
    if len(names) == 1:
        _follow(by_id, shipped)
        return
    side, main = st.columns([1, 3], gap="large")
    with side:
        _list(names, by_id, shipped)
    with main:
        _follow(by_id, shipped)


def _list(names: list[str], by_id: dict[str, Job], shipped: JobReport | None) -> None:
    """All trainings with their states; a fragment that runs again while one is at work."""
    before = chosen(choice.TRAINING)

    def draw() -> None:
        looks = [_look(by_id[name]) if name in by_id else shipped for name in names]
        now = st.radio(
            "Trainings", names, format_func=lambda name: _title(by_id.get(name)),
            captions=[words.caption(by_id.get(name), now) for name, now in zip(names, looks)],
            **holding(choice.TRAINING),
        )
        if now != before:
            st.rerun()

    is_live = any(jobs.is_alive(job) for job in by_id.values())
    st.fragment(draw, run_every=EVERY_S if is_live else None)()


def say_problem() -> None:
    """Show why a button failed."""
    problem = st.session_state.pop("training_problem", None)
    if problem:
        st.error(problem)


def _follow(by_id: dict[str, Job], shipped: JobReport | None) -> None:
    job = by_id.get(chosen(choice.TRAINING))
    now = shipped if job is None else _look(job)
    result = {} if now.card is None else {"The result": lambda: card.show(job, now)}
    if presenting.is_on():
        presenting.pictures({
            "Recall": lambda: _show_live(job, now, _recall),
            "Losses and gates": lambda: _show_live(job, now, _losses),
            "State": lambda: _show_live(job, now, _state), **result,
        })
    else:
        _show_live(job, now, _draw)
        for show_result in result.values():
            show_result()
    if job is not None and now.log and now.state in ("failed", "killed"):
        with st.expander("What the trainer printed", key="training_log"):
            st.code(now.log[-4000:], language=None, wrap_lines=True)


def _show_live(job: Job | None, now: JobReport, show_them) -> None:
    """What `show_them(job, report)` draws: a fragment that runs again while the trainer is at work."""
    before = now.state

    def draw() -> None:
        fresh = now if job is None else _look(job)
        if fresh.state != before or "training_acted" in st.session_state:
            st.rerun()  # the rest of the page must change too
        show_them(job, fresh)

    st.fragment(draw, run_every=EVERY_S if before in AT_WORK else None)()


def _n_steps(job: Job | None, now: JobReport) -> int:
    return now.points[-1].steps if now.points else job.request.steps if job else 1


def _draw(job: Job | None, now: JobReport) -> None:
    """State, buttons and all curves."""
    _state(job, now)
    _recall(job, now)
    _losses(job, now)


def _state(job: Job | None, now: JobReport) -> None:
    """What it is doing, its buttons and its numbers."""
    top, buttons = st.columns([3, 2], vertical_alignment="top")
    name = _title(job) + (f" · on {words.base(job)}" if job else "")
    top.html(words.status(name, now, words.measured_every(now)))
    if job is not None:
        with buttons:
            _buttons(job, now)
    st.html(words.facts(now))


def _losses(job: Job | None, now: JobReport) -> None:
    """What the training lowers, and how far the gates open."""
    steps = _n_steps(job, now)
    hues = {"loss": palette.MLP, "kl": palette.RESIDUAL}
    for column, (field, title) in zip(st.columns(3), SMALL.items()):
        with column:
            st.html(words.heading(*title, now.points if field == "gates" else []))
            figure = (
                figures.gates(now.points, steps, words.went_on(now)) if field == "gates"
                else figures.single(now.points, steps, field, hues[field])
            )
            _chart(figure, f"training_{field}")


def _recall(job: Job | None, now: JobReport) -> None:
    """The big curve: values never trained on, values of the lists, or what was never told; and a
    text on what to look at."""
    steps = _n_steps(job, now)
    by_values = {
        "never": now.points, "known": figures.with_known_values(now.points),
        "refused": figures.with_refusals(now.points),
    }
    offered = {name: title for name, title in choice.ASKED_FOR.items()
               if by_values[name] or name == "never"}
    which = "never"
    if len(offered) > 1:
        if chosen(choice.VALUES) is None:
            is_recurrent = "known" in offered and "gpt2+edm" not in by_values["known"][-1].recall
            choose(choice.VALUES, "known" if is_recurrent else "never")
        which = one_of("Asked for", choice.VALUES, offered)
    title = "“I do not know.”" if which == "refused" else "recall of new episodes"
    _chart(figures.recall(by_values[which], steps, title=title), "training_recall")
    st.markdown(WENT_ON if which == "never" and words.went_on(now) else WORDS[which])
    if which == "known" and (end := words.of_recurrent(by_values["known"])):
        st.markdown(end)


def _chart(figure, key: str) -> None:
    st.plotly_chart(figure, key=key, config={"displayModeBar": False})


def _buttons(job: Job, now: JobReport) -> None:
    """The buttons of a training; they are the owner's."""
    if not whose.is_owner():
        st.caption("Only the owner of this server can pause or stop it.")
        return
    row = st.container(horizontal=True, horizontal_alignment="right", key="training_buttons")
    if now.state in ("starting", "running"):
        _button(row, "Pause", "training_pause", jobs.pause, job)
    if now.state in ("paused", "failed", "killed"):
        _button(row, "Go on", "training_go_on", jobs.go_on, job, "primary")
    if now.state in ("starting", "running", "paused") or (
        now.state in ("failed", "killed") and now.has_checkpoint
    ):
        _button(row, "Stop and keep", "training_stop", jobs.stop, job)
    is_shared = jobs.is_shared(job)
    _button(row, "Stop sharing" if is_shared else "Share", "training_share",
            partial(jobs.share, is_shared=not is_shared), job)
    with row.popover("Delete", key="training_delete_menu"):
        st.markdown("Its curves, checkpoint and memory file are removed.")
        _button(st, "Delete this training", "training_delete", jobs.delete, job)


def _button(place, label: str, key: str, act, job: Job, kind: str = "secondary") -> None:
    place.button(label, key=key, type=kind, on_click=_try, args=(act, job))


def _try(act, job: Job) -> None:
    try:
        act(job)
    except JobError as error:
        st.session_state.training_problem = str(error)
    st.session_state.training_acted = True


def _look(job: Job) -> JobReport:
    """The job as it is on disk now: another visitor may have changed it."""
    try:
        return jobs.look(jobs.find(job.id))
    except JobError:  # deleted meanwhile
        st.rerun()


def _title(job: Job | None) -> str:
    return "Shipped with Mnemoscope" if job is None else words.title(job)
