# SPDX-License-Identifier: MIT
"""Two nodes of two workers each, on one PostgreSQL, one Redis and one directory of bodies."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imapd.auth.passwords import Passwords
from imapd.settings import Auth
from imapd.storage import provision
from imapd.storage.addresses import address
from imapd.storage.grants import UNLIMITED
from imapd.storage.pool import Database
from imapd.storage.schema import migrate
from tests.running.client import Client
from tests.running.invariants import broken
from tests.running.server import Node
from workers.embedded import Embedded

Connect = Callable[..., list[Client]]
LOCKOUT = 4
BLOCK = 6


class Pair:
    """The two nodes, and people for them: each new_user() is somebody nobody has used yet."""

    def __init__(self, services: Embedded, directory: Path):
        blobs = services.data / "blobs"
        blobs.mkdir()
        # Redis tells the one of the other: polling would hide it if it did not.
        settings = {
            "redis": {"poll_seconds": 600}, "quota": {"message": False},
            "auth": {"lockout_after_failures": LOCKOUT, "block_after_failures": BLOCK},
        }  # fmt: skip
        self.nodes = [
            Node(directory / name, services.dsn, services.redis_url, blobs, settings) for name in ("one", "two")
        ]
        self.database = Database(services.dsn, 1)
        self.configuration = str(self.nodes[0].configuration)
        self._hash = Passwords(Auth()).hash("password")
        self._users = 0
        migrate(services.dsn)
        provision.add_organization(self.database, "Example")
        for domain in ("example.com", "company.org"):
            provision.add_domain(self.database, "Example", domain)

    def new_user(self) -> str:
        """userN@example.com, who is userN@company.org, too."""
        self._users += 1
        name = f"user{self._users}"
        provision.add_user(self.database, address(f"{name}@example.com"), name, self._hash)
        provision.add_mailbox(self.database, address(f"{name}@company.org"), address(f"{name}@example.com"), UNLIMITED)
        return f"{name}@example.com"


@pytest.fixture(scope="package")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with Embedded(tmp_path_factory.mktemp("services")) as services:
        pair = Pair(services, tmp_path_factory.mktemp("nodes"))
        for node in pair.nodes:
            node.start(wait=False)
        for node in pair.nodes:
            node.wait_until_ready()
        yield pair
        pair.database.close()
        codes = [node.stop() for node in pair.nodes]
        troubles = [node.trouble_since(0) for node in pair.nodes]
        wrong = broken(services.dsn, services.data / "blobs")
    assert (codes, troubles, wrong) == ([0, 0], ["", ""], [])


@pytest.fixture
def user(pair: Pair) -> str:
    return pair.new_user()


@pytest.fixture
def everywhere(pair: Pair) -> Iterator[Connect]:
    """everywhere(user): two sessions on each node, so one at each worker."""
    opened: list[Client] = []

    def connect(user: str) -> list[Client]:
        made = [node.client(user) for node in pair.nodes for _ in range(2)]
        opened.extend(made)
        return made

    yield connect
    for client in opened:
        client.close()
