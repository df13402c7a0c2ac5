# SPDX-License-Identifier: MIT
"""Quotas on a running server: workers killed under load leave no drift; who is warned, how, and how often."""

import json
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from imapd.storage import recount
from imapd.storage.pool import Database
from tests.faults.beside import Beside
from tests.faults.conftest import USERS, new_node
from tests.faults.ledger import Load, audit
from tests.faults.test_processes import kill_one_worker
from tests.running.client import Client, Closed, Literal
from tests.running.processes import wait_for
from tests.running.server import Node, eventually, operator
from workers.embedded import Embedded

pytestmark = pytest.mark.timeout(180)

LETTER = b"Subject: letter\r\n\r\n" + b"x" * 981


@pytest.fixture
def database(services: Embedded) -> Iterator[Database]:
    made = Database(services.dsn, 2)
    yield made
    made.close()


@pytest.fixture
def quota(node: Node) -> Iterator[Any]:
    """quota("user1@example.com", storage="1MiB"); without limits again when the test is over."""
    touched = set()

    def set_limits(holder: str, *more: str, **limits: Any) -> None:
        touched.add((holder, more))
        options = [word for name, value in limits.items() for word in (f"--{name}", str(value))]
        operator("quota", "set", holder, *more, *options, "--config", str(node.configuration))

    yield set_limits
    for holder, more in touched:
        set_limits(holder, *more, storage="unlimited", messages="unlimited")


def drift(database: Database) -> list[Any]:
    return [one for found in recount.all_drift(database) for one in found]


class Stir(Beside):
    """Clients that copy what a load appends, move it about, and expunge it again, until the end."""

    def __init__(self, node: Node, users: list[str]):
        self.node = node
        self.done = self.cut_off = 0
        super().__init__()
        self._threads = [threading.Thread(target=self._run, args=(user,), daemon=True) for user in users]

    def _run(self, user: str) -> None:
        while not self._stop.is_set():
            try:
                with self.node.client(user, timeout_seconds=15) as client:
                    while not self._stop.is_set():
                        self._stir(client)
            except (Closed, OSError, AssertionError):
                time.sleep(0.05)

    def _stir(self, client: Client) -> None:
        for command in (
            "SELECT INBOX", "COPY * Archive", "SELECT Archive", "MOVE 1:* Trash", "SELECT Trash",
            "STORE 1:* +FLAGS.SILENT (\\Deleted)", "EXPUNGE",
        ):  # fmt: skip
            try:
                client.command(command)
            except (Closed, OSError):
                self.cut_off += not command.startswith("SELECT")
                raise
            self.done += 1


def unanswered(load: Load) -> int:
    return sum(1 for ledger in load.ledgers for entry in list(ledger.entries) if not entry.uid and not entry.refused)


def test_killed_workers_leave_no_drift(node: Node, database: Database, quota: Any) -> None:
    quota("example.com", storage="1TiB", messages="1000000000")
    quota(USERS[0], "--user", storage="1TiB")
    with Load(node, USERS[:3]) as load, Stir(node, USERS[:3]) as stir:
        wait_for(lambda: load.count() > 50 and stir.done > 50, 30, "some messages, and some of them moved")
        for _ in range(3):
            kill_one_worker(node, load)
            assert drift(database) == []  # while others write: each mailbox is looked at in one moment
    # Each kill came while commands were under way: what they were answered never arrived.
    assert unanswered(load) >= 3 and unanswered(load) + stir.cut_off >= 6, (unanswered(load), stir.cut_off)
    for ledger in load.ledgers:
        audit(node, ledger)
    assert drift(database) == []
    assert json.loads(operator("check", "--json", "--config", str(node.configuration))) == []


