# SPDX-License-Identifier: MIT
"""How a process waits for PostgreSQL, with greenlets and with threads: not for ever, and others have their turn."""

import subprocess
import sys
from pathlib import Path

import pytest

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
