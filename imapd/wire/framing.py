# SPDX-License-Identifier: MIT
"""Cuts a stream of octets into commands and takes their literals. Sans-IO: it is fed, and asked for what is next.

Whether a literal is taken, and where its octets go, is decided by who asks; how its size is counted is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from imapd.wire.errors import BadSyntax, TooLong
from imapd.wire.grammar import Literal

LINE_OCTETS = 64 << 10
COMMAND_OCTETS = 1 << 20
ID_OCTETS = 32 << 10
"""ID may be this long even where lines are shorter: thirty pairs of thirty and 1,024 octets (RFC 2971)."""
LITERALS = 4096
"""The most literals of one command: an empty one costs a client five octets and us two hundred."""

# RFC 3501 has no string but after a space or a parenthesis. A "{5}" elsewhere announces nothing: it is an error.
_ANNOUNCED = re.compile(rb"[ (](~?)\{([0-9]{1,10})(\+?)\}\Z")
# But after "{5+}", wherever it stands, a client sends five octets at once, and they must never be read as commands.
_STREAMED = re.compile(rb"\{([^{}]*)\+\}\Z")
_ID = re.compile(rb"[^ \r\n]{1,100} ID \(", re.IGNORECASE)
_COUNT = re.compile(rb"[0-9]{1,10}")


@dataclass(frozen=True)
class Request:
    """A whole command: its text, in which every literal's announcement still stands, and the literals.

    `refused`: why a literal of it was not taken. Its octets have been passed over if the client sent them.
    """

    text: bytes
    literals: tuple[Literal, ...] = ()
    refused: Exception | None = None


class Announced:
    """A literal is about to come: the framer's accept() or refuse() must be called."""

    __slots__ = ("_partial", "binary", "size", "synchronizing")

    def __init__(self, partial: _Partial, size: int, synchronizing: bool, binary: bool):
        self._partial = partial
        self.size = size
        self.synchronizing = synchronizing
        self.binary = binary

    @property
    def line(self) -> bytes:
        """The first line of the command: its tag and its name are there."""
        return self._partial.lines[0]

    @property
    def octets(self) -> int:
        """What the command has taken of memory so far, spooled literals not counted."""
        return self._partial.octets

    def so_far(self) -> Request:
        """The command up to and with the announcement."""
        return self._partial.request()


class _Partial:
    """A command of which one literal or more has been announced."""

    __slots__ = ("announced", "binary", "data", "ended", "lines", "literals", "octets", "refused", "remaining", "size",
                 "spool", "underway")  # fmt: skip

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.literals: list[Literal] = []
        self.octets = 0
        self.announced: Announced | None = None
        self.refused: Exception | None = None
        self.ended = False
        self.underway = False
        self.size = self.remaining = 0
        self.binary = False
        self.data: bytearray | None = None
        self.spool: Any = None

    def request(self) -> Request:
        return Request(b"\r\n".join(self.lines), tuple(self.literals), self.refused)

    def begin(self, size: int, binary: bool = False, data: bytearray | None = None, spool: Any = None) -> None:
        """A literal begins; with neither data nor spool it is passed over."""
        self.size = self.remaining = size
        self.binary, self.data, self.spool = binary, data, spool
        self.underway = True

    def take(self, octets: bytes) -> None:
        self.remaining -= len(octets)
        if self.data is not None:
            self.data += octets
        elif self.spool is not None:
            try:
                self.spool.write(octets)
            except Exception as error:  # The store has failed; the client's octets must still be counted off.
                self.give_up(error)

    def finish(self) -> None:
        """The literal is whole."""
        self.underway = False
        if self.spool is not None:
            try:
                self.spool.finish()
            except Exception as error:
                self.give_up(error)
                return
            self.literals.append(Literal(b"", self.spool, self.size, self.binary))
        elif self.data is not None:
            self.octets += self.size
            self.literals.append(Literal(bytes(self.data), None, self.size, self.binary))
        self.data = self.spool = None

    def give_up(self, why: Exception) -> None:
        """Nothing of the command is kept but its first line, which has the tag."""
        self.refused = why
        spools = [self.spool, *(literal.spool for literal in self.literals)]
        self.data = self.spool = None
        self.literals.clear()
        del self.lines[1:]
        for spool in spools:
            if spool is not None:
                with suppress(Exception):
                    spool.close()


