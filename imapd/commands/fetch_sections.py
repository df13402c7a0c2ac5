# SPDX-License-Identifier: MIT
"""BODY[section]<partial> and the RFC822 items: from what is stored of the message if that suffices, else its octets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from imapd.commands.fetch_chunk import Chunk, Row
from imapd.commands.fetch_items import BODY, ITEMS, Item
from imapd.errors import Corrupt
from imapd.mail.mime import parts
from imapd.mail.mime.limits import HEADER_OCTETS
from imapd.wire import encode
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.sequence import LARGEST

if TYPE_CHECKING:
    from imapd.mail.body import Body

STREAMED_OCTETS = 256 << 10
"""Longer values are sent piece by piece and never held as a whole."""

PIECE_OCTETS = 64 << 10

FIELDS_BY_PATTERN = 24
"""With more names than this in one HEADER.FIELDS, a pattern of them all is slower than a set."""

SECTION_PART = rb"(?:[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*)?"
_SECTION = re.compile(
    rb"(" + SECTION_PART + rb")(\.)?(HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)?", re.IGNORECASE
)
_FIELD = re.compile(rb"\n([^:\n]*):[^\n]*(?:\n[ \t][^\n]*)*")

Span = tuple[int, int]
"""The first octet, and how many."""

Filter = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Stream:
    """A value too long to be held: where it lies in the message."""

    offset: int
    length: int

    @property
    def head(self) -> bytes:
        return b"{%d}\r\n" % self.length

    def check(self, body: Body) -> None:
        """Raises errors.Corrupt where the message is shorter than it was."""
        body.read(self.offset + self.length - 1, 1)

    def pieces(self, body: Body) -> Iterator[bytes]:
        return pieces(body, self.offset, self.length)


def pieces(body: Body, offset: int, length: int) -> Iterator[bytes]:
    """The octets from there, in order, a few at a time. Raises errors.Corrupt."""
    end = offset + length
    for at in range(offset, end, PIECE_OCTETS):
        yield body.read(at, min(PIECE_OCTETS, end - at))


class Partial(NamedTuple):
    """Which octets are wanted (None: all), and how that is asked for and told: an answer names the first one only."""

    span: Span | None = None
    asked: bytes = b""
    told: bytes = b""


@dataclass(frozen=True)
class Section:
    """section = "[" [section-spec] "]" ["<" number "." nz-number ">"]"""

    path: tuple[int, ...] = ()
    kind: bytes = b""  # HEADER, TEXT, MIME or nothing
    filter: Filter | None = None  # of HEADER.FIELDS and HEADER.FIELDS.NOT
    window: Span | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        if self.path:
            return ("parts",)
        return {b"": (), b"HEADER": ("header", "header_size"), b"TEXT": ("header_size",)}[self.kind]

    @property
    def reads_body(self) -> bool:
        return bool(self.path) or self.kind != b"HEADER"

    def values(self, chunk: Chunk) -> list[Any]:
        """nstring for each message, or a Stream. What cannot be read is noted in the chunk."""
        if not self.reads_body:
            return self._headers(chunk)
        found: list[Any] = []
        for index in range(len(chunk)):
            try:
                found.append(self._value(chunk, index))
            except Corrupt:
                chunk.corrupt.add(index)
                found.append(b"NIL")
        return found

    def _value(self, chunk: Chunk, index: int) -> bytes | Stream:
        span = self._span(chunk, index)
        if span is None:
            return b"NIL"
        offset, length = span
        if self.filter is not None:
            return self._literal(self.filter(chunk.body(index).read(offset, min(length, HEADER_OCTETS))))
        if self.window is not None:
            begin = min(self.window[0], length)
            offset, length = offset + begin, min(self.window[1], length - begin)
        if length > STREAMED_OCTETS:
            chunk.streams = True
            return Stream(offset, length)
        return encode.literal(chunk.body(index).read(offset, length) if length else b"")

    def _span(self, chunk: Chunk, index: int) -> Span | None:
        if self.path:
            return parts.section(self._column(chunk, index, "parts"), self.path, self.kind)
        size = chunk.body(index).size
        if not self.kind:
            return 0, size
        header_size = self._column(chunk, index, "header_size")
        return (0, header_size) if self.kind == b"HEADER" else (header_size, size - header_size)

    def _column(self, chunk: Chunk, index: int, column: str) -> Any:
        return chunk.rows[chunk.content_ids[index]][chunk.columns.index(column)]

    def _headers(self, chunk: Chunk) -> list[Any]:
        """The message's own header, which `contents` has whole unless it is enormous."""
        found = chunk.rendered(self._header)
        for index, value in enumerate(found):
            if value is None:
                try:
                    found[index] = self._value(chunk, index)
                except Corrupt:
                    chunk.corrupt.add(index)
        return found

    def _header(self, row: Row) -> bytes | None:
        header = row["header"]
        if len(header) < row["header_size"]:
            return None
        return self._literal(self.filter(header) if self.filter is not None else header)

    def _literal(self, octets: bytes) -> bytes:
        if self.window is not None:
            begin, count = self.window
            octets = octets[begin : begin + count]
        return encode.literal(octets)


