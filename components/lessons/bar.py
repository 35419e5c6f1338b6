"""The bar above the page: one step of a lesson, its question, its answer, and the way on.

Its height never changes, so that nothing below jumps when an answer is revealed. Keys: Page Down and
N go on, Page Up and B go back, R reveals, 1 to 6 pick.
"""

import hashlib

import streamlit as st
from markdown_it import MarkdownIt

from components.frame import led
from components.frame.choices import choose, chosen
from components.kit import assets, glossary
from components.kit.safe_text import for_markdown
from components.lessons import choice, link, run
from components.lessons.link import Pages
from model.classroom.ballot import counts
from model.lessons import answers
from model.lessons.answers import Answer
from model.lessons.lesson import Lesson, Step

LIST_PAGE = "lessons"  # the page that lists them; a link to it opens the step's own page
LIVE_S = 0.5  # how often a lecturer sees what has been answered
_GO, _TROUBLE = "lessons:go", "lessons:trouble"  # session keys
_ACTED, _AT = "lessons:acted", "lessons:at"
_TEXT = MarkdownIt("commonmark", {"html": False})

_mount = assets.component(
    "lesson_bar", "lessons/bar",
    '<section class="lesson" aria-label="Lesson"><div class="head"></div><p class="text"></p>'
    '<div class="below"><div class="options" role="group"></div><p class="answer" role="status"></p>'
    "</div></section>",
)


def show(page: str, pages: Pages) -> None:
    """Draw the bar of the lesson that is open; nothing where none is. page: where the visitor is.

    Call it before the prompt box: a step that was just opened sets the prompt and may lead to
    another page.
    """
    st.session_state.pop(_ACTED, None)
    lesson = _open_lesson(page, pages)
    if lesson is None:
        _say_trouble(page)
        return
    number = min(chosen(choice.STEP), len(lesson.steps))
    step = lesson.steps[number - 1]
    try:
        _go(step, page, pages)
        found = run.answer(step, pages) if step.question is not None else None
        said = run.finding(step, pages)
    except ValueError as problem:  # this model cannot answer it: the text still stands
        found, said = None, str(problem)
    _say_trouble(page)
    _forget_pick(lesson, number)
    data = _data(lesson, number, step, found, said) | _away(step, page, pages)
    is_live = found is not None and led.leads()
    draw = st.fragment(_draw, run_every=LIVE_S) if is_live else _draw
    draw(lesson, number, step, found, data)


def _draw(lesson: Lesson, number: int, step: Step, found: Answer | None, data: dict) -> None:
    if st.session_state.pop(_ACTED, False):
        st.rerun()
    _mount(
        key="lesson_bar", data=data | _of_class(lesson, number, found, data),
        on_act_change=lambda: _act(lesson, number, step, found),
    )


def _forget_pick(lesson: Lesson, number: int) -> None:
    """A class was led to another step: what was picked belongs to the last one."""
    at, last = (lesson.name, number), st.session_state.get(_AT)
    st.session_state[_AT] = at
    if last is not None and last != at and led.follows():
        choose(choice.PICKED, "")


def _open_lesson(page: str, pages: Pages) -> Lesson | None:
    """The lesson of the link; None, and a sentence, where there is no such lesson or step."""
    name = chosen(choice.LESSON)
    if name:
        shelf = run.all_lessons(pages)
        lesson = shelf.lessons.get(name)
        if lesson is None:
            _trouble(page, shelf.broken.get(name) or _no_such(name, shelf.lessons))
            choice.close()
        elif not 1 <= chosen(choice.STEP) <= len(lesson.steps):
            n = len(lesson.steps)
            _trouble(page, f"Lesson “{lesson.title}” has {n} steps, and the link says step "
                           f"{chosen(choice.STEP):,}. Its last one is open.")
            choice.go_to(n)
        if lesson is not None and page == LIST_PAGE and _is_first_run():
            st.session_state[_GO] = True
    else:
        lesson = None
    st.session_state["lessons:entered"] = True
    return lesson


def _is_first_run() -> bool:
    """Whether a link was just opened, and all that it says holds: else its page says what does not."""
    is_first = "lessons:entered" not in st.session_state
    return is_first and not st.session_state.get("link problems")


def _say_trouble(page: str) -> None:
    """What was wrong with the link that opened this page; forgotten on the next page."""
    where, sentence = st.session_state.get(_TROUBLE, ("", ""))
    if where == page:
        st.warning(for_markdown(sentence))
    else:
        st.session_state.pop(_TROUBLE, None)


def _no_such(name: str, known) -> str:
    return f"There is no lesson “{name}”. Lessons: {', '.join(known)}."


def _trouble(page: str, sentence: str) -> None:
    """Said as long as the visitor stays on this page."""
    st.session_state[_TROUBLE] = (page, sentence)


