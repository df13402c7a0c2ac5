# SPDX-License-Identifier: MIT
"""The pool where PostgreSQL is not as it should be: nobody waits for ever, and what is broken is not used again."""

import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from imapd import errors
from imapd.storage.pool import Database
from workers.embedded import Embedded

# What a worker does, in a process that gevent has patched. Prints what was raised, and after how many seconds.
WORKER = """
import gevent.monkey
gevent.monkey.patch_all()
import os, signal, socket, sys, time
from imapd.errors import Unavailable
from imapd.storage.pool import Database
from imapd.storage.waiting import wait_at_most

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

database = Database(sys.argv[1])
backend = database.row("SELECT pg_backend_pid()")[0]
os.kill(backend, signal.SIGSTOP)
tried(database)
os.kill(backend, signal.SIGCONT)
tried(database)
"""


@pytest.fixture
def database(services: Embedded) -> Database:
    return Database(services.dsn, 1)


def test_a_worker_does_not_wait_for_ever(services: Embedded) -> None:
    command = [sys.executable, "-c", WORKER, services.dsn]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout.splitlines()
    assert [line.split()[0] for line in said] == ["Unavailable", "Unavailable", "Unavailable", "answered"], done.stderr
    assert all(int(line.split()[1]) < 20 for line in said[:3])


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


def test_a_lost_connection_is_not_tried_again(database: Database) -> None:
    row = database.row("SELECT pg_backend_pid()")
    assert row
    killed(database, row[0])
    with pytest.raises(errors.Unavailable):
        database.row("SELECT 1")
    assert database.row("SELECT 1") == (1,)


def test_a_lock_of_one_alone_says_that_the_store_is_away() -> None:
    with pytest.raises(errors.Unavailable), Database("host=/nowhere dbname=x", 1).alone(1):
        pass


def killed(database: Database, backend: int) -> None:
    admin = psycopg2.connect(database._how.dsn)
    with admin, admin.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    admin.close()
