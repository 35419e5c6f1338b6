"""Every choice that a link carries: what the frame and each page's feature declare; and what of the
features stands round every page."""

from components.anatomy import choice as anatomy
from components.attention import choice as attention
from components.cache import choice as cache
from components.classroom import bar as class_bar
from components.classroom import menu as class_menu
from components.compare import choice as compare
from components.frame import (
    draw_choice,
    led,
    model_picker,
    place,
    presenting,
    second_prompt,
    visit,
    workshop,
)
from components.frame.choices import Choice
from components.lessons import bar as lesson_bar
from components.lessons import choice as lessons
from components.memory import choice as memory
from components.notes import choice as notes
from components.positions import choice as positions
from components.prediction import choice as prediction
from components.recall import choice as recall
from components.residual import choice as residual
from components.start import choice as start
from components.tokens import choice as tokens
from components.training import choice as training

SHARED: tuple[Choice, ...] = (
    *model_picker.CHOICES, *presenting.CHOICES, visit.CUT, *place.CHOICES, *draw_choice.CHOICES,
    *second_prompt.CHOICES, *lessons.CHOICES, *led.CHOICES, workshop.OPEN,
)
BY_PAGE: dict[str, tuple[Choice, ...]] = {  # address of the page -> what only it declares, its view first
    "start": start.CHOICES,
    "lessons": (),
    "anatomy": anatomy.CHOICES,
    "tokens": tokens.CHOICES,
    "attention": attention.CHOICES,
    "memory": memory.CHOICES,
    "recall": recall.CHOICES,
    "notebook": notes.CHOICES,
    "residual": residual.CHOICES,
    "prediction": prediction.CHOICES,
    "compare": compare.CHOICES,
    "cache": cache.CHOICES,
    "positions": positions.CHOICES,
    "training": training.CHOICES,
}
ALL: tuple[Choice, ...] = (*SHARED, *(one for own in BY_PAGE.values() for one in own))


def above(page: str) -> None:
    """Above the prompt box the lesson's bar; below the page the class's, which shows what that chose."""
    lesson_bar.show(page, BY_PAGE)
    class_bar.show(page, ALL)


def beside(page: str) -> None:
    """Beside the prompt box: the way into a class."""
    class_menu.show(page, ALL)
