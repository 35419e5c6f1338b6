"""What scripts import first. Ten visitors of a new server run their scripts in ten threads at once;
threads that enter transformers at two places find it half made (`cannot import name 'GPT2Config' from
'transformers'`). So all begin at one module, whose lock the others wait for."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPTS = ["app.py", *(f"pages/{page.name}" for page in sorted((ROOT / "pages").glob("*.py")))]
OF_THE_SERVER = "door"  # app.py imports it where it is the server: before there are visitors


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_begins_at_the_shell(script):
    found = [one for one in ast.walk(ast.parse((ROOT / script).read_text()))
             if isinstance(one, ast.Import | ast.ImportFrom)]
    ours = [(one.lineno, one.module, [name.name for name in one.names]) for one in found
            if isinstance(one, ast.ImportFrom) and one.module.partition(".")[0] in ("components", "model")]
    assert {name.name for one in found if isinstance(one, ast.Import) for name in one.names} <= {"streamlit"}
    first = min(one for one in ours if OF_THE_SERVER not in one[2])
    assert first[1:] == ("components.frame", ["shell"]), first


@pytest.mark.parametrize("page", SCRIPTS[1:])
def test_a_page_run_without_the_frame_imports_nothing_else(page):
    """guard() ends that run; what a feature imports comes behind it."""
    lines = [line for line in (ROOT / page).read_text().splitlines()
             if line.startswith(("from components", "from model", "shell.guard()"))]
    assert lines[:2] == ["from components.frame import shell", "shell.guard()"]
