"""A workshop's link: which pages are open, with which model and first prompt. Knows no page's content.

Other pages stand in no menu, their addresses lead to the first open one, and the model stays.
"""

from components.frame.choices import Choice, Several, chosen

TITLES = {  # address of a page -> its name, in the order of the menu
    "start": "Start", "lessons": "Lessons", "anatomy": "Anatomy", "tokens": "Tokens",
    "attention": "Attention", "memory": "Memory", "recall": "Recall", "notebook": "Notes",
    "residual": "Residual stream", "prediction": "Prediction",
    "compare": "Compare", "cache": "KV cache", "positions": "Positions", "training": "Training",
}
OPEN = Choice("open_pages", Several(TITLES), own=True)  # None: all


def is_on() -> bool:
    """Whether the link opens some pages only."""
    return bool(chosen(OPEN))


def is_open(page: str) -> bool:
    """Whether this page may be opened."""
    return not is_on() or page in chosen(OPEN)


def first() -> str:
    """The open page that stands first in the menu."""
    return next(page for page in TITLES if is_open(page))
