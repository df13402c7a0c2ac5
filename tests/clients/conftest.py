# SPDX-License-Identifier: MIT
"""A mailbox with mail for the programs to find."""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.running.client import Client
from tests.running.server import Demo, operator

NUMBERS = itertools.count(1)
LETTER = re.compile(rb"UID (\d+) BODY\[\] \{(\d+)\}\r\n(.*)", re.DOTALL)


def message(number: int) -> bytes:
    return (
        f"From: Sender {number} <sender{number}@example.com>\r\nTo: reader@example.com\r\nSubject: letter {number}\r\n"
        f"Date: Mon, {number:02} Jan 2024 10:00:00 +0100\r\nMessage-ID: <letter{number}@example.com>\r\n\r\n"
        f"Text of letter {number}.\r\n"
    ).encode()


@dataclass
class Box:
    """Who the program logs in as, and a second pair of eyes on the same mailbox."""

    host: str
    port: int
    tls_port: int
    user: str
    password: str
    eyes: Client

    def letters(self, mailbox: str = "INBOX") -> dict[int, bytes]:
        """The octets of each message by its UID."""
        self.eyes.ok(f'EXAMINE "{mailbox}"')
        lines = self.eyes.ok("UID FETCH 1:* BODY.PEEK[]").lines(b"FETCH")
        self.eyes.ok("UNSELECT")
        return {int(uid): octets[: int(size)] for uid, size, octets in (LETTER.search(line).groups() for line in lines)}  # type: ignore[union-attr]

    def subjects(self, mailbox: str = "INBOX") -> list[str]:
        """What the server has, in order."""
        self.eyes.ok(f'EXAMINE "{mailbox}"')
        lines = self.eyes.ok("UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]").lines(b"FETCH")
        self.eyes.ok("UNSELECT")
        return [line.partition(b"Subject: ")[2].split(b"\r\n")[0].decode() for line in lines]


@pytest.fixture
def box(server: Demo, new_user: Callable[[], str], quiet_log: object) -> Iterator[Box]:
    """Five letters in INBOX."""
    user = new_user()
    with server.client(user) as eyes:
        for number in range(1, 6):
            eyes.append("INBOX", message(number))
        yield Box(server.host, server.port, server.tls_port, user, "password", eyes)


@pytest.fixture
def two_domains(server: Demo, request: pytest.FixtureRequest, quiet_log: object) -> Iterator[Box]:
    """Somebody with a mailbox in each of two domains; the parameter is the mode of their namespaces. Letters 1 to 3 are in
    one INBOX, 4 to 6 in the other."""
    mode, config = request.param, ("--config", str(server.data / "imapd.yaml"))
    name = f"both-{next(NUMBERS)}"
    user = f"{name}@example.com"
    operator("user", "add", user, "--password-stdin", "--namespace-mode", mode, *config, text="password\n")
    operator("mailbox", "add", f"{name}@company.org", "--user", user, *config)
    with server.client(user) as eyes:
        for number in range(1, 4):
            eyes.append("example.com/INBOX", message(number))
        for number in range(4, 7):
            eyes.append("company.org/INBOX", message(number))
        yield Box(server.host, server.port, server.tls_port, user, "password", eyes)
