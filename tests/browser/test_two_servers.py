"""Two servers behind one address share a folder. One is killed in the middle of a class; lecturer and pupil
go on at the other. Their browsers are visitors of tests/bench/visitor.py: a link, and what a browser keeps."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from model.classroom import classes
from model.classroom.room import Place
from tests.bench.visitor import visiting
from tests.browser.conftest import start_app, stop
from tests.browser.one_address import in_front_of
from tests.unit.components.asgi import served
from tests.waiting import PATIENCE_S

LESSON = {"lesson": "induction", "lesson_step": "1"}
OPENED = "One two"


@pytest.fixture
def killed(server_home, tmp_path):
    """(process, address) of the server that does not live to the end."""
    env = {"OMP_NUM_THREADS": "1", "MNEMOSCOPE_HOME": str(server_home), "HF_HUB_OFFLINE": "1"}
    app, address = start_app(env=env, log=tmp_path / "log.txt")
    yield app, address
    stop(app)


def given(visitor, key: str) -> dict:
    """What a component of the visitor's page was given last."""
    return visitor.components[key][1] if key in visitor.components else {}


def role(visitor) -> str:
    return given(visitor, "class_bar").get("role", "")


def prompt(visitor) -> str:
    return given(visitor, "prompt_box")["value"]


@asynccontextmanager
async def opened(address: str, page: str, who: str, key: str, wanted: str, **link: str):
    """A browser that opens a link, says what it keeps, and is `wanted` in the class."""
    async with visiting(address, page, **link) as visitor:
        await visitor.until(lambda: given(visitor, "class_bar").get("asks"))
        await visitor.tell("class_bar", "browser", {"who": who, "key": key})
        await visitor.until(lambda: role(visitor) == wanted)
        yield visitor


async def led(address: str, app, folder) -> None:
    room, key = classes.start(folder, Place(page="tokens", prompt=OPENED, parameters={}), time.time())
    link = {"class": room.code}
    lecturers = ("tokens", "lecturer", key, "lecturer")
    async with (
        asyncio.timeout(PATIENCE_S),
        opened(address, *lecturers, prompt=OPENED, **LESSON, **link) as lecturer,
        opened(address, "", "anna", "", "follows", **link) as pupil,
    ):
        await lecturer.type([" three"], 0)
        await pupil.until(lambda: prompt(pupil) == prompt(lecturer) == f"{OPENED} three" and given(
            pupil, "lesson_bar").get("led"))
        await pupil.tell("lesson_bar", "act", {"what": "pick", "option": 1, "step": 1})
        await lecturer.until(lambda: given(lecturer, "lesson_bar")["counts"][1:2] == [1])
        there = {name: text for name, text in given(lecturer, "prompt_box")["address"].items() if text}
        app.kill()
        app.wait()
    async with (
        asyncio.timeout(PATIENCE_S),
        opened(address, "", "anna", "", "follows", **link) as pupil,
    ):
        await pupil.until(lambda: prompt(pupil) == f"{OPENED} three")  # nobody leads: the file says it
        async with opened(address, *lecturers, **there | {"prompt": f"{OPENED} three"}) as lecturer:
            await lecturer.until(lambda: given(lecturer, "lesson_bar").get("counts", [])[1:2] == [1])  # anna's
            await lecturer.type([" four"], 0)
            await pupil.until(lambda: prompt(pupil) == f"{OPENED} three four")
            await lecturer.until(lambda: given(lecturer, "class_bar")["n"] == 1)
            assert not lecturer.errors and not pupil.errors


def test_one_of_two_servers_is_killed_and_the_class_goes_on(server, server_home, killed):
    app, address = killed

    async def both():
        async with in_front_of([address, server]) as common:
            await led(common, app, server_home / "classes")

    served(both())
