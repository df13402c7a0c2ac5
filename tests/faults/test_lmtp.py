# SPDX-License-Identifier: MIT
"""LMTP while things die: what was acknowledged is there once, and what nobody can promise is deferred."""

import os
import re
import shutil
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from imapd.storage.pool import Database
from tests.faults.beside import Beside
from tests.faults.conftest import USERS, new_node
from tests.running.client import Closed
from tests.running.lmtp import Lmtp
from tests.running.processes import descendants, kill, title, wait_for
from tests.running.server import Node, eventually
from workers.embedded import Embedded

pytestmark = pytest.mark.timeout(180)

LETTER = b"Subject: hello\r\n\r\nbody\r\n"


@pytest.fixture
def node(services: Embedded, tmp_path: Path) -> Iterator[Node]:
    services.restart_dead()
    node = new_node(services, tmp_path / "node")
    node.configure(
        {
            "server": {"workers": 1}, "lmtp": {"port": node.lmtp_port},
            "database": {"statement_timeout_seconds": 5, "connect_timeout_seconds": 2},
        }
    )  # fmt: skip
    node.worker_count = 1
    node.start()
    yield node
    node.kill_all()
    services.restart_dead()


def workers(node: Node) -> list[int]:
    assert node.process
    return [pid for pid in descendants(node.process.pid) if "imapd: lmtp worker" in title(pid)]


