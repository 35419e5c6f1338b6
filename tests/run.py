"""Set up everything the tests need, and run all of them: python3 tests/run.py [--fast] [pytest arguments]

Makes a virtual environment in .venv, installs tests/requirements.txt into it, and Chromium where
this machine has none and lets us install it. Ruff's rules, those of imports (pyproject.toml), oxlint's
for JavaScript (.oxlintrc.json) and the types of model/ (mypy, pyproject.toml) are checked first; where
mypy runs for the first time, beside the tests. Needs Python 3.11 or newer and nothing else.

--fast leaves out the tests of pages and those marked `slow`: it needs no Chromium, and no network
once the environment is made.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENV = ROOT / ".venv"
PYTHON = ENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
WANTED = (ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt")
KEPT = ENV / "installed.txt"  # WANTED, as it was when pip last installed it

# Without a window the shell draws the same pages with a quarter less work (measured).
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")

# A browser that waited in vain on a busy machine may try once more; a wrong value may not.
WAITED = ("Timeout", "Locator expected", "Page URL expected", "did not come about")
REPEAT = ["--reruns", "1", *(f"--only-rerun={words}" for words in WAITED)]

FAST = ["tests/unit", "-m", "not slow"]

LINTERS = (("ruff", "check", "."), ("lint-imports", "--no-cache"), ("oxlint", "components"))
TYPES = "mypy"  # keeps what it found in .mypy_cache, so only its first run takes long


def main(arguments: list[str]) -> int:
    """The exit code of the first linter that finds something, else of pytest, else of mypy; 1 with
    one line when the tests cannot run here."""
    if sys.version_info < (3, 11):  # noqa: UP036 (whoever starts this may have an older one)
        return fail(f"wanted Python 3.11 or newer, found {sys.version.split()[0]}")
    fast = "--fast" in arguments
    if not fast and not chromium():
        return fail("wanted Chromium for the browser tests; install it (Debian: apt-get install chromium)")
    try:
        if not PYTHON.exists():
            venv.create(ENV, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        return fail(f"could not make {ENV} ({problem}); install Python's venv (Debian: python3-venv)")
    if not installed():
        return fail("pip could not install tests/requirements.txt; its message is above")
    mypy = [PYTHON.with_name(TYPES)]
    with subprocess.Popen(mypy, cwd=ROOT, stdout=subprocess.PIPE, text=True) as types:
        code = linted() or types.poll() or tested(arguments)
        print(types.communicate()[0], end="")
    return code or types.returncode


def installed() -> bool:
    """Whether the environment holds what is wanted, after pip installed it; pip is not asked again
    before another version is wanted."""
    wanted = "".join(file.read_text() for file in WANTED)
    if KEPT.exists() and KEPT.read_text() == wanted:
        return True
    quick = ["-q", "--disable-pip-version-check", "--no-compile"]  # tests import few of the modules
    install = [PYTHON, "-m", "pip", "install", *quick, "-r", WANTED[-1]]
    if subprocess.run(install, check=False).returncode:
        return False
    KEPT.write_text(wanted)
    return True


def linted() -> int:
    """The exit code of the first linter that finds something, else 0."""
    runs = ([PYTHON.with_name(tool), *options] for tool, *options in LINTERS)
    codes = (subprocess.run(command, cwd=ROOT, check=False).returncode for command in runs)
    return next(filter(None, codes), 0)


def tested(arguments: list[str]) -> int:
    """The exit code of pytest."""
    env = os.environ | {"OMP_NUM_THREADS": "1"}  # three processes: while a browser waits, others work
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # or every process and server compiles every file anew
    # app and browser files, which are long, come before the many short unit tests (tests/conftest.py)
    spread = ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"]
    chosen = [*(FAST if "--fast" in arguments else []), *(given for given in arguments if given != "--fast")]
    command = [PYTHON, "-m", "pytest", *spread, *REPEAT, *chosen]
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def chromium() -> bool:
    """Whether Chromium is here, after trying to install it on Debian and its kin."""
    if not found() and shutil.which("apt-get"):
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        if not root or shutil.which("sudo"):
            quiet = {"env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
            subprocess.run([*root, "apt-get", "update", "-qq"], check=False, **quiet)
            for package in BROWSERS[:2]:  # the second where a distribution lacks the first
                install = [*root, "apt-get", "install", "-y", "-qq", package]
                if subprocess.run(install, check=False, **quiet).returncode == 0:
                    break
    return found() is not None


def found() -> str | None:
    """The path of the lightest Chromium on this machine."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def fail(why: str) -> int:
    """One line on stderr."""
    print(f"tests/run.py: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
