"""The attention page's parts in Chromium: where they are, how they are clicked."""

import re

from playwright.sync_api import expect

PROMPT = "blue seven lamp river stone blue seven lamp river stone blue seven"
LEGEND = 62  # pixels under the cells of a map


def box(page):
    return page.locator(".st-key-prompt_box textarea")


def grid(page):
    return page.locator(".st-key-grid canvas")


def head_map(page):
    return page.locator(".st-key-map canvas")


def pixels(page) -> str:
    """The map as it is drawn now."""
    return head_map(page).evaluate("canvas => canvas.toDataURL()")


def reading(page):
    return page.locator(".st-key-map .reading")


def tile_pitch(page, n_layers: int = 6) -> float:
    """Pixels from a tile to the next; above them the grid leaves 44 for the heads' numbers."""
    return (grid(page).bounding_box()["height"] - 44) / n_layers


def map_side(page) -> float:
    """Pixels that the cells of a map take; 100 are left above."""
    return head_map(page).bounding_box()["height"] - 100 - LEGEND


def click_tile(page, layer: int, head: int):
    """Click the middle of a tile; the grid leaves 40 pixels for layers and 44 for heads."""
    at_rest(page, "grid")
    pitch = tile_pitch(page)
    grid(page).click(position={"x": 40 + (head + 0.5) * pitch, "y": 44 + (layer + 0.5) * pitch})


def at_rest(page, *keys: str) -> None:
    """Wait until pictures no longer follow the page above them: "grid" and "map", or those named."""
    for key in keys or ("grid", "map"):
        expect(page.locator(f".st-key-{key} .picture")).to_have_attribute("data-rest", "")


def n_tokens(page) -> int:
    return int(re.search(r"(\d+) tokens", head_map(page).get_attribute("aria-label"))[1])


def click_cell(page, query: int, key: int):
    """Click the middle of a cell; 126 pixels are left for queries, 100 for keys."""
    at_rest(page, "map")
    side = map_side(page) / n_tokens(page)
    head_map(page).click(position={"x": 126 + (key + 0.5) * side, "y": 100 + (query + 0.5) * side})


def end(picture, unused: int = 0) -> float:
    """Where a canvas without its lowest `unused` pixels ends in the window."""
    box = picture.bounding_box()
    return box["y"] + box["height"] - unused
