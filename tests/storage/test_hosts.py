# SPDX-License-Identifier: MIT
"""A DSN of several hosts: each is asked on its own, and those that are gone are not asked first for ever."""

import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from imapd import errors
from imapd.storage import health
from imapd.storage.hosts import Hosts, each_address, each_host
from imapd.storage.pool import Database
from tests.running.server import eventually
from workers.embedded import Embedded

# In a process that gevent has patched, in one that has threads, and in a plain one.
SILENT_FIRST = """
import sys
if sys.argv[1] == "greenlets":
    import gevent.monkey
    gevent.monkey.patch_all()
    from imapd.storage.waiting_greenlets import wait_at_most
    wait_at_most(2, 10)
elif sys.argv[1] == "threads":
    from imapd.storage.waiting_threads import wait_at_most
    wait_at_most(2, 10)
import socket, time
from psycopg2.extensions import make_dsn, parse_dsn
from imapd.errors import Unavailable
from imapd.storage.pool import Database

drops = socket.create_server(("127.0.0.1", 0), backlog=0)  # its queue is full: nobody gets through
queue = [socket.socket() for _ in range(4)]
for each in queue:
    each.setblocking(False)
    each.connect_ex(drops.getsockname())

real = parse_dsn(sys.argv[2])
def behind(host):
    ports = f"{drops.getsockname()[1]},{real.get('port', '')}"
    return Database(make_dsn(**{**real, "host": f"127.0.0.1,{host}", "port": ports}), 2, connect_timeout_seconds=2)

database = behind(real["host"])
assert database.row("SELECT 7") == (7,)
began = time.monotonic()
with database.transaction() as one, database.transaction() as two:  # for one of them a connection is opened
    assert one.row("SELECT 8") == two.row("SELECT 8") == (8,)
assert time.monotonic() - began < 1
try:
    behind("/nowhere").row("SELECT 9")
except Unavailable as error:
    said = str(error.__cause__)
assert ("does not answer" in said or "timeout expired" in said) and "/nowhere" in said, said
"""


@pytest.mark.parametrize("kind", ["greenlets", "threads", "plain"])
def test_a_host_that_is_silent_keeps_nobody_from_the_next_one(services: Embedded, kind: str) -> None:
    command = [sys.executable, "-c", SILENT_FIRST, kind, services.dsn]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("another host of PostgreSQL has answered") == 1


class Connections:
    """What connect() is asked, and the connections that it makes: to those hosts that are there."""

    def __init__(self, *there: str):
        self.there = set(there)
        self.asked: list[str] = []

    def __call__(self, dsn: str) -> Any:
        host = parse_dsn(dsn)["host"]
        self.asked.append(host)
        if host not in self.there:
            raise psycopg2.OperationalError("no\n\tnot now\n")
        return SimpleNamespace()


def test_who_has_answered_is_asked_first() -> None:
    connect = Connections("10.0.0.2", "10.0.0.3")
    hosts = Hosts("host=10.0.0.1,10.0.0.2,10.0.0.3", connect)
    for _ in range(2):
        assert parse_dsn(hosts.open().address)["host"] == "10.0.0.2"
    assert connect.asked == ["10.0.0.1", "10.0.0.2", "10.0.0.2"]
    connect.there, connect.asked = {"10.0.0.1"}, []
    hosts.open()
    assert connect.asked == ["10.0.0.2", "10.0.0.1"]
    connect.there, connect.asked = {"10.0.0.3"}, []
    hosts.leave()
    hosts.open()
    assert connect.asked == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    connect.there, connect.asked = set(), []
    with pytest.raises(errors.Unavailable) as failed:
        hosts.open()
    assert str(failed.value.__cause__).splitlines() == [f"10.0.0.{n}: no not now" for n in (3, 1, 2)]


def both_are_read_only(database: Database) -> bool:
    """Both of its connections: a transaction is what its server was when it began."""
    with database.transaction() as one, database.transaction() as two:
        return [each.row("SHOW transaction_read_only") for each in (one, two)] == [("on",)] * 2


