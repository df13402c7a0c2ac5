# SPDX-License-Identifier: MIT
"""An owner and a reader on the demo server, and mailboxes of the one in which the other has just some rights."""

import itertools
from collections.abc import Iterator

import pytest

from tests.access.matrix import LETTER
from tests.running.client import Literal, Part, Reply
from tests.running.server import Demo

NUMBERS = itertools.count(1)


def parts(command: str) -> list[Part | str]:
    """With the message in place of {letter}."""
    before, letter, after = command.partition("{letter}")
    return [before, Literal(LETTER.encode(), plus=True), after] if letter else [before]


class Two:
    """name: the shared mailbox to the reader; own: to its owner."""

    def __init__(self, server: Demo):
        self.owner_address, self.reader_address, self.third = (server.new_user() for _ in range(3))
        self.owner, self.reader = server.client(self.owner_address), server.client(self.reader_address)
        self.own = ""
        self.made: tuple[str, str] | None = None
        self.seen: list[bytes] = []

    @property
    def name(self) -> str:
        return f"Shared/{self.owner_address}/{self.own}"

    def make(self, rights: str, above: str = "") -> None:
        r"""A mailbox with two messages, the first of them \Deleted; a new one unless nothing has changed the last.
        above: rights in the mailbox right above it."""
        if self.made == (rights, above):
            return
        for line in self.owner.ok('LIST "" Top*').untagged:  # nothing else of the owner is shared
            if b"\\Noselect" not in line:
                self.owner.ok(b"DELETE " + line.rpartition(b" ")[2])
        top = f"Top{next(NUMBERS)}"
        self.own = f"{top}/Folder"
        self.owner.ok(f"CREATE {top}")
        self.owner.ok(f"CREATE {self.own}")
        message = Literal(b"Subject: two\r\n\r\ntext\r\n", plus=True)
        self.owner.ok(f"APPEND {self.own} (\\Deleted) ", message, " () ", message)
        self.owner.ok(f'SETACL {self.own} {self.reader_address} "{rights}"')
        self.owner.ok(f"SETACL {self.own} {self.third} p")
        if above:
            self.owner.ok(f"SETACL {top} {self.reader_address} {above}")
        self.made, self.seen = (rights, above), self._state()

    def say(self, command: str) -> Reply:
        """What the reader says about it."""
        words = {"name": self.name, "third": self.third, "other": f"{self.name}-renamed", "mine": "Trash"}
        for word, text in words.items():
            command = command.replace(f"{{{word}}}", text)
        return self.reader.command(*parts(command))

    def changed(self) -> bool:
        """Whether the owner sees that something has happened since it was made."""
        if self._state() != self.seen:
            self.made = None
        return self.made is None

    def _state(self) -> list[bytes]:
        listed = self.owner.ok(f'LIST "" "{self.own}*" RETURN (STATUS (MESSAGES HIGHESTMODSEQ))').untagged
        acl = self.owner.command(f"GETACL {self.own}").untagged
        metadata = self.owner.command(f'GETMETADATA {self.own} "/shared/comment"').untagged
        return sorted([*listed, *acl, *metadata])

    def close(self) -> None:
        for client in (self.owner, self.reader):
            client.close()


@pytest.fixture(scope="module")
def two(server: Demo) -> Iterator[Two]:
    two = Two(server)
    yield two
    two.close()
