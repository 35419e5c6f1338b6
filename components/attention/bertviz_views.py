"""bertviz's head, model and neuron view, offline, fed with this model's own arrays.

bertviz's drawing scripts are used as they are installed; we make the data they draw, so nothing
comes from a CDN or from bertviz's own copies of the models. The scripts draw one SVG line for each
query, key and head and freeze when there are many: `choice` says what fits.
Knows nothing of the model that the arrays come from.
Axes: L layers, H heads, T tokens (row = query, column = key), D head width.
"""

import html
import json
from dataclasses import dataclass

import numpy as np
import streamlit as st

from components.kit import assets, offline_page

LAYER_TOKENS = 32  # head and neuron view: all heads of a layer up to this many tokens
HEAD_TOKENS = {"head": 128, "neuron": 64}  # one head up to this many tokens
MODEL_TOKENS = 32
MODEL_LINES = 80_000  # 12 layers × 12 heads × 32 queries with the keys that they can see
DIGITS = 3
MAX_HEIGHT = 900  # pixels; a taller drawing scrolls inside its frame

_NAMES = {"head": "head view", "model": "model view", "neuron": "neuron view"}
_HOW = {
    "head": "Left: query (reads). Right: key (is read). The stronger a line, the larger the "
    "attention weight. Point at a token to see its lines only. Click a coloured square to switch "
    "that head off, double-click it to see that head alone.",
    "model": "Each picture is one head: query (reads) on its left, key (is read) on its right. The "
    "stronger a line, the larger the attention weight. Click a picture to enlarge it; tokens "
    "of more than 11 characters are cut there.",
    "neuron": "Left: query (reads). Right: key (is read). Point at a token on the left to see its "
    "query, the keys it can see, their products and q · k ÷ √d, a number each: the fuller its "
    "square, the larger it is. Elsewhere blue is positive, orange negative, faint near zero. Its − closes the vectors, its + opens them.",
}
_MARKED = (
    "const params = PYTHON_PARAMS; // HACK: PYTHON_PARAMS is a template marker that is "
    "replaced by actual params."
)
_FILLED = "const params = window.bertviz_params"


class ViewError(ValueError):
    """Arrays that do not fit together, or a bertviz that is not the one we know."""


@dataclass(frozen=True)
class BertvizChoice:
    """What bertviz can draw of a prompt, and why."""

    view: str  # "layer": all heads of a layer; "head": one head; "model": all heads; "map": nothing
    reason: str  # the sentence for the page


def choice(kind: str, n_tokens: int, n_layers: int, n_heads: int) -> BertvizChoice:
    """kind is "head", "model" or "neuron". A view "map" means: show a heat map instead."""
    _known(kind)
    if n_tokens < 1:
        return BertvizChoice("map", "There is no token yet. Type something.")
    if kind == "model":
        return _model_choice(n_tokens, n_layers, n_heads)
    limit, here = HEAD_TOKENS[kind], _here(n_tokens)
    limits = f"all heads of a layer up to {LAYER_TOKENS} tokens, one head up to {limit}"
    if n_tokens <= LAYER_TOKENS:
        return BertvizChoice(
            "layer", _fits(kind, f"all {n_heads} heads of this layer", here, limits)
        )
    if n_tokens <= limit:
        return BertvizChoice("head", _fits(kind, "this head alone", here, limits))
    return BertvizChoice("map", _too_many(kind, here, f"{n_tokens**2:,} for one head", limits))


def _model_choice(n_tokens: int, n_layers: int, n_heads: int) -> BertvizChoice:
    most, here = most_model_tokens(n_layers * n_heads), _here(n_tokens)
    heads = f"all {n_layers} × {n_heads} heads"
    limits = f"{heads} of this model up to {most} tokens"
    if n_tokens <= most:
        return BertvizChoice("model", _fits("model", heads, here, limits))
    lines = f"{n_layers * n_heads * _n_causal(n_tokens):,} here"
    return BertvizChoice("map", _too_many("model", here, lines, limits))


def _here(n_tokens: int) -> str:
    return f"{n_tokens:,} token{'' if n_tokens == 1 else 's'} here"


def _fits(kind: str, heads: str, here: str, limits: str) -> str:
    return (
        f"bertviz {_NAMES[kind]} of {heads} ({here}). It draws one line for each query, key and "
        f"head; browsers can draw {limits}."
    )


def _too_many(kind: str, here: str, lines: str, limits: str) -> str:
    return (
        f"A heat map replaces bertviz's {_NAMES[kind]} ({here}). bertviz draws one line for each "
        f"query, key and head, {lines}; browsers can draw {limits}."
    )


def most_model_tokens(n_heads: int) -> int:
    """The most tokens whose model view, n_heads × T (T+1) / 2 lines, still fits; 0 if none."""
    tokens = range(1, MODEL_TOKENS + 1)
    return max((t for t in tokens if n_heads * _n_causal(t) <= MODEL_LINES), default=0)


