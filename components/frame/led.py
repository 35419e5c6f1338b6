"""The class that this visitor leads or follows: what the lecturer chooses is written to the class's
file, and what the file says becomes a follower's own choice.

Who leads has the class's key, which the browser keeps (classroom/bar.js); the link says only the code.
A follower who types or turns a page explores alone from then on. Knows no page's content.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from components.frame import address, calling, live_prompt, model_picker, results
from components.frame.choices import Choice, Flag, Text, choose, chosen
from model.classroom import ballot, classes, presence
from model.classroom.ballot import Ballot
from model.classroom.room import Place, Room
from model.disk.home import home

CODE = Choice("class", Text(8), "", own=True)  # "": in no class
ALONE = Choice("class_alone", Flag(), False, own=True)  # in the class, and not following
CHOICES = (CODE, ALONE)
SEEN_EVERY_S = 4.0  # how often a follower says that they are there
_KEY, _WHO, _ARRIVED, _SAID, _PAGE = (
    f"class:{word}" for word in ("key", "who", "arrived", "said", "page"))


@dataclass(frozen=True)
class _Arrival:
    """Where a follower was brought: the place, how often everybody had been called by then, and whether
    a script has run there."""

    code: str
    place: Place | None
    gathered: int
    is_there: bool = False


def folder() -> Path:
    """Where classes are kept; several servers may share it."""
    return home() / "classes"


def room() -> Room:
    """The class of the link. Raises ValueError where there is none, or its file is damaged."""
    return classes.read(folder(), chosen(CODE))


def is_in_class() -> bool:
    """Whether the link names a class."""
    return bool(chosen(CODE))


def leads() -> bool:
    """Whether this visitor leads the class of the link."""
    return is_in_class() and classes.lead(folder(), chosen(CODE), st.session_state.get(_KEY, ""))


def follows() -> bool:
    """Whether this visitor sees what the lecturer sees."""
    return is_in_class() and not chosen(ALONE) and not leads() and not _has_ended()


def _has_ended() -> bool:
    try:
        return room().ended
    except ValueError:
        return True


# -- the browser -------------------------------------------------------------------------------------


def is_known() -> bool:
    """Whether the browser has said who it is: until then nobody is led anywhere."""
    return _WHO in st.session_state


def know(who: str, key: str) -> None:
    """What the browser kept: a random name of its own, and the key of the class where it leads one."""
    st.session_state[_WHO] = who[:64] or results.visitor()
    if key:
        st.session_state[_KEY] = key[:64]


def key() -> str:
    """The key of the class that this visitor leads."""
    return st.session_state.get(_KEY, "")


def who() -> str:
    """This browser, among the class."""
    return st.session_state.get(_WHO, "") or results.visitor()


# -- the lecturer ------------------------------------------------------------------------------------


def start(page: str, declared: Sequence[Choice]) -> None:
    """Start a class here and lead it."""
    made, st.session_state[_KEY] = classes.start(folder(), place(page, declared), time.time())
    know(who(), "")
    choose(CODE, made.code)
    choose(ALONE, False)


def publish(page: str, declared: Sequence[Choice]) -> None:
    """Show the class what the lecturer sees now. A late message of a page that was left says nothing."""
    if page != st.session_state.get(_PAGE):
        return
    now, here = room(), place(page, declared)
    if not (now.frozen or now.ended or now.place == here):
        classes.show(folder(), now.code, key(), here, time.time())
        calling.call(now.code)


def freeze(frozen: bool) -> None:
    """Stop showing the class what happens here, or go on."""
    classes.freeze(folder(), chosen(CODE), key(), frozen, time.time())
    calling.call(chosen(CODE))


def gather() -> None:
    """Call back everybody who explores alone."""
    classes.gather(folder(), chosen(CODE), key(), time.time())
    calling.call(chosen(CODE))


def end() -> None:
    """End the class for all."""
    classes.end(folder(), chosen(CODE), key(), time.time())
    calling.call(chosen(CODE))
    leave()


def n_here() -> int:
    """How many follow now."""
    return presence.n_here(folder(), room().code, time.time())


def place(page: str, declared: Iterable[Choice]) -> Place:
    """What this visitor sees: page, prompt, model, and all that a link says of everybody's choices."""
    said = address.parameters(one for one in declared if not one.own)
    said["model"] = model_picker.in_link()
    return Place(page=page, prompt=_prompt_now(),
                 parameters={name: text for name, text in said.items() if text is not None})


# -- a follower --------------------------------------------------------------------------------------


def join(code: str) -> None:
    """Follow this class. Raises ValueError where there is none."""
    found = classes.read(folder(), code)
    st.session_state.pop(_ARRIVED, None)
    choose(CODE, found.code)
    choose(ALONE, False)


