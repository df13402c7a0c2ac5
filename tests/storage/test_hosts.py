# SPDX-License-Identifier: MIT
"""A DSN of several hosts: each is asked on its own, and those that are gone are not asked first for ever."""

import socket
import subprocess
import sys

import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from imapd import errors
from imapd.storage.hosts import by_address
from imapd.storage.pool import Database
from workers.embedded import Embedded

# In a process that gevent has patched, in one that has threads, and in a plain one.
SILENT_FIRST = """
import sys
if sys.argv[1] == "greenlets":
    import gevent.monkey
    gevent.monkey.patch_all()
    from imapd.storage.waiting import wait_at_most
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
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60)
    assert not done.stderr and done.returncode == 0


def test_one_that_may_not_be_written_to_is_passed_over(services: Embedded) -> None:
    """As libpq does it where target_session_attrs says so: a standby answers, and is not what is wanted."""
    real = parse_dsn(services.dsn)
    standby = Database(make_dsn(**{**real, "target_session_attrs": "standby"}), 1)
    with pytest.raises(errors.Unavailable):
        standby.row("SELECT 1")
    hosts = make_dsn(**{**real, "host": f"/nowhere,{real['host']}", "target_session_attrs": "read-write"})
    assert Database(hosts, 1).row("SELECT 1") == (1,)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"db1": ["10.0.0.1", "fd00::1"], "db2": ["10.0.0.2"]}

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host not in names:
            raise socket.gaierror
        return [(socket.AF_INET, 1, 6, "", (address, 0)) for address in names[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def places(dsn: str) -> list[dict[str, str]]:
    return [{name: value for name, value in parse_dsn(each).items() if name != "dbname"} for each in by_address(dsn)]


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
        ("host=,10.0.0.9 port=,5433", [{}, {"host": "10.0.0.9", "port": "5433"}]),
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
    for dsn, why in (("host=gone,away dbname=x", None), ("host=10.0.0.1,10.0.0.2,10.0.0.3 port=1,2", "port numbers")):
        with pytest.raises(errors.Unavailable) as failed:
            Database(dsn).rows("SELECT 1")
        assert why is None or why in str(failed.value.__cause__)
