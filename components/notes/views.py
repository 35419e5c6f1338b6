"""The notes page's views of one question. Draws; computes nothing."""

import time
from functools import partial

import streamlit as st

from components.frame import visit
from components.frame.choice_widgets import one_of
from components.kit import next_token
from components.kit.export.offers import no_notebook, notebook
from components.kit.units import show_duration
from components.notes import bar, candidates, cards, choice, listing, prompt, run

FIVE = (
    "This view has no notebook: its five answers come from five pages. “One question” and the Memory "
    "page have one each."
)


def show() -> None:
    """The page below the prompt box."""
    now = bar.show()
    if not now.n_notes:
        bar.show_empty(now)
        return
    view = one_of("View", choice.VIEW)
    if view == "notes":
        listing.show(now)
        return
    question = st.session_state.get("prompt", "")
    if not question.strip():
        st.info("Type a question into the box above, such as: Where do I live? I live in")
        return
    _bring_up_to_date()
    _warn()
    found = run.find(question, now)
    asked = run.ask(question, found)
    notebook("next", partial(run.read, question))
    if view == "five":
        _show_five(question, asked)
    else:
        _show_answer(found, asked)


def _bring_up_to_date() -> None:
    """Complete the index, with a bar; after a newer key it continues where it stopped."""
    place, began = st.empty(), []

    def follow(counts: tuple[int, int]) -> None:
        done, total = counts
        began.append((time.monotonic(), done))
        if done < total:
            place.progress(done / total, f"Indexing: {done:,} of {total:,} passages have a vector"
                                         f"{_left(*began[0], done, total)}. Another page stops it.")

    run.update_index(follow)
    place.empty()


def _left(when: float, first: int, done: int, total: int) -> str:
    """How long the rest takes at the speed since `when`, when `first` were done; "" before it is known."""
    if done == first:
        return ""
    seconds = (time.monotonic() - when) * (total - done) / (done - first)
    return f", about {show_duration(seconds)} left"


def _warn() -> None:
    if run.is_untrained():
        st.warning(
            "This model's weights are random, never trained: its answers are noise, and the search "
            "by meaning finds little. The search by words and the costs are still right."
        )
    model = run.sentence_model()
    if model is not None and model.odd:
        st.info(model.odd)


def _show_answer(found, asked) -> None:
    left, right = st.columns([1.7, 1], gap="large")
    with left:
        st.markdown("##### The prompt as the model sees it")
        titles = [c.title for c in found]
        st.html(prompt.marked(asked.names, asked.prompt.parts, titles))
        n_notes = asked.prompt.n_note_tokens
        st.html(prompt.window(
            n_notes, len(asked.prompt.ids) - n_notes, asked.prompt.n_positions
        ))
        _say_what_is_missing(asked)
    with right:
        st.markdown("##### The answer, twice")
        st.html(prompt.two_answers(asked.with_notes, asked.without))
        st.html(next_token.twice(asked.compared, "with notes", "without"))
    _show_candidates(found, asked)


def _say_what_is_missing(asked) -> None:
    if asked.prompt.left_out:
        n = len(asked.prompt.left_out)
        noun = "1 passage does" if n == 1 else f"{n} passages do"
        st.caption(f"{noun} not fit the window and stayed outside.")
    if asked.prompt.n_cut:
        st.caption(f"{asked.prompt.n_cut:,} tokens at the question's start do not fit the window.")


def _show_candidates(found, asked) -> None:
    st.markdown("##### What the search found")
    used = {found[p.of].passage: (p.start, p.stop) for p in asked.prompt.parts if p.of is not None}
    st.html(candidates.table(found, used, run.RRF))
    maker = run.sentence_model()
    layer = choice.layer(visit.checkpoint().model.config.n_layer)
    whose = f"the mean of {maker.name}'s last hidden states" if maker else (
        f"the mean hidden state before block {layer} of this model"
        if layer < visit.checkpoint().model.config.n_layer
        else "the mean hidden state after this model's last block"
    )
    ranking = choice.ranking()
    decides = "the sum decides" if ranking == "both" else (
        f"the sum would decide, but you rank by {choice.RANKINGS[ranking]} alone"
    )
    st.caption(
        f"Two searches: each gives a passage 1 / ({run.RRF} + its rank), and {decides} "
        "(reciprocal rank fusion), because the scores have no common unit. A "
        f"text's vector is {whose}. The best {choice.n_notes()} go into the prompt, the "
        "best one next to the question."
    )


def _show_five(question: str, asked) -> None:
    no_notebook(FIVE)
    memories = run.five(question, asked, run.overview())
    st.html(cards.cards(memories, asked.prompt.n_positions))
    st.caption(
        "Every memory gets the same notes; if not all fit, the newest. Answers are greedy and end "
        "with their sentence; p is the probability of the first token; <|endoftext|> comes before "
        "every prompt and is counted.".replace("<", "\\<").replace("|", "\\|")
    )