class Framer:
    """The octets of one connection that no command has taken yet. Small while there are none."""

    __slots__ = ("_at", "_buffer", "_partial", "_scanned", "command_octets", "line_octets")

    def __init__(self, line_octets: int = LINE_OCTETS, command_octets: int = COMMAND_OCTETS):
        self.line_octets = line_octets
        self.command_octets = command_octets
        self._buffer = b""
        self._at = 0
        self._scanned = 0
        self._partial: _Partial | None = None

    def feed(self, octets: bytes) -> None:
        """Takes what has arrived."""
        if self._at < len(self._buffer):
            self._scanned -= self._at
            self._buffer = self._buffer[self._at :] + octets
        else:
            self._buffer = octets
            self._scanned = 0
        self._at = 0

    def next(self) -> Request | Announced | None:
        """The next command or announcement, or None when more octets are needed. TooLong ends the connection."""
        partial = self._partial
        if partial is None:
            limit = self.line_octets
            if limit < ID_OCTETS and _ID.match(self._buffer, self._at):
                limit = ID_OCTETS
            line = self._line(limit)
            if line is None:
                return None
            if line[-1:] != b"}":
                return Request(line)
            return self._line_of(_Partial(), line) or self._go_on()
        if partial.announced:
            raise RuntimeError("the announced literal is neither accepted nor refused")
        return self._go_on()

    def next_line(self) -> bytes | None:
        """The next line as it is, for what is no command: a SASL response, the DONE of IDLE."""
        return self._line(LINE_OCTETS)

    def accept(self, spool: Any = None) -> None:
        """The announced literal is taken: into memory, or written to `spool` as it comes and finished at its end."""
        partial, announced = self._decided()
        partial.begin(announced.size, announced.binary, bytearray() if spool is None else None, spool)

    def refuse(self, why: Exception) -> None:
        """The announced literal is not taken. The Request that next() gives in the end says why.

        A client that waits for our word has sent nothing and will send no more of the command; one that does not wait
        has its octets, and the rest of the command, passed over.
        """
        partial, announced = self._decided()
        partial.give_up(why)
        if announced.synchronizing:
            partial.ended = True
        else:
            partial.begin(announced.size)

    def discard(self) -> None:
        """Forgets everything received: what came in cleartext before TLS begins must not live on behind it."""
        self.abandon()
        self._buffer = b""
        self._at = self._scanned = 0

    def abandon(self) -> None:
        """The connection ends within a command: what was spooled of it goes."""
        partial, self._partial = self._partial, None
        if partial is not None:
            partial.give_up(BadSyntax("The connection has ended."))

    @property
    def is_empty(self) -> bool:
        """Whether nothing of a further command has arrived."""
        return self._partial is None and self._at >= len(self._buffer)

    def _decided(self) -> tuple[_Partial, Announced]:
        partial = self._partial
        if partial is None or partial.announced is None:
            raise RuntimeError("no literal is announced")
        announced, partial.announced = partial.announced, None
        return partial, announced

    def _go_on(self) -> Request | Announced | None:
        """Reads on in the command that `_partial` holds."""
        while (partial := self._partial) is not None:
            if partial.ended:
                self._partial = None
                return partial.request()
            if partial.underway and not self._literal(partial):
                return None
            line = self._line(self.line_octets)
            if line is None:
                return None
            if outcome := self._line_of(partial, line):
                return outcome
        return None

    def _line(self, limit: int) -> bytes | None:
        """The next line without CRLF. A bare LF ends a line, too, everywhere: people type tests with one."""
        buffer, at = self._buffer, self._at
        end = buffer.find(b"\n", self._scanned if self._scanned > at else at)
        if end < 0:
            self._scanned = len(buffer)
            if self._scanned - at > limit:
                raise TooLong("The line is too long.")
            return None
        if end - at > limit:
            raise TooLong("The line is too long.")
        self._at = end + 1
        if end > at and buffer[end - 1] == 13:
            end -= 1
        return buffer[at:end]

    def _literal(self, partial: _Partial) -> bool:
        """Moves octets of the current literal to where they belong, and says whether it is whole."""
        at = self._at
        end = min(len(self._buffer), at + partial.remaining)
        if end > at:
            self._at = end
            partial.take(self._buffer if end - at == len(self._buffer) else self._buffer[at:end])
        if partial.remaining:
            return False
        partial.finish()
        return True

    def _line_of(self, partial: _Partial, line: bytes) -> Request | Announced | None:
        """A line of a command: what it completes or announces, or None to read on."""
        partial.octets += len(line) + 2
        if partial.octets > self.command_octets or len(partial.literals) >= LITERALS:
            self._partial = partial
            raise TooLong("The command is too long.")
        if partial.refused is None or not partial.lines:
            partial.lines.append(line)
        found = _ANNOUNCED.search(line[-16:])
        streamed = None if found else _STREAMED.search(line)
        if not found and not streamed:
            self._partial = None
            return partial.request()
        self._partial = partial
        if found and partial.refused is None:
            partial.announced = Announced(partial, int(found[2]), not found[3], bool(found[1]))
        elif found and not found[3]:
            partial.ended = True
        else:
            self._pass_over(partial, found[2] if found else streamed[1])  # type: ignore[index]
        return partial.announced

    def _pass_over(self, partial: _Partial, digits: bytes) -> None:
        """A literal that is on its way already and not wanted."""
        if not _COUNT.fullmatch(digits):
            raise TooLong("The size of the literal cannot be counted.")
        if partial.refused is None:
            partial.give_up(BadSyntax("Expected a space before a literal."))
        partial.begin(int(digits))


def requests(octets: bytes, line_octets: int = LINE_OCTETS, literal_octets: int = COMMAND_OCTETS) -> Iterator[Request]:
    """All whole commands in a piece of stream, with every literal up to a size taken; for tests and fuzzers."""
    framer = Framer(line_octets)
    framer.feed(octets)
    while (found := framer.next()) is not None:
        if isinstance(found, Request):
            yield found
        elif found.size > literal_octets:
            framer.refuse(BadSyntax("The literal is too long."))
        else:
            framer.accept()
