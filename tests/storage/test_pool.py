# SPDX-License-Identifier: MIT
"""The pool where PostgreSQL is not as it should be: nobody waits for ever, and what is broken is not used again."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext, suppress

import psycopg2
import pytest

from imapd import errors
from imapd.storage.connection import Running
from imapd.storage.pool import ATTEMPTS, Database, Sql, tried_again
from imapd.storage.prepared import Prepared
from tests.running.together import together
from workers.embedded import Embedded


@pytest.fixture
def database(services: Embedded) -> Database:
    return Database(services.dsn, 1)


def test_threads_share_the_pool(services: Embedded) -> None:
    database = Database(services.dsn, 2)
    answers: list[object] = []

    def ask() -> None:
        answers.extend(database.row("SELECT %s", (n,)) for n in range(100))

    together(*[ask] * 8, seconds=20)
    assert sorted(answers) == sorted([(n,) for n in range(100)] * 8)  # type: ignore[type-var]
    assert database._places.free == 2 and len(database._free) <= 2


def test_threads_that_want_the_same_connection_open_no_more_than_there_are_places(services: Embedded) -> None:
    database = Database(services.dsn, 4)
    with ExitStack() as used:
        for _ in range(4):
            used.enter_context(database.transaction()).row("SELECT 1")
    assert len(database._free) == 4

    def lend() -> None:
        for _ in range(2000):
            with database._connection():
                pass

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        together(*[lend] * 4, seconds=60)
    finally:
        sys.setswitchinterval(interval)
    assert len(database._free) == 4


def test_the_oldest_connection_is_used_most(services: Embedded) -> None:
    database = Database(services.dsn, 3)
    plain, known = "SELECT pg_backend_pid()", Prepared("SELECT pg_backend_pid()")
    with database.transaction() as one, database.transaction() as two:
        (first,), (second,) = one.row(plain) or (), two.row(plain) or ()
    for _ in range(2):
        with database.transaction() as one:
            assert one.row(plain) == (first,)
            assert database.row(plain) == (second,)
        with database.transaction():  # given back in the other order
            later = database.transaction()
            assert later.__enter__().row(plain) == (second,)
        later.__exit__(None, None, None)
        assert database.row(plain) == (first,)
    with database.transaction():
        assert database.row(known) == (second,)
    assert database.row(known) == (second,)  # it has planned that
    assert database.row(plain) == (first,)


def test_options_of_the_dsn_count_beside_ours(services: Embedded) -> None:
    database = Database(f"{services.dsn} options='-c work_mem=7MB -c jit=on'", 1)
    assert database.rows("SELECT current_setting('work_mem'), current_setting('jit')") == [("7MB", "off")]
    database.close()


def test_what_ended_while_nobody_used_it_is_not_noticed_by_who_asks_next(services: Embedded) -> None:
    database = Database(services.dsn, 2)
    with database.transaction() as one, database.transaction() as two:
        backends = [each.rows("SELECT pg_backend_pid()")[0][0] for each in (one, two)]
    assert len(database._free) == 2
    for backend in backends:
        killed(database, backend)
    assert database.row("SELECT 7") == (7,)
    assert len(database._free) == 1


def test_why_a_transaction_failed_is_said_also_where_it_cannot_be_undone(database: Database) -> None:
    with pytest.raises(errors.NotFound), database.transaction() as tx:
        row = tx.row("SELECT pg_backend_pid()")
        assert row
        killed(database, row[0])
        raise errors.NotFound
    assert database.row("SELECT 1") == (1,)


def test_what_a_migration_has_changed_is_planned_anew(services: Embedded) -> None:
    database, other = Database(services.dsn, 3), Database(services.dsn, 1)
    statement = Prepared("SELECT * FROM returns_something()")
    other.execute("CREATE FUNCTION returns_something() RETURNS TABLE (n integer) LANGUAGE sql AS 'SELECT 1'")
    with database.transaction() as first, database.transaction() as second:  # two connections have planned it
        assert first.rows(statement) == second.rows(statement) == [(1,)]
    other.execute("DROP FUNCTION returns_something()")
    other.execute("CREATE FUNCTION returns_something() RETURNS TABLE (n text) LANGUAGE sql AS $$SELECT 'one'$$")
    assert database.rows(statement) == [("one",)]
    other.execute("DROP FUNCTION returns_something()")
    other.execute("CREATE FUNCTION returns_something() RETURNS TABLE (n integer) LANGUAGE sql AS 'SELECT 2'")
    with pytest.raises(errors.InUse), database.transaction() as tx:
        tx.rows(statement)
    with database.transaction() as tx:
        assert tx.rows(statement) == [(2,)]


def test_a_server_that_takes_no_writes_is_left(database: Database) -> None:
    database.execute("DROP TABLE IF EXISTS written; CREATE TABLE written (n int)")
    for deed in (database.execute, tried_again(lambda sql: in_transaction(database, sql))):
        database.execute("SET default_transaction_read_only = on")  # as on a standby, until somebody connects anew
        with pytest.raises(errors.Unavailable):
            deed("INSERT INTO written VALUES (1)")
        assert database.rows("SELECT FROM written") == []
        deed("INSERT INTO written VALUES (1)")
        database.execute("DELETE FROM written")
    database.execute("DROP TABLE written")


def in_transaction(database: Database, sql: str) -> None:
    with database.transaction() as tx:
        tx.execute(sql)


def test_a_commit_that_fails_is_said_in_our_words(database: Database) -> None:
    database.execute("CREATE TABLE late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(errors.AlreadyExists), database.transaction() as tx:
        tx.execute("INSERT INTO late VALUES (1), (1)")
    assert database.rows("SELECT * FROM late") == []
    database.execute("DROP TABLE late")


def test_a_connection_lost_before_the_commit_is_no_success(database: Database) -> None:
    with pytest.raises(errors.Unavailable), database.transaction() as tx:
        row = tx.row("SELECT pg_backend_pid()")
        assert row
        killed(database, row[0])
    assert database.row("SELECT 1") == (1,)


def test_what_a_connection_was_lost_with_is_not_tried_again(database: Database) -> None:
    asked = database.statements
    with pytest.raises(errors.Unavailable):
        database.row("SELECT pg_terminate_backend(pg_backend_pid())")
    assert database.statements == asked + 1
    assert database.row("SELECT 1") == (1,)


def test_a_lock_of_one_alone_says_that_the_store_is_away() -> None:
    with pytest.raises(errors.Unavailable), Database("host=/nowhere dbname=x", 1).alone(1):
        pass


@pytest.mark.parametrize(("state", "times"), [("40P01", ATTEMPTS), ("40001", ATTEMPTS), ("55P03", 1), ("IM003", 1)])
def test_a_transaction_that_met_another_one_is_tried_again(database: Database, state: str, times: int) -> None:
    database.execute("CREATE TABLE deeds (n int)")
    tried: list[int] = []

    @tried_again
    def deed(fails: int) -> str:
        with database.transaction() as tx:
            tried.append(1)
            tx.execute("INSERT INTO deeds VALUES (1)")
            if len(tried) <= fails:
                tx.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$")
        return "done"

    with pytest.raises(errors.MailError):
        deed(ATTEMPTS)
    assert len(tried) == times and database.rows("SELECT FROM deeds") == []
    tried.clear()
    if times > 1:
        assert deed(1) == "done" and len(database.rows("SELECT FROM deeds")) == 1
    database.execute("DROP TABLE deeds")


def killed(database: Database, backend: int) -> None:
    admin = database._open()
    with admin, admin.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    admin.close()


def test_a_statement_is_called_off_and_its_connection_not_used_again(database: Database) -> None:
    running, began = Running(), time.monotonic()
    assert database.rows("SELECT 1") == [(1,)]
    threading.Timer(0.2, running.call_off, [database]).start()
    with pytest.raises(errors.InUse):
        database.rows("SELECT pg_sleep(20)", (), running)
    assert time.monotonic() - began < 5
    assert not database._free
    assert database.rows("SELECT 2") == [(2,)]


def test_what_has_ended_is_not_called_off(database: Database) -> None:
    running = Running()
    assert database.rows("SELECT 1", (), running) == [(1,)]
    running.call_off(database)
    assert database.rows("SELECT pg_sleep(0.2)") and len(database._free) == 1
    with pytest.raises(errors.InUse):
        database.rows("SELECT 1", (), running)


@pytest.fixture
def held(services: Embedded, database: Database) -> Iterator[Callable[[], list[int]]]:
    """A table, as others see it."""
    others = Database(services.dsn, 1)
    database.execute("CREATE TABLE held (n int UNIQUE)")
    yield lambda: [row[0] for row in others.rows("SELECT n FROM held ORDER BY n")]
    others.close()
    database.execute("DROP TABLE held")


INSERT = Prepared("INSERT INTO held VALUES (%s::int) RETURNING n, pg_backend_pid()")


def test_a_transaction_begins_with_its_first_statement(database: Database, held: Callable[[], list[int]]) -> None:
    database.row(INSERT, (1,))
    before = database.statements
    with database.transaction(INSERT) as tx:
        tx.execute(INSERT, (2,))
        tx.execute(INSERT, (3,))
        assert held() == [1]
    assert (database.statements - before, held()) == (3, [1, 2, 3])
    with database.transaction():
        pass
    with pytest.raises(errors.Corrupt), database.transaction():
        raise errors.Corrupt
    assert database.statements - before == 3


def test_what_a_transaction_did_is_undone(database: Database, held: Callable[[], list[int]]) -> None:
    backends = [inserted(database, 1), inserted(database, 2, but=errors.Corrupt), inserted(database, 2)]
    assert held() == [1, 2]
    assert len(set(backends)) == 1  # on the same connection, which was in no transaction any more
    inserted(database, 3, but=ValueError)
    assert held() == [1, 2]


def inserted(database: Database, number: int, but: type[Exception] | None = None) -> object:
    """By which server process; undone where something is raised."""
    row = None
    with pytest.raises(but) if but else nullcontext(), database.transaction(INSERT) as tx:
        row = tx.row(INSERT, (number,))
        if but:
            raise but
    return row and row[1]


@pytest.mark.parametrize("refused", ["INSERT INTO held VALUES (1), (1)", Prepared("SELECT FROM nowhere")])
def test_a_first_statement_that_is_refused_does_not_let_the_next_ones_through(
    database: Database, held: Callable[[], list[int]], refused: Sql
) -> None:
    for _ in range(2):
        with suppress(errors.MailError, psycopg2.Error), database.transaction() as tx:
            with pytest.raises((errors.AlreadyExists, psycopg2.Error)):
                tx.execute(refused)
            tx.execute(INSERT, (2,))
            raise errors.Corrupt
        assert held() == []
        assert len(database._free) == 1
    with database.transaction() as tx:
        tx.execute(INSERT, (1,))
    assert held() == [1]


def test_a_transaction_that_has_failed_is_no_success(database: Database, held: Callable[[], list[int]]) -> None:
    for first in (1, 2):
        with pytest.raises(AssertionError), database.transaction() as tx:
            for number in range(first, 3):
                tx.execute(INSERT, (number,))
            with suppress(errors.AlreadyExists):
                tx.execute(INSERT, (2,))
        assert held() == []
    with database.transaction() as tx:
        with suppress(errors.AlreadyExists):
            tx.execute("INSERT INTO held VALUES (1), (1)")
        tx.roll_back()
        tx.execute(INSERT, (3,))
    assert held() == [3]


def test_nothing_is_done_meanwhile_where_psycopg2_itself_waits(
    database: Database, held: Callable[[], list[int]]
) -> None:
    done: list[int] = []
    with database.transaction() as tx:
        tx.rows(INSERT, (1,), meanwhile=lambda: done.append(1))
    assert (done, held()) == ([], [1])
