# SPDX-License-Identifier: MIT
"""One demo server for all tests of a process; it starts when the first test asks for it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.running.client import Client
from tests.running.invariants import broken
from tests.running.server import Demo

# How long an example takes says how busy the machine is.
settings.register_profile("imapd", deadline=None)
settings.load_profile("imapd")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """As pytest gives it; but a cluster of PostgreSQL in it, tens of megabytes, goes with its test. The logs stay."""
    yield tmp_path
    for pattern in ("postgres", "*/postgres", "*/*/postgres"):
        for cluster in tmp_path.glob(pattern):
            shutil.rmtree(cluster, ignore_errors=True)  # of a test that has failed it may still run


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo server with two IMAP workers and users nobody has used. Whoever breaks it starts one of their own."""
    demo = Demo(tmp_path_factory.mktemp("demo"))
    demo.start()
    yield demo
    wrong = broken(demo.dsn, demo.data / "blobs")
    assert not wrong, wrong
    assert demo.stop() == 0, demo.end_of_log()


@pytest.fixture
def new_user(server: Demo) -> Callable[[], str]:
    """Addresses whose mailboxes are as they were made; the password of all of them is `password`."""
    return server.new_user


@pytest.fixture
def client(server: Demo) -> Iterator[Callable[..., Client]]:
    """Opens connections to the demo server: client("user@example.com") is logged in, client() is not."""
    opened: list[Client] = []

    def connect(user: str | None = None, tls: bool = False) -> Client:
        opened.append(server.client(user, tls))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


@pytest.fixture
def quiet_log(server: Demo) -> Iterator[Path]:
    """Fails when the server logged a traceback during the test."""
    position = server.log_size()
    yield server.log
    trouble = server.trouble_since(position)
    assert not trouble, trouble
