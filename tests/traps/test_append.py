# SPDX-License-Identifier: MIT
"""Traps of APPEND: what happens to its mailbox while the octets of a message are on their way."""

from pathlib import Path

import pytest

from imapd.storage.grants import Limits
from tests.running.client import Client, Literal, Reply
from tests.running.organization import Organization
from tests.running.server import Demo

MESSAGE = b"Subject: hello\r\n\r\nbody of it\r\n"


class Under:
    """An APPEND that has been told to go on, and whose octets have not come."""

    def __init__(self, client: Client, name: str):
        self.client = client
        self.tag, self.reply = client.tag(), Reply()
        client.send(b"%b APPEND %b {%d}\r\n" % (self.tag, name.encode(), len(MESSAGE)))
        assert client.continuation(self.tag, self.reply), self.reply

    def ended(self) -> Reply:
        self.client.send(MESSAGE + b"\r\n")
        return self.client.finish(self.tag, self.reply)


def messages(client: Client, name: str) -> int:
    (line,) = client.ok(f"STATUS {name} (MESSAGES)").lines(b"STATUS")
    return int(line.split()[-1].rstrip(b")"))


def test_a_right_that_is_taken_meanwhile_counts(server: Demo) -> None:
    alice, bob = server.new_user(), server.new_user()
    with server.client(alice) as owner, server.client(bob) as guest:
        owner.ok(f"SETACL INBOX {bob} lrswi")
        under = Under(guest, f"Shared/{alice}/INBOX")
        owner.ok(f"DELETEACL INBOX {bob}")
        before = messages(owner, "INBOX")
        assert under.ended().status == "NO"
        assert messages(owner, "INBOX") == before
        guest.ok("NOOP")


@pytest.mark.parametrize("first", ["DELETE Here", "RENAME Here Elsewhere"])
def test_the_message_goes_to_what_has_the_name_then(server: Demo, first: str) -> None:
    alice = server.new_user()
    with server.client(alice) as one, server.client(alice) as other:
        one.ok("CREATE Here")
        under = Under(one, "Here")
        other.ok(first)
        other.ok("CREATE Here")
        assert under.ended().code.startswith(b"APPENDUID")
        assert messages(other, "Here") == 1


def test_a_mailbox_that_went_meanwhile_has_to_be_created(server: Demo) -> None:
    alice = server.new_user()
    with server.client(alice) as one, server.client(alice) as other:
        one.ok("CREATE Here")
        under = Under(one, "Here")
        other.ok("DELETE Here")
        assert under.ended().code == b"TRYCREATE"


def stored(blobs: Path) -> int:
    """Octets in the store, whole or on their way."""
    return sum(path.stat().st_size for path in blobs.rglob("*") if path.is_file())


def test_many_short_messages_at_once_do_not_fill_the_disk(server: Demo, organization: Organization) -> None:
    """They come without waiting, in one command, and there is no room for them, or no such mailbox."""
    alice = organization.person("alice", limits=Limits(storage=1 << 20))
    parts: list[Literal | str] = []
    for number in range(100):
        parts += [" ", Literal(b"Subject: %d\r\n\r\n" % number + b"x" * 60_000 + b"\r\n", plus=True)]
    with server.client(alice) as client:
        for name, code in (("INBOX", b"OVERQUOTA"), ("Nowhere", b"TRYCREATE")):
            before = stored(server.data / "blobs")
            reply = client.command(f"APPEND {name}", *parts)
            assert reply.code == code, reply
            assert stored(server.data / "blobs") - before < 1 << 20
        assert messages(client, "INBOX") == 0
