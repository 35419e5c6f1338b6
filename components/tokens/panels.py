"""The widgets of the Tokens page and what each shows."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from components.frame import presenting, visit
from components.frame.choice_widgets import one_of
from components.frame.choices import Choice, choose, chosen
from components.frame.live_area import live_area
from components.frame.place import AT
from components.kit import data_table
from components.kit.export.offers import notebook, offer, wanted_notebook
from components.kit.fact_strip import fact_strip
from components.kit.safe_text import for_markdown
from components.tokens import bars, chips, choice, matrix, merge_stairs, numbers, run
from model.analysis.tokenization import GPT2_PATTERN

MOST_ROWS = 1000  # rows of the vocabulary table


def text_box(
    label: str, one: Choice, placeholder: str, on_change: Callable[[], None] = lambda: None
) -> str:
    """A line of text, sent while it is typed and kept for the link."""
    return live_area(one, label, placeholder, 1, 1000, on_change)


# -- text -> ids ----------------------------------------------------------------------------------


def pieces_of(apart, text: str):
    """The pre-tokens of a text as chips; returns the chosen one, None without any."""
    notebook("text", written=text[: run.MOST_CHARS])
    kinds = [piece.kind for piece in apart.pieces]
    at = _chosen_piece(apart)
    chips.show(
        apart.tokens, kinds, at, "pieces", lambda i: choose(choice.PIECE, i), "Pre-tokens of the text"
    )
    branches = GPT2_PATTERN if run.rules().is_gpt2 else None
    if not presenting.is_on():
        st.html(chips.legend(kinds, branches))
    return apart.pieces[at] if apart.pieces else None


def tokens_alone(text: str) -> None:
    """The tokens and ids of a text whose tokenizer has no bytes and merges to show, and why."""
    ids = visit.encode(text)[: run.MOST_PIECES]
    special = run.words().special
    chips.show(
        [[(name, int(i))] for name, i in zip(visit.show_tokens(ids), ids)],
        ["special" if int(i) in special else "letters" for i in ids], 0, "token_chips",
        lambda i: None, "Tokens of the text",
    )
    st.caption(for_markdown(run.why_no_steps()))


def how_far(apart) -> str:
    """Whether the steps give the tokenizer's ids, and how much of a long text is shown."""
    said = f"✓ The {apart.n_ids:,} ids are the tokenizer’s own." if apart.is_same else \
        "✗ This tokenizer has further steps: its own ids differ from these."
    if apart.is_cut:
        said += f" Only the first {run.MOST_CHARS:,} characters are analysed."
    if apart.n_pieces > len(apart.pieces):
        said += f" The first {len(apart.pieces):,} of {apart.n_pieces:,} pre-tokens are shown."
    return said


def _chosen_piece(apart) -> int:
    """The visitor's choice; else the word with the most tokens, and of those the longest."""
    at, n = chosen(choice.PIECE), len(apart.pieces)
    if at is not None and at < n:
        return at
    sizes = [(len(ids), len(p.letters)) for p, ids in zip(apart.pieces, apart.tokens)]
    return max(range(n), key=lambda i: (*sizes[i], -i), default=0)


def staircase(piece) -> None:
    """Every merge of one pre-token."""
    rows = run.staircase(piece)
    merge_stairs.show(piece, rows, run.piece_ids(piece), "staircase")


# -- one token of the prompt, one of the vocabulary ------------------------------------------------


def at_token() -> int:
    """The prompt's tokens as chips; returns the place of the chosen one, by default the last."""
    texts, ids = visit.token_texts(), visit.prompt().ids
    at = chosen(AT)
    if at is None or at >= len(ids):
        at = len(ids) - 1
    special = run.words().special
    kinds = ["special" if int(i) in special else "letters" for i in ids]
    pieces = [[(text, int(i))] for text, i in zip(texts, ids)]
    chips.show(pieces, kinds, at, "at_chips", lambda i: choose(AT, i), "Tokens of the prompt")
    return at


def token_box() -> int | None:
    """Any token of the vocabulary by text or #id; None, with the reason shown, for no token."""
    return _token("Token: its text (a space first makes it a word), or #id", choice.TOKEN)


def name_of(token_id: int) -> str:
    """The text that finds this token again in a text box: its own if that is unique, else its
    id."""
    text = run.words().texts[token_id]
    try:
        return text if run.token(text) == token_id else f"#{token_id}"
    except ValueError:
        return f"#{token_id}"


def _token(label: str, one: Choice) -> int | None:
    wanted = text_box(label, one, "for example ·the")
    try:
        return run.token(wanted)
    except ValueError as error:
        st.warning(for_markdown(str(error)))
        return None


