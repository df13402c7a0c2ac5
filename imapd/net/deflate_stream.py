# SPDX-License-Identifier: MIT
"""The octets of one compressed connection (RFC 4978): raw deflate, both ways. Knows no socket; connection.py feeds it.

Thousands may lie idle compressed: the deflater is made when there is something to send and can be let go at any time,
because every flush ends on an octet and a new one refers to nothing before it. The inflater must remember 32 KiB.
"""

from __future__ import annotations

import zlib
from typing import Any

MOST_AT_ONCE = 32 << 10
"""Octets that one inflate() makes at most; what they came from waits."""
RATIO = 100
"""Mail hardly shrinks below a tenth; what grows by more than this many times lives on credit."""

_LEVEL = 4
_WINDOW_BITS, _MEMORY_LEVEL = 13, 6  # 64 KiB while it is there


class BadDeflate(Exception):
    """What the client has sent is no deflate stream, has ended, or would grow beyond measure."""


class DeflateStream:
    """credit: octets that may come out above RATIO times what came in, in a row."""

    __slots__ = ("_credit", "_deflater", "_full_credit", "_inflater", "_waiting")

    def __init__(self, credit: int):
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._deflater: Any = None
        self._waiting = b""
        self._credit = self._full_credit = credit

    @property
    def has_more(self) -> bool:
        """Whether inflate() may give more without being fed."""
        return bool(self._waiting)

    def inflate(self, octets: bytes = b"") -> bytes:
        """Takes what has come, and gives what it is, or a part of that. Raises BadDeflate."""
        if self._inflater.eof and octets:
            raise BadDeflate("the stream has ended")
        try:
            made = self._inflater.decompress(self._waiting + octets, MOST_AT_ONCE)
        except zlib.error as error:
            raise BadDeflate(str(error)) from None
        self._waiting = self._inflater.unconsumed_tail
        if self._inflater.unused_data:
            raise BadDeflate("the stream has ended")
        self._credit = min(self._full_credit, self._credit + RATIO * len(octets) - len(made))
        if self._credit < 0:
            raise BadDeflate("the stream grows beyond measure")
        return made

    def deflate(self, octets: bytes) -> bytes:
        """All of it, so that the client can read it at once."""
        if self._deflater is None:
            self._deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW_BITS, _MEMORY_LEVEL)
        return bytes(self._deflater.compress(octets) + self._deflater.flush(zlib.Z_SYNC_FLUSH))

    def rest(self) -> None:
        """Nothing is said for a while: the deflater's memory goes."""
        self._deflater = None
