# SPDX-License-Identifier: MIT
"""PARTIAL (RFC 9394): a page of what a SEARCH finds, or of the messages of a FETCH, counted from either end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from imapd.commands import fetch
from imapd.commands.search_return import RETURN, ReturnOption
from imapd.mail.snapshot import runs
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.sequence import LARGEST, compact

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox

CAPABILITIES = (Capability(b"PARTIAL", rfc=9394, states=AUTHENTICATED_UP),)

_RANGE = re.compile(rb"(-?)([1-9][0-9]{0,9}):\1([1-9][0-9]{0,9})(?![0-9])")


@dataclass(frozen=True, slots=True)
class Page:
    """The low-th to the high-th, from 1; backwards: the last one is the first."""

    low: int
    high: int
    backwards: bool

    def of(self, found: Sequence[int]) -> Sequence[int]:
        """The page in the order of the whole."""
        if self.backwards:
            return found[max(0, len(found) - self.high) : max(0, len(found) - self.low + 1)]
        return found[self.low - 1 : self.high]

    def __bytes__(self) -> bytes:
        return (b"-%d:-%d" if self.backwards else b"%d:%d") % (self.low, self.high)


def partial_range(cursor: Cursor) -> Page:
    """SP (partial-range-first / partial-range-last)

    partial-range-first = nz-number ":" nz-number; partial-range-last = MINUS nz-number ":" MINUS nz-number
    """
    cursor.sp()
    found = cursor.scan(_RANGE)
    if not found:
        raise BadSyntax("Expected a range such as 1:100 or -1:-100.")
    low, high = sorted((int(found[2]), int(found[3])))
    if high > LARGEST:
        raise BadSyntax("Number out of range.")
    return Page(low, high, bool(found[1]))


def told(numbers: Sequence[int], page: Page) -> bytes:
    """ret-data-partial = "PARTIAL" SP "(" partial-range SP (sequence-set / "NIL") ")" """
    return b"PARTIAL (%b %b)" % (bytes(page), compact(page.of(numbers)) or b"NIL")


def narrowed(mailbox: Mailbox, positions: Sequence[range], page: Page) -> list[range]:
    return runs(page.of(list(chain.from_iterable(positions))))


RETURN[b"PARTIAL"] = ReturnOption(
    told, partial_range, chooses=lambda positions, page: page.of(positions), lists=True
)  # fmt: skip
# The page is one of the messages named, whatever else is asked of them (RFC 9394 section 3.4).
fetch.MODIFIERS[b"PARTIAL"] = fetch.Modifier(partial_range, narrow=narrowed, rank=0)