def _n_causal(n_tokens: int) -> int:
    return n_tokens * (n_tokens + 1) // 2


def head_view_html(
    weights, tokens, layer: int, heads, theme: str = "light", is_large: bool = False
) -> str:
    """weights (H,T,T) of the heads numbered `heads` (H) of one layer, T tokens -> HTML."""
    weights = _checked("weights", weights, (len(heads), len(tokens), len(tokens)))
    params = {"attention": [{"name": None} | _data([_rounded(weights)], tokens)]}
    params |= {"default_filter": "0", "root_div_id": "bertviz"}
    params |= {"layer": None, "heads": None, "include_layers": [layer]}
    return _document("head", params, tokens, layer, heads, theme, is_large)


def model_view_html(weights, tokens, theme: str = "light", is_large: bool = False) -> str:
    """weights (L,H,T,T) of the whole model, T tokens -> HTML.

    Keys after their query, which a GPT cannot see, are left out: half of the lines.
    """
    n_layers, n_heads = (*np.shape(weights), 0, 0)[:2]
    weights = _checked("weights", weights, (n_layers, n_heads, len(tokens), len(tokens)))
    causal = [[_lower(head) for head in layer] for layer in _rounded(weights)]
    data = _data(causal, [_short(token) for token in tokens])
    params = {"attention": [{"name": None} | data]}
    params |= {"default_filter": "0", "display_mode": theme, "root_div_id": "bertviz"}
    params |= {"include_layers": list(range(n_layers)), "include_heads": list(range(n_heads))}
    params |= {"total_heads": _n_columns(n_heads)}
    return _document("model", params, tokens, None, range(n_heads), theme, is_large)


def neuron_view_html(
    q, k, weights, tokens, layer: int, heads, chosen: int, theme: str = "light", is_large: bool = False
) -> str:
    """q, k (H,T,D) and weights (H,T,T) of the heads numbered `heads` of one layer -> HTML.

    It opens with the head numbered `chosen`; the visitor can change to the others of `heads`.
    """
    vectors = (len(heads), len(tokens), *np.shape(q)[-1:])
    weights = _checked("weights", weights, (len(heads), len(tokens), len(tokens)))
    data = _data([_rounded(weights)], tokens)
    data |= {"queries": [_rounded(_checked("q", q, vectors))]}
    data |= {"keys": [_rounded(_checked("k", k, vectors))]}
    params = {"attention": {"all": data}, "default_filter": "all", "root_div_id": "bertviz"}
    params |= {"bidirectional": False, "display_mode": theme}
    params |= {"layer": 0, "head": list(heads).index(chosen)}
    return _document("neuron", params, tokens, layer, heads, theme, is_large)


def show(
    kind: str, weights, tokens, layer: int, head: int, q=None, k=None, is_large: bool = False
) -> BertvizChoice:
    """Draw one view on the page: the sentence of `choice`, the view, a download button.

    kind "head": weights (H,T,T) of all heads of layer `layer`. kind "neuron": the same, with q and
    k (H,T,D). kind "model": weights (L,H,T,T). tokens are T display strings; `head` is the head
    drawn if only one fits. If the choice is "map", only the sentence is drawn: ask `choice` first
    (it needs no arrays), and draw the heat map yourself. is_large: the drawing takes the frame alone,
    whose height the page sets (kit/presenting.css); what it shows stands in the caption.
    """
    n_layers, n_heads = np.shape(weights)[:2] if kind == "model" else (1, len(weights))
    chosen = choice(kind, len(tokens), n_layers, n_heads)
    st.caption(f"{_HOW[kind]} {chosen.reason}" if is_large else chosen.reason)
    if chosen.view == "map":
        return chosen
    heads = [head] if chosen.view == "head" else list(range(n_heads))
    page = _html(kind, weights, tokens, layer, heads, head, q, k, is_large)
    with st.container(key=f"bertviz-{kind}"):
        st.iframe(page, height=frame_height(kind, len(tokens), n_layers, n_heads), alt=_NAMES[kind])
        _download(kind, page)
    return chosen


def _html(kind, weights, tokens, layer, heads, head, q, k, is_large: bool) -> str:
    theme = st.context.theme.type or "light"
    if kind == "model":
        return model_view_html(weights, tokens, theme, is_large)
    weights = np.asarray(weights)[heads]
    if kind == "head":
        return head_view_html(weights, tokens, layer, heads, theme, is_large)
    q, k = np.asarray(q)[heads], np.asarray(k)[heads]
    return neuron_view_html(q, k, weights, tokens, layer, heads, head, theme, is_large)


def _download(kind: str, page: str) -> None:
    st.download_button(
        "Download this view (HTML)",
        page,
        file_name=f"mnemoscope-{kind}-view.html",
        mime="text/html",
        on_click="ignore",
        help="One self-contained file: it opens in any browser, without internet.",
        key=f"bertviz-{kind}-download",
    )


