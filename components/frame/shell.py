"""The frame round every page: navigation, the sidebar, the prompt box. Knows nothing of a page's
content."""

import gc
from collections.abc import Callable, Sequence

import streamlit as st

from components.frame import (
    address,
    garbage,
    leaving,
    led,
    model_picker,
    opened_trace,
    place,
    presenting,
    results,
    takeaway,
    turnstile,
    visit,
    whose,
    workshop,
)
from components.frame.choice_widgets import one_of
from components.frame.choices import Choice, chosen
from components.frame.live_prompt import live_prompt
from components.kit import glossary
from components.kit.export import offers
from components.kit.safe_text import for_markdown

DEFAULT_PROMPT = "My name is James Theory. I live in New York. Where do I live? I live in"
EXAMPLES = {
    "A fact and its question": DEFAULT_PROMPT,
    "A sequence that repeats": "blue seven lamp river stone blue seven lamp river stone blue seven",
    "Two people": "Mary lives in Paris. Tom lives in Rome. Where does Mary live? Mary lives in",
    "A story begins": "Once upon a time there was a little girl who lived in a house by the",
    "One word": "Hello",
    "Bytes, not letters": "naïve café 東京 🧠 שלום",
}
MAX_CHARS = 100_000
TELLS_MEMORY = "Memory"  # the page where Enter tells the memory what is in the box
BEGINS_WITH_WORDS = "Lessons"  # as wide as the page
BEYOND_PROMPT = {"KV cache", "Positions"}  # they show places behind the prompt, too
WITHOUT_PROMPT = {"Recall", "Training", "Lessons"}  # pages that read no prompt: the box is hidden


def _to_start() -> None:
    """Streamlit serves the first page only at the root; this makes "/start" lead there too."""
    st.switch_page("pages/start.py", query_params=st.query_params.to_dict())


def pages() -> list:
    """All pages; a file's name is its address."""
    return [
        st.Page("pages/start.py", title="Start", default=True, url_path="home", visibility=_shown("start")),
        st.Page(_to_start, title="Start", url_path="start", visibility="hidden"),
        *(st.Page(f"pages/{name}.py", title=title, visibility=_shown(name))
          for name, title in workshop.TITLES.items() if name != "start"),
    ]


def _shown(page: str) -> str:
    return "visible" if workshop.is_open(page) else "hidden"


def guard() -> None:
    """First line of every page: opened by itself right after a server start, a page fetches the
    frame (Streamlit serves a folder named `pages/` on its own until app.py has run once)."""
    if "in_frame" not in st.session_state:
        st.navigation(pages(), position="hidden")
        st.rerun()


def on_enter(take: Callable[[str], bool]) -> None:
    """Set what Enter does with the prompt on the Memory page; if `take` returns True, the box is
    emptied.

    The page calls this, so that the frame imports no feature.
    """
    st.session_state["on enter"] = take


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Import torch and load the start model, before the first visitor types. What is there then stays:
    collections of garbage need not look through it."""
    model_picker.warm_up()
    gc.collect()
    gc.freeze()


def show(
    declared: Sequence[Choice], above: Callable[[str], None], beside: Callable[[str], None]
) -> None:
    """Draw the frame and run the chosen page, when it is this script's turn. declared: every choice that
    the link carries; above: draws what stands above the prompt box, beside: what stands beside it; both
    are given the page's address."""
    with turnstile.inside():
        _show(declared, above, beside)


def _show(
    declared: Sequence[Choice], above: Callable[[str], None], beside: Callable[[str], None]
) -> None:
    try:
        leaving.be_here()
    except ValueError as error:
        st.error(str(error))
        st.stop()
    problems = address.open_link(declared)  # first: it may say which pages there are
    page = st.navigation(pages(), position="top")
    if problems:
        st.session_state["link problems"] = (page.title, problems)
    led.arrive(page.url_path or "start", declared)
    if not (workshop.is_open(page.url_path or "start") or led.follows()):
        st.switch_page(f"pages/{workshop.first()}.py", query_params=st.query_params.to_dict())
    presenting.style()
    glossary.explain()
    model_picker.sidebar()
    opened_trace.sidebar()
    whose.sidebar()
    with visit.one_model():
        _run(page, declared, above, beside)


