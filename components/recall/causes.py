"""What causes the answer: words taken away, kept alone, swapped or changed, before and after.

A word that is read need not cause the answer: the last chart shows both side by side.
"""

import streamlit as st

from components.frame import presenting
from components.frame.choice_widgets import holding
from components.frame.choices import choose, chosen
from components.frame.live_area import live_area
from components.kit import palette
from components.recall import choice, figures, pictures, run, told_text, views, words
from components.recall.run import ChangedAnswer, VariantOutcome
from components.recall.words import Line
from model.recall.reads import Place

CLICKS = {
    "without": "Click words to take them out of memory. Click a prompt's number for all its words.",
    "only": "Click words to keep only them in memory.",
    "swap": "Click two words: their tokens swap values and keep their keys.",
    "edit": "Click a word: it gets another token's value and keeps its key.",
}
MARKS = {"without": ("gone",), "only": ("kept",), "swap": ("one", "other"), "edit": ("one",)}
PARTS = {"am": "attention memory", "edm": "external memory", "carried": "carried states"}


def show() -> None:
    """The whole view."""
    prepared = views.prepare()
    if prepared is None:
        return
    looked = run.look(*prepared, choice.variant())
    how = _bar(looked)
    views.offer_notebook(looked)
    if not looked.holds_slots:
        st.info(
            f"{choice.TITLES[looked.variant]} holds no words in slots here, so no word can be taken "
            "out. Choose + EDM, + AM or GPT2-M."
        )
        return
    presenting.pictures({
        "The words": lambda: _show_words(looked, how),
        "Read or cause": lambda: _read_or_cause(looked),
    })


def _show_words(looked: VariantOutcome, how: str) -> None:
    left, right = st.columns([3, 2], gap="large")
    with right:
        changed = _change(looked, how)
        st.html(_before_and_after(looked, changed))
    with left:
        marks = _marks(looked, how)
        st.html(words.heading("In memory", CLICKS[how]))
        told_text.show(pictures.told(looked, marks, ""), "recall_cause_text", _click,
                         _click_prompt)


def _bar(looked: VariantOutcome) -> str:
    """Variant, way of changing, smallest set, clear -> the way of changing."""
    if choice.CLICKED_PROMPT in st.session_state:
        _take_prompt(looked, st.session_state.pop(choice.CLICKED_PROMPT))
    found = run.smallest(looked) if looked.holds_slots else None
    with st.container(horizontal=True, vertical_alignment="center", key="recall_cause_bar"):
        if st.session_state.get("recall_variant_of") != looked.variant:
            st.session_state.recall_variant_of = looked.variant
        st.segmented_control(
            "Variant", list(choice.TITLES), format_func=choice.TITLES.get, required=True,
            key="recall_variant_of", label_visibility="collapsed", on_change=_take_variant,
        )
        how = st.segmented_control(
            "How", list(choice.HOW), format_func=choice.HOW.get, required=True,
            label_visibility="collapsed", on_change=choice.forget_words, **holding(choice.CHANGE),
        )
        st.button(
            "Smallest set", key="recall_smallest", disabled=found is None, type="primary",
            on_click=_take_smallest, args=(found.gone if found else (),),
            help="The few words whose removal loses the answer (searched greedily)",
        )
        st.button("Clear", key="recall_clear", on_click=choice.forget_words,
                  disabled=not chosen(choice.WORDS))
    return how


def _change(looked: VariantOutcome, how: str) -> ChangedAnswer | None:
    """The answer after the chosen change; None if no word is chosen, or a message is shown."""
    words_now = tuple(_chosen(looked))
    text = ""
    if how == "edit":
        text = live_area(choice.OTHER, "The other token", "type one token, such as a name", 1, 100)
    try:
        if not words_now or (how == "edit" and not text.strip()):
            return None
        if how == "swap":
            pairs = _pairs(looked, words_now)
            views.offer_notebook(looked, how if pairs else "", pairs)
            return run.swapped(looked, pairs) if pairs else None
        if how == "edit":
            views.offer_notebook(looked, how, words_now[:1], text)
            return run.edited(looked, words_now[0], text)
        views.offer_notebook(looked, how, words_now)
        return run.removed(looked, words_now, is_only=how == "only")
    except ValueError as problem:
        st.warning(words.sentence(str(problem)))
        return None


