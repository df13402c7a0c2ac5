# SPDX-License-Identifier: MIT
"""A node for hostile input, and a watch over it: same workers, others answered, no fault logged, no memory kept."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.running.client import Client
from tests.running.processes import descriptors, files, private_octets, wait_for
from tests.running.server import Demo, Node

MEMORY_TOLERANCE_OCTETS = 64 * 1024 * 1024
NOOP_SECONDS = 3.0  # 0.1 on a machine of one's own


class Watch:
    """What must be as before when the hostile session is over."""

    def __init__(self, node: Node, new_user: Callable[[], str]):
        self.node = node
        self.new_user = new_user
        self.workers = sorted(node.workers())
        assert self.workers, node.end_of_log()
        self.others = self._a_session_on_each_worker()
        self.log_position = node.log_size()
        self.memory = sum(map(private_octets, self.workers))
        self.descriptors = sum(map(descriptors, self.workers))

    def _a_session_on_each_worker(self) -> list[Client]:
        """The worker with the fewest sessions gets the next one, so this spreads."""
        return [self.node.client(self.new_user()) for _ in self.workers]

    def look(self) -> None:
        """Cheap enough for after every input."""
        for other in self.others:
            started = time.monotonic()
            other.ok("NOOP", timeout_seconds=5)
            assert time.monotonic() - started < NOOP_SECONDS, "a NOOP of somebody else took too long"
        assert sorted(self.node.workers()) == self.workers, f"a worker died: {self.node.end_of_log()}"
        trouble = self.node.trouble_since(self.log_position)
        self.log_position = self.node.log_size()
        assert not trouble, trouble

    def finish(self) -> None:
        """After all inputs: nothing has stayed behind."""
        self.look()
        most = self.descriptors + 24  # ten connections to PostgreSQL stay in the pool of each worker
        try:
            wait_for(lambda: sum(map(descriptors, self.workers)) <= most, 10, "the descriptors are as many as before")
        except AssertionError as error:
            open_now = [files(pid) for pid in self.workers]
            raise AssertionError(f"{error}: {self.descriptors} then, now {open_now}") from None
        grown = sum(map(private_octets, self.workers)) - self.memory
        assert grown < MEMORY_TOLERANCE_OCTETS, f"the workers have grown by {grown >> 20} MiB"
        for other in self.others:
            other.close()


@pytest.fixture(scope="module")
def node(server: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """It counts failed logins in a Redis database of its own, so that nobody else is blocked for them."""
    node = Node(
        tmp_path_factory.mktemp("fuzzed"), server.dsn, server.redis_url(5),
        server.data / "blobs", {"auth": {"block_after_failures": 1_000_000}},
    )  # fmt: skip
    node.start()
    yield node
    assert node.stop() == 0, node.end_of_log()


@pytest.fixture(scope="module")
def watch(node: Node, server: Demo) -> Iterator[Watch]:
    watch = Watch(node, server.new_user)
    yield watch
    watch.finish()
