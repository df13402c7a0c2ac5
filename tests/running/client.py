# SPDX-License-Identifier: MIT
"""An IMAP client that knows framing and tags, and believes nothing else about the server."""

import re
import select
import socket
import ssl
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

LITERAL_AT_END = re.compile(rb"\{(\d+)\}\r\n\Z")


class Closed(Exception):
    """The server closed the connection."""


@dataclass(frozen=True)
class Literal:
    """Octets of a command that go as a literal; plus: without waiting for the continuation (RFC 7888)."""

    data: bytes
    plus: bool = False
    prefix: bytes = b""


Part = bytes | Literal


@dataclass
class Reply:
    """What answered one command."""

    status: str = ""
    text: bytes = b""  # all after the status
    untagged: list[bytes] = field(default_factory=list)  # each without "* " and the final CRLF, literals included
    seconds: float = 0.0

    @property
    def code(self) -> bytes:
        """The response code without brackets, or nothing."""
        found = re.match(rb"\[(.*?)\]", self.text)
        return found[1] if found else b""

    def lines(self, word: bytes) -> list[bytes]:
        """The untagged responses of one kind: EXISTS, FETCH, LIST …"""
        pattern = re.compile(rb"(?:\d+ )?" + re.escape(word) + rb"(?=[ \r]|\Z)", re.I)
        return [line for line in self.untagged if pattern.match(line)]


class Client:
    """One connection. Every read has a deadline: a server that does not answer is a failure, not a hang."""

    def __init__(self, host: str, port: int, tls: bool = False, timeout_seconds: float = 20, source: str = ""):
        """source: the address to come from, of those that this machine has; loopback has millions."""
        self.socket = socket.create_connection(
            (host, port), timeout=timeout_seconds, source_address=(source, 0) if source else None
        )
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout_seconds = timeout_seconds
        self._buffer = bytearray()
        self._number = 0
        self._packer: Any = None
        self._unpacker: Any = None
        if tls:
            self.start_tls()
        self.greeting = self.response()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Ends the connection with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    def start_tls(self) -> None:
        """The handshake only; the STARTTLS command is the caller's."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def start_compression(self) -> None:
        """Octets are compressed from here on; the COMPRESS command is the caller's."""
        self._packer, self._unpacker = zlib.compressobj(wbits=-15), zlib.decompressobj(-15)

    # Reading

    def response(self, timeout_seconds: float | None = None) -> bytes:
        """One response: a line with the literals in it, without the last CRLF."""
        deadline = time.monotonic() + (self.timeout_seconds if timeout_seconds is None else timeout_seconds)
        taken = bytearray()
        while True:
            taken += self._line(deadline)
            literal = LITERAL_AT_END.search(taken)
            if not literal:
                return bytes(taken[:-2])
            taken += self._octets(int(literal[1]), deadline)

    def pending(self, timeout_seconds: float) -> bool:
        """Whether octets came within that time, or the end of the connection."""
        if self._buffer or (isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()):
            return True
        return bool(select.select([self.socket], [], [], timeout_seconds)[0])

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._more(deadline)
        return self._take(end + 2)

    def _octets(self, count: int, deadline: float) -> bytes:
        while len(self._buffer) < count:
            self._more(deadline)
        return self._take(count)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _more(self, deadline: float) -> None:
        self.socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            octets = self.socket.recv(1 << 18)
        except TimeoutError:
            raise TimeoutError(f"the server did not answer; so far it said {bytes(self._buffer[-200:])!r}") from None
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(str(error)) from error
        if not octets:
            raise Closed(f"the server closed the connection; its last octets: {bytes(self._buffer[-200:])!r}")
        self._buffer += self._unpacker.decompress(octets) if self._unpacker else octets

    # Writing

    def send(self, octets: bytes) -> None:
        self.socket.settimeout(self.timeout_seconds)
        if self._packer:
            octets = self._packer.compress(octets) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        try:
            self.socket.sendall(octets)
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(str(error)) from error

    def tag(self) -> bytes:
        self._number += 1
        return b"t%d" % self._number

    def command(self, *parts: Part | str, timeout_seconds: float | None = None) -> Reply:
        """Sends a command and reads until its tagged answer. Raises Closed on BYE without one."""
        tag = self.tag()
        started = time.perf_counter()
        reply = Reply()
        if self.begin(tag, parts, reply):
            self.finish(tag, reply, timeout_seconds)
        reply.seconds = time.perf_counter() - started
        return reply

    def ok(self, *parts: Part | str, timeout_seconds: float | None = None) -> Reply:
        """A command that must succeed."""
        reply = self.command(*parts, timeout_seconds=timeout_seconds)
        assert reply.status == "OK", f"{parts!r}: {reply.status} {reply.text!r}"
        return reply

    def begin(self, tag: bytes, parts: Iterable[Part | str], reply: Reply) -> bool:
        """Sends a command up to its end; False if it was answered before that (a refused literal)."""
        pending = bytearray(tag + b" ")
        for part in parts:
            if isinstance(part, Literal):
                pending += b"%s{%d%s}\r\n" % (part.prefix, len(part.data), b"+" if part.plus else b"")
                if not part.plus:
                    self.send(bytes(pending))
                    pending.clear()
                    if not self.continuation(tag, reply):
                        return False
                pending += part.data
            else:
                pending += part.encode() if isinstance(part, str) else part
        self.send(bytes(pending) + b"\r\n")
        return True

    def continuation(self, tag: bytes, reply: Reply) -> bool:
        """Reads until "+"; False if the tagged answer came instead."""
        while True:
            line = self.response()
            if line[:1] == b"+":
                return True
            if self._sort(line, tag, reply):
                return False

    def finish(self, tag: bytes, reply: Reply, timeout_seconds: float | None = None) -> Reply:
        """Reads until the tagged answer of a command that was sent."""
        while not self._sort(self.response(timeout_seconds), tag, reply):
            pass
        return reply

    @staticmethod
    def _sort(line: bytes, tag: bytes, reply: Reply) -> bool:
        if line.startswith(b"* "):
            reply.untagged.append(line[2:])
            return False
        said, _, rest = line.partition(b" ")
        assert said == tag, f"an answer that belongs to nothing: {line[:200]!r}"
        status, _, reply.text = rest.partition(b" ")
        reply.status = status.decode("ascii", "replace").upper()
        return True

    def login(self, user: str, password: str = "password") -> Reply:
        return self.ok(f'LOGIN "{user}" "{password}"')

    def append(self, mailbox: str, message: bytes, flags: str = "", plus: bool = True) -> Reply:
        return self.ok(f'APPEND "{mailbox}" {flags}{" " if flags else ""}', Literal(message, plus))
