"""Which lesson and step the visitor is at, whether its answer is shown, and what they picked."""

from components.frame.choices import Choice, Flag, Text, Whole, choose, chosen

MOST_NAME = 60

LESSON = Choice("lesson", Text(MOST_NAME), "")  # "": none
STEP = Choice("lesson_step", Whole(1), 1)
REVEALED = Choice("lesson_revealed", Flag(), False)
PICKED = Choice("lesson_picked", Text(20), "", own=True)  # options by number, "-" between
CHOICES = (LESSON, STEP, REVEALED, PICKED)


def picked(n_options: int) -> list[int]:
    """The options that were picked, each once, of n that there are."""
    said = [part for part in chosen(PICKED).split("-") if part.isascii() and part.isdecimal()]
    return list(dict.fromkeys(int(part) for part in said if int(part) < n_options))


def pick(option: int, is_order: bool) -> None:
    """Pick an option; in an order, after those picked before. Picked again: it is taken back."""
    before = picked(option + 1_000)
    if option in before:
        after = [one for one in before if one != option]
    else:
        after = [*before, option] if is_order else [option]
    choose(PICKED, "-".join(map(str, after)))


def go_to(step: int) -> None:
    """Open a step, counted from 1, with nothing picked and nothing revealed."""
    choose(STEP, step)
    choose(REVEALED, False)
    choose(PICKED, "")


def begin(lesson: str) -> None:
    """Open a lesson at its first step."""
    choose(LESSON, lesson)
    go_to(1)


def close() -> None:
    """Leave the lesson; the page stays."""
    begin("")
