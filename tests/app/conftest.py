"""Every test of a page begins with a server that nobody uses, whatever ran in this process before.

What else lives as long as the process (st.cache_resource) is kept under the model's fingerprint
and the inputs, so that a test finds it only where it would have been computed the same.
"""

import pytest

from components.frame import model_picker


@pytest.fixture(autouse=True)
def nobody_was_here(tmp_path, monkeypatch):
    """No models on the shelf, no seats held, no saved sessions, no model named by the shell."""
    model_picker._shelf.clear()
    monkeypatch.delenv("MNEMOSCOPE_MODEL", raising=False)
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path / "home"))
