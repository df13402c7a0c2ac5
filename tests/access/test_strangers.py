# SPDX-License-Identifier: MIT
"""Nobody learns of what is not for them: what is foreign is answered as what is missing, in the same words and time."""

import statistics
from collections.abc import Iterator

import pytest

from tests.access.conftest import parts
from tests.running.client import Client
from tests.running.server import Demo

# {name} is a mailbox of somebody else, or none.
ASKED = [
    'SELECT "{name}"',
    'EXAMINE "{name}" (CONDSTORE)',
    'STATUS "{name}" (MESSAGES UIDNEXT UNSEEN SIZE HIGHESTMODSEQ MAILBOXID)',
    'LIST "" "{name}"',
    'LIST "" "{name}" RETURN (STATUS (MESSAGES) MYRIGHTS CHILDREN SUBSCRIBED)',
    'LIST (SPECIAL-USE) "" "{name}"',
    'LIST "{name}" "*"',
    'LSUB "" "{name}"',
    'SUBSCRIBE "{name}"',
    'CREATE "{name}"',
    'CREATE "{name}/below"',
    'DELETE "{name}"',
    'RENAME "{name}" "{name}2"',
    'RENAME "{name}" Elsewhere',
    'RENAME Drafts "{name}"',
    'APPEND "{name}" {letter}',
    'COPY 1 "{name}"',
    'UID COPY 1:* "{name}"',
    'MOVE 1 "{name}"',
    'REPLACE 1 "{name}" {letter}',
    'GETACL "{name}"',
    'SETACL "{name}" user@example.com lr',
    'DELETEACL "{name}" user@example.com',
    'LISTRIGHTS "{name}" user@example.com',
    'MYRIGHTS "{name}"',
    'GETQUOTAROOT "{name}"',
    'GETQUOTA "{root}"',
    'SETQUOTA "{root}" (STORAGE 1)',
    'GETMETADATA "{name}" /shared/comment',
    'SETMETADATA "{name}" (/private/comment "x")',
]  # fmt: skip


@pytest.fixture(scope="module")
def owner(server: Demo) -> str:
    """Somebody who shares INBOX with the reader, and has a mailbox Secret that they do not share."""
    owner = server.new_user()
    with server.client(owner) as client:
        client.ok("CREATE Secret")
        client.append("Secret", b"Subject: secret\r\n\r\n\r\n")
    return owner


@pytest.fixture(scope="module")
def reader(server: Demo, owner: str) -> Iterator[Client]:
    address = server.new_user()
    with server.client(owner) as client:
        client.ok(f"SETACL INBOX {address} lrswi")
    with server.client(address) as client:
        client.append("INBOX", b"Subject: mine\r\n\r\n\r\n")
        client.ok("SELECT INBOX")
        yield client


def answer(client: Client, command: str, name: str) -> tuple[str, bytes, list[bytes]]:
    """With the name taken out of what is said."""
    root = name.rpartition("/")[0]
    reply = client.command(*parts(command.replace("{name}", name).replace("{root}", root)))
    untagged = [line for line in reply.untagged if b"[CLOSED]" not in line]
    if command.startswith(("SELECT", "EXAMINE")):
        client.ok("SELECT INBOX")
    return reply.status, reply.text.replace(name.encode(), b"NAME").replace(root.encode(), b"ROOT"), untagged


@pytest.mark.usefixtures("quiet_log")
@pytest.mark.parametrize("command", ASKED)
def test_a_mailbox_that_is_not_shared_is_as_none(reader: Client, owner: str, command: str) -> None:
    """Of an owner who shares something else."""
    secret, nothing = (answer(reader, command, f"Shared/{owner}/{name}") for name in ("Secret", "Nothng"))
    assert secret == nothing


@pytest.mark.usefixtures("quiet_log")
@pytest.mark.parametrize("command", ASKED)
def test_somebody_who_shares_nothing_is_as_nobody(server: Demo, reader: Client, command: str) -> None:
    """Of somebody of the same organisation, and of nobody."""
    somebody, nobody = (
        answer(reader, command, f"Shared/{who}/INBOX") for who in ("user99@example.com", "nobody@example.com")
    )
    assert somebody == nobody


TIMED = [
    'STATUS "{name}" (MESSAGES)',
    'SELECT "{name}"',
    'MYRIGHTS "{name}"',
    'GETQUOTAROOT "{name}"',
    'DELETE "{name}"',
]


@pytest.mark.parametrize("command", TIMED)
def test_it_takes_as_long(reader: Client, owner: str, command: str) -> None:
    """The quickest of many: what else the machine does is not in it. Exactly as many statements: tests/mail/test_rights.py."""
    took: dict[str, list[float]] = {"Secret": [], "Nothng": []}
    for _ in range(40):
        for name, seconds in took.items():
            seconds.append(reader.command(command.replace("{name}", f"Shared/{owner}/{name}")).seconds)
    reader.ok("SELECT INBOX")
    secret, nothing = (statistics.mean(sorted(seconds)[:5]) for seconds in took.values())
    assert 0.5 < secret / nothing < 2, f"{secret:.6f} s for what is there, {nothing:.6f} s for what is not"


# What only administrators may do, as a user.
ADMINISTRATIVE = {
    'SETQUOTA "example.com" (STORAGE 1)': "NO",
    'SETQUOTA "domain/example.com" (STORAGE 1)': "NO",
    'SETQUOTA "user" (STORAGE 1)': "NO",
    'SETQUOTA "user99@example.com" (STORAGE 1)': "NO",
    'SETMETADATA "" (/shared/comment "x")': "NO",
    'SETMETADATA "" (/shared/admin "x")': "NO",
    'SETMETADATA "" (/shared/vendor/imapd/namespace-mode "unified")': "NO",
    'GETQUOTA "user99@example.com"': "NO",
    "RECONSTRUCT INBOX": "BAD",
    "LOCALDELETE INBOX": "BAD",
    "LOCALCREATE INBOX": "BAD",
    "UNDUMP INBOX": "BAD",
    "XKICK user99@example.com": "BAD",
    "XFER INBOX elsewhere": "BAD",
    "PROXY user99@example.com": "BAD",
    "AUTHENTICATE PLAIN": "BAD",
    "LOGIN user99@example.com password": "BAD",
}  # fmt: skip


@pytest.mark.usefixtures("quiet_log")
@pytest.mark.parametrize("command", ADMINISTRATIVE)
def test_what_is_for_administrators(reader: Client, command: str) -> None:
    reply = reader.command(command)
    assert reply.status == ADMINISTRATIVE[command], reply
    assert reply.status == "BAD" or reply.code in (b"NOPERM", b"NONEXISTENT"), reply


def test_nobody_acts_for_another(server: Demo) -> None:
    """An authorization identity that is not one's own (RFC 4616)."""
    import base64

    octets = base64.b64encode(b"user99@example.com\0user98@example.com\0password").decode()
    with server.client() as client:
        reply = client.command(f"AUTHENTICATE PLAIN {octets}")
        assert reply.status == "NO" and reply.code in (b"AUTHORIZATIONFAILED", b"AUTHENTICATIONFAILED"), reply
        assert client.command("SELECT INBOX").status == "BAD"