def counted(node: Node, name: str) -> float:
    """The sum of a metric over its labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{node.http_port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if re.match(re.escape(name) + r"[ {]", line))


class Hook:
    """A webhook that fails as often as told, then takes what comes."""

    def __init__(self, failures: int):
        self.taken: list[Any] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                nonlocal failures
                body = self.rfile.read(int(self.headers["Content-Length"]))
                failures -= 1
                if failures < 0:
                    hook.taken.append(json.loads(body))
                self.send_response(500 if failures >= 0 else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/quota"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook(node: Node, tmp_path: Path) -> Iterator[Hook]:
    """A server that calls it, and whose message says what the operator wants it to say."""
    template = tmp_path / "warning.txt"
    template.write_text("Subject: $address: $percent %\n\nVoll: $storage_used von $storage_limit, ¡ojo!\n")
    made = Hook(failures=1)
    node.configure({"quota": {"webhook": made.url, "message_template": str(template)}})
    node.stop()
    node.start()
    yield made
    made.server.shutdown()


def test_who_is_warned(node: Node, database: Database, quota: Any, hook: Hook) -> None:
    user = USERS[5]
    with node.client(user) as writer, node.client(user) as idle, node.client(USERS[4]) as stranger:
        for one in (idle, stranger):
            one.send(b"i IDLE\r\n")
            assert one.response().startswith(b"+")
        quota(user, storage="100000")
        for _ in range(79):
            writer.append("INBOX", LETTER)
        assert not idle.pending(2)
        writer.append("INBOX", LETTER)
        assert idle.response(15) == b"* NO [ALERT] 80 % of the quota example.com is used."
        told = eventually(lambda: writer.ok("NOOP").untagged, 5)
        assert b"NO [ALERT] 80 % of the quota example.com is used." in told
        reply = writer.ok("SELECT INBOX")
        assert any(line.startswith(b"NO [ALERT] 8") for line in reply.untagged)
        newest = writer.ok("FETCH * (FLAGS BODY.PEEK[])").untagged[0]
        assert re.search(rb"Subject: %s: 80 %%\r\n" % re.escape(user.encode()), newest)
        assert b"Auto-Submitted: auto-generated\r\n" in newest and b"78.12 KiB" in newest
        writer.append("INBOX", LETTER)  # still above: not told again
        assert not idle.pending(2)
        until_full(writer)
        lines = [idle.response(15), idle.response(15)]
        assert lines == [
            b"* NO [ALERT] 95 % of the quota example.com is used.", b"* NO [ALERT] The quota example.com is used up.",
        ]  # fmt: skip
        assert b"OK [OVERQUOTA] The quota example.com is used up." in writer.ok("SELECT INBOX").untagged
        assert not stranger.pending(0.5)
    eventually(lambda: len(hook.taken) == 3, 60)
    assert sorted(one["percent"] for one in hook.taken) == [80, 95, 100]
    assert {one["address"] for one in hook.taken} == {user} and {one["kind"] for one in hook.taken} == {"mailbox"}
    assert database.rows("SELECT count(*) FROM quota_events") == [(0,)]
    rows = database.rows("SELECT (detail->>'percent')::int FROM audit_log WHERE event = 'quota warning' ORDER BY audit_id")
    assert [percent for (percent,) in rows] == [80, 95, 100]
    assert counted(node, "imap_quota_warnings_total") == 3
    assert drift(database) == []


def test_a_changed_limit_counts_on_all_nodes_at_once_and_all_are_told(
    node: Node, services: Embedded, quota: Any, tmp_path: Path
) -> None:
    user = USERS[3]
    other = new_node(services, tmp_path / "other")
    other.start()
    try:
        with node.client(user) as here, other.client(user) as there, other.client(user) as idle:
            for one in (here, there):
                one.append("INBOX", LETTER)
            quota(user, messages=2)
            for one in (here, there):
                assert one.command("APPEND INBOX ", Literal(LETTER, plus=True)).code == b"OVERQUOTA"
            quota(user, messages=10)
            idle.ok("SELECT INBOX")
            idle.send(b"i IDLE\r\n")
            assert idle.response().startswith(b"+")
            for _ in range(3):
                here.append("Sent", LETTER)
                there.append("Drafts", LETTER)
            while idle.response(15) != b"* NO [ALERT] 80 % of the quota example.com is used.":
                pass
    finally:
        other.kill_all()


def until_full(writer: Client) -> None:
    for _ in range(40):
        reply = writer.command("APPEND INBOX ", Literal(LETTER, plus=True))
        if reply.status == "NO":
            assert reply.code == b"OVERQUOTA"
            return
    raise AssertionError("the quota never was full")


def test_a_full_domain_is_told_to_its_administrators_and_not_to_everybody(
    node: Node, database: Database, quota: Any
) -> None:
    administrator, writer = USERS[6], USERS[7]
    operator("domain", "set", "example.com", "--administrator", administrator, "--config", str(node.configuration))
    used = json.loads(operator("quota", "show", "example.com", "--json", "--config", str(node.configuration)))[0]
    with node.client(administrator) as admin, node.client(writer) as one:
        quota("example.com", storage=used["storage_used"] * 2 + 100_000)
        before = admin.ok("STATUS INBOX (MESSAGES)").untagged[0]
        needed = int(1.6 * used["storage_used"] + 80_000) - used["storage_used"]
        one.append("INBOX", b"Subject: big\r\n\r\n" + b"y" * needed)
        eventually(lambda: admin.ok("STATUS INBOX (MESSAGES)").untagged[-1] != before, 15)
        assert not any(b"ALERT" in line for line in one.ok("NOOP").untagged)
        admin.ok('SETQUOTA "domain/example.com" (STORAGE 9999999)')
        assert one.command('SETQUOTA "domain/example.com" (STORAGE 1)').code == b"NOPERM"
        roots = admin.ok("GETQUOTAROOT INBOX").untagged
        assert b'QUOTAROOT "INBOX" "example.com" "domain/example.com"' in roots
        one.ok("SELECT INBOX")
        one.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        one.ok("EXPUNGE")
        time.sleep(0.1)
