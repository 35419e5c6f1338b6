"""A word on its way from bytes to tokens: one row of boxes after each merge. Rows in, picture out.

Between two boxes stands the rank of that pair in the list of merges; the lowest goes first.
"""

import unicodedata

from components.kit import assets, palette
from model.analysis.tokenization import MergeStep, PreToken
from model.run import tokens

_mount = assets.component(
    "tokens_staircase",
    "tokens/merge_stairs",
    '<div class="picture" tabindex="0"><div class="controls"></div>'
    '<p class="say" role="status"></p><div class="scroll"><div class="stairs"></div></div></div>',
)


def show(piece: PreToken, rows: list[MergeStep], ids: list[int], key: str) -> None:
    """One pre-token; rows as model.analysis.tokenization.rows gives them; ids: what it becomes."""
    most = rows[0].parts[-1][1]
    data = {
        "word": piece.letters[:most],
        "characters": characters(piece.raw, most),
        "hex": [f"{byte:02X}" for byte in piece.raw[:most]],
        "letters": list(piece.letters[:most]),
        "rows": [row_data(piece, row, most) for row in rows],
        "ids": ids[: len(rows[-1].parts)],
        "n_bytes": len(piece.raw),
        "n_tokens": len(ids),
        "special": piece.kind == "special",
        "colour": palette.EMBEDDING,
        "next": palette.KEY,
    }
    _mount(key=key, data=data)


def characters(raw: bytes, most: int) -> list[dict]:
    """Characters whose bytes begin before `most`: visible text, name, bytes start to end."""
    found, start = [], 0
    for char in raw[: most + 4].decode("utf-8", "ignore"):
        end = start + len(char.encode())
        if start < most:
            name = unicodedata.name(char, "no name").lower()
            title = f"U+{ord(char):04X} {name}, {end - start} byte{'s'[: end - start > 1]}"
            shown = tokens.show_bytes(char.encode())
            found.append({"text": shown, "title": title, "start": start, "end": min(end, most)})
        start = end
    return found


def row_data(piece: PreToken, row: MergeStep, most: int) -> dict:
    """A row as the browser draws it: parts cut at `most` bytes, their texts, the ranks."""
    return {
        "parts": [[a, min(b, most)] for a, b in row.parts],
        "texts": [_readable(piece, a, b) for a, b in row.parts],
        "letters": [piece.letters[a:b] for a, b in row.parts],
        "ranks": row.ranks,
        "rank": row.rank,
        "joined": row.joined,
    }


def _readable(piece: PreToken, start: int, end: int) -> str:
    """The text of a part; if its bytes are no whole characters, their stand-in letters."""
    try:
        return tokens.show_bytes(piece.raw[start:end].decode("utf-8").encode())
    except UnicodeDecodeError:
        return piece.letters[start:end]
