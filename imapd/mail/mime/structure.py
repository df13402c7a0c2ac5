# SPDX-License-Identifier: MIT
"""The tree of MIME parts of a message and where each lies, found in one pass that never goes back and never recurses.

What the parts say is not read beyond what decides the tree: Content-Type.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from mmap import mmap

from imapd.mail.mime import headers, limits, parameters

Octets = bytes | mmap

LEAF, MULTIPART, MESSAGE = 0, 1, 2

_BLANK_AFTER = re.compile(rb"\n\r?\n")
_BLANK = re.compile(rb"\r?\n")
_BEFORE_BLANK_OR_DASHED = re.compile(rb"\n(?=--|\r?\n)")

UNENCODED = (b"7bit", b"8bit", b"binary")

ContentType = tuple[bytes, bytes, parameters.Parameters]
TEXT_PLAIN: ContentType = (b"text", b"plain", [])
MESSAGE_RFC822: ContentType = (b"message", b"rfc822", [])
UNKNOWN: ContentType = (b"application", b"octet-stream", [])


def _common_prefix(boundaries: Collection[bytes]) -> bytes:
    """What all begin with: the more the search for a line knows, the faster it is."""
    if len(boundaries) < 2:
        return next(iter(boundaries), b"")
    low, high = min(boundaries), max(boundaries)
    length = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[:length]


class Part:
    """One entity: a message, or a part of one. Offsets are into the whole message; the body is [body_start, end)."""

    __slots__ = (
        "body_start", "children", "depth", "end", "fields", "first", "header_start", "index", "kind", "parameters",
        "parent", "subtype", "type",
    )  # fmt: skip

    def __init__(self, index: int, parent: Part | None, header_start: int):
        self.index = index
        self.parent = parent
        self.depth: int = parent.depth + 1 if parent else 0
        self.header_start = self.body_start = self.end = header_start
        self.kind = LEAF
        self.children: list[Part] = []
        self.type = b""
        self.subtype = b""
        self.parameters: parameters.Parameters = []
        self.fields: headers.Fields = []
        self.first: dict[bytes, bytes] = {}


def _holds_message(part: Part) -> bool:
    """Whether it is a message/rfc822; or a message/global (RFC 6532), which may be encoded, and is not."""
    if part.type != b"message" or part.subtype not in (b"rfc822", b"global"):
        return False
    return part.subtype == b"rfc822" or parameters.transfer_encoding(part.first) in UNENCODED


def scan(octets: Octets) -> list[Part]:
    """All parts in the order of their headers; the first is the message."""
    return _Scanner(octets).scan()


class _Scanner:
    def __init__(self, octets: Octets):
        self.octets = octets
        self.size = len(octets)
        self.parts: list[Part] = []
        self.open: list[Part] = []  # the parts whose end is not known, outermost first
        self.boundaries: list[tuple[bytes, int]] = []  # of those that wait for one, with their place in open
        self.innermost: dict[bytes, int] = {}  # boundary -> the last place in boundaries that has it
        self.lengths: list[int] = []
        self.needle = b""
        self.position = 0  # the beginning of a line, up to which everything is understood

    def scan(self) -> list[Part]:
        self._begin(None, 0)
        while self.boundaries:
            found = self._next_delimiter()
            if not found:
                break
            self._delimiter(*found)
        for part in self.open:
            part.end = self.size
        return self.parts

    # Delimiters

    def _next_delimiter(self) -> tuple[int, int, bool] | None:
        """Where the next delimiter line begins, which boundary it is of, and whether it is the last of that."""
        octets = self.octets
        begin = octets.find(self.needle, self.position - 1)
        for _ in range(limits.DASHED_LINES):
            if begin < 0:
                return None
            match = self._match(begin + 1)
            if match:
                return begin + 1, *match
            begin = octets.find(self.needle, begin + 1)
        return self._search(begin)

    def _search(self, position: int) -> tuple[int, int, bool] | None:
        """The same, for bodies full of lines that begin with dashes: it costs more to begin and less for each line."""
        beginnings = {re.escape(boundary[:8]) for boundary in self.innermost}
        candidates = re.compile(rb"\n--(?:" + b"|".join(beginnings) + rb")")
        for found in candidates.finditer(self.octets, position if position >= 0 else self.size):
            match = self._match(found.start() + 1)
            if match:
                return found.start() + 1, *match
        return None

    def _match(self, line: int) -> tuple[int, bool] | None:
        """Whether the line that begins here with two dashes is a delimiter: (place in boundaries, is the last)."""
        end = self.octets.find(b"\n", line, line + limits.BOUNDARY_OCTETS)
        text = self.octets[line + 2 : end if end >= 0 else line + limits.BOUNDARY_OCTETS].rstrip()
        place = self.innermost.get(text)
        if place is not None:
            return place, False
        if text.endswith(b"--"):
            place = self.innermost.get(text[:-2])
            if place is not None:
                return place, True
        # RFC 2046 section 5.1.1: it suffices that the line begins with it. The longest one wins.
        found = None
        for length in self.lengths:
            if length > len(text):
                break
            place = self.innermost.get(text[:length])
            if place is not None:
                found = place, text.startswith(b"--", length)
        return found

    def _delimiter(self, line: int, place: int, last: bool) -> None:
        """Ends what is inside of the multipart whose delimiter this is, and begins its next part."""
        if not last and len(self.parts) >= limits.PARTS:
            self._forget(0)  # Whatever is open takes all that follows.
            return
        before = line - 1
        if before > 0 and self.octets[before - 1 : before] == b"\r":
            before -= 1
        level = self.boundaries[place][1]
        # The line end belongs to the delimiter, unless it is that of the blank line which ends a header.
        end = max(before, self.open[-1].body_start)
        for part in self.open[level + 1 :]:
            part.end = end
        del self.open[level + 1 :]
        self._forget(place if last else place + 1)
        next_line = self.octets.find(b"\n", line)
        self.position = next_line + 1 if next_line >= 0 else self.size
        if not last:
            self._begin(self.open[level], self.position)

    def _remember(self, boundary: bytes, level: int) -> None:
        self.boundaries.append((boundary, level))
        self._index()

    def _forget(self, place: int) -> None:
        if place < len(self.boundaries):
            del self.boundaries[place:]
            self._index()

    def _index(self) -> None:
        self.innermost = {boundary: place for place, (boundary, _) in enumerate(self.boundaries)}
        self.lengths = sorted(set(map(len, self.innermost)))
        self.needle = b"\n--" + _common_prefix(self.innermost)

    # Parts

    def _begin(self, parent: Part | None, position: int) -> None:
        """A part begins here; and in a message/rfc822 the message that it holds, and so on."""
        while True:
            part = Part(len(self.parts), parent, position)
            self.parts.append(part)
            self.open.append(part)
            if parent:
                parent.children.append(part)
            part.body_start = self._header_end(position)
            self.position = part.body_start
            self._read_header(part)
            if part.kind != MESSAGE:
                return
            parent, position = part, part.body_start

    def _header_end(self, position: int) -> int:
        """Where the body begins: after the blank line, or at a delimiter that comes before any."""
        octets = self.octets
        if not self.boundaries:
            blank = _BLANK.match(octets, position) or _BLANK_AFTER.search(octets, position)
            return blank.end() if blank else self.size
        for _ in range(limits.DASHED_LINES):
            blank = _BLANK.match(octets, position)
            if blank:
                return blank.end()
            if octets[position : position + 2] == b"--" and self._match(position):
                return position
            last_of_line = _BEFORE_BLANK_OR_DASHED.search(octets, position)
            if not last_of_line:
                return self.size
            position = last_of_line.end()
        return position  # So many lines that are no fields: this is no header any more.

    def _read_header(self, part: Part) -> None:
        end = min(part.body_start, part.header_start + limits.HEADER_OCTETS)
        part.fields = headers.fields(self.octets[part.header_start : end])
        part.first = headers.first(part.fields)
        part.type, part.subtype, part.parameters = self._content_type(part)
        if part.type == b"multipart":
            boundary = parameters.value_of(part.parameters, b"boundary").rstrip()
            if self._is_leaf(part):
                part.type, part.subtype, part.parameters = UNKNOWN
            elif not 0 < len(boundary) < limits.BOUNDARY_OCTETS:
                # Nothing can be found in it, so it is shown as it is.
                part.type, part.subtype, part.parameters = TEXT_PLAIN
            else:
                part.kind = MULTIPART
                self._remember(boundary, len(self.open) - 1)
        elif _holds_message(part):
            if self._is_leaf(part):
                part.type, part.subtype, part.parameters = UNKNOWN
            else:
                part.kind = MESSAGE

    def _is_leaf(self, part: Part) -> bool:
        return part.depth >= limits.DEPTH or len(self.parts) >= limits.PARTS

    def _content_type(self, part: Part) -> ContentType:
        value = part.first.get(b"content-type")
        if value is None:
            # RFC 2046 section 5.1.5: what a digest holds is messages.
            digest = part.parent and part.parent.kind == MULTIPART and part.parent.subtype == b"digest"
            return MESSAGE_RFC822 if digest else TEXT_PLAIN
        kind, subtype, found = parameters.split(value)
        if subtype:
            return kind, subtype, found
        return (b"text", b"plain", found) if kind in (b"text", b"") else UNKNOWN
