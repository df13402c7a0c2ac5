# SPDX-License-Identifier: MIT
"""Who can stand in a list of rights, and what no identifier is."""

from collections.abc import Iterator

import pytest

from imapd.storage import provision
from imapd.storage.addresses import address
from imapd.storage.pool import Database
from tests.running.client import Client, Literal
from tests.running.server import Demo


@pytest.fixture(scope="module")
def owner(server: Demo) -> Iterator[Client]:
    database = Database(server.dsn)
    provision.add_user(database, address("elsewhere@company.org"), "", None)
    database.close()
    with server.client(server.new_user()) as client:
        yield client


# By literal, so that any octet can stand there.
REFUSED = {
    "anyone": b"anyone",
    "anyone, in capitals": b"ANYONE",
    "negative": b"-user99@example.com",
    "negative anyone": b"-anyone",
    "empty": b"",
    "a space": b" ",
    "with CR": b"user99@example.com\r",
    "with LF": b"user99@example.com\nx",
    "with CRLF": b"x\r\na1 SETACL INBOX user99@example.com lr",
    "with NUL": b"user99@example.com\x00",
    "with TAB": b"user99@example.com\t",
    "with ESC": b"\x1b[2Juser99@example.com",
    "no UTF-8": b"\xff\xfe@example.com",
    "lone surrogate": b"\xed\xa0\x80@example.com",
    "8 bit": "müller@example.com".encode(),
    "a group that is not there": b"group:nobody",
    "a group without a name": b"group:",
    "a group in the form of others": b"$nobody",
    "nobody": b"nobody@example.com",
    "of no domain": b"user99",
    "of a domain that is not here": b"user99@elsewhere.example",
    "of another domain": b"elsewhere@company.org",
    "an internal name": b"u1",
    "SQL": b"' OR 1=1 --@example.com",
    "a wild card": b"user%@example.com",
    "long": b"x" * 4000 + b"@example.com",
}


@pytest.mark.usefixtures("quiet_log")
@pytest.mark.parametrize("identifier", REFUSED.values(), ids=REFUSED)
def test_nobody_who_can_be_given_a_right(owner: Client, identifier: bytes) -> None:
    for verb, after in (("SETACL", " lr"), ("SETACL", " +l"), ("LISTRIGHTS", "")):
        reply = owner.command(f"{verb} INBOX ", Literal(identifier), after)
        assert reply.status in ("NO", "BAD"), (verb, reply)
    acl = owner.ok("GETACL INBOX").untagged
    assert len(acl) == 1 and len(acl[0].split()) == 4, "the owner alone stands there"
    assert owner.ok("NOOP").status == "OK", "and no command has come out of it"


def test_the_same_is_said_of_nobody_and_of_who_may_not(owner: Client) -> None:
    """Whom a mailbox cannot be shared with is not told apart from who does not exist."""
    said = {
        owner.command(f"SETACL INBOX {who} lr").text
        for who in ("nobody@example.com", "user@elsewhere.example", "elsewhere@company.org", "group:nobody")
    }
    assert len(said) == 1, said


@pytest.mark.parametrize("name", ["user99@example.com", "USER99@Example.COM"])
def test_an_address_knows_no_case(owner: Client, name: str) -> None:
    owner.ok(f"SETACL INBOX {name} lr")
    assert owner.ok("GETACL INBOX").untagged[0].endswith(b" user99@example.com lr")
    owner.ok(f"DELETEACL INBOX {name}")
