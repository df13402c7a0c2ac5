# SPDX-License-Identifier: MIT
"""A store for the tests of rules that need one."""

import itertools
from collections.abc import Iterator

import pytest

from imapd.mail import columns
from imapd.storage import grants, provision
from imapd.storage.addresses import address
from tests.mail.person import Person
from tests.running.speaker import Speaker
from tests.running.store import Store
from workers.embedded import Embedded

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("mail")) as services:
        yield services


@pytest.fixture(scope="module")
def store(services: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A database and blob store for each file of tests; the people are those of the demo."""
    store = Store(services.dsn, tmp_path_factory.mktemp("blobs"))
    yield store
    store.close()


@pytest.fixture(scope="module", params=[columns.LONG, 2])
def long_columns(request: pytest.FixtureRequest) -> Iterator[None]:
    """Small models of the index have short columns, and then long ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "LONG", request.param)
        yield


@pytest.fixture
def person(store: Store) -> Iterator[Person]:
    name = f"person{next(NUMBERS)}"
    person = Person(address(f"{name}@example.com"), address(f"{name}@company.org"))
    provision.add_user(store.database, person.home, "", None, "unified")
    provision.add_mailbox(store.database, person.work, person.home, grants.UNLIMITED)
    yield person
    store.database.execute("UPDATE domains SET disabled = false")


@pytest.fixture
def merged(store: Store, person: Person) -> Speaker:
    return person.on(store)
