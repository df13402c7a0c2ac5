# SPDX-License-Identifier: MIT
"""A database with a few users, and hashing that is fast because nobody's password depends on it."""

from collections.abc import Iterator

import pytest

from imapd.auth.passwords import Passwords
from imapd.settings import Auth
from imapd.storage import provision
from imapd.storage.addresses import address
from imapd.storage.grants import UNLIMITED
from imapd.storage.pool import Database
from imapd.storage.schema import migrate
from workers.embedded import Embedded

FAST = Auth(argon2_memory_kib=64, argon2_iterations=1, lockout_after_failures=5, block_after_failures=12)


@pytest.fixture(scope="package")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("auth")) as running:
        migrate(running.dsn)
        yield running


@pytest.fixture(scope="package")
def database(services: Embedded) -> Iterator[Database]:
    """user@example.com = user@company.org = alias@company.org, whose password is `right`; and who else a test adds."""
    made = Database(services.dsn, 4)
    provision.add_organization(made, "Example")
    for domain in ("example.com", "company.org", "bücher.example".encode("idna").decode()):
        provision.add_domain(made, "Example", domain)
    provision.add_user(made, address("user@example.com"), "", Passwords(FAST).hash("right"))
    provision.add_mailbox(made, address("user@company.org"), address("user@example.com"), UNLIMITED)
    provision.add_alias(made, address("alias@company.org"), address("user@example.com"))
    provision.add_mailbox(made, address("nobody@example.com"), None, UNLIMITED)
    yield made
    made.close()


@pytest.fixture
def new_user(database: Database, request: pytest.FixtureRequest) -> str:
    """The address of a user whose password is `right`."""
    name = request.node.name.removeprefix("test_").replace("_", "-").split("[")[0][:60] + "@example.com"
    provision.add_user(database, address(name), "", Passwords(FAST).hash("right"))
    return name
