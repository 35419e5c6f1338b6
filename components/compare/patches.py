"""What is patched: the site, the metric, the two answers; the cells, with a bar while they run."""

import time
from dataclasses import dataclass

import numpy as np
import streamlit as st

from components.compare import choice, look, run
from components.frame import results, visit
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import Choice, choose, chosen
from components.frame.live_area import live_area
from components.frame.second_prompt import TwoPrompts
from components.kit.safe_text import for_markdown
from model.analysis import alignment, patching
from model.analysis.recovery import Recovered
from model.run.store import RunKey

_STOPPED = "compare:stopped"  # session key: the cells whose run the visitor stopped


@dataclass(frozen=True, eq=False)
class Asked:
    """site and fill of model.analysis.patching.SITES and FILLS; metric of recovery.METRICS; answers:
    ids of the answer and of the other one; sources (S,): the token of A for each token of B."""

    site: str
    fill: str
    metric: str
    answers: tuple[int, int]
    sources: np.ndarray

    @property
    def is_head(self) -> bool:
        """Whether a column is a head."""
        return self.site == "head"


def asked(two: TwoPrompts) -> Asked:
    """Draw the choices -> what they say."""
    st.selectbox("Memory", list(choice.RUNS_READ), format_func=choice.RUNS_READ.get, width=165,
                 **holding(choice.RUNS))
    fill = st.selectbox("Put into B", list(choice.FILLS), format_func=choice.FILLS.get, width=145,
                        **holding(choice.FILL))
    site = one_of("at", choice.SITE, shown=True)
    metric, answers = _measured(two)
    return Asked(site, fill, metric, answers, look.sources(two, fill))


def heads_asked(two: TwoPrompts) -> Asked:
    """Draw how a head of A in B is measured -> that."""
    metric, answers = _measured(two)
    return Asked("head", "patch", metric, answers, look.sources(two, "patch"))


def _measured(two: TwoPrompts) -> tuple[str, tuple[int, int]]:
    """Draw the metric and the two answers -> what they say."""
    metric = one_of("and measure, after the last token,", choice.METRIC, shown=True)
    plain = _plain_answers(two)
    with st.container(width=105):
        answer, said = _answer(choice.ANSWER, "answer", plain[0])
    with st.container(width=105):
        against, more = _answer(choice.AGAINST, "against", plain[1])
    for words in (*said, *more):
        st.caption(words)
    return metric, (answer, against)


def _plain_answers(two: TwoPrompts) -> tuple[int, int]:
    """What A says and what B says; where both say the same, B's second."""
    first, (second, third) = run.likely(two.first, 1)[0], run.likely(two.second, 2)
    return first, second if second != first else third


def _answer(one: Choice, label: str, plain: int) -> tuple[int, list[str]]:
    """The token of a box, and the sentence that says which of several it is."""
    text = live_area(one, label, visit.show_tokens([plain])[0], 1, 100)
    ids = visit.encode_part(text.replace("·", " "))
    if not len(ids):
        return plain, []
    if len(ids) == 1:
        return int(ids[0]), []
    shown = [for_markdown(name) for name in visit.show_tokens(ids)]
    said = (f"{label} has {len(ids)} tokens ({' '.join(shown)}); the first, {shown[0]}, is measured. "
            "· is a space, and most words begin with one.")
    return int(ids[0]), [said]


# -- the cells ------------------------------------------------------------------------------------


def every_cell(two: TwoPrompts, what: Asked) -> Recovered | None:
    """What every cell brings back; None where the visitor stopped it. Long runs show a bar."""
    given = two.first, two.second, what.site, what.fill, what.sources
    key = run.key_of_cells(*given)
    if st.session_state.get(_STOPPED) == key and results.kept(key) is None:
        row = st.container(horizontal=True, vertical_alignment="center")
        row.markdown("Stopped. Nothing is shown of cells that did not run.")
        row.button("Run them", key="patch_run", on_click=st.session_state.pop, args=(_STOPPED, None))
        return None
    place, bars, began = st.empty(), [], time.monotonic()

    def follow(n_done: int) -> None:
        if time.monotonic() - began < results.SILENT_S:
            return  # a quick run shows no bar
        if not bars:
            row = place.container()
            bars.append(row.empty())
            row.button("Stop", key="patch_stop", on_click=_stop, args=(key,))
        n = two.first.n_layers
        bars[0].progress(n_done / n, f"layer {n_done} of {n}")

    found = run.recovered(*given, what.metric, what.answers, follow)
    place.empty()
    return found


def _stop(key: RunKey) -> None:
    st.session_state[_STOPPED] = key


