"""The Positions page's view of order: what changes when words or positions are shuffled."""

import streamlit as st

from components.frame import presenting, visit
from components.frame.choice_widgets import one_of
from components.kit import token_row
from components.kit.export.offers import notebook
from components.kit.units import show_number
from components.positions import choice, figures, run

EDIT_WORDS = {
    "words": "The words are shuffled, the position vectors stay.",
    "positions": "The words stay; each gets the position vector of another word.",
    "both": "Every word keeps its own position vector, so only the causal mask sees the new order. "
    "Without the mask nothing would change.",
    "shift": "Same words, same distances, but rows further down in `wpe`. A learned table knows "
    "distances only from training, row by row.",
    "none": "What if: the same weights without `wpe`, though they were trained with it.",
    "none_words": "What if: neither run has positions. The only difference left comes from the "
    "mask: which words each word can see.",
}
CHART = {"displayModeBar": False}


def order(tokens: list[str]) -> None:
    """The prompt in another order: the next token, and what the mask alone tells."""
    edit = one_of("Change", choice.EDIT)
    shift = min(100, _config().n_positions - len(tokens))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if edit == "shift":
            shift = choice.shift(len(tokens), _config().n_positions)
        elif edit != "none":
            st.button("Shuffle again", key="again", on_click=choice.again)
        st.markdown(EDIT_WORDS[edit])
    changed = run.order(edit, choice.seed(), shift)
    found = run.change(edit, choice.seed(), shift)
    before = run.order("none", 0, 0) if edit == "none_words" else run.unchanged()
    notebook("order", before=_plain(before), after=_plain(changed))
    mask = {"The mask alone": _mask} if len(tokens) >= 3 else {}
    presenting.pictures({
        "The words": lambda: _words(tokens, changed),
        "What changes": lambda: _changes(found, edit, shift),
        **mask,
    })


def _words(tokens: list[str], changed) -> None:
    token_row.show(
        figures.boxes(tokens, changed), most=160, height_em=6.6, opens_at_end=False,
        key="order_words",
    )
    st.html(figures.boxes_legend(changed.placed))


def _changes(found, edit: str, shift: int) -> None:
    bare = edit == "none_words"
    before, after = ("no positions", "and shuffled") if bare else ("before", "after")
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"#### The next token: KL {show_number(found.kl_bits)} bits")
        texts = visit.show_tokens(found.ids)
        st.plotly_chart(
            figures.pairs(found, texts, before, after), key="order_pairs", config=CHART
        )
    with right:
        _prices(edit, shift)


def _plain(order) -> tuple:
    """Words, places, and whether there are positions."""
    return tuple(order.words.tolist()), tuple(order.places.tolist()), order.placed


def _prices(edit: str, shift: int) -> None:
    st.markdown("#### What each change costs")
    room = _config().n_positions - len(visit.prompt().ids)
    shift = min(shift, room)
    names = [name for name in run.cheap_edits(edit) if name != "shift" or room > 0]
    kl = {name: run.change(name, choice.seed(), shift).kl_bits for name in names}
    titles = choice.EDITS | {"shift": f"Shift by {shift:,}"}
    st.plotly_chart(figures.prices(kl, titles, edit), key="prices", config=CHART)
    st.caption(
        "KL(before ‖ after) in bits over the whole vocabulary, after the last token, which keeps "
        "its place. The last row is compared with *No positions*."
        + ("" if len(names) > 1 else " For a prompt this long only the chosen change is run.")
    )


def _mask() -> None:
    if len(run.cheap_edits("words")) == 1:
        return
    st.markdown("#### Order without positions: what the causal mask alone tells the last token")
    seed = choice.seed()
    curves = {
        "words shuffled, with positions": run.change("words", seed, 0).moved,
        "words shuffled, no positions": run.change("none_words", seed, 0).moved,
    }
    st.plotly_chart(figures.moved(curves), key="moved", config=CHART)
    st.caption(
        "How far the last token’s stream moves when the words before it are shuffled. Without "
        "positions the first layer gives the same result: its sum over the words is the same in "
        "any order. The second layer does not, because each earlier word saw other words before it."
    )


def _config():
    return visit.checkpoint().model.config