# -- neighbours -----------------------------------------------------------------------------------


def everywhere(token_id: int, at: int):
    """One token at every position (model.analysis.embeddings.PositionEffect)."""
    notebook("everywhere", token=token_id, at=at)
    return run.position_effect(token_id, at)


def neighbours(token_id: int, k: int, key: str) -> None:
    """The nearest of the whole vocabulary; a click goes on from that token."""
    notebook("near", asked=(((token_id,), (), k + 1),))
    found = run.neighbours(token_id, k + 1)
    _bars(found, {token_id: "itself"}, key)


def arithmetic(k: int) -> None:
    """a − b + c and the tokens nearest to it."""
    with st.container(horizontal=True, key="sum_examples"):
        for name, words in choice.SUMS.items():
            st.button(name, key=f"sum {name}", on_click=_choose_sum, args=(words,))
    inputs = []
    for box, one, label in zip(st.columns(3), choice.SUM, ("a", "− b", "+ c")):
        with box:
            inputs.append(_token(label, one))
    if None in inputs:
        return
    found = run.plus_minus(*inputs, k + 3)
    a, b, c = inputs
    _also_near(((a, c), (b,), k + 3))
    notes = {}
    for token_id, letter in zip(inputs, "abc"):
        notes[token_id] = f"{notes[token_id]}, {letter}" if token_id in notes else f"input {letter}"
    _bars(found, notes, "sum_bars")


def _also_near(search: tuple) -> None:
    """The view's notebook finds this too."""
    before = wanted_notebook()
    asked = before.where["asked"] if before.name == "near" else ()
    notebook("near", asked=(*asked, search))


def _choose_sum(words: tuple[str, str, str]) -> None:
    for one, word in zip(choice.SUM, words):
        choose(one, word)


def _bars(found, notes: dict[int, str], key: str) -> None:
    texts = [run.words().texts[i] for i in found.ids]
    ids = [int(i) for i in found.ids]
    bars.show(
        ids, texts, [f"#{i}" for i in ids], found.cosine, notes, key,
        lambda i: choose(choice.TOKEN, name_of(i)),
    )


# -- vectors --------------------------------------------------------------------------------------


def vector_strips(inputs, at: int, name: str) -> None:
    """The three vectors of one token, one scale: token, position, sum."""
    three = np.stack([inputs.token[at], inputs.position[at], inputs.total[at]])
    matrix.show(
        three, [f"token {name}", f"+ position {at}", "= input"], limit(three), "three",
        lambda i: None, height=170, label=_strip_label(inputs),
    )
    offer("three", numbers.one_token, at)
    notebook("inputs")


def all_vectors(vectors: np.ndarray, at: int) -> None:
    """One vector of every token of the prompt, one below the other; a click chooses a token."""
    matrix.show(
        vectors, visit.token_texts(), limit(vectors), "all_vectors", lambda i: choose(AT, i),
        chosen=at, height=460, label="One row a token; point at a cell for its value",
    )
    offer("all_vectors", numbers.vectors)


def limit(values: np.ndarray) -> float:
    """Where the colours end: 99.5 % of the values lie within ± this."""
    return float(np.quantile(np.abs(values), 0.995)) or 1.0


def _strip_label(inputs) -> str:
    return f"{inputs.token.shape[1]} numbers each; point at one for its value"


def vector_facts(inputs, at: int) -> str:
    """Lengths of a token's vectors and the angle between its two parts (HTML)."""
    token, position, total = inputs.token[at], inputs.position[at], inputs.total[at]
    lengths = [float(np.linalg.norm(x)) for x in (token, position, total)]
    both = run.cosines(np.stack([token, position, total]))
    return fact_strip([
        (f"{lengths[0]:.3f}", "length of the token vector", repr(lengths[0])),
        (f"{lengths[1]:.3f}", "length of the position vector", repr(lengths[1])),
        (f"{lengths[2]:.3f}", "length of their sum", repr(lengths[2])),
        (signed(both[0, 1]), "cosine token · position", repr(float(both[0, 1]))),
        (signed(both[0, 2]), "cosine token · sum", repr(float(both[0, 2]))),
    ])


def signed(x: float) -> str:
    """Three digits with a true minus."""
    return f"{x:.3f}".replace("-", "−")


# -- cosines of the prompt ------------------------------------------------------------------------