class Flood(Beside):
    """Clients that deliver without pause, each message once, and write down what was acknowledged for whom."""

    def __init__(self, node: Node, clients: int = 4):
        super().__init__()
        self._node = node
        self.acknowledged: set[tuple[str, str]] = set()
        self.tried = 0
        self._threads = [
            threading.Thread(target=self._run, args=(f"{time.monotonic_ns()}.{n}",)) for n in range(clients)
        ]

    def _run(self, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            try:
                with Lmtp(self._node.lmtp_port) as lmtp:
                    while not self._stop.is_set():
                        number += 1
                        self._deliver(lmtp, f"{name}.{number}", b"x" * (300_000 if number % 7 == 0 else 100))
            except (Closed, OSError):
                time.sleep(0.02)

    def _deliver(self, lmtp: Lmtp, name: str, body: bytes) -> None:
        said = lmtp.envelope(USERS[:3])
        if not all(each.startswith("250 ") for each in said):
            lmtp.ask("RSET")
            return
        self.tried += 1
        assert lmtp.ask("DATA").startswith("354 ")
        lmtp.send(f"Subject: {name}\r\n\r\n".encode() + body + b"\r\n.\r\n")
        for user in USERS[:3]:
            if lmtp.reply().startswith("250 "):
                self.acknowledged.add((user, name))

    def audit(self) -> None:
        for user in USERS[:3]:
            with self._node.client(user, timeout_seconds=60) as client:
                client.ok("SELECT INBOX")
                lines = client.ok("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])").untagged
            there = [name for line in lines for name in re.findall(r"Subject: (\d+\.\d+\.\d+)", line.decode())]
            assert len(set(there)) == len(there), "a message was stored twice"
            lost = {name for of, name in self.acknowledged if of == user} - set(there)
            assert not lost, f"acknowledged for {user}, and not there"


def kill_postgresql(services: Embedded) -> None:
    """With all its processes: those that outlive the first for a moment still store what they are given."""
    assert services.postgres
    for pid in (services.postgres.pid, *descendants(services.postgres.pid)):
        kill(pid)
    services.postgres.wait(10)


def test_workers_are_killed_under_load(node: Node) -> None:
    with Flood(node) as flood:
        for _ in range(5):
            before = len(flood.acknowledged)
            eventually(lambda before=before: len(flood.acknowledged) > before + 30, 30)  # type: ignore[misc]
            (pid,) = eventually(lambda: workers(node), 20)
            os.kill(pid, signal.SIGKILL)
    flood.audit()
    assert flood.tried * 3 > len(flood.acknowledged), "nothing was cut off"


def test_postgresql_dies_under_load(node: Node, services: Embedded) -> None:
    with Flood(node) as flood:
        for _ in range(2):
            before = len(flood.acknowledged)
            eventually(lambda before=before: len(flood.acknowledged) > before + 30, 30)  # type: ignore[misc]
            kill_postgresql(services)
            with Lmtp(node.lmtp_port) as lmtp:
                assert eventually(lambda: lmtp.deliver(LETTER, USERS[4])[0], 5).startswith("451 4.3.0 ")
            services.start_postgres()
    flood.audit()
    assert len(workers(node)) == 1


def test_postgresql_is_away_at_the_end_of_a_message(node: Node, services: Embedded) -> None:
    before = workers(node)
    with Lmtp(node.lmtp_port) as lmtp:
        assert lmtp.envelope(USERS[3:6]) == ["250 2.1.5 Recipient ok"] * 3
        kill_postgresql(services)
        said = lmtp.data(LETTER + b".\r\n", 3)
        assert [each[:9] for each in said] == ["451 4.3.0"] * 3
        assert lmtp.deliver(LETTER, USERS[3])[0].startswith("451 4.3.0 ")
        services.start_postgres()
        eventually(lambda: lmtp.deliver(LETTER, USERS[3])[0].startswith("250 "), 10)
    assert workers(node) == before
    assert "Traceback" not in node.log.read_text()


def test_a_database_that_stands_still(node: Node, services: Embedded) -> None:
    """It goes on where it was: what was deferred meanwhile may be there, what was acknowledged is."""
    assert services.postgres
    with Lmtp(node.lmtp_port, timeout_seconds=90) as lmtp:
        lmtp.envelope([USERS[5]])
        everybody = [services.postgres.pid, *descendants(services.postgres.pid)]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        try:
            assert lmtp.data(LETTER + b".\r\n")[0].startswith("451 4.3.0 ")
            assert len(workers(node)) == 1
        finally:
            for pid in reversed(everybody):
                os.kill(pid, signal.SIGCONT)
        eventually(lambda: lmtp.deliver(LETTER, USERS[5])[0].startswith("250 "), 20)


def is_healthy(node: Node) -> bool:
    """Raises OSError where it is not."""
    with urllib.request.urlopen(f"http://{node.host}:{node.http_port}/health", timeout=10) as answer:
        return bool(answer.status == 200)


def test_a_server_that_stands_still_for_ever_costs_no_thread(node: Node, services: Embedded) -> None:
    """As where it has hung, and another one has taken over: what waits for it gives up, and goes on there."""
    node.kill_all()
    node.configure({"lmtp": {"threads": 1}})
    node.start()
    with Lmtp(node.lmtp_port, timeout_seconds=90) as lmtp:
        eventually(lambda: is_healthy(node), 10)
        assert lmtp.deliver(LETTER, USERS[5])[0].startswith("250 ")
        asked = "SELECT pid FROM pg_stat_activity WHERE application_name IN ('imapd lmtp', 'imapd health')"
        backends = [pid for (pid,) in Database(services.dsn, 1).rows(asked)]
        assert len(backends) == 2
        for pid in backends:
            os.kill(pid, signal.SIGSTOP)
        try:
            assert lmtp.deliver(LETTER, USERS[5])[0].startswith("451 4.3.0 ")
            eventually(lambda: lmtp.deliver(LETTER, USERS[5])[0].startswith("250 "), 30)
            eventually(lambda: is_healthy(node), 30)
        finally:
            for pid in backends:
                os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_the_blob_store_takes_nothing(node: Node, services: Embedded, size: int) -> None:
    blobs = services.data / "blobs"
    message = b"Subject: %d %d\r\n\r\n" % (size, time.monotonic_ns()) + b"x" * size + b"\r\n"
    with Lmtp(node.lmtp_port) as lmtp:
        assert lmtp.deliver(message, USERS[6])[0].startswith("250 ")
        shutil.move(blobs, blobs.with_name("away"))
        blobs.touch()
        try:
            said = lmtp.deliver(message + b"more\r\n", USERS[6], USERS[7])
            assert [each[:9] for each in said] == ["451 4.3.0"] * 2
        finally:
            blobs.unlink()
            shutil.move(blobs.with_name("away"), blobs)
        assert lmtp.deliver(message + b"more\r\n", USERS[6])[0].startswith("250 ")
    assert "Traceback" not in node.log.read_text()


def test_without_redis_mail_comes_in(node: Node, services: Embedded) -> None:
    assert services.redis
    services.redis.kill()
    services.redis.wait(10)
    with Lmtp(node.lmtp_port) as lmtp, node.client(USERS[7]) as idle:
        idle.ok("SELECT INBOX")
        idle.send(b"i IDLE\r\n")
        idle.response()
        assert lmtp.deliver(LETTER, USERS[7])[0].startswith("250 ")
        while b"EXISTS" not in idle.response(10):
            pass
    services.start_redis()


def test_the_master_dies(node: Node) -> None:
    """Its workers end with it, and with them the port."""
    (pid,) = workers(node)
    with Lmtp(node.lmtp_port) as idle:
        os.kill(node.master(), signal.SIGKILL)
        assert [each[:9] for each in idle.until_closed(10)] == ["421 4.3.2"]
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 10, "the worker has gone")
