"""Every test of a page begins with a server that nobody uses, whatever ran in this process before.

What else lives as long as the process (st.cache_resource) is kept under the model's fingerprint
and the inputs, so that a test finds it only where it would have been computed the same.
"""

import gc
from functools import cache

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.context import ContextProxy
from streamlit.runtime.scriptrunner import get_script_run_ctx

from components.frame import model_picker, whose
from model.loading import checkpoint
from model.run import turn


@pytest.fixture(autouse=True)
def nobody_was_here(tmp_path, monkeypatch):
    """No models on the shelf, no seats held, nothing saved, no model named by the shell; whoever comes
    is the owner (test_whose.py has the others)."""
    model_picker._shelf.clear()
    monkeypatch.delenv("MNEMOSCOPE_MODEL", raising=False)
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session", autouse=True)
def the_owner_is_here():
    """Pages that a module's tests share are opened before a test's own fixtures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whose, "is_owner", lambda: True)
        patch.setattr(ContextProxy, "cookies", {})
        yield


@pytest.fixture(scope="session", autouse=True)
def packages_are_searched_once():
    """Every AppTest searches all installed packages for components; that is two thirds of what
    opening a page costs, and always finds the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests",
                      cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session", autouse=True)
def old_objects_are_walked_once():
    """Every model that is put on the shelf lets Python's collector walk all objects of this process,
    0.3 s of the 0.5 s that opening a page costs; here only the first does. Later ones walk what was
    made since, so that models of earlier tests are freed as before."""
    settle = checkpoint.settle
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "settle", lambda: gc.collect() if gc.get_freeze_count() else settle())
        yield


@pytest.fixture(autouse=True)
def only_the_engine_runs_models(monkeypatch):
    """A script that runs a layer itself, past the engine, fails its page."""
    give_way = turn.give_way

    def checked():
        by_itself = get_script_run_ctx(suppress_warning=True) is not None and not turn.is_open()
        assert not by_itself, "a script ran a model itself; ask for it through frame.results"
        give_way()

    monkeypatch.setattr(turn, "give_way", checked)
