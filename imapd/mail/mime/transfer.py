# SPDX-License-Identifier: MIT
"""Content-Transfer-Encodings taken off, and put on where a message came without: piece by piece, whatever its size."""

from __future__ import annotations

import re
from binascii import a2b_base64, a2b_qp, b2a_base64
from collections.abc import Callable, Iterator
from typing import Protocol

from imapd.mail.mime import parameters
from imapd.mail.mime.parts import BASE64, IDENTITY, QUOTED_PRINTABLE
from imapd.mail.mime.structure import LEAF, Octets, Part, scan

PIECE_OCTETS = 64 << 10

LINE_OCTETS = 57
"""So many octets are a line of base64 of 76 characters."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_JUNK = bytes(set(range(256)) - set(_ALPHABET))
_PADDING = re.compile(rb"=+")
_FIELD = re.compile(rb"(\n|\A)(content-transfer-encoding[ \t]*):[^\n]*(?:\n[ \t][^\n]*)*\n", re.IGNORECASE)


class Decoder(Protocol):
    """Takes octets as they come and gives what they stand for, some of it later."""

    def feed(self, octets: bytes) -> bytes: ...
    def end(self) -> bytes: ...


class Identity:
    def feed(self, octets: bytes) -> bytes:
        return octets

    def end(self) -> bytes:
        return b""


class Base64:
    """Junk is passed over, and a missing end is missing, as every mail reader does; after padding it begins anew."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        *ended, octets = _PADDING.split(self._rest + octets.translate(None, _JUNK))
        whole = len(octets) & ~3
        self._rest = octets[whole:]
        return b"".join([*map(_unpadded, ended), a2b_base64(octets[:whole])])

    def end(self) -> bytes:
        return _unpadded(self._rest)


def _unpadded(octets: bytes) -> bytes:
    if len(octets) & 3 == 1:
        octets = octets[:-1]
    return a2b_base64(octets + b"=" * (-len(octets) & 3))


class QuotedPrintable:
    """Line by line, for white space at the end of one means nothing. What is no encoding stays as it is."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        *lines, self._rest = (self._rest + octets).split(b"\n")
        decoded = a2b_qp(b"".join([_line(line, b"\n") for line in lines]))
        if len(self._rest) > PIECE_OCTETS:
            decoded += self._begun()
        return decoded

    def end(self) -> bytes:
        return a2b_qp(_line(self._rest, b""))

    def _begun(self) -> bytes:
        """Most of a line that has no end yet, but nothing that its end may have to do with."""
        cut = max(len(self._rest.rstrip(b" \t\r")) - 2, len(self._rest) - PIECE_OCTETS)
        at = self._rest.rfind(b"=", cut - 2, cut)
        cut = at if at >= 0 else cut
        begun, self._rest = self._rest[:cut], self._rest[cut:]
        return a2b_qp(begun)


def _line(line: bytes, end: bytes) -> bytes:
    if line.endswith(b"\r"):
        line, end = line[:-1], b"\r" + end
    line = line.rstrip(b" \t")
    return line[:-1] if line.endswith(b"=") else line + end


DECODERS: dict[int, Callable[[], Decoder]] = {IDENTITY: Identity, BASE64: Base64, QUOTED_PRINTABLE: QuotedPrintable}
"""By the numbers of parts.transfer_encoding(); what is not here cannot be decoded."""


def decoded(pieces: Iterator[bytes], encoding: int) -> Iterator[bytes]:
    """What a body stands for."""
    decoder = DECODERS[encoding]()
    for piece in pieces:
        yield decoder.feed(piece)
    yield decoder.end()


def window(pieces: Iterator[bytes], begin: int, count: int) -> Iterator[bytes]:
    """So many octets of it, from `begin` on; no more is read than that takes."""
    end = begin + count
    position = 0
    for piece in pieces:
        if position + len(piece) > begin:
            yield piece[max(0, begin - position) : end - position]
        position += len(piece)
        if position >= end:
            return


# Messages that came with parts of any octets (RFC 3516 section 4.4)


def without_binary(octets: Octets) -> Iterator[bytes] | None:
    """The message with its binary parts in base64, which any client can be sent; None where there are none."""
    parts = scan(octets)
    if not any(map(_is_binary, parts)):
        return None
    return _rewritten(octets, parts)


def _is_binary(part: Part) -> bool:
    return parameters.transfer_encoding(part.first) == b"binary"


def _rewritten(octets: Octets, parts: list[Part]) -> Iterator[bytes]:
    position = 0
    for part in filter(_is_binary, parts):
        is_leaf = part.kind == LEAF
        yield from _as_is(octets, position, part.header_start)
        # What only holds other parts is as wide as they are, and they are not wider than this then.
        name = rb"\1\2: base64\r\n" if is_leaf else rb"\1\2: 8bit\r\n"
        yield _FIELD.sub(name, octets[part.header_start : part.body_start], count=1)
        position = part.body_start
        if is_leaf:
            yield from _base64(octets, part.body_start, part.end)
            position = part.end
    yield from _as_is(octets, position, len(octets))


def _as_is(octets: Octets, begin: int, end: int) -> Iterator[bytes]:
    for at in range(begin, end, PIECE_OCTETS):
        yield octets[at : min(at + PIECE_OCTETS, end)]


def _base64(octets: Octets, begin: int, end: int) -> Iterator[bytes]:
    step = LINE_OCTETS * 1024
    for at in range(begin, end, step):
        piece = octets[at : min(at + step, end)]
        lines = [b2a_base64(piece[n : n + LINE_OCTETS], newline=False) for n in range(0, len(piece), LINE_OCTETS)]
        yield b"\r\n".join(lines) + b"\r\n"
