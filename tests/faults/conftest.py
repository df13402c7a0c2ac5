# SPDX-License-Identifier: MIT
"""Services and a node that a test may kill: nobody else uses them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from imapd.storage import provision
from imapd.storage.pool import Database
from imapd.storage.schema import migrate
from tests.running.invariants import broken
from tests.running.server import Node
from workers.demo_accounts import add_users
from workers.embedded import Embedded

USERS = [f"user{number}@example.com" for number in range(1, 9)]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A private PostgreSQL and Redis with eight users in them."""
    with Embedded(tmp_path_factory.mktemp("services")) as services:
        migrate(services.dsn)
        database = Database(services.dsn)
        provision.add_organization(database, "Example")
        provision.add_domain(database, "Example", "example.com")
        add_users(database, len(USERS))
        database.close()
        yield services


def new_node(services: Embedded, directory: Path) -> Node:
    blobs = services.data / "blobs"
    blobs.mkdir(exist_ok=True)
    return Node(directory, services.dsn, services.redis_url, blobs, {"redis": {"poll_seconds": 2}})


@pytest.fixture
def node(services: Embedded, tmp_path: Path) -> Iterator[Node]:
    """A server with two workers, for one test."""
    services.restart_dead()
    node = new_node(services, tmp_path / "node")
    node.start()
    yield node
    assert node.process
    if node.process.poll() is None:
        node.kill_all()
    services.restart_dead()
    wrong = broken(services.dsn, services.data / "blobs")
    assert not wrong, wrong
