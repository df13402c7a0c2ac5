# SPDX-License-Identifier: MIT
"""Sequence sets: parsed, resolved against a view, and written again in their compact form."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import ClassVar

from imapd.wire.errors import BadSyntax

LARGEST = 0xFFFFFFFF
STAR = LARGEST + 1
"""Stands for "*". Larger than every number, so ranges that hold it sort and merge like any other."""

Range = tuple[int, int]

_SEQ_NUMBER = rb"(?:[1-9][0-9]{0,9}|\*)"
_SET = re.compile(rb"%s(?::%s)?(?:,%s(?::%s)?)*" % ((_SEQ_NUMBER,) * 4))
_TOO_FAR = "The mailbox has no message with that number."


class SequenceSet:
    """sequence-set = (seq-number / seq-range) *("," sequence-set), as ascending disjoint ranges."""

    __slots__ = ("ranges",)

    SAVED: ClassVar[SequenceSet]
    """The set "$" of RFC 5182: what the last SEARCH RETURN (SAVE) found."""

    def __init__(self, ranges: Iterable[Range] = ()):
        self.ranges = tuple(_merged(list(ranges)))

    @classmethod
    def parse(cls, text: bytes) -> SequenceSet:
        """Reads a whole sequence-set; numbers have at most ten digits and fit 32 bits."""
        if not _SET.fullmatch(text):
            raise BadSyntax("Invalid sequence set.")
        ranges = []
        for item in text.split(b","):
            first, colon, last = item.partition(b":")
            low = _seq_number(first)
            high = _seq_number(last) if colon else low
            ranges.append((low, high) if low <= high else (high, low))
        return cls(ranges)

    def positions(self, uids: Sequence[int], by_uid: bool) -> list[range]:
        """Where the set lies in a view, as ascending disjoint ranges of indexes into `uids`.

        By number, a number beyond the mailbox is an error; by UID, what is not there is passed over.
        "n:*" always holds the last message, however large n is (RFC 3501, section 6.4.8).
        """
        count = len(uids)
        if not count:
            if not by_uid and any(high != STAR for _, high in self.ranges):
                raise BadSyntax(_TOO_FAR)
            return []
        found = _by_uid(self.ranges, uids) if by_uid else _by_number(self.ranges, count)
        return [range(low, high) for low, high in found]

    def resolved(self, largest: int) -> list[Range]:
        """The ranges with "*" put as `largest`, ascending and disjoint; for use where no view is at hand."""
        return _merged([(min(low, largest), largest) if high == STAR else (low, high) for low, high in self.ranges])

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self.ranges, (number, STAR)) - 1
        return at >= 0 and number <= self.ranges[at][1]

    def __bytes__(self) -> bytes:
        if self is SequenceSet.SAVED:
            return b"$"
        return b",".join(_written(low, high) for low, high in self.ranges)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SequenceSet) and bytes(self) == bytes(other)

    def __hash__(self) -> int:
        return hash(self.ranges)

    def __repr__(self) -> str:
        return f"SequenceSet({bytes(self).decode()})"


def compact(numbers: Iterable[int]) -> bytes:
    """Ascending numbers as a uid-set such as b"1:3,7", for COPYUID, ESEARCH and VANISHED."""
    written = []
    low = high = -1
    for number in numbers:
        if number == high + 1 and low >= 0:
            high = number
            continue
        if low >= 0:
            written.append(_written(low, high))
        low = high = number
    if low >= 0:
        written.append(_written(low, high))
    return b",".join(written)


def _seq_number(digits: bytes) -> int:
    if digits == b"*":
        return STAR
    number = int(digits)
    if number > LARGEST:
        raise BadSyntax("Number out of range.")
    return number


def _merged(ranges: list[Range]) -> list[Range]:
    if len(ranges) < 2:
        return ranges
    ranges.sort()
    merged = []
    low, high = ranges[0]
    for next_low, next_high in ranges:
        if next_low > high + 1:
            merged.append((low, high))
            low, high = next_low, next_high
        elif next_high > high:
            high = next_high
    merged.append((low, high))
    return merged


def _by_number(ranges: tuple[Range, ...], count: int) -> list[Range]:
    """Half-open index ranges of messages 1 to count."""
    found: list[Range] = []
    for low, high in ranges:
        if high == STAR:
            low, high = min(low, count), count
        elif high > count:
            raise BadSyntax(_TOO_FAR)
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low - 1, high))
    return found


def _by_uid(ranges: tuple[Range, ...], uids: Sequence[int]) -> list[Range]:
    found: list[Range] = []
    count = len(uids)
    begin = 0
    for low, high in ranges:
        if high == STAR:
            first, end = min(bisect_left(uids, low, begin), count - 1), count
        else:
            first = bisect_left(uids, low, begin)
            end = first + 1 if low == high and first < count and uids[first] == low else bisect_right(uids, high, first)
        if first >= end:
            continue
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((first, end))
        begin = end if end < count else first
    return found


def _written(low: int, high: int) -> bytes:
    first = b"*" if low == STAR else b"%d" % low
    if low == high:
        return first
    return first + (b":*" if high == STAR else b":%d" % high)


SequenceSet.SAVED = SequenceSet()
