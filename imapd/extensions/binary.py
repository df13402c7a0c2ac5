# SPDX-License-Identifier: MIT
"""BINARY (RFC 3516): parts of messages without their Content-Transfer-Encoding, and APPEND of messages with any octets.

How encodings are taken off and put on is in mail/mime/transfer.py; APPEND reads literal8 by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imapd.commands.fetch_chunk import Chunk
from imapd.commands.fetch_items import ITEMS, Item
from imapd.commands.fetch_sections import SECTION_PART, STREAMED_OCTETS, Span, Stream, partial, section_part
from imapd.errors import Corrupt, MailError, UnknownEncoding
from imapd.mail.mime import parts, transfer
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire import encode
from imapd.wire.grammar import Cursor

if TYPE_CHECKING:
    from imapd.mail.body import Body

CAPABILITIES = (Capability(b"BINARY", rfc=3516, states=AUTHENTICATED_UP),)

_SECTION_PART = re.compile(SECTION_PART)
WHOLE: Span = (0, 1 << 62)


@dataclass(frozen=True)
class Decoded(Stream):
    """A part that is too long to be held: where it lies, how it is encoded, and which octets of it are wanted. `size`:
    how many those are; `any_octets`: NUL is among them."""

    encoding: int
    window: Span
    size: int = 0
    any_octets: bool = False

    @property
    def head(self) -> bytes:
        return (b"~{%d}\r\n" if self.any_octets else b"{%d}\r\n") % self.size

    def pieces(self, body: Body) -> Iterator[bytes]:
        return transfer.window(transfer.decoded(super().pieces(body), self.encoding), *self.window)


@dataclass(frozen=True)
class SectionBinary:
    """section-binary = "[" [section-part] "]", with a partial that counts decoded octets

    measured: sizes by content, for a message may be there a thousand times, and to count its octets is to decode them.
    """

    path: tuple[int, ...]
    window: Span = WHOLE
    measured: dict[int, int] = field(default_factory=dict, compare=False)

    def values(self, chunk: Chunk) -> list[Any]:
        """nstring or literal8 for each message, or a stream."""
        return self._each(chunk, self._value)

    def sizes(self, chunk: Chunk) -> list[Any]:
        """How many octets the part has; 0 where there is no such part."""
        return self._each(chunk, self._size)

    def _each(self, chunk: Chunk, found: Any) -> list[Any]:
        values = []
        for index in range(len(chunk)):
            try:
                values.append(found(chunk, index))
            except (Corrupt, UnknownEncoding) as error:
                values.append(b"NIL")
                note(chunk, index, error)
        return values

    def _value(self, chunk: Chunk, index: int) -> bytes | Stream:
        stream = self._stream(chunk, index)
        if stream is None:
            return b"NIL"
        body = chunk.body(index)
        if stream.length <= STREAMED_OCTETS:
            return written(b"".join(stream.pieces(body)))
        size, any_octets, held = 0, False, []
        for piece in stream.pieces(body):
            size += len(piece)
            any_octets = any_octets or b"\0" in piece
            if size <= STREAMED_OCTETS:
                held.append(piece)
        if size <= STREAMED_OCTETS:
            return written(b"".join(held))
        chunk.streams = True
        return Decoded(stream.offset, stream.length, stream.encoding, stream.window, size, any_octets)

    def _size(self, chunk: Chunk, index: int) -> int:
        content_id = chunk.content_ids[index]
        if content_id not in self.measured:
            stream = self._stream(chunk, index)
            self.measured[content_id] = sum(map(len, stream.pieces(chunk.body(index)))) if stream else 0
        return self.measured[content_id]

    def _stream(self, chunk: Chunk, index: int) -> Decoded | None:
        if not self.path:
            # The message itself: what a Content-Transfer-Encoding in its header speaks of is its part 1.
            return Decoded(0, chunk.body(index).size, parts.IDENTITY, self.window)
        stored = chunk.rows[chunk.content_ids[index]][chunk.columns.index("parts")]
        number, span = parts.find(stored, self.path), parts.section(stored, self.path, b"")
        if number is None or span is None:
            return None
        encoding = parts.transfer_encoding(stored, number) if parts.is_leaf(stored, number) else parts.IDENTITY
        if encoding not in transfer.DECODERS:
            raise UnknownEncoding
        return Decoded(*span, encoding, self.window)


def note(chunk: Chunk, index: int, error: MailError) -> None:
    """The message is not told; the command ends with this."""
    if not chunk.corrupt:
        chunk.error = error
    chunk.corrupt.add(index)


def written(octets: bytes) -> bytes:
    """nstring / literal8: the latter only for what a literal cannot hold"""
    return encode.literal8(octets) if b"\0" in octets else encode.literal(octets)


def _path(cursor: Cursor) -> tuple[bytes, tuple[int, ...]]:
    cursor.expect(b"[")
    found = cursor.scan(_SECTION_PART)
    assert found  # it may be empty
    cursor.expect(b"]")
    return b"[" + found[0] + b"]", section_part(found[0])


def _binary(marks_seen: bool) -> Any:
    def read(cursor: Cursor) -> Item:
        """ "BINARY" [".PEEK"] section-binary [partial]"""
        label, path = _path(cursor)
        label = b"BINARY" + label
        wanted = partial(cursor)
        values = SectionBinary(path, wanted.span or WHOLE).values
        form = label + wanted.told + b" %b"
        return Item(label + wanted.asked, form, values, ("parts",), reads_body=True, marks_seen=marks_seen)

    return read


def _binary_size(cursor: Cursor) -> Item:
    """ "BINARY.SIZE" section-binary"""
    label, path = _path(cursor)
    label = b"BINARY.SIZE" + label
    return Item(label, label + b" %d", SectionBinary(path).sizes, ("parts",), reads_body=True)


ITEMS[b"BINARY"] = _binary(marks_seen=True)
ITEMS[b"BINARY.PEEK"] = _binary(marks_seen=False)
ITEMS[b"BINARY.SIZE"] = _binary_size
