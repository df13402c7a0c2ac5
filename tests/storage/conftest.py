# SPDX-License-Identifier: MIT
"""A PostgreSQL for the tests of this folder, and in it a store with the people of the demo."""

from collections.abc import Iterator

import pytest

from tests.running.store import Store
from workers.embedded import Embedded


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("store")) as services:
        yield services


@pytest.fixture
def store(services: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A fresh database and blob store; user@example.com is user@company.org, colleague@example.com shares an INBOX."""
    store = Store(services.dsn, tmp_path_factory.mktemp("blobs"))
    yield store
    store.close()
