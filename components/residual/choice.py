"""What the visitor chose on the residual page: a token, a layer, a cell, the parts switched off.

The values come from the link, a click, or a default. Token, layer and head are shared with other
pages (frame/place.py).
"""

import re
from dataclasses import replace

import numpy as np
import streamlit as st

from components.frame import visit
from components.frame.choices import Cell, Choice, OneOf, Text, Whole, choose, chosen
from components.frame.place import AT, LAYER
from components.residual import figures
from model.analysis.ablation import FILLS, Off

VIEWS = {name: name for name in (
    "Stream", "Logit lens", "Who made this logit", "Switch off", "MLP", "LayerNorm",
)}

VIEW = Choice("residual_view", OneOf(VIEWS), "Stream")
STREAM_SHOWN = Choice("stream_shown", OneOf(figures.MAPS), "norm")
STREAM_ROW = Choice("stream_row", Whole(), 0)
LENS_SHOWN = Choice("lens_shown", OneOf(figures.LENS_SHOWN), "probability")
LENS_ROW = Choice("lens_row", Whole())
LOGIT_OF, LOGIT_AGAINST = Choice("logit_of", Whole()), Choice("logit_against", Whole())
MAKER = Choice("maker", Cell())  # layer and column of the map of who made a logit
OFF = Choice("off", Text(2000))  # see `off`
OFF_FILL = Choice("off_fill", OneOf({fill: fill for fill in FILLS}), "zero")
OFF_CELL = Choice("off_cell", Cell(), (0, 0))
NORM = Choice("norm", Whole())
CHOICES = (VIEW, STREAM_SHOWN, STREAM_ROW, LENS_SHOWN, LENS_ROW, LOGIT_OF, LOGIT_AGAINST, MAKER,
           OFF, OFF_FILL, OFF_CELL, NORM)


def position(n_tokens: int) -> int:
    """The chosen token; if none is chosen, the last one, also while the prompt grows."""
    at = chosen(AT)
    return n_tokens - 1 if at is None or at >= n_tokens else at


def choose_position(at: int) -> None:
    """Choose a token; choosing the last one means: follow the last one."""
    last = len(visit.prompt().ids) - 1
    choose(AT, None if at == last else at)


def layer(n_layers: int) -> int:
    """The chosen layer; the last but one while none is chosen."""
    at = chosen(LAYER)
    return max(0, n_layers - 2) if at is None or at >= n_layers else at


def row(n_layers: int) -> int:
    """The chosen row of the logit lens, 0 to L; the last but two while none is chosen."""
    at = chosen(LENS_ROW)
    return max(0, n_layers - 2) if at is None or at > n_layers else at


def choose_cell(lens_row: int, at: int) -> None:
    """Remember a cell of the logit lens."""
    choose(LENS_ROW, lens_row)
    choose_position(at)


def station(n_layers: int) -> int:
    """The chosen LayerNorm by the station that it reads, 0 to 2L; the final one by default."""
    at = chosen(NORM)
    return 2 * n_layers if at is None or at > 2 * n_layers else at


def pick(label: str, names: list[str], now: int, name: str, on_pick) -> None:
    """A box that shows names[now]; `on_pick(index)` runs when another is picked."""
    box = f"{name}_box"
    st.session_state[box] = now
    st.selectbox(
        label, range(len(names)), key=box, format_func=names.__getitem__,
        on_change=lambda: on_pick(st.session_state[box]),
    )


def pick_position(tokens: list[str], now: int) -> None:
    """The box with the prompt's tokens."""
    names = [f"{i}  {token}" for i, token in enumerate(tokens)]
    pick("Token", names, now, AT.name, choose_position)


def pick_layer(n_layers: int, now: int) -> None:
    """The box with the layers."""
    names = [f"Layer {i}" for i in range(n_layers)]
    pick("Layer", names, now, "residual_layer", lambda i: choose(LAYER, i))


# -- which logit is taken apart -------------------------------------------------------------------

MOST_PROBABLE, NOTHING = "the most probable", "no other: the logit itself"
_ID = re.compile(r"\(id (\d+)\)$")


