# SPDX-License-Identifier: MIT
"""The examples of RFC 9208 over the wire, with the roots of this server: a domain with a quota, alice who administers it,
and bob."""

from collections.abc import Callable, Iterator

import pytest

from tests.running.client import Client, Literal
from tests.running.server import Demo, eventually, operator

ALICE, BOB = "alice@rooms.example", "bob@rooms.example"
LETTER = b"Subject: afternoon meeting\r\n\r\nHello Joe, do you think we can meet at 3:30 tomorrow?\r\n"


@pytest.fixture(scope="module")
def run(server: Demo) -> Callable[..., str]:
    """The operator's command on the demo, which gets the domain and the people."""

    def command(*arguments: str, text: str = "") -> str:
        return operator(*arguments, "--config", str(server.data / "imapd.yaml"), text=text)

    command("domain", "add", "rooms.example", "--org", "Example")
    for user in (ALICE, BOB):
        command("user", "add", user, "--password-stdin", text="password\n")
    command("domain", "set", "rooms.example", "--administrator", ALICE)
    return command


@pytest.fixture
def limited(run: Callable[..., str]) -> Iterator[Callable[..., str]]:
    """limited("rooms.example", "--storage", "1GiB"): until the test is over."""
    holders = set()

    def limit(holder: str, *limits: str) -> str:
        holders.add(holder)
        return run("quota", "set", holder, *limits)

    yield limit
    for holder in holders:
        run("quota", "set", holder, "--storage", "unlimited", "--messages", "unlimited")


def emptied(client: Client, name: str) -> None:
    client.ok(f"SELECT {name}")
    client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    client.ok("UNSELECT")


@pytest.fixture
def bob(server: Demo, limited: Callable[..., str], quiet_log: object) -> Iterator[Client]:
    with server.client(BOB) as client:
        emptied(client, "INBOX")
        yield client


def test_getquota(bob: Client, limited: Callable[..., str]) -> None:
    """
    shows: RFC 9208 4.1.1
    shows: RFC 9208 4.2.1
    """
    limited("rooms.example", "--storage", "10923847KiB")
    bob.append("INBOX", b"x" * 103_000)
    reply = bob.ok('GETQUOTA "domain/rooms.example"')
    assert reply.untagged == [b'QUOTA "domain/rooms.example" (STORAGE 101 10923847)']
    assert bob.ok('GETQUOTA "rooms.example"').untagged == [b'QUOTA "rooms.example" ()']


def test_getquotaroot(bob: Client, limited: Callable[..., str]) -> None:
    """
    shows: RFC 9208 4.1.2
    shows: RFC 9208 4.2.2 1
    """
    limited(BOB, "--messages", "1000")
    assert bob.ok("GETQUOTAROOT INBOX").untagged[0] == b'QUOTAROOT "INBOX" "rooms.example"'
    limited("rooms.example", "--storage", "10923847KiB")
    bob.append("INBOX", b"x" * 1024)
    assert bob.ok("GETQUOTAROOT INBOX").untagged == [
        b'QUOTAROOT "INBOX" "rooms.example" "domain/rooms.example"', b'QUOTA "rooms.example" (MESSAGE 1 1000)',
        b'QUOTA "domain/rooms.example" (STORAGE 1 10923847)',
    ]  # fmt: skip
    # "The mailbox name parameter doesn't have to reference an existing mailbox."
    assert bob.ok("GETQUOTAROOT Not/Yet").untagged[0] == b'QUOTAROOT "Not/Yet" "rooms.example" "domain/rooms.example"'


def test_setquota(server: Demo, bob: Client, limited: Callable[..., str]) -> None:
    """shows: RFC 9208 4.1.3"""
    limited(BOB, "--storage", "111KiB", "--messages", "1000")
    limited("rooms.example", "--storage", "10923847KiB")
    bob.append("INBOX", b"x" * 54 * 1024)
    with server.client(ALICE) as alice:
        got = alice.ok(f'GETQUOTA "{BOB}"').untagged
        assert got == [b'QUOTA "bob@rooms.example" (STORAGE 54 111 MESSAGE 1 1000)']
        # The limit that is not named is gone; nothing is rounded here.
        got = alice.ok(f'SETQUOTA "{BOB}" (STORAGE 510)').untagged
        assert got == [b'QUOTA "bob@rooms.example" (STORAGE 54 510)']
        assert alice.command('SETQUOTA "domain/example.com" (STORAGE 99999999)').code == b"NONEXISTENT"
    assert bob.command('SETQUOTA "domain/rooms.example" (STORAGE 99999999)').code == b"NOPERM"
    assert bob.command('SETQUOTA "rooms.example" (STORAGE 99999999)').code == b"NOPERM"
    assert bob.ok("GETQUOTAROOT INBOX").untagged[1:] == [
        b'QUOTA "rooms.example" (STORAGE 54 510)', b'QUOTA "domain/rooms.example" (STORAGE 54 10923847)',
    ]  # fmt: skip


def test_status(bob: Client) -> None:
    """shows: RFC 9208 4.1.4"""
    for number in range(12):
        bob.append("INBOX", b"\r\n", "(\\Deleted)" if number < 4 else "")
    reply = bob.ok("STATUS INBOX (MESSAGES DELETED DELETED-STORAGE)")
    assert reply.untagged == [b'STATUS "INBOX" (MESSAGES 12 DELETED 4 DELETED-STORAGE 8)']


def test_overquota(bob: Client, limited: Callable[..., str]) -> None:
    """shows: RFC 9208 4.3.1 1-3"""
    limited(BOB, "--storage", "100KiB", "--messages", "20")
    # 1: it does not fit; a large one is refused before it is sent.
    bob.append("INBOX", b"x" * 60_000)
    reply = bob.command("APPEND INBOX (\\Seen) ", Literal(b"x" * 50_000))
    assert (reply.status, reply.code) == ("NO", b"OVERQUOTA")
    bob.send(b"A003 APPEND INBOX (\\Seen) {70000}\r\n")
    assert bob.response().startswith(b"A003 NO [OVERQUOTA] ")
    # 2: it fits, and what is used reaches the soft quota.
    bob.ok("SELECT INBOX")
    assert bob.append("INBOX", b"x" * 25_000, "(\\Seen)").code.startswith(b"APPENDUID ")
    warned(bob, b"NO [ALERT] 80 % of the quota rooms.example is used.")
    # 3: COPY does, too.
    emptied(bob, "INBOX")
    for _ in range(5):
        bob.append("INBOX", LETTER)
    bob.ok("SELECT INBOX")
    limited(BOB, "--messages", "8")
    assert bob.ok("COPY 2:4 Archive").code.startswith(b"COPYUID ")
    warned(bob, b"OK [OVERQUOTA] The quota rooms.example is used up.")
    assert bob.command("COPY 1 Archive").code == b"OVERQUOTA"
    emptied(bob, "Archive")


def warned(client: Client, line: bytes) -> None:
    assert eventually(lambda: line in client.ok("NOOP").untagged, 15)
