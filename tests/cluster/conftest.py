# SPDX-License-Identifier: MIT
"""A Redis for each test, and workers that talk through it: here threads stand in for greenlets."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imapd.cluster.membership import Membership
from imapd.settings import Redis
from tests.cluster.redis_server import RedisServer


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="imapd-") as directory:  # pytest's own are too deep for a socket's name
        server = RedisServer(Path(directory)).start()
        yield server
        server.kill()


@pytest.fixture
def join(redis_server: RedisServer) -> Iterator[Callable[..., Membership]]:
    """Makes a worker of the cluster, and waits until it hears."""
    members: list[Membership] = []

    def make(poll_seconds: float = 60, connected: bool = True) -> Membership:
        member = Membership(Redis(url=redis_server.url, poll_seconds=poll_seconds), f"node/{len(members)}")
        member.start(spawn)
        members.append(member)
        if connected:
            until(lambda: member.pubsub.connected)
        return member

    yield make
    for member in members:
        member.stop()


def spawn(function: Callable[[], None]) -> None:
    threading.Thread(target=function, daemon=True).start()


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)
