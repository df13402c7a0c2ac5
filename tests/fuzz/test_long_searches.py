# SPDX-License-Identifier: MIT
"""Searches that last: they say so now and then, end when their client leaves, and do not take what others need."""

from collections.abc import Callable, Iterator

import psycopg2
import pytest

from tests.running.client import Client
from tests.running.server import Demo, Node

SEARCHES = 2


@pytest.fixture(scope="module")
def patient(server: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with one worker that waits long for locks, and lets each user search twice at once."""
    node = Node(
        tmp_path_factory.mktemp("patient"), server.dsn, server.redis_url(7), server.data / "blobs",
        {"database": {"lock_timeout_seconds": 40}, "limits": {},
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