def cosine_map(vectors: np.ndarray, at: int) -> None:
    """Cosine of each pair of the prompt's tokens; a click chooses a row."""
    names = visit.token_texts()
    notebook("likeness", kind=chosen(choice.LIKENESS_OF), at=at)
    matrix.show(
        run.cosines(vectors), names, 1.0, "cosine_map", lambda i: choose(AT, i),
        columns=names, chosen=at, height=620, say="cosine",
        label="Point at a cell for its cosine; click a row to rank the others",
    )
    offer("cosine_map", numbers.cosines)


def like_in_prompt(vectors: np.ndarray, at: int, k: int) -> None:
    """The prompt's tokens most like the one at `at`; repeated ones at each of their places."""
    cosine = run.cosines(vectors)[at]
    order = [int(i) for i in np.argsort(-cosine, kind="stable") if i != at][:k]
    texts, places = visit.token_texts(), [f"at {i}" for i in order]
    bars.show(
        order, [texts[i] for i in order], places, cosine[order], {}, "like_bars",
        lambda i: choose(AT, i),
    )


# -- the map --------------------------------------------------------------------------------------


def map_points() -> tuple[np.ndarray, list[str]]:
    """The vectors to draw, as chosen, with their names; none where there is nothing to draw."""
    source = one_of("What to draw", choice.MAP_OF)
    ids = list(dict.fromkeys(visit.prompt().ids.tolist()))
    if source == "placed" and ids:
        notebook("word map", words=tuple(visit.prompt().ids.tolist()), placed=True)
        return run.inputs().total, visit.token_texts()
    if source == "list":
        ids, not_one = word_list()
        if not_one:
            st.caption("Not one token here, so left out: " + for_markdown(", ".join(not_one[:30])))
    notebook("word map", words=tuple(ids), placed=False)
    return run.vectors_of(ids), [run.words().texts[i] for i in ids]


def word_list() -> tuple[list[int], list[str]]:
    """Tokens of the visitor's own words, each as " word" where that is one token, else as "word";
    and the words that are neither."""
    with st.container(horizontal=True, key="list_examples"):
        for name, words in choice.LISTS.items():
            st.button(name, key=f"list {name}", on_click=choose, args=(choice.WORDS, words))
    text = text_box("Words", choice.WORDS, "words with spaces between")
    ids, not_one = [], []
    for word in dict.fromkeys(text.split()):
        token_id = _single(word)
        if token_id is None:
            not_one.append(word)
        elif token_id not in ids:
            ids.append(token_id)
    return ids, not_one


def _single(word: str) -> int | None:
    for form in (word,) if word.startswith(("·", "#")) else (f" {word}", word):
        try:
            return run.token(form)
        except ValueError:
            continue
    return None


# -- vocabulary -----------------------------------------------------------------------------------


def vocabulary() -> None:
    """A search box and the tokens it finds."""
    query = text_box(
        "Search: text, or #id", choice.SEARCH, "empty: all; or ·the, ing, #50"
    )
    try:
        ids = run.search(query.replace("·", " ") if query.strip("·") else query)
    except ValueError as error:
        st.warning(for_markdown(str(error)))
        return
    n, n_all = len(ids), len(run.words().raw)
    if n == 0:
        st.info(f"None of the {n_all:,} tokens contains this text: try fewer letters.")
        return
    cut = f"; the first {MOST_ROWS:,} by id are listed" if n > MOST_ROWS else ""
    st.markdown(f"**{n:,}** of {n_all:,} tokens{cut}")
    _table(ids)


def _table(ids: np.ndarray) -> None:
    """The matching tokens, at most MOST_ROWS; choosing a row chooses the token."""
    vocabulary, shown = run.words(), ids[:MOST_ROWS]
    raw = [vocabulary.raw[i] for i in shown]
    table = pd.DataFrame({
        "id": shown,
        "token": [vocabulary.texts[i] for i in shown],
        "bytes": ["" if b is None else b.hex(" ").upper() for b in raw],
        "in the file": [run.letters_of(i) for i in shown],
        "made by merging": run.made_by(shown),
        "length": run.norms()[shown],
    })
    with presenting.table_place():
        data_table.show(
            table, "vocabulary_rows", height=380 if presenting.is_on() else 520, selection_mode="single-row",
            on_select=lambda: _choose_from_table(shown), row_height=38,
            column_config={
                "token": st.column_config.TextColumn(help="spaces as ·, broken characters as bytes"),
                "in the file": st.column_config.TextColumn(help="GPT-2's letters for its bytes"),
                "length": st.column_config.NumberColumn(format="%.3f", help="√Σx² of its vector"),
            },
        )


def _choose_from_table(shown: np.ndarray) -> None:
    rows = st.session_state.vocabulary_rows["selection"]["rows"]
    if rows and rows[0] < len(shown):
        choose(choice.TOKEN, name_of(int(shown[rows[0]])))