def frame_height(kind: str, n_tokens: int, n_layers: int, n_heads: int) -> int:
    """Pixels for the frame: bertviz's drawing, enlarged by `zoom`, and the words above it."""
    words = 136 if kind == "neuron" else 112  # the neuron view has a head to choose
    drawing = drawing_height(kind, n_tokens, n_layers, n_heads) * zoom(kind, n_tokens)
    return min(MAX_HEIGHT, round(words + drawing))


def drawing_height(kind: str, n_tokens: int, n_layers: int, n_heads: int) -> float:
    """Pixels that bertviz 1.4.1 draws on, from the top."""
    if kind == "head":
        return 22.5 * n_tokens + 30
    if kind == "neuron":
        return 26 * n_tokens + 44
    picture = n_tokens * 7 * 12 / _n_columns(n_heads) + 10
    return max(n_layers * picture + 38, 18 * n_tokens + 55)


def zoom(kind: str, n_tokens: int) -> float:
    """The head view is 335 pixels wide: enlarged while it stays under 760 high."""
    return min(1.6, max(1.0, 760 / drawing_height("head", n_tokens, 1, 1))) if kind == "head" else 1


def drawing_script(kind: str) -> str:
    """bertviz's script for a view, made to take its data from window.bertviz_params."""
    script = offline_page.asset("bertviz", f"bertviz/{_known(kind)}_view.js")
    data = _FILLED if kind == "neuron" else _MARKED
    for part in ("require.config({", "requirejs(['jquery', 'd3'],", data):
        if script.count(part) != 1:
            raise ViewError(
                f"Another version of bertviz: its {kind}_view.js holds {part!r} "
                f"{script.count(part)} times instead of once. Run: pip install -r requirements.txt"
            )
    return script.replace(_MARKED, _FILLED)


def _document(kind, params, tokens, layer, heads, theme, is_large: bool) -> str:
    if theme not in ("light", "dark"):
        raise ViewError(f'The theme is "light" or "dark", not {theme!r}.')
    scripts = [
        offline_page.asset("XStatic-D3", "xstatic/pkg/d3/data/d3.js"),
        offline_page.asset("XStatic-jQuery", "xstatic/pkg/jquery/data/jquery.slim.min.js"),
        assets.text("attention/bertviz_before.js"),
        f"window.bertviz_params = {offline_page.script_json(params)};",
        drawing_script(kind),
        assets.text("attention/bertviz_after.js"),
    ]
    body = _body(kind, len(tokens), layer, heads, f"{theme} large" if is_large else theme)
    css = assets.text("attention/bertviz_views.css")
    return offline_page.page(f"Mnemoscope: {_NAMES[kind]}", body, css, scripts)


def _body(kind: str, n_tokens: int, layer: int | None, heads, looks: str) -> str:
    place = "all layers, all heads" if layer is None else f"layer {layer}"
    one_head = f", head {heads[0]}" if layer is not None and len(heads) == 1 else ""
    pick = "" if kind == "neuron" and not one_head else " hidden"
    data = f'data-kind="{kind}" data-zoom="{zoom(kind, n_tokens):.3f}" '
    data += f'data-heads="{html.escape(json.dumps(list(heads)))}"'
    return (
        f'<div class="{looks}" {data}>'
        f"<h1>{_NAMES[kind].capitalize()}, {place}{one_head}</h1>"
        f"<p>{_HOW[kind]} Weights are rounded to {DIGITS} digits.</p>"
        f'<div id="bertviz"><select id="layer" hidden></select><label{pick}>Head '
        '<select id="att_head"></select></label><div id="vis"></div></div></div>'
    )


def _data(attention: list, tokens) -> dict:
    """One entry of bertviz's "attention": attention is a nested list (L,H,T,T)."""
    return {"attn": attention, "left_text": list(tokens), "right_text": list(tokens)}


def _checked(name: str, array, shape: tuple) -> np.ndarray:
    array = np.asarray(array, dtype=np.float64)
    if array.shape != shape or array.size == 0:
        raise ViewError(
            f"Wrong shape of {name}: {array.shape} instead of {shape}, none of it 0. Give as many "
            f"heads and tokens as the arrays have ({name} with shape {shape})."
        )
    if not np.isfinite(array).all():
        raise ViewError(f"{name} holds NaN or infinity, which cannot be drawn. Check the model.")
    return array


def _rounded(array: np.ndarray) -> list:
    """float64, because `.tolist()` of a float32 writes 17 digits for 0.1."""
    return np.round(array, DIGITS).tolist()


def _lower(rows: list) -> list:
    return [row[: query + 1] for query, row in enumerate(rows)]


def _short(token: str) -> str:
    return token if len(token) <= 11 else token[:10] + "…"


def _n_columns(n_heads: int) -> int:
    """Heads that share the model view's width; with fewer than 8 its pictures would be huge."""
    return max(8, n_heads)


def _known(kind: str) -> str:
    if kind not in _NAMES:
        raise ViewError(f"No view {kind!r}. Choose one of {', '.join(_NAMES)}.")
    return kind
