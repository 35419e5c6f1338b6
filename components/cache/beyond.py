"""Beyond the window: what each policy keeps of the visitor's text, and what that costs in bits."""

import streamlit as st

from components.cache import choice, figures, held, run
from components.frame import presenting, visit
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import choose, chosen
from components.kit.export.offers import no_notebook, notebook
from components.kit.fact_strip import fact_strip

NO_MASK = (
    "No notebook for this text: one pass of transformers can compute it only if it fits the window and "
    "its positions count on. Take the pictures' numbers as CSV."
)
TITLES = {
    "slide": "Slide",
    "sinks": "Sinks + recent",
    "heavy": "Heavy hitters (H2O)",
    "least": "Least attended (TOVA)",
    "random": "Random",
}
ANSWERS = {
    "stop": "**Stop**: draw no further token. This is plain GPT-2.",
    "slide": "**Slide**: the oldest entry is dropped.",
    "sinks": "**Sinks + recent**: the first 4 stay, the next oldest is dropped (StreamingLLM, "
    "[2309.17453](https://arxiv.org/abs/2309.17453)).",
    "heavy": "**Heavy hitters**: half the room for the most attended so far, half for the newest; "
    "each head its own (H2O, [2306.14048](https://arxiv.org/abs/2306.14048)).",
    "least": "**Least attended**: drop what the newest query read least, mean of a layer's heads "
    "(TOVA, [2401.06104](https://arxiv.org/abs/2401.06104)).",
    "random": "**Random**: any entry, each head its own draw. The baseline.",
}


def show() -> None:
    """The question, the choices, what is kept, and the price."""
    ids = run.long_ids()
    window, width = visit.checkpoint().model.transformer.wpe.weight.shape
    _question(window, width)
    if len(ids) < 3:
        st.info("Type at least three tokens. The policies are compared on your own text.")
        return
    with presenting.folded("Budget, position, policies", "cache_policies"):
        budget, place, again = _choices(len(ids), window)
        if presenting.is_on():
            st.markdown("  \n".join(ANSWERS.values()))
    if not _is_asked(ids, budget, place):
        return
    _offer(len(ids), window, budget, place)
    bar = st.empty()
    words = "Reading the text under each policy …"
    found = run.prices(budget, place, again, lambda share: bar.progress(share, words))
    bar.empty()
    tokens = visit.show_tokens(ids)
    reference = next(x for x in (run.FULL, run.AGAIN, "slide") if x in found)
    presenting.pictures({
        "The price": lambda: _price(found, reference, tokens, budget),
        "Kept and dropped": lambda: _held(found, tokens),
        "Why sliding costs more": lambda: _positions(budget, place, window, len(ids)),
    })


def _offer(n_tokens: int, window: int, budget: int, place: str) -> None:
    """A mask can compute what goes by a token's place, while the text fits the window."""
    if n_tokens <= window and place == "counted":
        notebook("dropped", budget=budget)
    else:
        no_notebook(NO_MASK)


def _question(window: int, width: int) -> None:
    if presenting.is_on():
        return
    st.markdown("#### The cache is full. What happens at the next token?")
    st.html(fact_strip([
        (f"{window:,} × {width:,}", "table of learned positions", "wpe"),
        (f"{window:,}", "tokens fit the window", ""),
        (f"no row {window:,}", f"for token number {window + 1:,}", "rows count from 0"),
    ]))
    st.markdown("  \n".join(ANSWERS.values()))


def _choices(n_tokens: int, window: int) -> tuple[int, str, bool]:
    left, right = st.columns(2, gap="large")
    most = min(n_tokens, window)
    wanted = chosen(choice.BUDGET) or n_tokens // 2
    st.session_state["cache:budget"] = min(max(wanted, 1), most)
    budget = left.slider(
        "Cache budget: entries a head may hold", 1, most, key="cache:budget",
        on_change=_keep_budget,
        help="Choose fewer than your text has, so that the policies must drop entries",
    )
    with right:
        place = one_of(
            "Position given to a new token", choice.PLACE, shown=True,
            help="Cached entries keep their old position: GPT-2 adds it before the first layer, so "
            "it is part of every key and value",
        )
        return budget, place, _slides_exactly(budget)


