# SPDX-License-Identifier: MIT
"""The pool where PostgreSQL is not as it should be: nobody waits for ever, and what is broken is not used again."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path

import psycopg2
import pytest

from imapd import errors
from imapd.storage.connection import Running
from imapd.storage.pool import ATTEMPTS, Database, Sql, tried_again
from imapd.storage.prepared import Prepared
from tests.running.together import together
from workers.embedded import Embedded

# What a worker does, in a process that gevent has patched, or that has threads. Prints what was raised, and after how
# many seconds.
WORKER = """
import sys
if sys.argv[1] == "greenlets":
    import gevent.monkey
    gevent.monkey.patch_all()
    from imapd.storage.waiting_greenlets import wait_at_most
else:
    from imapd.storage.waiting_threads import wait_at_most
import os, signal, socket, time
from imapd.errors import Unavailable
from imapd.storage.pool import Database

wait_at_most(1, 2)

def tried(database):
    began = time.monotonic()
    try:
        database.rows("SELECT pg_sleep(0)")
    except Unavailable:
        print("Unavailable", int(time.monotonic() - began))
    else:
        print("answered")

def at(listener):
    return Database(f"host=127.0.0.1 port={listener.getsockname()[1]} dbname=x user=x")

drops = socket.create_server(("127.0.0.1", 0), backlog=0)  # its queue is full: nobody gets through
queue = [socket.socket() for _ in range(4)]
for each in queue:
    each.setblocking(False)
    each.connect_ex(drops.getsockname())
tried(at(drops))
tried(at(socket.create_server(("127.0.0.1", 0))))  # accepts, and says nothing

database = Database(sys.argv[2])
backend = database.row("SELECT pg_backend_pid()")[0]
os.kill(backend, signal.SIGSTOP)
tried(database)
os.kill(backend, signal.SIGCONT)
tried(database)
assert database.row("SELECT repeat('x', 3000000)") == ("x" * 3000000,)
assert database.row("SELECT length(%s)", ("x" * 3000000,)) == (3000000,)
"""

# Quick answers are looked out for, slow ones soon no more; but for every other one the hub waits, and others have their
# turn. How long that look lasts is made so long here that a busy machine does not matter.
QUICK = """
import gevent.monkey
gevent.monkey.patch_all()
import sys
import gevent
from imapd.storage import waiting_greenlets as waiting
from imapd.storage.pool import Database
from imapd.storage.prepared import Prepared

waiting.wait_at_most(2, 2)
database = Database(sys.argv[1], 2)
one, slow = Prepared("SELECT %s::int"), Prepared("SELECT 1 FROM pg_sleep(%s)")
for _ in range(10):
    assert database.row(slow, (0.002,)) == (1,)
assert not slow.quickness.worth_trying()
waiting.AT_ONCE_SECONDS = 0.01
for _ in range(30):
    with database.transaction() as tx:
        assert tx.row(slow, (0.02,)) == (1,)
assert not slow.quickness.worth_trying()  # BEGIN is quick, but nobody asked for that
waiting.AT_ONCE_SECONDS = 1
before = gevent.get_hub().loop.iteration
for number in range(1000):
    assert database.row(one, (number,)) == (number,)
rounds = gevent.get_hub().loop.iteration - before
assert 490 <= rounds <= 550, rounds
print("well")
"""

# While PostgreSQL is at work, the greenlet that waits for it is, too. What it raises then is not taken for PostgreSQL's.
MEANWHILE = """
import gevent.monkey
gevent.monkey.patch_all()
import sys, time
import gevent
from imapd.storage.pool import Database
from imapd.storage.prepared import Prepared
from imapd.storage.waiting_greenlets import wait_at_most

wait_at_most(2, 2)
database = Database(sys.argv[1], 1)
slow = Prepared("SELECT 1 FROM pg_sleep(%s)")
database.row(slow, (0,))
done = []

def works():
    time.sleep(0.3)  # others have their turn
    done.append(time.monotonic())
    raise ValueError

for sql in ("SELECT 1 FROM pg_sleep(%s)", Prepared("SELECT 1 AS n FROM pg_sleep(%s)"), slow):
    with database.transaction(sql) as tx:
        began = time.monotonic()
        assert tx.rows(sql, (0.4,), meanwhile=works) == [(1,)]
        took = time.monotonic() - began
        assert len(done) == 1 and done.pop() - began < took, took
        assert tx.row("SELECT 2") == (2,) and not done  # once
assert took < 0.69, took
assert len(database._free) == 1


def stays():
    with database.transaction() as tx:
        tx.rows("SELECT 1", meanwhile=lambda: gevent.sleep(60))

