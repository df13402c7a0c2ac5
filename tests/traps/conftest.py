# SPDX-License-Identifier: MIT
"""An organisation of its own for each trap, on the demo server."""

from collections.abc import Iterator

import pytest

from imapd.storage.pool import Database
from tests.running.organization import Organization
from tests.running.server import Demo


@pytest.fixture(scope="session")
def database(server: Demo) -> Iterator[Database]:
    database = Database(server.dsn)
    yield database
    database.close()


@pytest.fixture
def organization(database: Database, quiet_log: object) -> Organization:
    return Organization(database)