def _before_and_after(looked: VariantOutcome, changed: ChangedAnswer | None) -> str:
    one, after = looked.one, changed.effect.scored if changed else None
    said = one.continuation.strip()
    lines = []
    for i, text in enumerate(one.scored.texts):
        lines.append(Line(text, float(one.scored.probability[i]), palette.MEMORY))
        p = None if after is None else float(after.probability[i])
        lines.append(Line("", p, palette.LABEL) if p is not None else Line("", 0.0, palette.LABEL))
    p = one.scored.joint
    lines.append(Line("all together", p, palette.MEMORY))
    lines.append(Line("", after.joint if after else 0.0, palette.LABEL))
    now = f"“{changed.said.strip()}”" if changed else "not changed yet"
    title = words.heading("Before and after", "pink: with the whole memory, grey: changed")
    return (
        f"{title}{words.said(f'“{said}”', now)}"
        f"{words.bars(lines if after else [x for x in lines if x.hue == palette.MEMORY])}"
    )


def _read_or_cause(looked: VariantOutcome) -> None:
    """Read weight beside loss, and each kind of memory taken away."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.html(words.heading(
            "Being read is not causing",
            "for the words that matter most: read weight, and what the answer loses without the "
            "word",
        ))
        figure = figures.read_or_cause(pictures.most_read(looked))
        st.plotly_chart(figure, key="recall_read_or_cause", config={"displayModeBar": False})
    with right:
        st.html(words.heading("Without one kind of memory", "probability of the answer"))
        lines = [Line("everything", looked.one.scored.joint, palette.MEMORY)]
        for part, name in PARTS.items():
            if _has(looked, part):
                changed = run.without_part(looked, part)
                lines.append(Line(f"no {name}", changed.effect.scored.joint, palette.LABEL,
                                  f"says “{changed.said.strip()}”"))
        lines.append(Line("memory off", looked.one.base.joint, palette.LABEL))
        st.html(words.bars(lines))


def _has(looked: VariantOutcome, part: str) -> bool:
    state = looked.one.state
    held = {"am": len(state.bank), "edm": state.external and len(state.external),
            "carried": state.carried is not None}
    return bool(held[part])


def _chosen(looked: VariantOutcome) -> list[Place]:
    """The chosen words that are in this variant's memory."""
    stored = {read.place for read in looked.one.read}
    places = (Place(*place) for place in chosen(choice.WORDS))
    return [place for place in places if place in stored]


def _marks(looked: VariantOutcome, how: str) -> dict[Place, str]:
    """How each chosen token is drawn; of a swap, all tokens of its words."""
    kinds, marks = MARKS[how], {}
    for i, place in enumerate(_chosen(looked)):
        own = _word(looked, place) if how == "swap" else [place]
        marks |= dict.fromkeys(own, kinds[i % len(kinds)])
    return marks


def _pairs(looked: VariantOutcome, places: tuple[Place, ...]) -> tuple[Place, ...]:
    """The tokens of every two chosen words, pair by pair, as many as the shorter word has."""
    found: list[Place] = []
    for one, other in zip(places[::2], places[1::2]):
        for pair in zip(_word(looked, one), _word(looked, other)):
            found += pair if pair[0] != pair[1] else ()
    return tuple(found)


def _word(looked: VariantOutcome, place: Place) -> list[Place]:
    """All stored tokens of the word that this token is a part of."""
    texts = {read.place: read.text for read in looked.one.read}

    def goes_on(at: Place) -> bool:
        return texts.get(at, "").isalnum()  # no space before it, no full stop

    first = last = place
    while goes_on(first) and Place(first.prompt, first.position - 1) in texts:
        first = Place(first.prompt, first.position - 1)
    while goes_on(Place(last.prompt, last.position + 1)):
        last = Place(last.prompt, last.position + 1)
    return [Place(place.prompt, i) for i in range(first.position, last.position + 1)]


def _click(prompt: int, position: int) -> None:
    places, place = list(chosen(choice.WORDS)), (prompt, position)
    if place in places:
        places.remove(place)
    else:
        places = [place] if chosen(choice.CHANGE) == "edit" else [*places, place]
    choose(choice.WORDS, places)


def _click_prompt(prompt: int) -> None:
    st.session_state[choice.CLICKED_PROMPT] = prompt


def _take_prompt(looked: VariantOutcome, prompt: int) -> None:
    """All words of the prompt, or none of them where all were chosen."""
    if chosen(choice.CHANGE) not in ("without", "only"):
        return
    own = sorted({tuple(r.place) for r in looked.one.read if r.place.prompt == prompt})
    before = chosen(choice.WORDS)
    others = [place for place in before if place not in own]
    choose(choice.WORDS, others if set(own) <= set(before) else [*others, *own])


def _take_smallest(gone) -> None:
    choose(choice.CHANGE, "without")
    choose(choice.WORDS, [tuple(place) for place in gone])


def _take_variant() -> None:
    choice.choose_variant(st.session_state.recall_variant_of)