def _run(
    page, declared: Sequence[Choice], above: Callable[[str], None], beside: Callable[[str], None]
) -> None:
    """The page, and what stands above it."""
    above(page.url_path or "start")
    row = _prompt_box(declared, page.title, hidden=page.title in WITHOUT_PROMPT)
    with row:
        beside(page.url_path or "start")
    offers.begin()
    results.place_for_waits()
    st.session_state.in_frame = True
    try:
        _look_for_places(page.title)
        _say_what_the_link_lost(page.title)
        if page.title not in {TELLS_MEMORY, *WITHOUT_PROMPT}:  # memory is told whole prompts
            _say_what_was_cut(row)
        if opened_trace.say(page.title):
            page.run()
    except ValueError as error:  # an error of model/, written for the visitor
        st.error(str(error)[:1].upper() + str(error)[1:])
    finally:
        del st.session_state.in_frame
        visit.let_go()
        garbage.collect_now_and_then()


def _look_for_places(title: str) -> None:
    """Once a visit: what its link names and what is not there joins the link's problems."""
    if "link's places" in st.session_state:
        return
    st.session_state["link's places"] = True
    if problems := _not_there(title):
        before = st.session_state.get("link problems", (title, []))[1]
        st.session_state["link problems"] = title, before + problems


def _not_there(title: str) -> list[str]:
    """The places that a link names and that this model or this prompt does not have."""
    if title in WITHOUT_PROMPT or all(chosen(one) is None for one in place.CHOICES):
        return []
    config, n_tokens = visit.checkpoint().model.config, len(visit.prompt().ids)
    return place.missing(config, config.n_positions if title in BEYOND_PROMPT else n_tokens)


def _say_what_the_link_lost(title: str) -> None:
    """What was wrong with the link, as long as the visitor stays on the page that it opened."""
    opened, problems = st.session_state.get("link problems", ("", []))
    if opened != title:
        st.session_state.pop("link problems", None)
        return
    for problem in problems:
        st.warning(for_markdown(problem))


def _prompt_box(declared: Sequence[Choice], title: str, hidden: bool):
    """Draw the box and the buttons beside it -> their row."""
    tells_memory = title == TELLS_MEMORY
    if "prompt" not in st.session_state:
        st.session_state.prompt = st.query_params.get("prompt", DEFAULT_PROMPT)
    row = st.container(horizontal=True, vertical_alignment="bottom", key="prompt_row")
    with row.container():
        placeholder = "Type a prompt: everything below follows each key"
        if tells_memory:
            placeholder = "Tell it anything, press Enter, then ask"
        st.session_state.prompt = live_prompt(
            st.session_state.prompt, "prompt_box", placeholder, MAX_CHARS,
            {**address.parameters(declared), "model": model_picker.in_link()},
            _entered if tells_memory else None,
            hidden,
            on_text=_choose,
        )
    if not hidden:
        with row.popover("Examples", key="examples"):
            for name, text in EXAMPLES.items():
                st.button(name, key=f"example {name}", on_click=_choose, args=(text,), width="stretch")
    if hidden:
        alone = st.container(key=_place_of_buttons(title), width="content")
        row = alone.container(horizontal=True, width="content", key="presenting_row")
    with row:
        presenting.switch()
        with st.container(key="takeaway_place", width="content"):
            takeaway.show(title, address.left_out(declared))
    return row


def _place_of_buttons(title: str) -> str:
    """Where the buttons of a page without a prompt stand: right of its views, or in a row of their own
    above words as wide as the page."""
    warned, _ = st.session_state.get("link problems", ("", []))
    return "presenting_above" if title in (BEGINS_WITH_WORDS, warned) else "presenting_alone"


def _entered(text: str) -> bool:
    take = st.session_state.get("on enter")  # asked for now: the box is drawn before its page runs
    return take is not None and take(text)


def _choose(text: str) -> None:
    st.session_state.prompt = text


def _say_what_was_cut(row) -> None:
    """A button at the end of the prompt's row: nothing below moves when a prompt becomes too long."""
    if not (n := visit.prompt().n_left_out):
        return
    with row.popover(f"{n:,} left out", key="left_out", type="primary"):
        words = st.empty()
        one_of("Leave out tokens at the", visit.CUT, shown=True)
    prompt = visit.prompt()
    window = len(prompt.ids)
    words.warning(
        f"This prompt has {window + prompt.n_left_out:,} tokens; the model's window holds "
        f"{window:,}. {prompt.n_left_out:,} tokens at its {prompt.cut} are left out."
    )
