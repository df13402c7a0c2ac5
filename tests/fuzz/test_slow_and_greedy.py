# SPDX-License-Identifier: MIT
"""Clients that send too slowly, read nothing, or want too much at once: each pays for it alone."""

import socket
import threading
import time
from collections.abc import Iterator

import psycopg2
import pytest

from tests.fuzz.conftest import Watch
from tests.running.client import Client, Closed, Literal
from tests.running.processes import private_octets
from tests.running.server import Demo, Node

LARGE = b"Subject: large\r\n\r\n" + (b"0123456789" * 7 + b"\r\n") * 30_000  # 2 MB


@pytest.fixture(scope="module")
def hasty(server: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with little patience."""
    node = Node(
        tmp_path_factory.mktemp("hasty"), server.dsn, server.redis_url(6),
        server.data / "blobs", {"limits": {"login_seconds": 2, "idle_seconds": 3, "output_stall_seconds": 2}},
    )  # fmt: skip
    node.start()
    yield node
    assert node.stop() == 0, node.end_of_log()


def ends_with_bye(client: Client, seconds: float) -> None:
    last = b""
    deadline = time.monotonic() + seconds
    try:
        while True:
            last = client.response(max(0.1, deadline - time.monotonic()))
    except Closed:
        assert last.startswith(b"* BYE"), last


def test_a_slow_login_ends_whatever_is_sent(hasty: Node) -> None:
    with hasty.client() as client:
        began = time.monotonic()
        while time.monotonic() - began < 1.8:
            client.send(b"x")
            time.sleep(0.2)
        ends_with_bye(client, 4)


def test_whoever_says_nothing_is_told_goodbye(hasty: Node, server: Demo) -> None:
    """shows: RFC 9051 7.1.5"""
    with hasty.client(server.new_user()) as client:
        ends_with_bye(client, 8)


def test_every_command_begins_the_time_anew(hasty: Node, server: Demo) -> None:
    with hasty.client(server.new_user()) as client:
        for _ in range(5):
            time.sleep(1)
            client.ok("NOOP")
        client.send(b"i IDLE\r\n")
        client.response()
        time.sleep(1.5)
        client.send(b"DONE\r\n")
        client.response()
        time.sleep(2)
        client.ok("NOOP")


def test_a_message_whose_end_never_comes(hasty: Node, server: Demo) -> None:
    user = server.new_user()
    with hasty.client(user) as client:
        client.send(b"a APPEND INBOX {1000+}\r\n" + b"x" * 999)
        ends_with_bye(client, 8)
    with server.client(user) as client:
        assert client.ok("STATUS INBOX (MESSAGES)").untagged == [b'STATUS "INBOX" (MESSAGES 0)']


def test_whoever_reads_nothing_costs_no_memory(hasty: Node, server: Demo) -> None:
    user = server.new_user()
    with hasty.client(user) as client:
        client.append("INBOX", LARGE)
        client.ok("SELECT INBOX")
        before = sum(map(private_octets, hasty.workers()))
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(b"".join(b"a%d FETCH 1 BODY.PEEK[]\r\n" % number for number in range(200)))
        time.sleep(1.5)
        assert sum(map(private_octets, hasty.workers())) - before < 48 << 20
        # It does not take our octets: it is cut off, and the worker goes on.
        time.sleep(3.5)
    with hasty.client(server.new_user()) as other:
        other.ok("NOOP")


def test_a_large_message_streams(node: Node, watch: Watch) -> None:
    """50 MB go in and come out without ever being whole in memory."""
    user = watch.new_user()
    body = b"Subject: huge\r\n\r\n" + LARGE * 24
    before = sum(map(private_octets, watch.workers))
    highest = before
    with node.client(user, timeout_seconds=60) as client:
        done = threading.Event()
        tops: list[int] = []

        def look() -> None:
            while not done.wait(0.05):
                tops.append(sum(map(private_octets, watch.workers)))

        looker = threading.Thread(target=look)
        looker.start()
        client.ok("APPEND INBOX ", Literal(body))
        client.ok("SELECT INBOX")
        fetched = client.ok("FETCH 1 BODY.PEEK[]").untagged
        done.set()
        looker.join()
        highest = max(tops, default=before)
    assert any(body in line for line in fetched)
    assert highest - before < len(body), f"{(highest - before) >> 20} MiB for a message of {len(body) >> 20} MiB"
    watch.look()


def test_many_create_the_same_mailbox(node: Node, watch: Watch) -> None:
    """Exactly one of them makes it, exactly one of them deletes it."""
    user = watch.new_user()
    clients = [node.client(user) for _ in range(12)]
    for verb, name in (("CREATE", "Contested"), ("DELETE", "Contested")):
        answers: list[str] = []

        def ask(client: Client, command: str = f"{verb} {name}", answers: list[str] = answers) -> None:
            answers.append(client.command(command).status)

        threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == ["NO"] * 11 + ["OK"]
    for client in clients:
        client.close()
    watch.look()


def test_nothing_of_an_unfinished_message_stays(node: Node, watch: Watch) -> None:
    user = watch.new_user()
    for end in ("fin", "reset"):
        client = node.client(user)
        client.send(b"a APPEND INBOX {1000}\r\n")
        assert client.response().startswith(b"+")
        client.send(b"x" * 999)
        client.reset() if end == "reset" else client.close()
    with node.client(user) as client:
        assert client.ok("STATUS INBOX (MESSAGES UIDNEXT)").untagged == [b'STATUS "INBOX" (MESSAGES 0 UIDNEXT 1)']
    watch.look()


def test_uids_end_where_they_end(node: Node, watch: Watch, server: Demo) -> None:
    """After the last UID comes a refusal, never a UID that was given before."""
    user = watch.new_user()
    with node.client(user) as client:
        client.append("INBOX", b"Subject: x\r\n\r\n")
        database = psycopg2.connect(server.dsn)
        with database, database.cursor() as cursor:
            cursor.execute(
                "UPDATE folder_groups g SET uid_next = 4294967295 FROM folders f JOIN mailboxes m"
                " USING (organization_id, mailbox_id)"
                " WHERE f.group_id = g.group_id AND f.name = 'INBOX' AND m.local_part = %s",
                (user.partition("@")[0],),
            )
        database.close()
        answers = [client.command("APPEND INBOX ", Literal(b"Subject: y\r\n\r\n")) for _ in range(2)]
        assert [answer.status for answer in answers] == ["OK", "NO"]
        assert b"4294967295" in answers[0].code and answers[1].code == b"LIMIT"
        assert client.ok("STATUS INBOX (UIDNEXT)").untagged == [b'STATUS "INBOX" (UIDNEXT 4294967295)']
        assert b"OK [UIDNEXT 4294967295] Predicted next UID." in client.ok("SELECT INBOX").untagged
        assert client.command("COPY 1 INBOX").code == b"LIMIT"
        assert client.ok("UID FETCH 2:* UID").untagged == [b"2 FETCH (UID 4294967295)"]
        assert client.ok("UID SEARCH ALL").untagged == [b"SEARCH 1 4294967295"]
    assert b"no uid left" in node.log.read_bytes()
    watch.look()
