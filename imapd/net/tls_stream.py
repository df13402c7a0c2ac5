# SPDX-License-Identifier: MIT
"""The octets of one TLS connection between two memory buffers. When to read and write a socket is connection.py's."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from imapd.net.tls import NO_APPLICATION_PROTOCOL, speaks_another_protocol

RECORD_OCTETS = 16 << 10


class TlsStream:
    """The server's side of TLS between two memory buffers, with functions that read and write the socket."""

    __slots__ = ("_hello", "_incoming", "_object", "_outgoing", "_read", "_write")

    def __init__(self, context: ssl.SSLContext, read: Callable[[], bytes | None], write: Callable[[bytes], None]):
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._read = read
        self._write = write
        self._hello: bytes | None = b""

    def shaken(self) -> bool:
        """One step of the handshake; True when it is done, False when the client has to say something."""
        while True:
            try:
                self._object.do_handshake()
                return True
            except ssl.SSLWantReadError:
                pass
            finally:
                self._send()
            if not self._feed():
                return False

    def read(self) -> bytes | None:
        while True:
            try:
                return self._object.read(RECORD_OCTETS)
            except ssl.SSLWantReadError:
                self._send()
            except ssl.SSLError:  # the end, with a close_notify or without; or garbage
                return b""
            if not self._feed():
                return None

    def encrypt(self, octets: memoryview) -> bytes:
        self._object.write(octets)
        return self._outgoing.read()

    def goodbye(self) -> None:
        try:
            self._object.unwrap()
        except ssl.SSLError:  # the client's part of it is not waited for
            pass
        self._send()

    def _feed(self) -> bool:
        octets = self._read()
        if octets is None:
            return False
        if octets:
            if self._hello is not None:
                self._look_at_hello(octets)
            self._incoming.write(octets)
        else:
            self._incoming.write_eof()
        return True

    def _look_at_hello(self, octets: bytes) -> None:
        hello = (self._hello or b"") + octets
        is_wrong = speaks_another_protocol(hello)
        self._hello = hello if is_wrong is None else None
        if is_wrong:
            self._write(NO_APPLICATION_PROTOCOL)
            raise ConnectionAbortedError("the client speaks another protocol")

    def _send(self) -> None:
        if self._outgoing.pending:
            self._write(self._outgoing.read())
