# SPDX-License-Identifier: MIT
"""The rehearsal leaves plans behind, and nothing else."""

from collections.abc import Iterator

import pytest

from imapd.storage.pool import Database, Row
from imapd.storage.rehearsal import ENOUGH, Rehearsals, play, rehearse
from tests.running.store import Store

TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
# Where the ids that operators see go on.
IDS = """
    SELECT table_name, pg_sequence_last_value(pg_get_serial_sequence(table_name, column_name)::regclass)
      FROM (VALUES ('organizations', 'organization_id'), ('domains', 'domain_id'), ('users', 'user_id'),
                   ('mailboxes', 'mailbox_id')) AS ids (table_name, column_name)
"""


def everything(database: Database) -> list[Row]:
    """Rows of every table, and IDS."""
    counts = [database.row(f"SELECT '{name}', count(*) FROM {name}") for (name,) in database.rows(TABLES)]
    return [*filter(None, counts), *database.rows(IDS)]


@pytest.fixture
def database(store: Store) -> Iterator[Database]:
    made = Database(store.dsn, 1, by_key=True)
    yield made
    made.close()


def test_what_sessions_ask_is_planned_and_nothing_is_left(database: Database) -> None:
    before = everything(database)
    assert database.rows("SELECT name FROM pg_prepared_statements") == []
    rehearse(database)
    planned = database.rows("SELECT name, generic_plans FROM pg_prepared_statements")
    assert len(planned) >= 10
    assert {plans for _, plans in planned} == {1}
    assert everything(database) == before


def test_two_do_not_wait_for_each_other(store: Store, database: Database) -> None:
    other = Database(store.dsn, 1, lock_timeout_seconds=0.5)
    with database.transaction() as tx:
        play(tx)
        with other.transaction() as at_once:
            play(at_once)
            at_once.roll_back()
        tx.roll_back()
    other.close()


def test_without_postgresql_there_is_none() -> None:
    rehearse(Database("host=/nonexistent dbname=imapd", 1))


def test_when_plans_are_lost_there_is_another_one(store: Store, database: Database) -> None:
    rehearsals = Rehearsals(database)

    def look() -> int:
        """How many there have been."""
        rehearsals.look()
        ((most,),) = database.rows(
            "SELECT max(generic_plans) FROM pg_prepared_statements WHERE statement LIKE '%%append_messages%%'"
        )
        return int(most or 0)

    rehearsals.look(0)
    assert look() == 1
    ask(database, ENOUGH)
    assert look() == 1, "none is wanted"
    store.database.execute("ANALYZE folders")
    assert look() == 2
    store.database.execute("ANALYZE folders")
    assert [look() for _ in range(ENOUGH // 2)] == [2] * (ENOUGH // 2), "nobody asks anything"
    ask(database, ENOUGH)
    assert [look(), look()] == [3, 3]


def ask(database: Database, times: int) -> None:
    for _ in range(times):
        database.row("SELECT 1")
