"""The charts of a curve or standard task, from rows of sums (`recall.episode_lines.summed`).

It does not know whether the rows were measured here or shipped with the model.
"""

import streamlit as st

from components.kit import palette
from components.recall import choice, figures, words
from components.recall.figures import Series, Shown
from model.recall.share import Share
from model.recall.trial import Curve

NUMERIC = ("distance", "far", "facts", "slots", "passkey", "mqar", "babi")  # x is a number
SCORED = ("passkey", "needle", "babi")  # the field scores them in its own way
CONTROLS = {
    "memory off": (palette.LABEL, "dash"), "another's memory": (palette.LABEL, "dot"),
    "in context": (palette.IN_CONTEXT, "dash"), "last window": (palette.IN_CONTEXT, "dot"),
}


def show(one: Curve, rows: list[dict], names: list[str], key: str) -> None:
    """All charts of a curve; key: differs for the same curve measured with other settings."""
    if one.name == "needle":
        _needle(rows, names, key)
        return
    main, joined = _series(rows, names, one.name), one.name in NUMERIC
    figure = figures.curve(main, one.x_label, "recalled exactly", joined)
    _draw(figure, f"recall_{key}_{one.name}")
    st.caption(f"{_sizes(main)} a point; whiskers and bands: 95 % interval (Wilson).")
    false = _false(rows, names)
    if false:
        st.html(words.heading("False recall", "asked for what was never told: any reply but "
                              "“I do not know.” counts"))
        figure = figures.curve(false, one.x_label, "false recall", joined, 300)
        _draw(figure, f"recall_{key.replace('curve', 'false')}_{one.name}")


def _draw(figure, key: str) -> None:
    st.plotly_chart(figure, key=key, config={"displayModeBar": False})


def _sizes(series: list[Series]) -> str:
    sizes = {s.n for line in series for s in line.shares}
    low, high = min(sizes, default=0), max(sizes, default=0)
    return f"{high:,} questions" if low == high else f"{low:,} to {high:,} questions"


def _needle(rows: list[dict], names: list[str], key: str) -> None:
    columns = st.columns(2) if len(names) > 1 else [st.container()]
    for i, name in enumerate(names):
        cells, lengths, depths = {}, {}, {}
        for row in _of(rows, name):
            length, depth = f"{row['x']:,.0f}", f"{row['y']:.0%}"
            lengths[length], depths[depth] = row["x"], row["y"]
            if "as the field scores" in row["series"]:
                cells[depth, length] = _shown(length, row["series"]["as the field scores"])
        with columns[i % len(columns)]:
            st.html(words.heading(choice.TITLES[name]))
            figure = figures.needle(
                cells, sorted(lengths, key=lengths.get), sorted(depths, key=depths.get))
            _draw(figure, f"recall_{key.replace('curve', 'needle')}_{name}")


def _series(rows: list[dict], names: list[str], curve: str) -> list[Series]:
    """A line for each variant, and the controls, which are the same for all."""
    scored = "as the field scores" if curve in SCORED else "recalled"
    found = []
    for name in names:
        own, hue = _of(rows, name), palette.VARIANTS[name]
        found.append(_one(own, scored, choice.TITLES[name], hue, "solid"))
        if curve == "contradiction":
            title = f"{choice.TITLES[name]}: the first instead"
            found.append(_one(own, "first value", title, hue, "dot"))
    last = _of(rows, names[-1])
    for series, (hue, dash) in CONTROLS.items():
        found.append(_one(last, series, _control(series, names[-1]), hue, dash))
    return [one for one in found if one.shares]


def _of(rows: list[dict], name: str) -> list[dict]:
    return [row for row in rows if row["variant"] == name]


def _control(series: str, name: str) -> str:
    of = {"another's memory": f"another person's memory ({choice.TITLES[name]})",
          "in context": "all in one text", "last window": "one text, its start cut off"}
    return of.get(series, series)


def _false(rows: list[dict], names: list[str]) -> list[Series]:
    found = [_one(_of(rows, name), "false recall", choice.TITLES[name], palette.VARIANTS[name],
                  "solid") for name in names]
    last = _of(rows, names[-1])
    found.append(_one(last, "false recall, memory off", "memory off", palette.LABEL, "dash"))
    return [one for one in found if one.shares]


def _one(rows: list[dict], series: str, name: str, hue: str, dash: str) -> Series:
    ordered = sorted(rows, key=lambda row: (row["x"], row["stop"]))
    points = [_shown(place(row), row["series"][series]) for row in ordered
              if series in row["series"]]
    return Series(name, hue, dash, tuple(points))


def place(row: dict) -> str:
    """The place of a row, or a line, on the x axis, in words."""
    return f"{row['stop']:,}" if row["n_stops"] > 1 else row["point"]


def _shown(x: str, counts) -> Shown:
    hits, n = counts
    share = Share("", hits, n)
    return Shown(x, share.value, *share.interval, hits, n)
