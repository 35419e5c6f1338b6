"""Training in Chromium: curves grow under one's eyes, and go on without browser and server."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from model.training import jobs
from model.training.jobs import TrainingRequest
from tests.browser.conftest import as_owner, fits, place_at_rest, settled, start_app, stop
from tests.conftest import byte_tokenizer, random_gpt2
from tests.waiting import until

FAKE = (sys.executable, str(Path(__file__).parents[1] / "fake_trainer.py"), "--step-seconds", "0.2")
# The server's trainings too: the trainer itself as a job is looked at in test_jobs_for_real.
STREAMLIT = (
    f"from model.training import jobs; jobs.TRAINER = {FAKE!r};"
    "from streamlit.web.cli import main; main()"
)


class House:
    """A server with a home of its own, which may die; its start model is a tiny one and its trainer
    a stand-in that takes its time."""

    def __init__(self, folder: Path):
        self.folder, self.base = folder, folder / "base"
        random_gpt2(n_layer=2, n_positions=1024).save_pretrained(self.base)
        byte_tokenizer().save_pretrained(self.base)
        self.open()

    def open(self) -> None:
        env = {"OMP_NUM_THREADS": "1", "MNEMOSCOPE_HOME": str(self.folder / "home"),
               "HF_HUB_OFFLINE": "1", "MNEMOSCOPE_MODEL": str(self.base)}
        self.app, self.address = start_app(
            env=env, log=self.folder / "log.txt", streamlit=("-c", STREAMLIT)
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("training"))
    yield house
    stop(house.app)


@pytest.fixture(autouse=True)
def at_home(house, monkeypatch):
    """Jobs of this process lie where the server looks for them; nothing is left at work, and the
    server lives again."""
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(house.folder / "home"))
    yield
    if house.app.poll() is not None:
        house.open()
    for job in jobs.all_jobs():
        jobs.delete(job)


@pytest.fixture
def watched(faultless, house):
    """The owner's page."""
    as_owner(faultless, house.folder / "home", house.address)
    faultless.set_viewport_size({"width": 1400, "height": 1100})
    return faultless


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
    job = jobs.start(TrainingRequest(str(house.base), "gpt2+edm", 5_000))
    until(lambda: jobs.look(job).points)
    watched.goto(f"{house.address}/training")
    expect(chart(watched)).to_be_visible()
    before = until(lambda: points(watched))
    place = place_at_rest(watched, chart(watched))
    until(lambda: points(watched) > before)
    until(lambda: points(watched) > before + 1)
    assert place_at_rest(watched, chart(watched)) == place
    press(watched, "training_pause")
    expect(watched.get_by_text("It waits, after step")).to_be_visible()
    watched.screenshot(path=shots / "training-paused.png")
    press(watched, "training_go_on")
    expect(watched.get_by_text("It continues when this browser")).to_be_visible()
    press(watched, "training_stop")
    expect(watched.get_by_text("what it learned is kept")).to_be_visible()
    expect(watched.locator(".st-key-training_use button")).to_be_visible()
    assert jobs.look(job).state == "stopped"


def test_the_trainer_outlives_browser_and_server_and_its_own_death_is_told(watched, house, shots):
    watched.goto(f"{house.address}/training?training_view=new")
    settled(watched)
    watched.get_by_text("GPT-2 + EDM").click(delay=100)
    settled(watched)
    press(watched, "training_start")
    expect(watched.locator(".st-key-training_pause")).to_be_visible()
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
    expect(watched.get_by_text("Something outside ended the trainer")).to_be_visible()
    watched.screenshot(path=shots / "training-killed.png")
    steps = [point.step for point in jobs.look(job).points]
    at = json.loads((job.folder / "training.pt").read_text())["step"]  # may miss the last one told
    assert at in (steps[-1], steps[-1] - 5)
    press(watched, "training_go_on")
    expect(watched.locator(".st-key-training_pause")).to_be_visible()
    again = until(lambda: (now := jobs.look(jobs.find(job.id))).points[-1].step > steps[-1] and now)
    assert [point.step for point in again.points][: len(steps) + 1] == [*steps, at + 5]


def test_an_episode_in_a_narrow_window(watched, house, shots):
    watched.set_viewport_size({"width": 800, "height": 1000})
    watched.goto(f"{house.address}/training?training_view=lesson")
    expect(watched.get_by_text("Why gates start closed")).to_be_visible()
    settled(watched)
    before = watched.get_by_text("prompt 1 ·").first.locator("..").inner_text()
    press(watched, "training_another")
    expect(watched.get_by_text("prompt 1 ·").first.locator("..")).not_to_have_text(before)
    fits(watched, 800)
    watched.screenshot(path=shots / "training-episode.png")
