# SPDX-License-Identifier: MIT
"""PostgreSQL and Redis die and come back: the server says so meanwhile, and needs nobody's help afterwards."""

import time

import pytest

from tests.faults.conftest import USERS
from tests.faults.ledger import Load, audit
from tests.running.client import Client, Closed, Literal
from tests.running.server import Node, eventually
from workers.embedded import Embedded

pytestmark = pytest.mark.timeout(180)
MESSAGE = b"Subject: hello\r\n\r\nbody\r\n"


def works(client: Client) -> bool:
    return client.command("APPEND INBOX ", Literal(MESSAGE)).status == "OK"


def kill(services: Embedded, name: str) -> None:
    process = getattr(services, name)
    process.kill()
    process.wait(10)


def seen_by_idle(idle: Client, other: Client, mailbox: str, seconds: float) -> None:
    """What `other` appends, `idle` hears of without asking."""
    other.ok(f"APPEND {mailbox} ", Literal(MESSAGE))
    deadline = time.monotonic() + seconds
    while b"EXISTS" not in idle.response(max(0.1, deadline - time.monotonic())):
        pass


def test_postgresql_is_killed_and_comes_back(node: Node, services: Embedded) -> None:
    """shows: RFC 9051 7.1 UNAVAILABLE"""
    with node.client(USERS[0]) as session, node.client(USERS[0]) as idle, Load(node, [USERS[1]]) as load:
        session.ok("SELECT INBOX")
        idle.ok("SELECT Archive")
        idle.send(b"i IDLE\r\n")
        idle.response()
        workers = sorted(node.workers())
        kill(services, "postgres")
        # Twice: a connection that lay in the pool, and one that cannot be opened.
        for _ in range(3):
            reply = session.command("APPEND INBOX ", Literal(MESSAGE), timeout_seconds=30)
            assert (reply.status, reply.code) == ("NO", b"UNAVAILABLE")
        with node.client() as fresh:
            assert fresh.command(f"LOGIN {USERS[2]} password").code == b"UNAVAILABLE"
        services.start_postgres()
        eventually(lambda: works(session), 10)
        seen_by_idle(idle, session, "Archive", 20)
        before = load.count()
        eventually(lambda: load.count() > before + 20, 20)
        assert sorted(node.workers()) == workers, "no worker had to be replaced for it"
    audit(node, load.ledgers[0])


def test_redis_is_killed_and_comes_back(node: Node, services: Embedded) -> None:
    with node.client(USERS[3]) as session, node.client(USERS[3]) as idle, node.client(USERS[3]) as third:
        for client in (idle, third):
            client.ok("SELECT INBOX")
            client.send(b"i IDLE\r\n")
            client.response()
        workers = sorted(node.workers())
        seen_by_idle(idle, session, "INBOX", 5)
        kill(services, "redis")
        with node.client(USERS[4]) as fresh:
            fresh.ok("SELECT INBOX")
            assert works(fresh)
        seen_by_idle(idle, session, "INBOX", 10)
        seen_by_idle(third, session, "INBOX", 10)
        services.start_redis()
        time.sleep(3)
        seen_by_idle(idle, session, "INBOX", 10)
        assert sorted(node.workers()) == workers


def test_it_starts_without_redis_and_finds_it_later(node: Node, services: Embedded) -> None:
    kill(services, "redis")
    assert node.stop() == 0
    node.start()
    with node.client(USERS[5]) as session, node.client(USERS[5]) as idle:
        idle.ok("SELECT INBOX")
        idle.send(b"i IDLE\r\n")
        idle.response()
        seen_by_idle(idle, session, "INBOX", 10)
        services.start_redis()
        time.sleep(3)
        seen_by_idle(idle, session, "INBOX", 10)


def test_it_outlives_a_start_without_postgresql(node: Node, services: Embedded) -> None:
    """Whether it waits or ends with a word is its own business; it neither hangs nor forks on and on."""
    assert node.stop() == 0
    kill(services, "postgres")
    node.start(wait=False)
    time.sleep(3)
    assert len(node.workers()) <= 2
    services.start_postgres()
    assert node.process
    if node.process.poll() is not None:
        node.start(wait=False)
    eventually(node.greets, 30)

    def logs_in() -> bool:
        with node.client(USERS[0]) as client:
            return client.command("NOOP").status == "OK"

    eventually(logs_in, 20)


def test_a_session_survives_only_if_it_can_be_trusted(node: Node, services: Embedded) -> None:
    """What a session was told before PostgreSQL died is still true afterwards, or the session is over."""
    with node.client(USERS[6]) as session, node.client(USERS[6]) as other:
        for _ in range(3):
            session.append("INBOX", MESSAGE)
        session.ok("SELECT INBOX")
        kill(services, "postgres")
        session.command("NOOP", timeout_seconds=30)
        services.start_postgres()
        eventually(lambda: other.command("SELECT INBOX").status == "OK", 10)
        other.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
        other.ok("EXPUNGE")
        try:
            reply = session.ok("NOOP")
        except Closed:
            return
        assert b"2 EXPUNGE" in reply.untagged
