"""One probe: the variants side by side, the verdict, where it was read from, and the controls."""

from functools import partial

import streamlit as st

from components.frame import link_row, near_miss, presenting
from components.frame.choices import choose
from components.kit.export.offers import notebook
from components.recall import cards, choice, form, pictures, run, told_text, words
from components.recall.run import VariantOutcome
from model.memory import variants
from model.recall.reads import Place


def prepare():
    """The form -> (plan, memory after telling, settings); None, and a message, if the probe cannot
    be run."""
    try:
        plan = run.plan(choice.probe(form.show()))
    except ValueError as problem:
        st.info(words.sentence(str(problem)))
        return None
    bar, settings, total = st.empty(), choice.settings(), plan.n_tokens

    def progress(n: int) -> None:
        if total > run.SHOWN_FROM:
            bar.progress(min(1.0, n / total), f"telling: {n:,} of {total:,} tokens")

    state = run.told(plan, settings, progress)
    bar.empty()
    return plan, state, settings


def look() -> dict[str, VariantOutcome] | None:
    """What every variant does with the probe."""
    prepared = prepare()
    if prepared is None:
        return None
    plan, state, settings = prepared
    place, found = st.empty(), {}
    for name in variants.VARIANTS:
        found[name] = run.look(plan, state, settings, name)
        place.empty()  # where nothing moves: lets a newer key take over
    return found


def show() -> None:
    """The whole view."""
    found = look()
    if found is None:
        return
    looked = found[choice.variant()]
    offer_notebook(looked)
    presenting.pictures({
        "The variants": lambda: show_variants(found), "Why": lambda: _why(looked, found),
        "The words": lambda: _words(looked),
    })


def _why(looked: VariantOutcome, found: dict[str, VariantOutcome]) -> None:
    st.html(words.verdict(choice.TITLES[looked.variant], looked.verdict.kind,
                          looked.verdict.sentence))
    if miss := run.near_miss(looked, found["gpt2"].one.continuation):
        st.html(near_miss.box(miss))
    if chain := run.chain(looked):
        st.html(link_row.row(chain))


def _words(looked: VariantOutcome) -> None:
    left, right = st.columns([3, 2], gap="large")
    with left:
        _show_told(looked)
    with right:
        st.html(words.heading("Would it say so without memory?", _scored(looked)))
        _show_controls(looked)
    notes = tuple(n for n in looked.one.notes if not n.endswith("exactly GPT-2"))
    if notes:
        st.html(words.notes(notes))


def offer_notebook(
    looked: VariantOutcome, how: str = "", places: tuple[Place, ...] = (), text: str = ""
) -> None:
    """A notebook computes the answer's probability; with a changed memory, see run.asked."""
    one = looked.one
    where = (one.plan.probe, choice.settings(), looked.variant, how, places, text)
    notebook("answer", partial(run.asked, *where), lead=tuple(one.lead_ids.tolist()),
             wanted=tuple(one.scored.ids.tolist()), told=one.plan.probe.tell)


def show_variants(found: dict[str, VariantOutcome]) -> None:
    """The cards; a click chooses the variant that the rest of the view is about."""
    cards.show(
        [pictures.card(looked) for looked in found.values()], choice.variant(),
        "recall_variants", choice.choose_variant,
    )
    exact = [choice.TITLES[name] for name in run.untrained()]
    if exact:
        st.caption(
            f"{' and '.join(exact)}: no memory was trained for this model yet, so it is exactly "
            "GPT-2, and GPT2-M uses only + AM. Train it on the Training page."
        )


def _show_told(looked: VariantOutcome) -> None:
    st.html(words.heading("Where it was read from", _where(looked)))
    picture = pictures.told(looked, {}, "Click a word: the answer without it.")
    told_text.show(picture, "recall_told", _open_word, _open_prompt)


def _show_controls(looked: VariantOutcome) -> None:
    try:
        with st.spinner("asking the controls"):
            controls = run.controls(looked)
    except ValueError as problem:  # the question does not fit, or only just
        st.warning(f"The controls cannot be asked. {words.plain(str(problem))}")
        return
    st.html(words.bars(pictures.controls(looked, controls)))


def _where(looked: VariantOutcome) -> str:
    if looked.holds_slots:
        return f"{choice.TITLES[looked.variant]}: read weights of the answer's tokens"
    if looked.one.state.carried is not None:
        return "a recurrent state carries all words at once and has no slots to show"
    return "nothing is stored: this variant has no memory here"


def _scored(looked: VariantOutcome) -> str:
    tokens = "".join(looked.one.scored.texts).replace("·", " ").strip()
    return f"probability of “{tokens}”, all its tokens together"


def _open_word(prompt: int, position: int) -> None:
    choose(choice.WORDS, [(prompt, position)])
    choose(choice.CHANGE, "without")
    choose(choice.VIEW, "cause")


def _open_prompt(prompt: int) -> None:
    st.session_state[choice.CLICKED_PROMPT] = prompt
    choice.forget_words()
    choose(choice.CHANGE, "without")
    choose(choice.VIEW, "cause")
