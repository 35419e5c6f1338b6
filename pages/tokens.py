"""Tokens: from text to bytes, merges and ids, and the vectors that the ids stand for."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.frame import presenting, visit
from components.frame.choice_widgets import one_of
from components.frame.choices import choose, chosen
from components.frame.place import AT
from components.kit.safe_text import for_markdown
from components.tokens import choice, figures, panels, run

NO_PROMPT = "No token yet: type a prompt above."


def show_merges() -> None:
    with presenting.folded("Any text; how it is cut", "tokens_text"):
        own, words = st.columns([2, 3], vertical_alignment="bottom", gap="large")
    with own:
        word = panels.text_box(
            "Any text, instead of the prompt", choice.WORD, "try: unbelievable",
            lambda: choose(choice.PIECE, None),
        )
    text = word or visit.prompt().text
    if not text:
        st.info(NO_PROMPT)
        return
    if run.why_no_steps():
        panels.tokens_alone(text)
        return
    apart = run.take_apart(text)
    words.markdown(
        "A regular expression cuts the text into pre-tokens. Each is spelled in bytes. Then pairs "
        "of neighbours merge; the pair that training merged first merges first. "
        + panels.how_far(apart)
    )
    panels.staircase(panels.pieces_of(apart, text))


def show_vectors() -> None:
    at, inputs = panels.at_token(), run.inputs()
    presenting.pictures(
        {"One token": lambda: one_token(inputs, at), "Every token": lambda: every_token(inputs, at)}
    )


def one_token(inputs, at: int) -> None:
    st.markdown("#### What enters the first block: a row of `wte` plus a row of `wpe`")
    panels.vector_strips(inputs, at, visit.token_texts()[at])
    st.html(panels.vector_facts(inputs, at))


def every_token(inputs, at: int) -> None:
    if not presenting.is_on():
        st.markdown("#### The same for every token of the prompt")
    kind = one_of("Which vectors", choice.VECTORS_OF)
    panels.all_vectors(getattr(inputs, kind), at)
    st.caption("Colours end where 99.5 % of the values lie; grey is negative.")


def show_likeness() -> None:
    inputs = run.inputs()
    kind = one_of("Which vectors", choice.LIKENESS_OF)
    vectors = getattr(inputs, kind)
    last = len(vectors) - 1
    at = last if chosen(AT) is None else min(chosen(AT), last)
    left, right = st.columns([3, 2], gap="large")
    with left:
        panels.cosine_map(vectors, at)
    with right:
        st.markdown(f"#### Most like {for_markdown(visit.token_texts()[at])} at {at}")
        if len(vectors) == 1:
            st.info("One token cannot be compared with another. Type more.")
        panels.like_in_prompt(vectors, at, n_bars())


def show_positions() -> None:
    at = panels.at_token()
    name = for_markdown(visit.token_texts()[at])
    effect = panels.everywhere(int(visit.prompt().ids[at]), at)
    left, right = st.columns(2, gap="large")
    left.markdown(f"#### Length of the input {name} at every position")
    left.plotly_chart(figures.position_norms(effect, at), key="position_norms")
    right.markdown(f"#### Cosine: does {name} stay itself?")
    right.plotly_chart(figures.position_cosines(effect, at), key="position_cosines")
    st.caption(
        "At each position the same token enters the model as a different vector. Everything here "
        "is before the first layer norm; the dot marks the token's position now."
    )


def n_bars(above: int = 0) -> int:
    """How many neighbours are listed; above: rows taken by what stands above the list."""
    return (8 if presenting.is_on() else 12) - above


def show_neighbours() -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"#### Nearest of all {len(run.words().raw):,} tokens")
        token = panels.token_box()
        if token is not None:
            panels.neighbours(token, n_bars(), "neighbour_bars")
    with right:
        st.markdown("#### Arithmetic: a − b + c")
        panels.arithmetic(n_bars(above=3))
    st.caption(
        "Cosine of token vectors (`wte`); all tokens are compared. In a − b + c each vector is "
        "first scaled to length 1. The inputs stay in the list, grey and without a rank: they "
        "are almost always nearest, and lists without them look better than they are. "
        "In small models few such sums work; most answers are noise, and a single hit proves "
        "nothing."
    )


def show_map() -> None:
    vectors, names = panels.map_points()
    if len(vectors) < 3:
        st.info("A map needs three different tokens or more: type some.")
        return
    found = run.project(vectors)
    st.caption(
        f"{len(vectors):,} vectors, principal components (PCA). The two axes keep "
        f"{100 * found.explained.sum():.1f} % of the squared differences. The rest is not shown, "
        "so points that look near may be far apart."
    )
    figure = figures.projection(found.points, found.explained, names)
    st.plotly_chart(figure, key="projection")


def show_vocabulary() -> None:
    left, right = st.columns([3, 2], gap="large")
    with left:
        panels.vocabulary()
        st.caption(
            "Single bytes come first. After them, a lower id was made earlier in the tokenizer’s "
            "training: it was more frequent there."
        )
    with right:
        st.markdown("#### Neighbours of the chosen row")
        token = panels.token_box()
        if token is not None:
            panels.neighbours(token, n_bars(above=1), "vocabulary_bars")


view = one_of("View", choice.VIEW)
if view in ("vectors", "likeness", "positions") and not len(visit.prompt().ids):
    st.info(NO_PROMPT)
    st.stop()
{"merges": show_merges, "vectors": show_vectors, "likeness": show_likeness,
 "positions": show_positions, "neighbours": show_neighbours, "map": show_map,
 "vocabulary": show_vocabulary}[view]()
