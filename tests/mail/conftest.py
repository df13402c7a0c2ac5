# SPDX-License-Identifier: MIT
"""A store for the tests of rules that need one."""

from collections.abc import Iterator

import pytest

from imapd.mail import columns
from tests.running.store import Store
from workers.embedded import Embedded


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
