# SPDX-License-Identifier: MIT
"""Clients that speak LMTP: to the demo, and to a node whose limits a test can reach."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from imapd.storage.pool import Database
from tests.running.lmtp import Lmtp
from tests.running.organization import Organization
from tests.running.server import Demo, Node


@pytest.fixture(scope="module")
def database(server: Demo) -> Iterator[Database]:
    made = Database(server.dsn, 2)
    yield made
    made.close()


@pytest.fixture
def organization(database: Database) -> Organization:
    return Organization(database)


@pytest.fixture
def lmtp(server: Demo, quiet_log: Path) -> Iterator[Lmtp]:
    with Lmtp(server.lmtp_port) as client:
        yield client


@pytest.fixture(scope="module")
def node(server: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Another node on the demo's services, with limits that a test can reach."""
    directory = tmp_path_factory.mktemp("node")
    node = Node(directory, server.dsn, server.redis_url(), server.data / "blobs")
    node.configure(
        {
            "limits": {"message_octets": "1MiB"},
            "lmtp": {
                "port": node.lmtp_port, "socket": str(directory / "lmtp"), "over_quota": "permanent", "recipients": 3,
                "max_connections": 5, "idle_seconds": 2, "data_seconds": 3, "threads": 2, "allow": ["127.0.0.1"],
            },
        }
    )  # fmt: skip
    node.start()
    yield node
    assert node.stop() == 0, node.end_of_log()
    assert not node.trouble_since(0)
