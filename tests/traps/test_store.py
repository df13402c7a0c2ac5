# SPDX-License-Identifier: MIT
"""Traps of UIDs, quotas, search and garbage, when many do things at the same time."""

import threading
from collections.abc import Callable
from functools import partial

from imapd.storage import quota_roots, quotas
from imapd.storage.addresses import address
from imapd.storage.blobs import BlobStore
from imapd.storage.garbage import collect
from imapd.storage.grants import Limits
from imapd.storage.pool import Database
from tests.running.client import Client, Literal
from tests.running.organization import Organization
from tests.running.server import Demo
from tests.running.together import together

MESSAGE = b"Subject: hello\r\n\r\nbody of it\r\n"


def uids_of(client: Client, name: str) -> list[int]:
    client.ok(f"EXAMINE {name}")
    found = client.ok("UID SEARCH ALL").lines(b"SEARCH")[0].split()[1:]
    return [int(uid) for uid in found]


def test_no_message_is_stored_without_a_uid_in_a_burst(server: Demo, organization: Organization) -> None:
    """Every message that was acknowledged has the UID that was told, and can be fetched by it, in both views."""
    alice = organization.person("alice", f"alice@{organization.work}", mode="unified")
    told: list[int] = []

    def burst(number: int) -> Callable[[], None]:
        def run() -> None:
            with server.client(alice) as client:
                for count in range(15):
                    to = "INBOX" if count % 2 else f"{organization.work}/INBOX"
                    text = b"Subject: %d\r\n\r\n%d\r\n" % (number, count)
                    told.append(int(client.ok(f"APPEND {to} ", Literal(text, plus=True)).code.split()[-1]))

        return run  # fmt: skip

    together(*(burst(number) for number in range(6)), seconds=60)
    with server.client(alice) as client:
        assert sorted(told) == list(range(1, 91))
        assert uids_of(client, "INBOX") == sorted(told)
        assert len(client.ok("UID FETCH 1:* (FLAGS BODY.PEEK[])").lines(b"FETCH")) == 90
        parts = uids_of(client, f"{organization.home}/INBOX"), uids_of(client, f"{organization.work}/INBOX")
        assert sorted([*parts[0], *parts[1]]) == sorted(told)


def test_a_raised_quota_counts_at_once_in_all_workers(server: Demo, organization: Organization) -> None:
    alice = organization.person("alice", limits=Limits(messages=1))
    sessions = [server.client(alice) for _ in range(4)]  # the master spreads them over the workers
    sessions[0].append("INBOX", MESSAGE)
    for most in (1, 20, 40, 1):  # far from full: the warning that it was full takes room, too
        quota_roots.set_limits(organization.database, address(alice), quotas.Limits(messages=most), user=False, keep=())
        for session in sessions:
            reply = session.command("APPEND INBOX ", Literal(MESSAGE, plus=True))
            assert reply.status == "OK" if most > 1 else reply.code == b"OVERQUOTA", (most, reply)
    for session in sessions:
        session.close()


def usage(database: Database, of: str) -> tuple[int, int]:
    local_part, _, domain = of.partition("@")
    row = database.row(
        "SELECT storage_used, messages_used FROM quotas JOIN mailboxes USING (organization_id, mailbox_id)"
        " JOIN domains USING (domain_id) WHERE local_part = %s AND name = %s", (local_part, domain)
    )  # fmt: skip
    assert row
    return row[0], row[1]


def test_no_quota_becomes_negative(server: Demo, organization: Organization) -> None:
    """The same messages are expunged, moved, and their mailbox deleted, by several sessions at the same time."""
    alice = organization.person("alice", f"alice@{organization.work}")
    with server.client(alice) as client:
        for _ in range(5):
            client.ok("CREATE Busy")
            for _ in range(10):
                client.append("Busy", MESSAGE, "(\\Deleted)")
            sessions = [server.client(alice) for _ in range(5)]
            for session in sessions:
                session.ok("SELECT Busy")
            commands = ("EXPUNGE", "UID EXPUNGE 1:*", f"UID MOVE 1:* {organization.work}/INBOX", "CLOSE", "DELETE Busy")
            together(*(partial(session.command, said) for session, said in zip(sessions, commands, strict=True)), seconds=60)
            client.command("DELETE Busy")
            for session in sessions:
                session.close()
        moved = uids_of(client, f"{organization.work}/INBOX")
        assert usage(organization.database, alice) == (0, 0)
        assert usage(organization.database, f"alice@{organization.work}") == (len(moved) * len(MESSAGE), len(moved))


def test_what_is_there_is_found(server: Demo, organization: Organization) -> None:
    """There is no index that could be behind, or missing: who sees a message finds it by its words, in each of its views."""
    alice = organization.person("alice", f"alice@{organization.work}", mode="unified")
    bob = organization.person("bob")
    organization.grant(alice, bob, "lr")
    with server.client(alice) as writer, server.client(alice) as searcher, server.client(bob) as reader:
        searcher.ok("SELECT INBOX")
        reader.ok(f"SELECT Shared/{alice}/INBOX")
        for number in range(1, 6):
            word = f"needle{number}"
            writer.append("INBOX", f"Subject: {word}\r\n\r\nthe {word}body\r\n".encode())
            for client in (searcher, reader):
                client.ok("NOOP")
                for key in (
                    f"SUBJECT {word}",
                    f"BODY {word}body",
                    f"TEXT {word}",
                    f"BODY {word[:5]} HEADER Subject {number}",
                ):
                    assert client.ok(f"SEARCH {key}").untagged == [b"SEARCH %d" % number], key
        searcher.ok(f"UID COPY 1:3 {organization.work}/Archive")
        searcher.ok(f"UID MOVE 4:5 {organization.work}/Archive")
        for name in ("Archive", f"{organization.work}/Archive"):
            searcher.ok(f"SELECT {name}")
            assert searcher.ok("SEARCH OR BODY needle2body SUBJECT needle5").untagged == [b"SEARCH 2 5"]


def test_no_garbage_is_made_of_what_is_being_copied(server: Demo, organization: Organization) -> None:
    """The collector takes all that nobody refers to, without any grace, while one content is copied, expunged and appended
    again and again."""
    alice = organization.person("alice")
    blobs = BlobStore(server.data / "blobs")
    working = threading.Event()
    working.set()

    def collecting() -> None:
        database = Database(server.dsn)
        while working.is_set():
            for _ in collect(database, blobs, 0):
                pass
        database.close()

    def copying(mailbox: str) -> Callable[[], None]:
        def run() -> None:
            with server.client(alice) as client:
                client.ok(f"CREATE {mailbox}")
                for _ in range(12):
                    client.append(mailbox, MESSAGE)
                    client.ok(f"SELECT {mailbox}")
                    client.ok("COPY * Archive")
                    client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
                    client.ok("CLOSE")
                    client.ok("SELECT Archive")
                    client.command(f"MOVE 1:* {mailbox}")
                    client.ok(f"SELECT {mailbox}")
                    for line in client.ok("FETCH 1:* (BODY.PEEK[])").lines(b"FETCH"):
                        assert MESSAGE in line

        return run  # fmt: skip

    collector = threading.Thread(target=collecting, daemon=True)
    collector.start()
    try:
        together(*(copying(f"Copies{number}") for number in range(3)), seconds=60)
    finally:
        working.clear()
        collector.join(30)
    with server.client(alice) as client:
        for number in range(3):
            client.ok(f"EXAMINE Copies{number}")
            for line in client.ok("FETCH 1:* (BODY.PEEK[])").lines(b"FETCH"):
                assert MESSAGE in line
