# SPDX-License-Identifier: MIT
"""A Redis for each test, and workers that talk through it: here threads stand in for greenlets."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imapd.cluster.control import Control
from imapd.cluster.pubsub import PubSub
from imapd.cluster.sessions import Sessions
from imapd.cluster.wakeups import Wakeups
from tests.cluster.redis_server import RedisServer


class Member:
    """What one worker has of the cluster."""

    def __init__(self, url: str, name: str, poll_seconds: float):
        self.pubsub = PubSub(url)
        self.control = Control(self.pubsub)
        self.wakeups = Wakeups(self.pubsub, self.control, poll_seconds=poll_seconds)
        self.sessions = Sessions(url, name, self.control)

    def start(self) -> None:
        for part in (self.pubsub, self.wakeups, self.sessions):
            part.start(spawn)

    def stop(self) -> None:
        for part in (self.sessions, self.wakeups, self.pubsub):
            part.stop()


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="imapd-") as directory:  # pytest's own are too deep for a socket's name
        server = RedisServer(Path(directory)).start()
        yield server
        server.kill()


@pytest.fixture
def join(redis_server: RedisServer) -> Iterator[Callable[..., Member]]:
    """Makes a worker of the cluster, and waits until it hears."""
    members: list[Member] = []

    def make(poll_seconds: float = 60, connected: bool = True) -> Member:
        member = Member(redis_server.url, f"node/{len(members)}", poll_seconds)
        member.start()
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
