"""Training in Chromium: curves grow under one's eyes, and go on without browser and server."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from model.training import jobs
from model.training.jobs import Request
from tests.browser.conftest import settled, start_app, stop
from tests.conftest import byte_tokenizer, random_gpt2

FAKE = (sys.executable, str(Path(__file__).parents[1] / "fake_trainer.py"))
LONG = 120_000  # ms; torch is loaded by a new process of low priority


class House:
    """A server with a home of its own, which may die; its start model is a tiny one."""

    def __init__(self, folder: Path):
        self.folder, self.base = folder, folder / "base"
        random_gpt2(n_layer=2, n_positions=1024).save_pretrained(self.base)
        byte_tokenizer().save_pretrained(self.base)
        self.open()

    def open(self) -> None:
        env = {"OMP_NUM_THREADS": "1", "MNEMOSCOPE_HOME": str(self.folder / "home"),
               "HF_HUB_OFFLINE": "1", "MNEMOSCOPE_MODEL": str(self.base)}
        self.app, self.address = start_app(env=env, log=self.folder / "log.txt")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("training"))
    yield house
    stop(house.app)


@pytest.fixture(autouse=True)
def at_home(house, monkeypatch):
    """Jobs of this process lie where the server looks for them; nothing is left at work."""
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(house.folder / "home"))
    yield
    for job in jobs.all_jobs():
        jobs.delete(job)


@pytest.fixture
def watched(page, outside):
    """A page whose errors count; nothing is asked from outside."""
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_viewport_size({"width": 1400, "height": 1100})
    page.set_default_timeout(LONG)
    yield page
    assert not errors and not outside


def until(condition):
    end = time.monotonic() + LONG / 1000
    while not (answer := condition()):
        assert time.monotonic() < end, "this did not come about"
        time.sleep(0.05)
    return answer


def chart(page):
    """The recall chart; while a page is drawn anew the old one may still stand before it."""
    return page.locator(".st-key-training_recall .js-plotly-plot").last


def points(page) -> int:
    """How many points the GPT-2 + EDM curve has on the screen."""
    return page.evaluate(
        "() => (document.querySelector('.st-key-training_recall .js-plotly-plot')?.data || [])"
        ".filter(line => line.name === 'GPT-2 + EDM').map(line => line.x.length)[0] || 0"
    )


def press(page, key: str) -> None:
    page.locator(f".st-key-{key} button").click(delay=100)


def test_curves_grow_and_nothing_jumps(watched, house, monkeypatch, shots):
    monkeypatch.setattr(jobs, "TRAINER", FAKE)
    job = jobs.start(Request(str(house.base), "gpt2+edm", 5_000, seed=2))
    until(lambda: jobs.look(job).points)
    watched.goto(f"{house.address}/training")
    expect(chart(watched)).to_be_visible(timeout=LONG)
    before = until(lambda: points(watched))
    box = until(lambda: chart(watched).bounding_box())  # between two drawings there is none
    until(lambda: points(watched) > before)
    until(lambda: points(watched) > before + 1)
    assert until(lambda: chart(watched).bounding_box()) == box
    press(watched, "training_pause")
    expect(watched.get_by_text("It waits, after step")).to_be_visible(timeout=LONG)
    watched.screenshot(path=shots / "training-paused.png")
    press(watched, "training_go_on")
    expect(watched.get_by_text("It goes on when this browser")).to_be_visible(timeout=LONG)
    press(watched, "training_stop")
    expect(watched.get_by_text("what it had learned is kept")).to_be_visible(timeout=LONG)
    expect(watched.locator(".st-key-training_use button")).to_be_visible(timeout=LONG)
    assert jobs.look(job).state == "stopped"


def test_the_trainer_outlives_browser_and_server_and_its_own_death_is_told(watched, house, shots):
    watched.goto(f"{house.address}/training?training_view=new")
    settled(watched)
    watched.get_by_text("GPT-2 + EDM").click(delay=100)
    settled(watched)
    press(watched, "training_start")
    expect(watched.locator(".st-key-training_pause")).to_be_visible(timeout=LONG)
    (job,) = jobs.all_jobs()
    assert job.request.variant == "gpt2+edm" and os.getsid(job.pid) == job.pid

    watched.goto("about:blank")
    house.app.send_signal(signal.SIGKILL)
    house.app.wait()
    n = len(until(lambda: jobs.look(job).points))
    until(lambda: len(jobs.look(job).points) > n)
    assert jobs.is_alive(job)

    house.open()
    watched.goto(f"{house.address}/training")
    until(lambda: points(watched) > n)
    os.kill(job.pid, signal.SIGKILL)
    expect(watched.get_by_text("ended from outside")).to_be_visible(timeout=LONG)
    watched.screenshot(path=shots / "training-killed.png")
    step = jobs.look(job).points[-1].step
    press(watched, "training_go_on")
    expect(watched.locator(".st-key-training_pause")).to_be_visible(timeout=LONG)
    again = until(lambda: (now := jobs.look(jobs.find(job.id))).points[-1].step > step and now)
    assert again.points[-1].step == step + 50


def test_an_episode_in_a_narrow_window(watched, house, shots):
    watched.set_viewport_size({"width": 800, "height": 1000})
    watched.goto(f"{house.address}/training?training_view=lesson")
    expect(watched.get_by_text("Why gates start closed")).to_be_visible(timeout=LONG)
    settled(watched)
    before = watched.get_by_text("prompt 1 ·").first.locator("..").inner_text()
    press(watched, "training_another")
    expect(watched.get_by_text("prompt 1 ·").first.locator("..")).not_to_have_text(before)
    assert watched.evaluate("document.documentElement.scrollWidth") <= 800
    watched.screenshot(path=shots / "training-episode.png")
