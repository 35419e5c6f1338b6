"""Recall against what makes it hard, measured in the background while the page stays usable; every
episode can be opened. Curves and standard tasks look alike here."""

import streamlit as st

from components.kit import palette
from components.kit.units import show_duration
from components.recall import choice, figures, jobs, run, words
from components.recall.figures import Series, Shown
from model.recall import runs

CURVES = {
    "distance": "Distance", "far": "Far", "facts": "Facts", "slots": "Slots",
    "policy": "Policy × salience", "contradiction": "Contradiction", "paraphrase": "Paraphrase",
}
TASKS = {"passkey": "Passkey", "needle": "Needle", "mqar": "MQAR", "babi": "bAbI-style"}
JOINED = ("distance", "far", "facts", "slots", "passkey", "mqar", "babi")  # x is a number
CONTROLS = {
    "memory off": (palette.LABEL, "dash"), "another's memory": (palette.LABEL, "dot"),
    "in context": (palette.VALUE, "dash"), "last window": (palette.VALUE, "dot"),
}
FALSE = {"false recall": "solid", "false recall, memory off": "dash"}
EPISODES = (5, 10, 25, 50, 125)
EVERY_S = 1.5


def show(kinds: dict[str, str], key: str) -> None:
    """The whole view; kinds: name of a curve -> its title."""
    if st.session_state.get(key) not in kinds:
        st.session_state[key] = next(iter(kinds))
    curve = st.segmented_control("Curve", list(kinds), format_func=kinds.get, key=key,
                                 required=True, label_visibility="collapsed",
                                 persist_state="session")
    one = jobs.named(curve)
    st.html(words.heading(one.what, one.honest))
    names = _bar(curve)
    _live(curve, names)


