# SPDX-License-Identifier: MIT
"""An LMTP client that sends what it is told, right or wrong, and knows replies."""

import re
import socket
import time
from collections.abc import Sequence

from tests.running.client import Closed


def stuffed(message: bytes) -> bytes:
    """As it goes behind DATA, with the end of it."""
    lines = re.sub(rb"(\A|\r\n)\.", rb"\1..", message)
    return lines + (b"" if lines.endswith(b"\r\n") else b"\r\n") + b".\r\n"


class Lmtp:
    """One connection. A reply is its text, all lines of it."""

    def __init__(self, to: int | str, hello: bool = True, timeout_seconds: float = 30, source: str = "127.0.0.1"):
        """to: a port of loopback, or the path of a Unix socket."""
        if isinstance(to, int):
            self.socket = socket.create_connection(("127.0.0.1", to), timeout_seconds, source_address=(source, 0))
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout_seconds)
            self.socket.connect(to)
        self._file = self.socket.makefile("rb")
        self.greeting = self.reply()
        if hello:
            self.extensions = self.ask("LHLO mta.example").splitlines()

    def __enter__(self) -> "Lmtp":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, octets: bytes) -> None:
        try:
            self.socket.sendall(octets)
        except ConnectionError as error:
            raise Closed(str(error)) from error

    def reply(self) -> str:
        lines = []
        while not lines or lines[-1][3:4] == "-":
            try:
                line = self._file.readline()
            except ConnectionError as error:
                raise Closed(str(error)) from error
            if not line.endswith(b"\r\n"):
                raise Closed("the server closed the connection")
            lines.append(line[:-2].decode())
        return "\n".join(lines)

    def ask(self, line: str | bytes) -> str:
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def envelope(self, to: Sequence[str], sender: str = "ann@elsewhere.example", parameters: str = "") -> list[str]:
        """MAIL, and the replies to each RCPT."""
        said = self.ask(f"MAIL FROM:<{sender}>{parameters}")
        assert said.startswith("250 "), said
        return [self.ask(f"RCPT TO:<{each}>") for each in to]

    def data(self, octets: bytes, replies: int = 1) -> list[str]:
        """DATA and these octets as they are, and as many replies."""
        said = self.ask("DATA")
        assert said.startswith("354 "), said
        self.send(octets)
        return [self.reply() for _ in range(replies)]

    def deliver(self, message: bytes, *to: str, sender: str = "ann@elsewhere.example") -> list[str]:
        """A message, and the last word on each recipient, in order."""
        said = self.envelope(to, sender)
        taken = [number for number, each in enumerate(said) if each.startswith("250 ")]
        if not taken:
            self.ask("RSET")
            return said
        for number, reply in zip(taken, self.data(stuffed(message), len(taken)), strict=True):
            said[number] = reply
        return said

    def until_closed(self, seconds: float) -> list[str]:
        """What is said until the server closes the connection."""
        self.socket.settimeout(seconds)
        until = time.monotonic() + seconds
        found = []
        while True:
            try:
                found.append(self.reply())
            except Closed:
                return found
            assert time.monotonic() < until
