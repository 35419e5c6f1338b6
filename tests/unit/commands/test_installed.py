"""What `pip install .` gives: every file of the app, and the `mnemoscope` command."""

import configparser
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import pytest

from components.frame import command
from model.__main__ import _parser
from model.commands.opening import opened
from model.disk import called
from model.memory.salience import learned_gate
from tests.waiting import until

ROOT = Path(__file__).parents[3]
APP = str(ROOT / "app.py")
SHIPPED = ("app.py", "pages/", "components/", "model/", ".streamlit/")
NO_GATE = SimpleNamespace(gate=None)
RUN_BY_ENTRY_POINT = "import sys; from mnemoscope.components.frame.command import main; sys.exit(main())"


def tracked() -> list[str]:
    """The files that git knows here; where it does not answer, all but what is made."""
    if shutil.which("git") and (ROOT / ".git").exists():
        asked = ["git", "ls-files", "-z"]
        listed = subprocess.run(asked, cwd=ROOT, capture_output=True, check=False)
        if listed.returncode == 0:
            return [name for name in listed.stdout.decode().split("\0") if (ROOT / name).is_file()]
    rooms = (ROOT / "components", ROOT / "model", ROOT / "pages", ROOT / ".streamlit")
    found = [path for room in rooms for path in room.rglob("*") if path.is_file()]
    names = [*found, *(path for path in ROOT.iterdir() if path.is_file())]
    return [path.relative_to(ROOT).as_posix() for path in names if "__pycache__" not in path.parts]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that nothing is left in the checkout; without a network."""
    place = tmp_path_factory.mktemp("wheel")
    for name in tracked():
        if not name.startswith("tests/"):
            (place / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / "source" / name)
    made = place / "source" / "components" / "__pycache__" / "old.pyc"
    made.parent.mkdir()
    made.write_bytes(b"of another Python")
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index",
         "--wheel-dir", str(place), str(place / "source")],
        capture_output=True, text=True, check=False,
    )
    assert built.returncode == 0, built.stderr
    return next(place.glob("mnemoscope-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder that holds the wheel's files, as site-packages does."""
    place = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(place)
    return place


def run_installed(installed, away, *words):
    """`mnemoscope WORDS` in the folder `away`, to its end."""
    return subprocess.run(**call(installed, away, *words), capture_output=True, text=True,
                          encoding="utf-8", check=False)