def test_a_server_that_has_become_one_to_read_from_is_left(services: Embedded) -> None:
    real = parse_dsn(services.dsn)
    admin = Database(services.dsn, 1)
    admin.execute("CREATE TABLE left_behind (n int)")
    with Embedded(services.data / "other") as other:
        first = parse_dsn(other.dsn)["host"]
        dsn = make_dsn(**{**real, "host": f"{first},{real['host']}"})
        database, watched = Database(dsn, 2), Database(dsn, 1)
        where = "SHOW unix_socket_directories"
        with database.transaction() as one, database.transaction() as two:
            assert one.row(where) == two.row(where) == (first,)
        health.check(watched)
        Database(other.dsn, 1).execute("ALTER SYSTEM SET default_transaction_read_only = on")
        Database(other.dsn, 1).execute("SELECT pg_reload_conf()")
        eventually(lambda: both_are_read_only(database), 10)
        with pytest.raises(errors.Unavailable), database.transaction() as still:
            assert still.row(where) == (first,)
            with pytest.raises(errors.Unavailable):
                database.execute("CREATE TABLE nothing (n int)")
            database.execute("INSERT INTO left_behind VALUES (1)")
            new = database.row("SELECT pg_backend_pid()")
            assert new and still.row(where) == (first,)
            still.execute("CREATE TABLE nothing (n int)")
        assert database.row("SELECT pg_backend_pid()") == new
        assert database.row(where) == (real["host"],)
        with database.transaction() as one, database.transaction() as two:
            assert one.row(where) == two.row(where) == (real["host"],)
        with pytest.raises(errors.Unavailable) as unhealthy:
            health.check(watched)
        assert "takes no writes" in str(unhealthy.value.__cause__)
        health.check(watched)
    admin.execute("DROP TABLE left_behind")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"db1": ["10.0.0.1", "fd00::1"], "db2": ["10.0.0.2"]}

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host not in names:
            raise socket.gaierror
        return [(socket.AF_INET, 1, 6, "", (address, 0)) for address in names[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def places(dsn: str) -> list[dict[str, str]]:
    addresses = []
    for host in each_host(dsn):
        with suppress(OSError):
            addresses += each_address(host)
    shown = [parse_dsn(each) for each in addresses]
    wanted = {each.pop("target_session_attrs", "any") for each in shown}
    assert wanted == ({"read-write"} if "," in dsn else {"any"})
    return [{name: value for name, value in each.items() if name != "dbname"} for each in shown]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("dsn", "found"),
    [
        ("dbname=x", [{}]),
        ("host=/run/pg dbname=x", [{"host": "/run/pg"}]),
        ("host=10.0.0.9", [{"host": "10.0.0.9"}]),
        ("host=::1 port=5433", [{"host": "::1", "port": "5433"}]),
        ("host=db1 hostaddr=10.9.9.9", [{"host": "db1", "hostaddr": "10.9.9.9"}]),
        ("hostaddr=10.9.9.9,10.9.9.8", [{"hostaddr": "10.9.9.9"}, {"hostaddr": "10.9.9.8"}]),
        ("host=,10.0.0.9 port=,5433", [{"host": "", "port": ""}, {"host": "10.0.0.9", "port": "5433"}]),
        (
            "host=db1,gone,db2 port=5433",
            [
                {"host": "db1", "hostaddr": "10.0.0.1", "port": "5433"},
                {"host": "db1", "hostaddr": "fd00::1", "port": "5433"},
                {"host": "db2", "hostaddr": "10.0.0.2", "port": "5433"},
            ],
        ),
        (
            "postgresql://user:p%20w@db2:5433,10.0.0.9:5434/mail?sslmode=verify-full",
            [
                {"host": "db2", "hostaddr": "10.0.0.2", "port": "5433"}
                | {"user": "user", "password": "p w", "sslmode": "verify-full"},
                {"host": "10.0.0.9", "port": "5434", "user": "user", "password": "p w", "sslmode": "verify-full"},
            ],
        ),
    ],
)
def test_hosts_are_looked_up_before_libpq_would(dsn: str, found: list[dict[str, str]]) -> None:
    assert places(dsn) == found


@pytest.mark.usefixtures("known")
def test_what_cannot_be_is_said() -> None:
    assert "standby" in each_host("host=a,b target_session_attrs=standby")[0]
    for dsn, why in (("host=gone,away dbname=x", "away: "), ("host=10.0.0.1,10.0.0.2,10.0.0.3 port=1,2", "port numbers")):
        with pytest.raises(errors.Unavailable) as failed:
            Database(dsn).rows("SELECT 1")
        assert why in str(failed.value.__cause__)
