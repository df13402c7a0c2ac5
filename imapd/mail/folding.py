# SPDX-License-Identifier: MIT
"""Text as it is compared, by SEARCH, SORT and THREAD alike: i;unicode-casemap (RFC 5051), with Unicode's case folding.

So ß and SS are the same here, too, which a map of single characters cannot say.
"""

import sys
from unicodedata import normalize

_SLICE = 1 << 16


def fold(text: str, limit: int | None = None) -> str:
    """Decomposed, then folded; no more than `limit` characters of it. One character may become eighteen."""
    if text.isascii():
        return text.lower()[:limit]
    if len(text) <= _SLICE:
        return normalize("NFKD", text).casefold()[:limit]
    slices: list[str] = []
    room = sys.maxsize if limit is None else limit
    for at in range(0, len(text), _SLICE):
        slices.append(fold(text[at : at + _SLICE], room))
        room -= len(slices[-1])
        if room <= 0:
            break
    return "".join(slices)


def collation_key(folded: str) -> str:
    """Folded text as it is put in order: by capital letters, so that signs such as _ come after Z (RFC 4790, 9.2)."""
    return folded.upper()
