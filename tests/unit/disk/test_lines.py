"""JSON lines: what was appended is read again, and a torn last line is left out and written over."""

import json

import pytest

from model.disk import lines
from model.disk.whole import NotWritten


def test_records_are_read_again_in_order(tmp_path):
    path = tmp_path / "some.jsonl"
    assert lines.whole_lines(path) == []
    records = [{"a": 1}, ["ä", None], "text"]
    for record in records:
        lines.append(path, record)
    assert [json.loads(line) for line in lines.whole_lines(path)] == records
    assert "ä" in path.read_text(encoding="utf-8")


def test_a_torn_line_of_any_length_is_left_out_and_written_over(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK", 4)
    for torn in (b"", b"{", b'{"long": "' + b"x" * 50):
        path = tmp_path / f"{len(torn)}.jsonl"
        path.write_bytes(b"1\n22\n" + torn)
        assert lines.whole_lines(path) == [b"1", b"22"]
        lines.append(path, 333)
        assert path.read_bytes() == b"1\n22\n333\n"


def test_a_file_of_one_torn_line_begins_anew(tmp_path):
    path = tmp_path / "torn.jsonl"
    path.write_bytes(b'{"torn": ')
    lines.append(path, 1)
    assert path.read_bytes() == b"1\n"


@pytest.mark.parametrize("other", [b'{"mine": 1}', b"A note that I need.", b'["a", "b"]', b"1\n2\nno end"])
def test_a_last_line_of_another_program_is_never_written_over(tmp_path, other):
    path = tmp_path / "some.jsonl"
    path.write_bytes(other)
    with pytest.raises(NotWritten, match="another program"):
        lines.append(path, {"key": 1})
    assert path.read_bytes() == other
    for record in ({"key": "x" * 9}, [{"key": "x" * 9}]):
        torn = json.dumps(record).encode()[:12]
        path.write_bytes(b"1\n" + torn)
        lines.append(path, record)
        assert path.read_bytes() == b"1\n" + json.dumps(record).encode() + b"\n"


def test_what_cannot_be_written_is_said_with_a_remedy(tmp_path):
    with pytest.raises(NotWritten, match="Is a directory.*choose another place"):
        lines.append(tmp_path, {"key": 1})