# Fields of a header


def header_fields(names: list[bytes], negated: bool) -> Filter:
    """Picks fields of a header block by name: those named, or all others. The empty line stays at the end."""
    wanted = {name.lower() for name in names}
    if not negated and len(wanted) <= FIELDS_BY_PATTERN:
        alternatives = b"|".join(re.escape(name) for name in sorted(wanted))
        pattern = re.compile(rb"\n(?:" + alternatives + rb")[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE)
        return lambda block: _block(pattern.findall(b"\n" + block))
    return lambda block: _block(
        [field[0] for field in _FIELD.finditer(b"\n" + block) if (field[1].rstrip().lower() in wanted) is not negated]
    )


def _block(fields: list[bytes]) -> bytes:
    """Fields, each of which begins with the line end of the one before."""
    if not fields:
        return b"\r\n"
    return b"".join(fields)[1:] + b"\n\r\n"


# Parsing


def _body(cursor: Cursor) -> Item:
    """ "BODY" section ["<" number "." nz-number ">"], or BODY itself"""
    return section_item(cursor, b"BODY", marks_seen=True) if cursor.peek(b"[") else BODY


def _body_peek(cursor: Cursor) -> Item:
    return section_item(cursor, b"BODY", marks_seen=False)


def section_item(cursor: Cursor, name: bytes, marks_seen: bool) -> Item:
    """section ["<" number "." nz-number ">"], after the name of the item"""
    label, section = section_spec(cursor)
    wanted = partial(cursor)
    label = name + label
    return _item(label + wanted.asked, label + wanted.told, replace(section, window=wanted.span), marks_seen)


def section_spec(cursor: Cursor) -> tuple[bytes, Section]:
    """section = "[" [section-spec] "]", and how it is written in an answer"""
    cursor.expect(b"[")
    spec = cursor.scan(_SECTION)
    assert spec  # it may be empty
    path = section_part(spec[1])
    text = (spec[3] or b"").upper()
    if bool(spec[2]) != bool(path and text) or (text == b"MIME" and not path):
        raise BadSyntax("Invalid section.")
    label, kind, chosen = spec[0].upper(), text, None
    if text.startswith(b"HEADER.FIELDS"):
        cursor.sp()
        names = cursor.listed(cursor.astring)
        label += b" (" + b" ".join(map(encode.astring, names)) + b")"
        kind, chosen = b"HEADER", header_fields(names, negated=text.endswith(b".NOT"))
    cursor.expect(b"]")
    return b"[" + label + b"]", Section(path, kind, chosen)


def section_part(text: bytes) -> tuple[int, ...]:
    """section-part = nz-number *("." nz-number), or nothing; of what SECTION_PART matches"""
    path = tuple(map(int, text.split(b"."))) if text else ()
    if max(path, default=0) > LARGEST:
        raise BadSyntax("Number out of range.")
    return path


def partial(cursor: Cursor) -> Partial:
    """["<" number "." nz-number ">"]"""
    if not cursor.take(b"<"):
        return Partial()
    begin = cursor.number()
    cursor.expect(b".")
    count = cursor.nz_number()
    cursor.expect(b">")
    return Partial((begin, count), b"<%d.%d>" % (begin, count), b"<%d>" % begin)


def _item(name: bytes, told: bytes, section: Section, marks_seen: bool) -> Item:
    form = told.replace(b"%", b"%%") + b" %b"
    return Item(name, form, section.values, section.columns, section.reads_body, marks_seen)


def _whole(name: bytes, kind: bytes, marks_seen: bool) -> None:
    item = _item(name, name, Section(kind=kind), marks_seen)
    ITEMS[name] = lambda cursor: item


ITEMS[b"BODY"] = _body
ITEMS[b"BODY.PEEK"] = _body_peek
_whole(b"RFC822", b"", marks_seen=True)
_whole(b"RFC822.HEADER", b"HEADER", marks_seen=False)
_whole(b"RFC822.TEXT", b"TEXT", marks_seen=True)
