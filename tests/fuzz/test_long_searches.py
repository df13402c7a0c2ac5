# SPDX-License-Identifier: MIT
"""Searches that last: they say so now and then, end when their client leaves, and do not take what others need."""

import socket
import time
from collections.abc import Callable, Iterator

import psycopg2
import pytest

from tests.running.client import Client
from tests.running.processes import wait_for
from tests.running.server import Demo, Node

SEARCHES = 2


@pytest.fixture(scope="module")
def patient(server: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with one worker that waits long for locks, and lets each user search twice at once."""
    node = Node(
        tmp_path_factory.mktemp("patient"), server.dsn, server.redis_url(7), server.data / "blobs",
        {"database": {"lock_timeout_seconds": 40}, "limits": {"searches_per_user": SEARCHES},
         "server": {"workers": 1}},
    )  # fmt: skip
    node.worker_count = 1
    node.start()
    yield node
    assert node.stop() == 0, node.end_of_log()


class Held:
    """The table of contents, locked: whoever searches in it waits."""

    def __init__(self, dsn: str):
        self.holder = psycopg2.connect(dsn)
        self.looker = psycopg2.connect(dsn)
        self.looker.autocommit = True

    def hold(self) -> None:
        with self.holder.cursor() as cursor:
            cursor.execute("LOCK TABLE contents IN ACCESS EXCLUSIVE MODE")

    def searching(self) -> int:
        """How many statements wait for it."""
        with self.looker.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%strpos%contents%'"
            )
            return int(cursor.fetchone()[0])

    def close(self) -> None:
        self.holder.close()
        self.looker.close()


@pytest.fixture
def held(server: Demo) -> Iterator[Held]:
    held = Held(server.dsn)
    yield held
    held.close()


@pytest.fixture
def searcher(patient: Node, server: Demo) -> Callable[..., Client]:
    """Sessions with a message to search in: searcher() of a fresh user, searcher(user) of that one again."""

    def searcher(user: str | None = None) -> Client:
        client = patient.client(user or server.new_user())
        if user is None:
            client.append("INBOX", b"Subject: x\r\n\r\nneedle\r\n")
        client.ok("SELECT INBOX")
        return client

    return searcher


@pytest.mark.slow
def test_a_long_search_says_that_it_is_at_work(searcher: Callable[..., Client], held: Held) -> None:
    """shows: RFC 9585 4"""
    with searcher() as client:
        held.hold()
        client.send(b"a SEARCH TEXT needle\r\n")
        assert client.response(15).startswith(b'* OK [INPROGRESS ("a" NIL NIL)]')
        held.holder.rollback()
        assert client.response(5) == b"* SEARCH 1"
        assert client.response(5).startswith(b"a OK")


SEARCH = b"a SEARCH TEXT needle\r\n"


@pytest.mark.parametrize("end", ["close", "reset", "with commands behind it"])
def test_a_search_ends_when_its_client_leaves(end: str, searcher: Callable[..., Client], held: Held) -> None:
    with searcher() as other:
        client = searcher()
        held.hold()
        client.send(SEARCH + b"b NOOP\r\n" * (end == "with commands behind it"))
        wait_for(lambda: held.searching() == 1, 5, "it searches")
        left = time.monotonic()
        client.reset() if end == "reset" else client.close()
        wait_for(lambda: held.searching() == 0, 5, "the search has ended")
        assert time.monotonic() - left < 4
        held.holder.rollback()
        # The connection to PostgreSQL that it ran on hits nobody else.
        for _ in range(5):
            assert other.ok("SEARCH TEXT needle").untagged == [b"SEARCH 1"]


def test_who_only_sends_no_more_gets_the_answer(searcher: Callable[..., Client], held: Held) -> None:
    """shows: RFC 9585 4"""
    with searcher() as client:
        held.hold()
        client.send(SEARCH)
        client.socket.shutdown(socket.SHUT_WR)
        wait_for(lambda: held.searching() == 1, 5, "it searches")
        assert client.response(5).startswith(b'* OK [INPROGRESS ("a" NIL NIL)]')
        time.sleep(0.5)
        assert held.searching() == 1
        held.holder.rollback()
        assert client.response(5) == b"* SEARCH 1"
        assert client.response(5).startswith(b"a OK")


def test_who_searches_much_leaves_room_for_others(searcher: Callable[..., Client], held: Held, server: Demo) -> None:
    user = server.new_user()
    with searcher() as other:
        first = searcher(user)
        first.append("INBOX", b"Subject: x\r\n\r\nneedle\r\n")
        many = [first, *(searcher(user) for _ in range(11))]
        held.hold()
        for client in many:
            client.send(SEARCH)
        wait_for(lambda: held.searching() == SEARCHES, 5, "it searches")
        time.sleep(0.3)
        assert held.searching() == SEARCHES
        other.ok("NOOP", timeout_seconds=1)
        other.send(SEARCH)
        wait_for(lambda: held.searching() == SEARCHES + 1, 5, "the other one searches, too")
        # One that waits for its turn and leaves takes none.
        many.pop().close()
        held.holder.rollback()
        for client in [*many, other]:
            assert client.response(5) == b"* SEARCH 1"
            assert client.response(5).startswith(b"a OK")
    for client in many:
        client.close()
