# SPDX-License-Identifier: MIT
"""Services and a node that a test may kill: nobody else uses them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running.server import Node, operator
from workers.embedded import Embedded

USERS = [f"user{number}@example.com" for number in range(1, 9)]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A private PostgreSQL and Redis with eight users in them."""
    with Embedded(tmp_path_factory.mktemp("services")) as services:
        node = new_node(services, tmp_path_factory.mktemp("operator"))
        config = ("--config", str(node.configuration))
        operator("migrate", *config)
        operator("org", "add", "Example", *config)
        operator("domain", "add", "example.com", "--org", "Example", *config)
        for user in USERS:
            operator("user", "add", user, "--password-stdin", *config, text="password\n")
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