def chosen_cell(one: Choice, share: np.ndarray, even_empty: bool = False) -> tuple[int, int]:
    """The cell that was chosen, where it was run, or even where it was not; else the one that brings
    back most."""
    cell = chosen(one)
    n_rows, n_columns = share.shape
    if cell is not None:
        cell = min(cell[0], n_rows - 1), min(cell[1], n_columns - 1)
        if even_empty or not np.isnan(share[cell]):
            return cell
    best = np.unravel_index(int(np.nanargmax(share)), share.shape)
    return int(best[0]), int(best[1])


def is_alone(what: Asked, cell: tuple[int, int] | None) -> bool:
    """Whether a chosen cell's token of B has no partner in A, which `taken` says."""
    if cell is None or what.is_head or cell[1] >= len(what.sources):
        return False
    return bool(what.sources[cell[1]] == alignment.NONE)


def columns(two: TwoPrompts, what: Asked) -> tuple[list[str], list[str]]:
    """Names of the columns, short and in words: B's tokens with A's, or heads."""
    if what.is_head:
        heads = range(two.first.rows[0].q[0].shape[0])
        return [str(h) for h in heads], [f"head {h}" for h in heads]
    names, words = list(two.others), [f"B {i} {token}" for i, token in enumerate(two.others)]
    for name, pair, (_, place) in zip(two.pair_names(), two.pair_words(), two.pairs):
        names[place], words[place] = name, pair
    return names, words


def taken(
    two: TwoPrompts, what: Asked, cell: tuple[int, int], is_said: bool = True
) -> tuple[int, int] | None:
    """The cell of A that is put into a cell of B: the chosen one, else the one that stands for it; None,
    and if `is_said` a sentence, where there is none."""
    layer, column = cell
    say = st.caption if is_said else lambda words: None
    if what.is_head and len(two.tokens) != len(two.others):
        say("One head's z is put in at every token, so a single patch needs equal token counts: "
            f"A has {len(two.tokens):,}, B has {len(two.others):,}.")
        return None
    n = two.first.rows[0].q[0].shape[0] if what.is_head else len(two.tokens)
    wanted = chosen(choice.PATCH_FROM)
    if wanted is not None and wanted[0] < two.first.n_layers and wanted[1] < n:
        return wanted
    source = column if what.is_head else int(what.sources[column])
    if source == alignment.NONE:
        say("This token of B has no partner in A. Choose another cell, or a value of A in the boxes below.")
        return None
    return layer, source


def pick_source(two: TwoPrompts, what: Asked, cell: tuple[int, int], now: tuple[int, int] | None) -> None:
    """Two boxes: the layer and the token, or head, of A whose value is put into the chosen cell."""
    if what.is_head:
        columns = [f"head {h}" for h in range(two.first.rows[0].q[0].shape[0])]
    else:
        columns = [f"{i}  {token}" for i, token in enumerate(two.tokens)]
    layers = [f"layer {i}" for i in range(two.first.n_layers)]
    layer, column = now or (cell[0], 0)
    st.session_state.patch_from_layer, st.session_state.patch_from_column = layer, column

    def take() -> None:
        choose(choice.PATCHED, cell)  # a box changes what is put in, not where
        choose(choice.PATCH_FROM, (st.session_state.patch_from_layer, st.session_state.patch_from_column))

    with st.container(horizontal=True, vertical_alignment="bottom", key="patch_from_row"):
        st.selectbox("A's value of", range(len(layers)), key="patch_from_layer", on_change=take, width=130,
                     format_func=layers.__getitem__)
        st.selectbox("at", range(len(columns)), key="patch_from_column", on_change=take, width=170,
                     format_func=columns.__getitem__)
        st.button("Its own partner", key="patch_from_own", type="tertiary",
                  disabled=chosen(choice.PATCH_FROM) is None, on_click=choose,
                  args=(choice.PATCH_FROM, None))


# -- long prompts ---------------------------------------------------------------------------------


def window(two: TwoPrompts, what: Asked) -> tuple[int, int]:
    """The columns that are shown: all, or the range of B's tokens that is patched."""
    if what.is_head:
        return 0, two.first.rows[0].q[0].shape[0]
    start = look.first_patched(two)
    return start, min(len(two.others), start + patching.MOST_TOKENS)


def show_range(two: TwoPrompts, what: Asked) -> None:
    """Of a long prompt: which tokens are patched, and buttons to those before and behind."""
    n, start = len(two.others), look.first_patched(two)
    if n <= patching.MOST_TOKENS:
        return
    step = patching.MOST_TOKENS // 2
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("← earlier", key="patch_earlier", disabled=start == 0,
                  on_click=choose, args=(choice.FIRST, max(0, start - step)))
        st.button("later →", key="patch_later", disabled=start + patching.MOST_TOKENS >= n,
                  on_click=choose, args=(choice.FIRST, start + step))
        st.markdown(f"Tokens {start:,} to {min(n, start + patching.MOST_TOKENS) - 1:,} of B's {n:,} are "
                    f"patched: at most {patching.MOST_TOKENS} at a time.")