def _bar(curve: str) -> list[str]:
    """Variants, episodes and the buttons -> the chosen variants."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="recall_curve_bar"):
        if "recall_curve_variants" not in st.session_state:
            gone = run.untrained()
            st.session_state.recall_curve_variants = [
                n for n in choice.TITLES if n not in (*gone, "gpt2")]
        names = st.pills(
            "Variants", [n for n in choice.TITLES if n != "gpt2"], format_func=choice.TITLES.get,
            key="recall_curve_variants", selection_mode="multi", persist_state="session",
        )
        n = st.selectbox("Episodes a point", EPISODES, 1, key="recall_episodes", width=150,
                         persist_state="session")
        job = jobs.current()
        if job is not None and job.is_alive:
            st.button("Cancel", key="recall_cancel", on_click=jobs.cancel,
                      help="Finished episodes are kept; Measure goes on from there")
        else:
            st.button("Measure", key="recall_measure", type="primary", disabled=not names,
                      on_click=_start, args=(curve, names, n))
    own = job is not None and job.curve == curve
    problem = st.session_state.pop("recall_trouble", "") or (job.problem if own else "")
    if problem:
        st.error(words.sentence(problem))
    return names


def _start(curve: str, names: list[str], n: int) -> None:
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
            st.rerun()  # the button must say so too
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
    about = f"about {show_duration(left)} left" if left is not None else "time left follows"
    other = "" if job.curve == curve else f"“{job.curve}”: "
    st.progress(min(1.0, job.share), f"{other}{job.share:.0%}, {about}; this page may be closed")


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
            "them, waits and asks; nothing of it leaves this machine."
        )
        return
    if curve == "needle":
        _needle(lines, names)
        return
    one = jobs.named(curve)
    main = _series(lines, names, curve)
    figure = figures.curve(main, one.x_label, "recalled exactly", curve in JOINED)
    st.plotly_chart(figure, key=f"recall_curve_{curve}", config={"displayModeBar": False})
    n = max((s.n for line in main for s in line.shares), default=0)
    st.caption(f"At most {n:,} questions a point; whiskers and bands: 95 % interval (Wilson).")
    false = _false(lines, names)
    if false:
        st.html(words.heading("False recall", "asked for what was never told: anything but "
                              "“I do not know.” counts"))
        figure = figures.curve(false, one.x_label, "false recall", curve in JOINED, 300)
        st.plotly_chart(figure, key=f"recall_false_{curve}", config={"displayModeBar": False})


def _needle(lines: list[dict], names: list[str]) -> None:
    columns = st.columns(2) if len(names) > 1 else [st.container()]
    for i, name in enumerate(names):
        own = [line for line in lines if line["variant"] == name]
        found = runs.shares(own)
        cells, lengths, depths = {}, {}, {}
        for line in own:
            length, depth = f"{line['x']:,.0f}", f"{line['y']:.0%}"
            lengths[length], depths[depth] = line["x"], line["y"]
            share = found.get((runs.point_of(line), "as the field scores"))
            if share is not None:
                cells[depth, length] = _shown(length, share)
        with columns[i % len(columns)]:
            st.html(words.heading(choice.TITLES[name]))
            figure = figures.needle(
                cells, sorted(lengths, key=lengths.get), sorted(depths, key=depths.get))
            st.plotly_chart(figure, key=f"recall_needle_{name}", config={"displayModeBar": False})


def _series(lines: list[dict], names: list[str], curve: str) -> list[Series]:
    """A line for each variant, and the controls, which are the same for all."""
    scored = "as the field scores" if curve in TASKS and curve != "mqar" else "recalled"
    found = []
    for name in names:
        own = [line for line in lines if line["variant"] == name]
        found.append(_one(own, scored, choice.TITLES[name], figures.HUES[name], "solid"))
        if curve == "contradiction":
            title = f"{choice.TITLES[name]}: the first instead"
            found.append(_one(own, "first value", title, figures.HUES[name], "dot"))
    last = [line for line in lines if line["variant"] == names[-1]]
    for series, (hue, dash) in CONTROLS.items():
        found.append(_one(last, series, _control(series, names[-1]), hue, dash))
    return [one for one in found if one.shares]


def _control(series: str, name: str) -> str:
    of = {"another's memory": f"another person's memory ({choice.TITLES[name]})",
          "in context": "all in one text", "last window": "one text, its start cut off"}
    return of.get(series, series)


def _false(lines: list[dict], names: list[str]) -> list[Series]:
    found = []
    for name in names:
        own = [line for line in lines if line["variant"] == name]
        found.append(_one(own, "false recall", choice.TITLES[name], figures.HUES[name],
                          "solid"))
    last = [line for line in lines if line["variant"] == names[-1]]
    found.append(_one(last, "false recall, memory off", "memory off", palette.LABEL, "dash"))
    return [one for one in found if one.shares]


def _one(lines: list[dict], series: str, name: str, hue: str, dash: str) -> Series:
    found = runs.shares(lines)
    points = {}
    for line in sorted(lines, key=lambda line: (line["x"], line["stop"])):
        share = found.get((runs.point_of(line), series))
        if share is not None:
            points[_place(line)] = _shown(_place(line), share)
    return Series(name, hue, dash, tuple(points.values()))


def _place(line: dict) -> str:
    """Where a line lies on the x axis, in words."""
    return f"{line['stop']:,}" if line["n_stops"] > 1 else line["point"]


def _shown(x: str, share) -> Shown:
    low, high = share.interval
    return Shown(x, share.value, low, high, share.hits, share.n)


# -- episodes ----------------------------------------------------------------------------------------


def _episodes(curve: str, names: list[str]) -> None:
    """A square for each episode; a click opens it."""
    lines = [line for line in _lines(curve) if line["variant"] in names]
    if not lines:
        return
    st.html(words.heading("Every episode", "a square each, by its seed; green: all of its "
                          "questions right. Click one to open it"))
    if st.session_state.get("recall_episodes_of") not in names:
        st.session_state.recall_episodes_of = names[-1]
    name = st.segmented_control(
        "Of", names, format_func=choice.TITLES.get, key="recall_episodes_of", required=True,
        label_visibility="collapsed",
    )
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
        "x": line["seed"], "y": _place(line) or "all", "share": right / len(answers),
        "words": f"seed {line['seed']}, {_place(line)}<br>{right} of {len(answers)} right",
    }


def _right(answer: dict) -> bool:
    """Said as scored; or, what was never told, refused."""
    if answer["answer"] is None:
        return not answer["false"]
    return answer["right"] if "right" in answer else answer["exact"]


def _open(curve: str, line: dict) -> None:
    """One episode: what was told, each question with what came of it, and a way into the probe."""
    try:
        probe = jobs.open_episode(curve, line, 0, "")
    except (ValueError, StopIteration):
        st.info("This episode was made by another version: it cannot be made again.")
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
    st.session_state.recall_view = "probe"