def _slides_exactly(budget: int) -> bool:
    """A toggle; on by default where it is quick. What runs long is never on unasked."""
    n_run, quick = run.re_encoding(budget)
    if st.session_state.get("cache:quick") != quick:
        first = "cache:quick" not in st.session_state  # then a link may have switched it off
        st.session_state["cache:quick"] = quick
        unasked = not first or chosen(choice.AGAIN) is None
        choose(choice.AGAIN, quick and (unasked or chosen(choice.AGAIN)))
    return st.toggle(
        f"Slide exactly too: {n_run:,} tokens to run", **holding(choice.AGAIN),
        help="For each token, read the last ones anew, from position 0",
    )


def _keep_budget() -> None:
    choose(choice.BUDGET, st.session_state["cache:budget"])


def _is_asked(ids, budget: int, place: str) -> bool:
    """True where the policies are priced already, are quick, or were asked for on this text."""
    text = ids.tobytes()
    if st.session_state.get("cache:asked") == text or run.is_quick(budget, place):
        return True
    st.info(f"Each policy reads all {len(ids):,} tokens one by one. This takes a while.")
    return st.button(
        "Compare the policies", type="primary", key="cache_compare",
        on_click=lambda: st.session_state.update({"cache:asked": text}),
    )


def _price(found, reference: str, tokens: list[str], budget: int) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("#### The price: bits per byte of your text")
        st.plotly_chart(figures.prices(found, TITLES, reference), key="cache_prices")
        st.caption(
            f"{len(tokens):,} tokens, at most {budget:,} held. Lower is better; in brackets: "
            f"compared with {TITLES.get(reference, reference)}. Each policy runs every token once. "
            "On a short text one lucky token decides the order: paste a longer one before you "
            "believe it."
        )
    with right:
        st.markdown("#### Which tokens cost more")
        st.plotly_chart(
            figures.extra_bits(found, TITLES, reference, tokens), key="cache_extra",
        )
        st.caption("A step up: this token needed a dropped entry. Hover to see the token.")


def _held(found, tokens: list[str]) -> None:
    st.markdown("#### Kept and dropped, step by step")
    kept = {title: found[name].held for name, title in TITLES.items() if name in found}
    notes = [
        f"{found[name].bits_per_byte:.3f} bits per byte" for name in TITLES if name in found
    ]
    held.show(
        kept, notes=notes, hues=figures.POLICY_HUES, tokens=tokens, key="cache_held"
    )
    every = held.stride(len(tokens))
    drawn = "Every token and step is drawn." if every == 1 else f"Every {every}th token and step."
    st.caption(
        "Row: the cache after reading that token. Colour: the share of heads that still hold a "
        f"token; grey: dropped by all heads. {drawn}"
    )


def _positions(budget: int, place: str, window: int, n_tokens: int) -> None:
    st.markdown("#### Why sliding costs GPT-2 more than it looks")
    last = n_tokens - 1
    given = min(last, window - 1) if place == "counted" else min(budget - 1, last, window - 1)
    others = {
        "counted": "Counting on leaves gaps between the kept entries, and beyond the window every "
        f"token gets the last row, {window - 1:,}.",
        "in cache": "Once the cache is full, every new token gets the same position, while the "
        "kept entries still have their old ones.",
    }
    st.markdown(
        f"The last token here (number {last:,} from 0) was given position **{given:,}**. "
        f"{others[place]} A model with rotary positions can renumber positions inside the cache, "
        "because it can store keys before rotating them. GPT-2's learned positions are part of "
        "every cached key and value. The exact way is to read the whole window anew for each token "
        "(*slide, re-encoded*), but that loses all that the cache saves."
    )
