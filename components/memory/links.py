"""Below the answer on the Memory page: the told sentence that should have answered, and the link
between it and the answer that broke."""

from functools import partial

import streamlit as st

from components.frame import link_row, links
from components.frame.choice_widgets import holding
from components.frame.choices import choose, chosen
from components.memory import choice, conversation
from components.memory.look import Moment
from components.memory.rest import Later


def show(now: Moment) -> Later:
    """The choice of a told sentence -> its links, for when typing rests; draws nothing without a
    question or a sentence."""
    if now.asked is None or not now.settings.modules & {"am", "edm"}:
        return None
    facts = links.facts(now.key, now.state)
    if not facts:
        return None
    st.markdown("##### From the told sentence to the answer")
    fact = _choose(now, facts)
    place = st.empty()
    given = now.key, now.asked, fact, choice.for_writing()
    if (chain := links.of_question_kept(*given)) is not None:
        place.html(link_row.row(chain))
        return None
    place.html(link_row.waiting(fact))
    return partial(_fill, now, fact, place)


def _fill(now: Moment, fact, place) -> None:
    try:
        chain = links.of_question(
            now.key, now.state, now.asked, fact, choice.for_writing(), conversation.states())
    except ValueError as problem:
        place.warning(str(problem))
        return
    place.html("" if chain is None else link_row.row(chain))


def _choose(now: Moment, facts):
    """The told sentence; by default the one that the question finds first."""
    best = _best(now, facts)
    by_name = {f"{fact.prompt}·{fact.start}": fact for fact in facts}
    names = [None, *reversed(by_name)]
    if chosen(choice.FACT) not in names:
        choose(choice.FACT, None)  # another conversation
    first = f"found first: {_title(best)}"  # Streamlit shows the placeholder for the chosen None
    name = st.selectbox(
        "The told sentence that should answer", names, placeholder=first, **holding(choice.FACT),
        format_func=lambda name: _title(by_name[name]) if name else first,
    )
    return by_name[name] if name else best


def _title(fact) -> str:
    text = fact.text if len(fact.text) <= 90 else f"{fact.text[:89]}…"
    return f"“{text}” (prompt {fact.prompt:,})"


def _best(now: Moment, facts):
    """The sentence that the question reads most: by fusion's relevance, else by the EDM's slots."""
    drawn, asked = now.asked.recalled.relevance, now.asked
    if drawn:
        table, block = now.state.bank.slots, max(drawn, key=drawn.get)
        slot = int((table.block == block).argmax())
    elif asked.n_external:
        table, slot = now.state.external.slots, int(asked.external[:, -1, 1:].mean(0).argmax())
    else:
        return facts[-1]
    prompt, position = int(table.prompt[slot]), int(table.position[slot])
    holds = (f for f in facts if f.prompt == prompt and f.start <= position < f.stop)
    return next(holds, facts[-1])
