"""What a page shows while somebody types: when each key was pressed, when each new text was drawn."""

from playwright.sync_api import Page

# Looks at every frame of the screen, through the shadow roots of components.
_WATCH = """read => {
    const parts = selector => selector.split(" >> ").reduce(
        (roots, part) => roots.flatMap(root => [...root.querySelectorAll(part)].map(e => e.shadowRoot ?? e)),
        [document]);
    window.watched = {keys: [], drawn: []};
    addEventListener("keydown", () => watched.keys.push(performance.now()), true);
    const look = () => {
        const text = parts(read).map(e => e.textContent).join("");
        if (text && text !== watched.drawn.at(-1)?.[1]) watched.drawn.push([performance.now(), text]);
        requestAnimationFrame(look);
    };
    look();
}"""


def watch(page: Page, selector: str) -> None:
    """Begin to note keys and the text of what `selector` finds (" >> " leads into a shadow root)."""
    page.evaluate(_WATCH, selector)


def watched(page: Page) -> tuple[list[float], list[tuple[float, str]]]:
    """When each key was pressed (ms) and each text with when it was first seen, since `watch`."""
    found = page.evaluate("window.watched")
    return found["keys"], [tuple(one) for one in found["drawn"]]