def call(installed, away, *words) -> dict:
    """How to start `mnemoscope WORDS` in the folder `away`, where other files have our names."""
    for name in ("app.py", "model.py", "components.py"):
        (away / name).write_text("raise SystemExit('the wrong file')")
    paths = [str(installed), *(path for path in sys.path if path and Path(path) != ROOT)]
    told = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}
    told |= {"MNEMOSCOPE_HOME": str(away / "home"), "PYTHONUTF8": "1"}
    return {"args": [sys.executable, "-c", RUN_BY_ENTRY_POINT, *words], "cwd": away, "env": told}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def health(port: int) -> bytes:
    """What the server says when asked for its health; nothing before it listens."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=60) as answer:
            return answer.read()
    except OSError:
        return b""


@pytest.mark.slow
def test_the_command_starts_the_app_from_any_folder(installed, tmp_path):
    port, log = free_port(), tmp_path / "log"
    words = ["--port", str(port), "--present", "--server.headless", "true"]
    with log.open("w") as out:
        app = subprocess.Popen(**call(installed, tmp_path, *words), stdout=out, stderr=out)
    try:
        until(lambda: app.poll() is not None or health(port) == b"ok")
        assert app.poll() is None, log.read_text("utf-8")
        key = (tmp_path / "home" / "owner.key").read_text("utf-8").strip()
        link = f"http://localhost:{port}/?owner={key}&present=1"
        until(lambda: link in log.read_text("utf-8"))
    finally:
        app.kill()
        app.wait()


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_app_and_nothing_else(installed):
    held = {path.relative_to(installed / "mnemoscope").as_posix(): path
            for path in (installed / "mnemoscope").rglob("*")
            if path.is_file() and path.parent.name != "__pycache__"}  # written by whoever ran it
    shipped = {name for name in tracked() if name.startswith(SHIPPED)}
    assert set(held) == shipped
    assert {"model/embedded/model.safetensors", ".streamlit/config.toml", "app.py",
            "pages/lessons/01_tokens.md", "components/kit/grid.js"} <= shipped
    for name, path in held.items():
        assert path.read_bytes() == (ROOT / name).read_bytes(), name
    loose = {path.name for path in installed.iterdir()} - {"mnemoscope"}
    assert all(name.endswith(".dist-info") for name in loose)


@pytest.mark.slow
def test_the_wheel_asks_for_what_was_tested_together(installed):
    (about,) = installed.glob("*.dist-info")
    metadata = (about / "METADATA").read_text("utf-8")
    wanted = [line.partition(": ")[2] for line in metadata.splitlines()
              if line.startswith("Requires-Dist: ")]
    asked = [one for one in wanted if "extra ==" not in one]
    assert [one for one in wanted if one not in asked] == ['ray>=2.50; extra == "ray"']
    pinned = [line.partition("#")[0].strip() for line in
              (ROOT / "requirements.txt").read_text("utf-8").splitlines()]
    assert [one.lower() for one in asked] == [one.lower() for one in pinned if one]
    for version in ("3.11", "3.12", "3.13", "3.14"):
        assert f"Classifier: Programming Language :: Python :: {version}\n" in metadata
    entry = configparser.ConfigParser()
    entry.read(about / "entry_points.txt")
    assert entry["console_scripts"]["mnemoscope"] == "mnemoscope.components.frame.command:main"


@pytest.mark.slow
def test_a_subcommand_runs_from_any_folder(installed, tmp_path):
    anatomy = run_installed(installed, tmp_path, "anatomy", "--json")
    assert anatomy.returncode == 0, anatomy.stderr
    assert str(installed) in anatomy.stdout and str(ROOT) + os.sep not in anatomy.stdout
    wrong = run_installed(installed, tmp_path, "generat")
    assert wrong.returncode == 2 and "invalid choice: 'generat'" in wrong.stderr
    bench = run_installed(installed, tmp_path, "bench")
    assert bench.returncode == 2
    assert bench.stderr == ("mnemoscope: an installed copy has no measurements. Take the source, and "
                            "in its folder run python -m model bench\n")


@pytest.mark.slow
def test_options_that_nobody_knows_end_with_a_sentence(installed, tmp_path):
    asked = run_installed(installed, tmp_path, "--help")
    assert asked.returncode == 0 and "--share-token" in asked.stdout and asked.stdout.isascii()
    port = run_installed(installed, tmp_path, "--port", "99999")
    assert port.returncode == 2 and "give a number from 1 to 65535" in port.stderr
    other = run_installed(installed, tmp_path, "--nope")
    assert other.returncode == 2 and "--nope" in other.stderr


@pytest.mark.parametrize(
    "words, streamlits, apps",
    [
        ([], [], []),
        (["--model", "gpt2"], [], ["--model", "gpt2"]),
        (["--model=gpt2", "--present"], [], ["--model", "gpt2", "--present"]),
        (["--lessons", "my lessons", "--share-token", "--port", "8600"], ["--server.port", "8600"],
         ["--lessons", "my lessons", "--share-token"]),
        (["--visitors", "40", "--uploads-mb=9"], [], ["--visitors", "40", "--uploads-mb", "9"]),
        (["--server.address", "0.0.0.0", "--model", "gpt2", "--server.headless=true"],
         ["--server.address", "0.0.0.0", "--server.headless=true"], ["--model", "gpt2"]),
    ],
)
def test_each_option_goes_to_who_reads_it(words, streamlits, apps):
    assert command.for_streamlit(words) == ["run", APP, *streamlits, "--", *apps]


@pytest.mark.parametrize("words", [["--port", "0"], ["--port", "65536"], ["--port", "٣"], ["--model"], ["--visitors", "0"]])
def test_an_option_without_its_value_starts_nothing(words, capsys):
    with pytest.raises(SystemExit) as ended:
        command.for_streamlit(words)
    assert ended.value.code == 2 and "mnemoscope: error: argument" in capsys.readouterr().err


def test_the_first_word_decides_between_the_app_and_a_command(monkeypatch):
    started = []
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(command, "_run_app", lambda words: started.append(words) or 0)
    monkeypatch.setattr("model.__main__.main", lambda words: started.append((called.command(), words)) or 7)
    monkeypatch.setenv(called.TYPED, "python -m model")
    assert command.main(["--model", "gpt2"]) == 0
    assert command.main(["generate", "--model", "gpt2"]) == 7
    assert started == [["run", APP, "--", "--model", "gpt2"],
                       ("mnemoscope", ["generate", "--model", "gpt2"])]
    assert _parser().format_usage().startswith("usage: mnemoscope ")
    with pytest.raises(ValueError, match="or train: mnemoscope train memory$"):
        learned_gate(NO_GATE)
    monkeypatch.delenv(called.TYPED)
    assert _parser().format_usage().startswith("usage: python -m model ")
    with pytest.raises(ValueError, match="or train: python -m model train memory$"):
        learned_gate(NO_GATE)


def test_a_note_about_the_weights_begins_with_the_command_that_was_typed(monkeypatch, capsys):
    odd = SimpleNamespace(warnings=("The matrices are transposed.",))
    monkeypatch.setattr("model.loading.checkpoint.load", lambda name: odd)
    monkeypatch.setenv(called.TYPED, "mnemoscope")
    assert opened("nano") is odd
    assert capsys.readouterr().err == "mnemoscope: note: The matrices are transposed.\n"
