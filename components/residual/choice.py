"""What the visitor chose on the residual page: a token, a layer, a cell, the parts switched off.

The values come from the link, a click, or a default; frame/address.py carries them in the link.
"""

import re

import numpy as np
import streamlit as st

from components.frame import visit
from model.analysis.ablation import FILLS, Off


def position(n_tokens: int) -> int:
    """The chosen token; if none is chosen, the last one, also while the prompt grows."""
    at = st.session_state.get("at")
    return n_tokens - 1 if at is None or at >= n_tokens else at


def choose_position(at: int) -> None:
    """Choose a token; choosing the last one means: follow the last one."""
    last = len(visit.prompt().ids) - 1
    st.session_state.at = None if at == last else at


def layer(n_layers: int) -> int:
    """The chosen layer; the last but one while none is chosen."""
    chosen = st.session_state.get("layer")
    return max(0, n_layers - 2) if chosen is None or chosen >= n_layers else chosen


def row(n_layers: int) -> int:
    """The chosen row of the logit lens, 0 to L; the last but two while none is chosen."""
    chosen = st.session_state.get("lens_row")
    return max(0, n_layers - 2) if chosen is None or chosen > n_layers else chosen


def choose_cell(lens_row: int, at: int) -> None:
    """Remember a cell of the logit lens."""
    st.session_state.lens_row = lens_row
    choose_position(at)


def station(n_layers: int) -> int:
    """The chosen LayerNorm by the station that it reads, 0 to 2L; the final one by default."""
    chosen = st.session_state.get("norm")
    return 2 * n_layers if chosen is None or chosen > 2 * n_layers else chosen


def pick(label: str, names: list[str], chosen: int, name: str, on_pick) -> None:
    """A box that shows names[chosen]; `on_pick(index)` runs when another is picked."""
    box = f"{name}_box"
    st.session_state[box] = chosen
    st.selectbox(
        label, range(len(names)), key=box, format_func=names.__getitem__,
        on_change=lambda: on_pick(st.session_state[box]),
    )


def pick_position(tokens: list[str], chosen: int) -> None:
    """The box with the prompt's tokens."""
    names = [f"{i}  {token}" for i, token in enumerate(tokens)]
    pick("Token", names, chosen, "at", choose_position)


def pick_layer(n_layers: int, chosen: int) -> None:
    """The box with the layers."""
    names = [f"Layer {i}" for i in range(n_layers)]
    pick("Layer", names, chosen, "residual_layer", lambda i: st.session_state.update(layer=i))


# -- which logit is taken apart -------------------------------------------------------------------

MOST_PROBABLE, NOTHING = "the most probable", "no other: the logit itself"
_ID = re.compile(r"\(id (\d+)\)$")


def logit(name: str, label: str, first: str, top, n_vocab: int) -> int | None:
    """The token whose logit is asked for, chosen among the probable ones or typed; None: `first`.

    name: the link's key; top: TopTokens of the position.
    """
    if (chosen := st.session_state.get(name)) is not None and chosen >= n_vocab:
        chosen = st.session_state[name] = None
    named = dict(zip(top.ids.tolist(), top.texts))
    if chosen is not None and chosen not in named:
        named[chosen] = visit.show_tokens([chosen])[0]
    names = [first, *(f"{text}  (id {i})" for i, text in named.items())]
    box = f"{name}_box"
    st.session_state[box] = first if chosen is None else f"{named[chosen]}  (id {chosen})"
    st.selectbox(
        label, names, key=box, accept_new_options=True, on_change=_take_logit, args=(name, first),
        help="Choose, or type any one token and press Enter; · is a space",
    )
    if problem := st.session_state.pop(f"{name}_problem", None):
        st.warning(problem)
    return chosen


def _take_logit(name: str, first: str) -> None:
    from components.residual import run

    said = st.session_state[f"{name}_box"]
    found = _ID.search(said or "")
    try:
        chosen = None if said in (None, first) else int(found[1]) if found else (
            run.token_id(said)
        )
    except ValueError as error:
        st.session_state[f"{name}_problem"] = str(error)
        return
    st.session_state[name] = chosen


# -- what is switched off -------------------------------------------------------------------------

_PART = re.compile(r"(\d+)(?:h(\d+)|(mlp)|(all))")


def off(n_layers: int, n_heads: int) -> Off:
    """The parts that the link's words switch off: "3h0-2mlp-5all"; parts that the model lacks are
    ignored."""
    heads, mlps, layers = set(), set(), set()
    for part in str(st.session_state.get("off") or "").split("-"):
        found = _PART.fullmatch(part)
        if found is None or (at := int(found[1])) >= n_layers:
            continue
        if found[2] is not None and int(found[2]) < n_heads:
            heads.add((at, int(found[2])))
        elif found[3]:
            mlps.add(at)
        elif found[4]:
            layers.add(at)
    fill = st.session_state.get("off_fill")
    return Off(*map(frozenset, (heads, mlps, layers)), fill if fill in FILLS else "zero")


def as_words(chosen: Off) -> str:
    """An Off as the link's words."""
    parts = [f"{layer}h{head}" for layer, head in sorted(chosen.heads)]
    parts += [f"{layer}mlp" for layer in sorted(chosen.mlps)]
    return "-".join(parts + [f"{layer}all" for layer in sorted(chosen.layers)])


def toggle(chosen: Off, n_heads: int, at: int, column: int) -> None:
    """Switch a part off or on again; columns: the heads, then the MLP, then the whole layer."""
    heads, mlps, layers = set(chosen.heads), set(chosen.mlps), set(chosen.layers)
    if column < n_heads:
        heads ^= {(at, column)}
    elif column == n_heads:
        mlps ^= {at}
    else:
        layers ^= {at}
    now = Off(*map(frozenset, (heads, mlps, layers)), chosen.fill)
    st.session_state.off = as_words(now) or None
    st.session_state.off_cell = (at, column)


def marks(chosen: Off, n_heads: int) -> list[int]:
    """Cells of the grid layers × (heads, MLP, layer) that are off."""
    width = n_heads + 2
    places = [layer * width + head for layer, head in chosen.heads]
    places += [layer * width + n_heads for layer in chosen.mlps]
    return sorted(places + [layer * width + n_heads + 1 for layer in chosen.layers])


def in_words(chosen: Off) -> str:
    """The parts that are off, in words: "head 3 of layer 0, MLP 2, all of layer 5"."""
    parts = [f"layer {layer} head {head}" for layer, head in sorted(chosen.heads)]
    parts += [f"MLP of layer {layer}" for layer in sorted(chosen.mlps)]
    parts += [f"all of layer {layer}" for layer in sorted(chosen.layers)]
    shown = parts[:6] + ([f"{len(parts) - 6} more"] if len(parts) > 6 else [])
    return ", ".join(shown)


def strongest(values: np.ndarray) -> tuple[int, int]:
    """values (R,N) -> (row, column) of the largest size."""
    at = np.unravel_index(np.abs(values).argmax(), values.shape)
    return int(at[0]), int(at[1])
