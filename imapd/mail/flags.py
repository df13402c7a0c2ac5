# SPDX-License-Identifier: MIT
r"""System flags as bits of messages.flags, keywords as words. \Recent is none of them: it belongs to a session."""

from collections.abc import Iterable

BITS = {"\\Answered": 1, "\\Flagged": 2, "\\Deleted": 4, "\\Seen": 8, "\\Draft": 16}
ALL_BITS = 31
ANSWERED, FLAGGED, DELETED, SEEN, DRAFT = BITS.values()


def split(flags: Iterable[str]) -> tuple[int, list[str]]:
    """Flags as the bits of system flags and a list of keywords."""
    mask, words = 0, []
    for flag in flags:
        if flag in BITS:
            mask |= BITS[flag]
        else:
            words.append(flag)
    return mask, words


def written(mask: int, words: str) -> str:
    r"""Bits and space-separated keywords as one line: '\Seen $Junk'."""
    names = [name for name, bit in BITS.items() if mask & bit]
    if words:
        names.append(words)
    return " ".join(names)
