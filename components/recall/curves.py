"""Recall against what makes it hard: the curves shipped with the model, and the visitor's own. Own
curves are measured in the background while the page stays usable, and each of their episodes can be
opened. Curves and standard tasks look the same here."""

import streamlit as st

from components.frame.choice_widgets import holding, one_of
from components.frame.choices import Choice, choose, chosen
from components.kit.export.offers import no_notebook
from components.kit.units import show_duration
from components.recall import charts, choice, figures, jobs, run, words
from components.recall import shipped as recall_shipped
from components.recall.charts import place
from model.disk.called import command
from model.recall import episode_lines

MEASURED = (
    "This view has no notebook: its shares come from hundreds of runs. "
    f"“{command('recall curves')}” "
    "measures them again; one episode, opened in the probe, has a notebook."
)
EVERY_S = 1.5


def show(which: Choice) -> None:
    """The whole view; which: CURVE or TASK."""
    no_notebook(MEASURED)
    curve = one_of("Curve", which)
    one = jobs.named(curve)
    st.html(words.heading(one.what, one.honest))
    shipped = recall_shipped.of(curve)
    names = _bar(curve, shipped is not None)
    if shipped is not None and chosen(choice.CURVE_SOURCE) == "shipped":
        recall_shipped.show(one, shipped, names)
    else:
        _live(curve, names)


def _bar(curve: str, is_shipped: bool) -> list[str]:
    """What is shown, variants, episodes and the buttons -> the chosen variants."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="recall_curve_bar"):
        if is_shipped:
            one_of("Curve of", choice.CURVE_SOURCE, shown=True)
        if chosen(choice.CURVE_VARIANTS) is None:
            gone = (*run.untrained(), "gpt2")
            choose(choice.CURVE_VARIANTS, [n for n in choice.TITLES if n not in gone])
        names = st.pills(
            "Variants", [n for n in choice.TITLES if n != "gpt2"], format_func=choice.TITLES.get,
            selection_mode="multi", **holding(choice.CURVE_VARIANTS),
        )
        n = st.selectbox("Episodes a point", list(choice.EPISODES_A_POINT), width=150,
                         **holding(choice.EPISODES))
        job = jobs.current()
        if job is not None and job.is_alive:
            st.button("Cancel", key="recall_cancel", on_click=jobs.cancel,
                      disabled=not job.may_cancel,
                      help="Finished episodes are kept; Measure continues from there")
        else:
            st.button("Measure", key="recall_measure", type="primary", disabled=not names,
                      on_click=_start, args=(curve, names, n))
    own = job is not None and job.curve == curve
    problem = st.session_state.pop("recall_trouble", "") or (job.problem if own else "")
    if problem:
        st.error(words.sentence(problem))
    return names


def _start(curve: str, names: list[str], n: int) -> None:
    choose(choice.CURVE_SOURCE, "own")
    try:
        jobs.start(curve, names, choice.settings(), "", n)
    except ValueError as problem:
        st.session_state.recall_trouble = str(problem)


def _live(curve: str, names: list[str]) -> None:
    """Progress and charts; a fragment that runs again while something is measured."""
    job = jobs.current()
    was_alive = job is not None and job.is_alive

    def draw() -> None:
        now = jobs.current()
        if was_alive and not now.is_alive:
            st.rerun()  # the button must change too
        _progress(now, curve)
        _charts(curve, names)

    st.fragment(draw, run_every=EVERY_S if was_alive else None)()
    if not was_alive:
        _episodes(curve, names)


def _progress(job, curve: str) -> None:
    """A bar of a fixed height: how far, how long, what may be closed."""
    alive = job is not None and job.is_alive
    if not alive:
        ended = job is not None and job.curve == curve and job.cancelled.is_set()
        what = "cancelled: what was finished is kept" if ended else "nothing is being measured now"
        st.progress(job.share if ended else 0.0, what)
        return
    left = job.seconds_left
    about = f"about {show_duration(left)} left" if left is not None else "time left not known yet"
    other = "" if job.curve == curve else f"“{job.curve}”: "
    st.progress(min(1.0, job.share), f"{other}{job.share:.0%}, {about}; you may close this page")


def _lines(curve: str) -> list[dict]:
    try:
        return jobs.lines(jobs.path_of(curve, choice.settings(), ""))
    except (ValueError, OSError) as problem:
        st.warning(words.sentence(str(problem)))
        return []


def _charts(curve: str, names: list[str]) -> None:
    lines = [line for line in _lines(curve) if line["variant"] in names]
    if not lines:
        st.info(
            "Not measured yet with these settings. **Measure** makes episodes from seeds, tells "
            "them, waits and asks. Nothing leaves this machine."
        )
        return
    charts.show(jobs.named(curve), episode_lines.summed(lines), names, "curve")


# -- episodes ----------------------------------------------------------------------------------------


def _episodes(curve: str, names: list[str]) -> None:
    """A square for each episode; a click opens it."""
    lines = [line for line in _lines(curve) if line["variant"] in names]
    if not lines:
        return
    st.html(words.heading("Every episode", "a square each, by its seed; green: all of its "
                          "questions right. Click one to open it"))
    if chosen(choice.EPISODES_OF) not in names:
        choose(choice.EPISODES_OF, names[-1])
    name = one_of("Of", choice.EPISODES_OF, {name: choice.TITLES[name] for name in names})
    own = sorted((line for line in lines if line["variant"] == name),
                 key=lambda line: (line["x"], line["y"] or 0, line["stop"], line["seed"]))
    rows = [_square(line, curve) for line in own]
    left, right = st.columns([3, 2], gap="large")
    with left:
        event = st.plotly_chart(
            figures.episodes(rows, None), key=f"recall_squares_{curve}_{name}",
            on_select="rerun", selection_mode="points", config={"displayModeBar": False},
        )
    points = event["selection"]["points"]
    with right:
        line = own[points[0]["point_index"] if points else 0]
        _open(curve, line)


def _square(line: dict, curve: str) -> dict:
    answers = line["answers"]
    right = sum(bool(_right(a)) for a in answers)
    return {
        "x": line["seed"], "y": place(line) or "all", "share": right / len(answers),
        "words": f"seed {line['seed']}, {place(line)}<br>{right} of {len(answers)} right",
    }


def _right(answer: dict) -> bool:
    """Whether the answer was said; for what was never told, whether it was refused."""
    if answer["answer"] is None:
        return not answer["false"]
    return answer["right"] if "right" in answer else answer["exact"]


def _open(curve: str, line: dict) -> None:
    """One episode: what was told, each question with its result, and a button that opens the
    probe."""
    try:
        probe = jobs.open_episode(curve, line, 0, "")
    except (ValueError, StopIteration):
        st.info("Another version made this episode, so it cannot be shown.")
        return
    st.html(words.episode(line, probe, _right))
    for i, answer in enumerate(line["answers"]):
        st.button(
            f"Open in the probe: {answer['ask']}", key=f"recall_open_{i}", on_click=_use,
            args=(curve, line, i), width="stretch",
        )


def _use(curve: str, line: dict, question: int) -> None:
    choice.use(jobs.open_episode(curve, line, question, ""))
    choice.choose_variant(line["variant"])
    choose(choice.VIEW, "probe")