killed = gevent.spawn(stays)
gevent.sleep(0.2)
killed.kill()
assert not database._free and database._places.free == 1
assert database.row("SELECT 3") == (3,)
print("well")
"""

# The same process, and many greenlets in it.
MANY = """
import gevent.monkey
gevent.monkey.patch_all()
import os, signal, sys, time
import gevent
import gevent.threadpool
from imapd.errors import Unavailable
from imapd.storage import waiting_greenlets as waiting
from imapd.storage.pool import Database

patience = []
made = waiting.Patience
waiting.Patience = lambda *seconds: patience.append(made(*seconds)) or patience[0]
waiting.wait_at_most(2, 2)

def at_rest(database):
    assert patience[0]._until == {}, patience[0]._until
    assert database._places.free == 2 and database._places.waiting == 0
    assert database.row("SELECT 7") == (7,)

def tried(database, sql):
    try:
        return database.row(sql)[0]
    except Unavailable:
        return "Unavailable"

# Who asks without end leaves room for others.
database = Database(sys.argv[1], 2, wait_seconds=5)
busy = [gevent.spawn(lambda: [database.row("SELECT 1") for _ in iter(int, 1)]) for _ in range(2)]
gevent.sleep(0.2)
assert [tried(database, f"SELECT {n}") for n in range(20)] == list(range(20))

# Who is killed, whatever they wait for, takes no place along.
waiters = [gevent.spawn(database.row, "SELECT 1") for _ in range(20)]
gevent.sleep(0)
gevent.killall(busy + waiters)
at_rest(database)
asleep = [gevent.spawn(database.row, "SELECT pg_sleep(60)") for _ in range(4)]
gevent.sleep(0.2)
gevent.killall(asleep)
at_rest(database)
with gevent.Timeout(0.2, False):
    database.row("SELECT pg_sleep(60)")
at_rest(database)

# Who is killed at any moment of a transaction that waits for a thread: nothing of it stays, or it had not to wait any
# more.
database.execute("CREATE TABLE waiting (n int)")
threads = gevent.threadpool.ThreadPool(4)
ended, acknowledged = set(), set()

def holds(n):
    sleeping = threads.spawn(time.sleep, 0.003)
    with database.transaction() as tx:
        tx.execute("INSERT INTO waiting VALUES (%s)", (n,))
        sleeping.get()
        ended.add(n)
    acknowledged.add(n)

until, n = time.monotonic() + 20, 0
while time.monotonic() < until and (n < 60 or not acknowledged or not ended - acknowledged):
    holding = gevent.spawn(holds, n)
    gevent.sleep(n / 6000)
    holding.kill()
    n += 1
at_rest(database)
committed = {n for n, in database.rows("SELECT n FROM waiting")}
assert acknowledged and acknowledged <= committed <= ended, (acknowledged, committed, ended)
database.execute("DROP TABLE waiting")  # waits for whoever has a lock on it

# A connection that ends while somebody waits for its answer.
admin = Database(sys.argv[1], 1)
dying = gevent.spawn(tried, database, "SELECT pg_sleep(60)")
gevent.sleep(0.2)
admin.row("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")
assert dying.get() == "Unavailable"
at_rest(database)

# Those whose server stands still are called one by one; who waits for another one goes on.
frozen = Database(sys.argv[1], 2)
with frozen.transaction() as one, frozen.transaction() as two:
    backends = [each.row("SELECT pg_backend_pid()")[0] for each in (one, two)]
for backend in backends:
    os.kill(backend, signal.SIGSTOP)
began = time.monotonic()
still = [gevent.spawn(tried, frozen, "SELECT 1") for _ in range(2)]
moving = gevent.spawn(tried, database, "SELECT pg_sleep(1.5)")
assert [each.get() for each in still] == ["Unavailable"] * 2
assert 2 <= time.monotonic() - began < 4
assert moving.get() == ""
for backend in backends:
    os.kill(backend, signal.SIGCONT)
at_rest(frozen)
at_rest(database)
print("well")
"""


@pytest.fixture
def database(services: Embedded) -> Database:
    return Database(services.dsn, 1)


@pytest.mark.parametrize("kind", ["greenlets", "threads"])
def test_a_worker_does_not_wait_for_ever(services: Embedded, kind: str) -> None:
    command = [sys.executable, "-c", WORKER, kind, services.dsn]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout.splitlines()
    assert [line.split()[0] for line in said] == ["Unavailable", "Unavailable", "Unavailable", "answered"], done.stderr
    assert all(int(line.split()[1]) < 20 for line in said[:3])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "script",
    [QUICK, MEANWHILE, MANY],
    ids=["look out for quick answers", "do something meanwhile", "share the pool, and leave it"],
)
def test_greenlets_that_wait(services: Embedded, script: str) -> None:
    command = [sys.executable, "-c", script, services.dsn]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "well\n", done.stderr


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
