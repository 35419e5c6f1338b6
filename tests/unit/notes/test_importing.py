"""Files as they come: what can be read is read whole, everything else is one sentence."""

import io

import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from model.notes import importing
from model.notes.note import Draft, NotesError


def read(name, content):
    """(what was imported, the steps told)."""
    steps, reading = [], importing.read(name, content)
    try:
        while True:
            steps.append(next(reading))
    except StopIteration as end:
        return end.value, steps


def pdf(*pages, password=None) -> bytes:
    """A PDF whose pages say these words; "" is a page without text."""
    writer = pypdf.PdfWriter()
    font = DictionaryObject({
        NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
        NameObject("/BaseFont"): NameObject("/Helvetica"),
    })
    for words in pages:
        page = writer.add_blank_page(300, 300)
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({words}) Tj ET".encode() if words else b"")
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("content", [
    "Zeile eins\r\nzwei é 🧠".encode(), "\ufeffZeile eins\nzwei é 🧠".encode(),
    "Zeile eins\nzwei é 🧠".encode("utf-16"),
])
def test_text_and_markdown_as_they_are(content):
    found, steps = read("my file.md", content)
    assert found.drafts == [Draft("my file", "Zeile eins\nzwei é 🧠", "my file.md")]
    assert found.odd == "" and [(s.done, s.total) for s in steps] == [(1, 1)]


def test_a_pdf_page_by_page():
    found, steps = read("b.pdf", pdf("I live in New York.", "", "My cat is old."))
    (draft,) = found.drafts
    assert draft.text.split("\f") == ["I live in New York.", "", "My cat is old."]
    assert draft.title == "b" and draft.source == "b.pdf"
    assert found.odd == "“b.pdf”: 1 of 3 pages hold no text."
    assert [(s.done, s.total) for s in steps] == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("name, content, words", [
    ("x.txt", b"", "empty file"),
    ("x.txt", b"  \n ", "empty file"),
    ("x.txt", b"caf\xe9", "no UTF-8 text .the first at byte 3"),
    ("x.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "no UTF-8 text"),
    ("x.bin", bytes(range(32)) * 9, "control characters"),
    ("x.txt", b"abc\0def", "control characters"),
    ("x.pdf", b"%PDF-1.4 and then nothing", "at page 1 .*may be damaged"),
    ("x.json", b'{"mnemoscope_notes": 1, "notes": [{"title": "a"}]}', "export them again"),
    ("x.json", b'{"mnemoscope_notes": 1, "notes": [', "export them again"),
    ("x.json", b'{"mnemoscope_notes": 1, "notes": [{"title": 1, "text": "b", "source": ""}]}',
     "export them again"),
])
def test_what_cannot_be_read_is_one_sentence(name, content, words):
    with pytest.raises(NotesError, match=words) as error:
        read(name, content)
    assert str(error.value).startswith(f"“{name}”: ") and "\n" not in str(error.value)


def test_a_pdf_without_text_and_a_locked_one():
    with pytest.raises(NotesError, match="no text on its 2 pages"):
        read("scan.pdf", pdf("", ""))
    with pytest.raises(NotesError, match="locked with a password"):
        read("locked.pdf", pdf("secret", password="x"))


def test_a_cut_off_pdf_never_gives_half_a_note():
    whole = pdf("I live in New York.", "My cat is old.")
    for n in range(8, len(whole), 97):
        try:
            found, _ = read("x.pdf", whole[:n])
        except NotesError:
            continue
        assert found.drafts[0].text.startswith("I live in New York.\fMy cat")


def test_a_file_beyond_the_limit(monkeypatch):
    monkeypatch.setattr(importing, "MOST_BYTES", 10)
    with pytest.raises(NotesError, match="split the file"):
        read("x.txt", b"12345678901")


def test_markdown_is_kept_without_its_marks():
    text = "# My *dog*\n\nHe is called **Rex**\nand lives in [Rome](http://x).\n\n- one\n- `two`\n"
    (draft,) = read("dog.md", text.encode())[0].drafts
    assert draft.text.split("\n") == [
        "My dog", "He is called Rex", "and lives in Rome.", "one", "two"]
    (draft,) = read("dog.txt", b"He is **Rex**.")[0].drafts
    assert draft.text == "He is **Rex**."


def tree(kids: str, count: int, more: str = "") -> bytes:
    """A PDF whose page tree has these kids; object 3 is a page, `more` other objects."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>",
               f"<< /Type /Pages /Count {count} /Kids [{kids}] >>",
               "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>", *more.splitlines()]
    out, starts = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        starts.append(len(out))
        out += f"{number} 0 obj\n{one}\nendobj\n".encode()
    table = "".join(f"{start:010d} 00000 n \n" for start in starts)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n"
    end += f"<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + end.encode()


LISTS = "\n".join(f"<< /Type /Pages /Kids [{f'{n + 1} 0 R ' * 10}] >>" for n in range(4, 30))
HUGE = {
    "one page, 100,000 times": tree("3 0 R " * 100_000, 100_000),
    "which it denies": tree("3 0 R " * 100_000, 1),
    "lists of lists, ten each": tree("4 0 R", 1, f"{LISTS}\n<< /Type /Pages /Kids [3 0 R] >>"),
    "a circle": tree("2 0 R 2 0 R", 1),
}


@pytest.mark.parametrize("which", list(HUGE))
def test_a_page_tree_without_end_is_refused_before_a_page_is_read(which, monkeypatch):
    monkeypatch.setattr(pypdf.PageObject, "extract_text", lambda page: pytest.fail("it was read"))
    with pytest.raises(NotesError, match="too many pages; at most 2,000"):
        read("big.pdf", HUGE[which])


def test_as_many_pages_as_allowed_are_read(monkeypatch):
    monkeypatch.setattr(pypdf.PageObject, "extract_text", lambda page: "words")
    most = importing.MOST_PAGES
    assert len(read("b.pdf", tree("3 0 R " * most, most))[1]) == most
    with pytest.raises(NotesError, match="too many pages"):
        read("b.pdf", tree("3 0 R " * (most + 1), most + 1))