def leave() -> None:
    """Be in no class."""
    let_go()
    choose(CODE, "")
    choose(ALONE, False)
    for name in (_KEY, _ARRIVED):
        st.session_state.pop(name, None)


def let_go() -> None:
    """Explore alone, in the class."""
    choose(ALONE, True)
    st.session_state.pop(_SAID, None)
    try:
        presence.has_left(folder(), room().code, who())
    except ValueError:  # no such class: nobody counts
        return


def come_back() -> None:
    """Follow again."""
    st.session_state.pop(_ARRIVED, None)
    choose(ALONE, False)


def arrive(page: str, declared: Sequence[Choice]) -> None:
    """Bring a follower to where the lecturer is. Call it before anything is drawn."""
    st.session_state[_PAGE] = page
    calling.listen_no_more()
    try:
        there = _wanted(page)
    except (ValueError, OSError):  # the bar says it
        return
    if there is None:
        return
    _enter(there, declared)
    if there.page != page:
        st.switch_page(f"pages/{there.page}.py")
    st.session_state[_ARRIVED] = replace(st.session_state[_ARRIVED], is_there=True)


def _wanted(page: str) -> Place | None:
    """Where the class wants this visitor now; None: they stay. Who has typed or turned a page since
    they were there, lets go."""
    if not is_in_class() or not is_known() or leads():
        return None
    now, last = room(), st.session_state.get(_ARRIVED)
    if now.ended:
        return None
    if last is None or last.code != now.code:
        last = _Arrival(now.code, None, now.gathered)
    if now.gathered > last.gathered:
        choose(ALONE, False)
        return now.place
    if chosen(ALONE) or last.place is None:
        st.session_state[_ARRIVED] = last
        return None if chosen(ALONE) else now.place
    if now.place != last.place and not now.frozen:
        return now.place
    if (page, _prompt_now()) == (last.place.page, last.place.prompt):
        st.session_state[_ARRIVED] = replace(last, is_there=True)
        return None
    if not last.is_there:  # a message of the page before was on its way
        return last.place
    let_go()
    return None


def has_news() -> bool:
    """Whether `arrive` would bring this visitor somewhere: cheap, asked several times a second."""
    now, last = room(), st.session_state.get(_ARRIVED)
    if now.ended or not is_known() or last is None or last.code != now.code:
        return not now.ended and is_known() and not chosen(ALONE)
    return now.gathered > last.gathered or not (chosen(ALONE) or now.frozen or now.place == last.place)


def _enter(there: Place, declared: Iterable[Choice]) -> None:
    """Make the lecturer's choices one's own."""
    for one in declared:
        if one.in_link and not one.own:
            _take(one, there.parameters.get(one.name))
    st.session_state["model"] = there.parameters.get("model") or model_picker.start_name()
    st.session_state.prompt = there.prompt
    live_prompt.replace_all("prompt_box", there.prompt)
    now = room()
    st.session_state[_ARRIVED] = _Arrival(now.code, there, now.gathered)


def say_here() -> None:
    """Let the lecturer count this follower. Raises ValueError in a class that is full."""
    now_s = time.time()
    if not is_known():  # or who reloads would be counted twice
        return
    if now_s - st.session_state.get(_SAID, 0.0) >= SEEN_EVERY_S:
        presence.is_here(folder(), room().code, who(), now_s)
        st.session_state[_SAID] = now_s


def _take(one: Choice, said: str | None) -> None:
    try:
        value = one.default if said is None else one.kind.read(said)
    except ValueError:  # of another version of this program
        value = one.default
    if value is None:  # a widget that finds its own value takes no None
        st.session_state.pop(one.name, None)
    else:
        choose(one, value)


def _prompt_now() -> str:
    """The prompt: what is in the box, or what a script has put in its place since."""
    text = st.session_state.get("prompt", "")
    memory = st.session_state.get("prompt_box:memory")
    return live_prompt.text_now("prompt_box") if memory and memory["text"] == text else text


# -- questions ---------------------------------------------------------------------------------------


def ask(question: str, n_options: int, closed: bool) -> Ballot:
    """The lecturer's question, open to the class's answers or closed; asked again it is only read."""
    found = answers(question)
    if found is not None and (found.n_options, found.closed) == (n_options, closed):
        return found
    return ballot.ask(folder(), room().code, question, n_options, closed)


def vote(question: str, picked: list[int]) -> None:
    """This pupil's answer. Raises ValueError once the right one is revealed."""
    ballot.vote(folder(), room().code, question, who(), picked)


def answers(question: str) -> Ballot | None:
    """What the class has answered; None where the lecturer has not asked it."""
    return ballot.read(folder(), room().code, question)
