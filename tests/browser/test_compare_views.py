"""Compare's Patch, Paths and Models, Memory's Interventions and the switch to a prompt B, in Chromium: a
click or a key changes what is shown, and the numbers on the page follow."""

import re

from playwright.sync_api import expect

from tests.browser.cell_grid import click_cell, grid
from tests.browser.conftest import eventually, parameters, settled

BLUE = {"prompt": "the blue ship of Henry saw the blue", "other_prompt": "the red ship of Henry saw the blue"}
TOLD = "eNqLjlbyrVTIS8xNVcgsVvAC0sUKIRmp-UWVegqeCjmZZUDxPAW_1HKFyPyibD0lnera2FgA2awRog"  # James Theory, New York
ASK = "Where do I live? I live in"


def shares(page) -> list[str]:
    """The large numbers of the fact strips."""
    return page.locator("div[style*='1.55em']").all_inner_texts()


def test_a_patch_with_memory_brings_what_memory_said(open_page):
    page = open_page("compare", compare="patch", patch_runs="into", prompt=ASK)
    grid(page, "patch_grid").wait_for()
    settled(page)
    eventually(page, lambda: any("New" in fact for fact in shares(page)))
    before = shares(page)
    click_cell(page, "patch_grid", 0, 1)
    eventually(page, lambda: parameters(page).get("patched") == "0.1")
    eventually(page, lambda: shares(page) != before and not shares(page)[-1].endswith("New"))
    page.get_by_text("Probability", exact=True).click()
    eventually(page, lambda: parameters(page).get("patch_metric") == "probability")
    expect(page.get_by_text("probability;")).to_be_visible()


def test_another_receiver_has_another_share_and_reads_other_tokens(open_page):
    page = open_page("compare", compare="paths", **BLUE)
    heading = page.locator("p", has_text="this path alone recovers")
    expect(heading).to_contain_text("layer 2 head 5")
    settled(page)
    before = heading.inner_text().split()[-1]
    click_cell(page, "path_receivers", 1, 0)
    expect(heading).to_contain_text("layer 3 head 0")
    eventually(page, lambda: heading.inner_text().split()[-1] != before)
    expect(page.locator("p", has_text="What head 3.0 reads")).to_be_visible()
    grid(page, "path_reads").press("ArrowUp")
    eventually(page, lambda: "path_read" in parameters(page))


def test_what_memory_changes_inside_is_shown_token_by_token(open_page):
    page = open_page("compare", compare="models", prompt=ASK)
    expect(page.locator("p", has_text="What follows")).to_contain_text("7 ·in")
    settled(page)
    eventually(page, lambda: "·New" in " ".join(shares(page)))
    click_cell(page, "models_grid", 12, 0)
    expect(page.locator("p", has_text="What follows")).to_contain_text("0 Where")
    eventually(page, lambda: "·New" not in " ".join(shares(page)))


def test_an_intervention_changes_the_next_token(open_page):
    page = open_page("memory", prompt=ASK, memory_told=TOLD, memory_view="interventions")
    grid(page, "left_grid").wait_for()
    settled(page)
    eventually(page, lambda: any(
        fact.startswith("·New →") for fact in shares(page)))  # the read of New is cut
    grid(page, "left_grid").press("ArrowUp")
    eventually(page, lambda: "·New → ·New" in shares(page))
    eventually(page, lambda: parameters(page).get("memory_token") == "1.10")


def test_a_prompt_b_follows_each_key_on_another_page(open_page):
    page = open_page("attention", view="One head", **BLUE)
    page.get_by_text("Compare with a prompt B").click()
    expect(grid(page, "map_b")).to_be_visible()
    box = page.get_by_role("textbox", name="Prompt B")
    box.press("End")
    box.press_sequentially(" ship", delay=20)
    expect(grid(page, "map_b")).to_have_attribute("aria-label", re.compile("Attention map of B, 9 tokens"))
    eventually(page, lambda: parameters(page)["other_prompt"].endswith("blue ship"))
    assert parameters(page)["beside"] == "1"
