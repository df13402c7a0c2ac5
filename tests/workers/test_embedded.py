# SPDX-License-Identifier: MIT
"""The private PostgreSQL and Redis: where they lie, how they end, and what is left of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import redis

from workers.embedded import Embedded
from workers.programs import ProgramError, find_postgres

CHECKOUT = Path(__file__).resolve().parents[2]

# Starts them, tells their process ids, and waits to be killed.
STARTER = """
import sys, time
from workers.embedded import Embedded
services = Embedded(sys.argv[1]).start()
print(services.postgres.pid, services.redis.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cluster for all tests here: making it takes longer than all else."""
    return tmp_path_factory.mktemp("embedded")


@pytest.fixture
def services(data: Path) -> Iterator[Embedded]:
    with Embedded(data) as running:
        yield running


def answer(services: Embedded, sql: str) -> object:
    connection = psycopg2.connect(services.dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            row = cursor.fetchone()
            return row[0] if row else None
    finally:
        connection.close()


def gone(pid: int, within_seconds: float = 10) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_both_answer_on_unix_sockets_only(services: Embedded) -> None:
    assert answer(services, "SHOW listen_addresses") == ""
    assert answer(services, "SHOW server_encoding") == "UTF8"
    assert (answer(services, "SHOW fsync"), answer(services, "SHOW synchronous_commit")) == ("on", "on")
    assert redis.Redis.from_url(services.redis_url).ping()
    assert (services.sockets.stat().st_mode & 0o777) == 0o700


def test_second_start_is_quick_and_finds_the_data(data: Path) -> None:
    with Embedded(data) as services:
        connection = psycopg2.connect(services.dsn)
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 42 AS n")
        connection.close()
    began = time.monotonic()
    with Embedded(data) as services:
        assert time.monotonic() - began < 5
        assert answer(services, "SELECT n FROM kept") == 42


def test_a_second_one_in_the_same_directory_is_refused(services: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.embedded.LOCK_SECONDS", 0.2)
    with pytest.raises(ProgramError, match="another process is using"):
        Embedded(services.data).start()
    assert answer(services, "SELECT 1") == 1


def test_a_path_too_long_or_too_odd_for_sockets(tmp_path: Path) -> None:
    odd = tmp_path / ("x" * 90) / "a b,'c"
    with Embedded(odd) as services:
        assert answer(services, "SELECT 1") == 1
        assert redis.Redis.from_url(services.redis_url).ping()
        elsewhere = services.sockets
        assert elsewhere.parent == Path("/tmp")
    assert not elsewhere.exists()


def test_nothing_is_left_when_the_parent_is_killed(data: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(data)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout
    pids = [int(pid) for pid in starter.stdout.readline().split()]
    starter.kill()
    starter.communicate()
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)
    with Embedded(data) as services:
        assert answer(services, "SELECT 1") == 1


def test_what_was_killed_is_started_again(services: Embedded) -> None:
    assert services.restart_dead() == []
    assert services.postgres and services.redis
    for process in (services.postgres, services.redis):
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert services.restart_dead() == ["PostgreSQL", "Redis"]
    assert answer(services, "SELECT 1") == 1
    assert redis.Redis.from_url(services.redis_url).ping()


def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("1\n")
    with Embedded(tmp_path) as services:
        assert answer(services, "SELECT 1") == 1


def test_a_cluster_of_another_version_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("9\n")
    with pytest.raises(ProgramError, match="needs PostgreSQL 9: apt install postgresql-9"):
        find_postgres(tmp_path)
