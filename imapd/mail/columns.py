# SPDX-License-Identifier: MIT
"""Columns of numbers that never change for whoever holds one, and still get longer without being copied each time.

A short column is an array. A long one is a view of the beginning of a larger array, whose rest is room for more: what
comes is written behind the end of all views of it, so that an arrival costs what arrives and not what is there.
"""

from array import array
from collections.abc import Sequence
from typing import TypeAlias

LONG = 4096
"""Numbers from which a column is given room; a copy of fewer costs less than that is worth."""

Column: TypeAlias = "array[int] | memoryview"


class _Room(array):  # type: ignore[type-arg]
    """`used` says how many of its numbers belong to a column already."""

    __slots__ = ("used",)

    used: int


def writable(column: Column) -> "array[int]":
    """A copy, to be changed before anybody else holds it."""
    if isinstance(column, array):
        return column[:]
    copy = array(column.format)
    copy.frombytes(column.cast("B"))
    return copy


def grown(column: Column, more: Sequence[int]) -> Column:
    """A column, as this function or array() made it, with more numbers at its end. Raises OverflowError where one does
    not fit its type."""
    if not more:
        return column
    count, total = len(column), len(column) + len(more)
    if isinstance(column, array) and total < LONG:
        return column + array(column.typecode, more)
    held = memoryview(column)
    more = array(held.format, more)
    room = held.obj
    if not isinstance(room, _Room) or room.used != count or total > len(room):
        room = _Room(held.format, held.tobytes())
        room.frombytes(bytes(held.itemsize * (len(more) + total // 16)))
    memoryview(room)[count:total] = more
    room.used = total
    return memoryview(room)[:total].toreadonly()
