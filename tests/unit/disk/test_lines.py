"""JSON lines: what was appended is read again, and a torn last line is left out and written over."""

import json

from model.disk import lines


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
