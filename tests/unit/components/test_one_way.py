"""There is one way from a page to a model, and one store for what runs made: read from the sources."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[3]
LOCKS = {"Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore", "ThreadPoolExecutor"}
LOCKED = {  # round no run of a model
    "components/frame/model_picker.py": "one model is loaded at a time",
    "components/recall/jobs.py": "one measurement begins at a time",
    "components/frame/leaving.py": "freed memory is given back once for all who left together",
    "components/frame/turnstile.py": "one script at a time draws",
}
LIVES_WITH_THE_SERVER = {  # no result of a run: the engine itself, models, downloads, files shipped,
    # who is here, and who listens to a class
    ("components/frame/results.py", "engine"),
    ("components/frame/turnstile.py", "_turnstile"),
    ("components/frame/leaving.py", "_seat"),
    ("components/frame/leaving.py", "_register"),
    ("components/frame/calling.py", "_classes"),
    ("components/frame/shell.py", "warm_up"),
    ("components/frame/model_picker.py", "_load_embedded"),
    ("components/frame/model_picker.py", "_shelf"),
    ("components/frame/model_picker.py", "_downloads"),
    ("components/frame/memory_weights.py", "_ready"),
    ("components/notes/run.py", "_sentence_model"),
    ("components/recall/jobs.py", "_latest"),
    ("components/recall/jobs.py", "_lock"),
    ("components/training/run.py", "_shipped"),
}
ASKS_THE_ENGINE = {"components/frame/results.py", "components/recall/jobs.py"}


def sources():
    """Path from the root -> syntax tree, of every file of components and pages."""
    paths = [*ROOT.glob("components/**/*.py"), *ROOT.glob("pages/*.py")]
    assert len(paths) > 100
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in paths}


def names(tree) -> set[str]:
    """Every attribute and name that a file uses."""
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return used | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def cached(tree):
    """Names of functions whose results Streamlit keeps."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            if any("cache_resource" in mark or "cache_data" in mark for mark in marks):
                yield node.name


def test_no_lock_stands_round_a_model():
    found = {path for path, tree in sources().items() if names(tree) & LOCKS}
    assert found == set(LOCKED)


def test_streamlit_keeps_nothing_that_a_run_made():
    found = {(path, name) for path, tree in sources().items() for name in cached(tree)}
    assert found == LIVES_WITH_THE_SERVER


def test_only_two_files_ask_the_engine():
    """What a page wants goes through results.py; a measurement, which no page waits for, directly."""
    found = {path for path, tree in sources().items() if "submit" in names(tree)}
    assert found == ASKS_THE_ENGINE
