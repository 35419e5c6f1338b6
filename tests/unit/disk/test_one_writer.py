"""Two processes that would go on with one file: the second is refused, and nothing is left lying."""

import pytest

from model.__main__ import main
from model.disk.one_writer import alone


def test_a_file_has_one_writer_at_a_time(tmp_path):
    path = tmp_path / "new" / "a.json"
    for _ in range(2):
        with alone(path), pytest.raises(ValueError, match="writes .*a.json just now. Wait"), alone(path):
            pass
        assert not list(path.parent.iterdir())
    with alone(path), pytest.raises(ValueError, match="^busy$"), alone(path, "busy"):
        pass


@pytest.mark.parametrize("command, file", [
    (["probe", "--curve", "distance", "--n", "1"], "a.jsonl"), (["probe", "--scoreboard", "--n", "1"], "a.json"),
    (["recall", "headline", "--n", "1", "--variants", "am", "--only", "next"], "a.json"),
    (["recall", "curves", "--n", "1", "--only", "facts"], "recall_curves.json"),
])
def test_a_measurement_that_goes_on_elsewhere_is_not_counted_twice(tmp_path, capsys, command, file):
    out = tmp_path if command[1] == "curves" else tmp_path / file
    with alone(tmp_path / file):
        assert main([*command, "--out", str(out)]) == 2
    assert "Another process writes" in capsys.readouterr().err and not list(tmp_path.iterdir())
