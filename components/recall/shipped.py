"""The curves that were measured beforehand and are stored beside the model's weights.

They are shown only with the model and the trained memory that they were measured on.
"""

from dataclasses import dataclass

import streamlit as st

from components.frame import visit
from components.recall import charts, choice, words
from model.disk.called import command
from model.recall import shipped_curves
from model.recall.trial import Curve

COMMAND = command("recall curves --model {model} --out FOLDER")


@dataclass(frozen=True)
class Shipped:
    """A stored curve: the board it stands on, and its rows."""

    board: dict
    curve: dict


def of(name: str) -> Shipped | None:
    """The stored curve of the loaded model; None if there is none. If the file belongs to another
    model, a sentence says so."""
    checkpoint = visit.checkpoint()
    try:
        board = shipped_curves.load(checkpoint.folder)
    except ValueError as problem:
        st.warning(words.sentence(str(problem)))
        return None
    if board is None:
        return None
    why = shipped_curves.why_other(board, checkpoint)
    if why:
        st.caption(f"Not shown: {words.plain(why)}. Measure your own here, or all of them with")
        st.code(COMMAND.format(model=checkpoint.name), language=None, wrap_lines=True)
        return None
    found = board["curves"].get(name)
    return Shipped(board, found) if found else None


def show(one: Curve, shipped: Shipped, names: list[str]) -> None:
    """What it was measured on, and the charts of the chosen variants."""
    st.caption(_about(one.name, shipped))
    there = {row["variant"] for row in shipped.curve["rows"]}
    names = [name for name in names if name in there]
    if not names:
        said = ", ".join(choice.TITLES[name] for name in choice.TITLES if name in there)
        st.info(f"Choose at least one variant: {said} were measured.")
        return
    charts.show(one, shipped.curve["rows"], names, "shipped_curve")


def _about(curve: str, shipped: Shipped) -> str:
    board, rows = shipped.board, shipped.curve["rows"]
    memory = f"its trained memory (`{board['memory']}`)" if board["memory"] else "no trained memory"
    used, episodes = board["settings"], [row["episodes"] for row in rows]
    low, high = min(episodes), max(episodes)
    many = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    fixed = {"slots": f"{used['budget']:,} slots, ", "policy": f"policy {used['policy']}, "}
    fixed.pop(curve, None)  # what the curve varies
    return (
        f"Measured beforehand, {shipped.curve['made']}, on “{words.plain(board['model'])}” "
        f"({board['n_parameters'] / 1e6:.1f} M parameters, `{board['fingerprint']}`) with {memory}: "
        f"{many} episode{'s' * (high > 1)} a point, {''.join(fixed.values())}"
        f"{board['platform']}. Each question of an episode counts on its own."
    )
