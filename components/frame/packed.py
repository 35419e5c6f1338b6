"""Texts made short for an address: compressed, in letters that an address takes as they are.

Knows nothing of what the texts say.
"""

import base64
import binascii
import zlib

MOST = 200_000  # bytes that a link may unfold to; a few bytes of a link could ask for gigabytes


def packed(text: str) -> str:
    """A text in letters, digits, - and _."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).rstrip(b"=").decode()


def unpacked(said: str) -> str:
    """packed's inverse. Raises ValueError for what it did not make, and for more than MOST bytes."""
    try:
        data = base64.b64decode(said + "=" * (-len(said) % 4), altchars=b"-_", validate=True)
        unfolding = zlib.decompressobj()
        text = unfolding.decompress(data, MOST)
        if not unfolding.eof:
            raise ValueError(f"It ends early, or unfolds to more than {MOST:,} bytes.")
        return text.decode()
    except (binascii.Error, zlib.error, UnicodeError) as problem:
        raise ValueError(f"It was not made by this program: {problem}.") from problem
