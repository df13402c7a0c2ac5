# SPDX-License-Identifier: MIT
"""What is recorded, and what becomes of it when the table cannot take it."""

from collections.abc import Iterator
from typing import Any

import pytest

from imapd import audit
from imapd.audit import Audit
from imapd.errors import Unavailable
from imapd.storage import audit_log
from imapd.storage.pool import Database
from imapd.storage.schema import migrate
from tests.cluster.conftest import spawn, until
from workers.embedded import Embedded

ORGANIZATION = 42


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("audit")) as running:
        migrate(running.dsn)
        yield running


@pytest.fixture
def database(services: Embedded) -> Iterator[Database]:
    made = Database(services.dsn, 2)
    made.execute("DELETE FROM audit_log")
    yield made
    made.close()


def latest(database: Database, count: int = 10) -> list[tuple[Any, ...]]:
    return [row[1:] for row in audit_log.latest(database, ORGANIZATION, count)]


def test_events_come_into_the_table_in_their_order(database: Database) -> None:
    log = Audit(database, flush_seconds=0.01)
    log.start(spawn)
    log.record("login", "ok", organization_id=ORGANIZATION, user_id=7, address="u@example.com", remote_ip="192.0.2.1")
    log.record("logout", "ok", organization_id=ORGANIZATION, user_id=7, session="s1", commands=12)
    until(lambda: len(latest(database)) == 2)
    assert latest(database) == [
        ("logout", "ok", 7, None, None, {"session": "s1", "commands": 12}),
        ("login", "ok", 7, "u@example.com", "192.0.2.1", {}),
    ]
    log.stop()


def test_what_waits_is_written_when_the_worker_stops(database: Database) -> None:
    log = Audit(database)
    for _ in range(1200):
        log.record("login", "ok", organization_id=ORGANIZATION)
    before = database.statements
    log.stop()
    assert database.statements == before + 3
    assert len(latest(database, 2000)) == 1200


def test_what_a_client_sent_breaks_neither_table_nor_log(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Audit(database)
    for text in ("a\0b", "\udc80", "x" * 10_000, "\r\nforged", "\x1b[2J", "'; DROP TABLE audit_log; --", '{"a":', "%s"):
        log.record("login", "fail", organization_id=ORGANIZATION, address=text, reason=text)
    log.stop()
    rows = latest(database)
    assert len(rows) == 8
    assert log.lost == 0
    assert max(len(row[3]) for row in rows) <= 256
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 8
    assert all(line.isprintable() for line in lines)


def test_only_known_events_are_recorded(database: Database) -> None:
    with pytest.raises(ValueError, match="no audit event"):
        Audit(database).record("logged in", "ok")


def test_while_the_database_is_away_events_wait_but_not_without_end(services: Embedded, database: Database) -> None:
    gone = Database("host=/nonexistent dbname=imapd", 1)
    log = Audit(gone, most=100)
    for _ in range(150):
        log.record("login", "ok", organization_id=ORGANIZATION)
    assert log.lost == 50
    with pytest.raises(Unavailable):
        log.flush()
    log._database = database
    log.flush()
    assert len(latest(database, 1000)) == 100


def test_events_are_written_when_postgresql_is_back(services: Embedded, database: Database) -> None:
    log = Audit(database, flush_seconds=0.01)
    log.start(spawn)
    log.record("login", "ok", organization_id=ORGANIZATION)
    until(lambda: latest(database))
    assert services.postgres
    services.postgres.kill()
    services.postgres.wait()
    log.record("logout", "ok", organization_id=ORGANIZATION)
    services.restart_dead()
    until(lambda: len(latest(database)) == 2, 20)
    log.stop()


def test_an_operators_deed_and_its_record_are_one(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as tx:
        audit.write(tx, "user created", organization_id=ORGANIZATION, address="u@example.com")
        raise ZeroDivisionError
    assert latest(database) == []
    with database.transaction() as tx:
        audit.write(tx, "user created", organization_id=ORGANIZATION, address="u@example.com")
    assert [row[0] for row in latest(database)] == ["user created"]