def _go(step: Step, page: str, pages: Pages) -> None:
    """Where a step was just opened: set its state and open its page."""
    if not st.session_state.get(_GO):
        return
    there = run.place_of(step, chosen(choice.REVEALED), pages)
    st.session_state[_GO] = False
    link.enter(there, pages)
    if there.page != page:
        if _TROUBLE in st.session_state:  # said where the visitor arrives
            _trouble(there.page, st.session_state[_TROUBLE][1])
        st.switch_page(f"pages/{there.page}.py")


def open_step(lesson: str) -> None:
    """A callback's way into a lesson: its first step, on the step's page."""
    choice.begin(lesson)
    st.session_state[_GO] = True


def _act(lesson: Lesson, number: int, step: Step, found: Answer | None) -> None:
    """What was clicked or pressed in the bar; what belongs to an earlier step is dropped."""
    act = st.session_state.lesson_bar.act
    if not act or act["step"] != number:
        return
    st.session_state[_ACTED] = True
    what = act["what"]
    if what != "pick" and led.follows():  # the lecturer turns the pages
        return
    if what in ("next", "back"):
        to = number + (1 if what == "next" else -1)
        if not 1 <= to <= len(lesson.steps):
            return
        choice.go_to(to)
    elif what == "pick":
        if found is not None and not chosen(choice.REVEALED) and act["option"] < len(found.options):
            choice.pick(int(act["option"]), _is_order(step))
            _vote(lesson, number, found)
        return
    elif what == "reveal":
        choose(choice.REVEALED, step.question is not None and not chosen(choice.REVEALED))
    elif what == "close":
        choice.close()
        return
    st.session_state[_GO] = what != "reveal" or bool(step.then)


def _away(step: Step, page: str, pages: Pages) -> dict:
    """Whether the visitor has left the step's page: the bar then leads back."""
    shown = step.then if chosen(choice.REVEALED) and step.then else step.link
    return {"is_away": link.read(shown, pages).page != page}


def _with_why(kind: str, found: Answer) -> list[str]:
    """Every option's number; of the right one also why it is."""
    why = {found.right[0]: answers.KINDS[kind].why}
    return [" · ".join(filter(None, (note, why.get(i)))) for i, note in enumerate(found.notes)]


def _is_order(step: Step) -> bool:
    return step.question is not None and step.question.kind == "order"


def _data(lesson: Lesson, number: int, step: Step, found: Answer | None, said: str) -> dict:
    revealed = chosen(choice.REVEALED) and found is not None
    picked = choice.picked(len(found.options)) if found is not None else []
    data = {
        "lesson": lesson.title, "title": step.title, "step": number, "n_steps": len(lesson.steps),
        "text": glossary.marked(_TEXT.renderInline(step.text)), "revealed": revealed,
        "asks": found is not None, "picked": picked, "is_order": _is_order(step), "options": [],
        "answer": said, "right": [],
    }
    if found is not None:
        assert step.question is not None
        notes = _with_why(step.question.kind, found) if revealed else ("",) * len(found.options)
        data["options"] = [list(one) for one in zip(found.options, notes)]
        data["right"] = list(found.right) if revealed else []
        data["answer"] = _spoken(step, found, picked) if revealed else (
            answers.KINDS[step.question.kind].hint + ".")
    return data


# -- a class -----------------------------------------------------------------------------------------


def _question_id(lesson: Lesson, number: int, found: Answer) -> str:
    """The same for all who are asked the same with the same options; another model may offer others."""
    said = "\n".join((lesson.name, str(number), *found.options))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _of_class(lesson: Lesson, number: int, found: Answer | None, data: dict) -> dict:
    """In a class: what it has answered, live for the lecturer, and once it is revealed for all."""
    shown = {"led": led.follows(), "counts": []}
    if found is None or not led.is_in_class():
        return shown
    question, trouble = _question_id(lesson, number, found), ""
    try:
        if led.leads():
            ballot = led.ask(question, len(found.options), data["revealed"])
        else:
            ballot = led.answers(question)
    except (ValueError, OSError) as problem:
        ballot, trouble = None, str(problem)
    if trouble:
        return shown | {"answer": trouble}
    if ballot is None or not (led.leads() or (ballot.closed and data["revealed"])):
        return shown
    n = len(ballot.votes)
    words = f"{n} {'has' if n == 1 else 'have'} answered."
    return shown | {"counts": counts(ballot), "answer": f"{words} {data['answer']}"}


def _vote(lesson: Lesson, number: int, found: Answer) -> None:
    """Send a pupil's pick to the class."""
    if not led.is_in_class() or led.leads():
        return
    try:
        led.vote(_question_id(lesson, number, found), choice.picked(len(found.options)))
    except (ValueError, OSError) as problem:
        if led.follows():
            st.session_state[_TROUBLE] = (st.session_state.get("class:page", ""), str(problem))


def _spoken(step: Step, found: Answer, picked: list[int]) -> str:
    """The answer's sentence, and how the class did."""
    if not picked:
        return found.sentence
    if _is_order(step):
        n, of = answers.n_pairs_right(picked, found.right)
        return f"{found.sentence} {n} of {of} pairs were in order." if of else found.sentence
    return ("Right. " if picked == list(found.right[:1]) else "No. ") + found.sentence