def logit(one: Choice, label: str, first: str, top, n_vocab: int) -> int | None:
    """The token whose logit is asked for, chosen among the probable ones or typed; None: `first`.

    one: LOGIT_OF or LOGIT_AGAINST; top: TopTokens of the position.
    """
    if chosen(one) is not None and chosen(one) >= n_vocab:
        choose(one, None)
    token, named = chosen(one), dict(zip(top.ids.tolist(), top.texts))
    if token is not None and token not in named:
        named[token] = visit.show_tokens([token])[0]
    names = [first, *(f"{text}  (id {i})" for i, text in named.items())]
    box = f"{one.name}_box"
    st.session_state[box] = first if token is None else f"{named[token]}  (id {token})"
    st.selectbox(
        label, names, key=box, accept_new_options=True, on_change=_take_logit, args=(one, first),
        help="Choose, or type any one token and press Enter; · is a space",
    )
    if problem := st.session_state.pop(f"{one.name}_problem", None):
        st.warning(problem)
    return token


def _take_logit(one: Choice, first: str) -> None:
    from components.residual import run

    said = st.session_state[f"{one.name}_box"]
    found = _ID.search(said or "")
    try:
        token = None if said in (None, first) else int(found[1]) if found else run.token_id(said)
    except ValueError as error:
        st.session_state[f"{one.name}_problem"] = str(error)
        return
    choose(one, token)


# -- what is switched off -------------------------------------------------------------------------

_PART = re.compile(r"(\d+)(?:h(\d+)|(mlp)|(all))")


def off(n_layers: int, n_heads: int) -> Off:
    """The parts that the link's words switch off: "3h0-2mlp-5all"; parts that the model lacks are
    ignored."""
    heads, mlps, layers = set(), set(), set()
    for part in (chosen(OFF) or "").split("-"):
        found = _PART.fullmatch(part)
        if found is None or (at := int(found[1])) >= n_layers:
            continue
        if found[2] is not None and int(found[2]) < n_heads:
            heads.add((at, int(found[2])))
        elif found[3]:
            mlps.add(at)
        elif found[4]:
            layers.add(at)
    return Off(*map(frozenset, (heads, mlps, layers)), chosen(OFF_FILL))


def as_words(now: Off) -> str:
    """An Off as the link's words."""
    parts = [f"{layer}h{head}" for layer, head in sorted(now.heads)]
    parts += [f"{layer}mlp" for layer in sorted(now.mlps)]
    return "-".join(parts + [f"{layer}all" for layer in sorted(now.layers)])


def toggle(before: Off, n_heads: int, at: int, column: int) -> None:
    """Switch a part off or on again; columns: the heads, then the MLP, then the whole layer."""
    heads, mlps, layers = set(before.heads), set(before.mlps), set(before.layers)
    if column < n_heads:
        heads ^= {(at, column)}
    elif column == n_heads:
        mlps ^= {at}
    else:
        layers ^= {at}
    now = Off(*map(frozenset, (heads, mlps, layers)), before.fill)
    choose(OFF, as_words(now) or None)
    choose(OFF_CELL, (at, column))


def marks(now: Off, n_heads: int) -> list[int]:
    """Cells of the grid layers × (heads, MLP, layer) that are off."""
    width = n_heads + 2
    places = [layer * width + head for layer, head in now.heads]
    places += [layer * width + n_heads for layer in now.mlps]
    return sorted(places + [layer * width + n_heads + 1 for layer in now.layers])


def most_missed(alone: np.ndarray, before: Off) -> Off:
    """The head alone that changes the prediction most; alone (L,H+2): KL with only that part off."""
    return replace(before, heads=frozenset({strongest(alone[:, :-2])}))


def in_words(now: Off) -> str:
    """The parts that are off, in words: "head 3 of layer 0, MLP 2, all of layer 5"."""
    parts = [f"layer {layer} head {head}" for layer, head in sorted(now.heads)]
    parts += [f"MLP of layer {layer}" for layer in sorted(now.mlps)]
    parts += [f"all of layer {layer}" for layer in sorted(now.layers)]
    shown = parts[:6] + ([f"{len(parts) - 6} more"] if len(parts) > 6 else [])
    return ", ".join(shown)


def strongest(values: np.ndarray) -> tuple[int, int]:
    """values (R,N) -> (row, column) of the largest size."""
    at = np.unravel_index(np.abs(values).argmax(), values.shape)
    return int(at[0]), int(at[1])
