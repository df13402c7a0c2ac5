# SPDX-License-Identifier: MIT
"""Workers and masters that are killed, stopped, told to end or to read their configuration again."""

import contextlib
import os
import signal
import socket
import time

import pytest

from tests.faults.conftest import USERS
from tests.faults.ledger import Load, audit
from tests.running.client import Client, Closed
from tests.running.processes import alive, descendants, kill, wait_for
from tests.running.server import Node, eventually

pytestmark = pytest.mark.timeout(120)


def said_goodbye(client: Client, seconds: float = 10) -> bool:
    """BYE, then the end. Or nothing but the end: False."""
    last = b""
    try:
        while True:
            last = client.response(seconds)
    except Closed:
        return last.startswith(b"* BYE")


def survives(client: Client) -> bool:
    try:
        return client.command("NOOP", timeout_seconds=5).status == "OK"
    except Closed:
        return False


def kill_one_worker(node: Node, load: Load) -> None:
    killed = node.workers()[0]
    kill(killed)
    wait_for(lambda: not alive(killed), 5, "the end of the worker")
    wait_for(lambda: len(node.ready_workers()) == 2, 15, "a worker in its place")
    before = load.count()
    wait_for(lambda: load.count() > before + 50, 30, "more messages")


def test_a_killed_worker_loses_nothing_that_was_acknowledged(node: Node) -> None:
    bystanders = [node.client(USERS[6]) for _ in range(6)]
    with Load(node, USERS[:2]) as load:
        wait_for(lambda: load.count() > 100, 30, "a hundred messages")
        kill_one_worker(node, load)
        going_on = [client for client in bystanders if survives(client)]
        assert 0 < len(going_on) < 6, "the other worker's sessions go on, and only those"
        kill_one_worker(node, load)
        kill_one_worker(node, load)
    for ledger in load.ledgers:
        audit(node, ledger)


def test_a_worker_that_stands_still_is_replaced(node: Node) -> None:
    before = node.workers()
    node.configure({"server": {"stuck_seconds": 2}})
    node.reload()
    wait_for(lambda: len(node.ready_workers()) == 2 and not set(before) & set(node.workers()), 30, "new workers")
    stuck = node.workers()[0]
    kill(stuck, signal.SIGSTOP)
    wait_for(lambda: not alive(stuck), 20, "the end of the stopped worker")
    wait_for(lambda: len(node.ready_workers()) == 2 and stuck not in node.workers(), 20, "another worker")
    with node.client(USERS[0]) as client:
        client.ok("NOOP")


def test_a_killed_master_takes_its_workers_along_and_the_port_is_free(node: Node) -> None:
    session = node.client(USERS[0])
    processes = descendants(node.master())
    kill(node.master())
    wait_for(lambda: not any(map(alive, processes)), 5, "the end of all its processes")
    with pytest.raises(Closed):
        while True:
            session.response(5)
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((node.host, node.port))
    assert node.process
    node.process.wait(10)
    node.start()
    with node.client(USERS[0]) as client:
        client.ok("SELECT INBOX")


def test_sigterm_says_goodbye_and_finishes_what_is_under_way(node: Node) -> None:
    idle, resting, busy = (node.client(USERS[0]) for _ in range(3))
    for client in (idle, resting):
        client.ok("SELECT INBOX")
    idle.send(b"i IDLE\r\n")
    assert idle.response().startswith(b"+")
    message = b"Subject: last words\r\n\r\n" + b"x" * 300_000
    busy.send(b"b APPEND Drafts {%d+}\r\n" % len(message) + message[:1000])
    time.sleep(0.3)
    assert node.process
    node.process.send_signal(signal.SIGTERM)
    assert said_goodbye(idle)
    assert said_goodbye(resting)
    busy.send(message[1000:] + b"\r\n")
    answers = []
    with pytest.raises(Closed):
        while True:
            answers.append(busy.response(15))
    assert any(line.startswith(b"b OK") for line in answers) or any(line.startswith(b"* BYE") for line in answers)
    assert node.process.wait(40) == 0
    acknowledged = any(line.startswith(b"b OK") for line in answers)
    node.start()
    with node.client(USERS[0]) as client:
        status = client.ok("STATUS Drafts (MESSAGES)").untagged[0]
        assert status.endswith(b"(MESSAGES %d)" % acknowledged)


def test_sighup_brings_the_new_configuration_and_leaves_old_sessions_alone(node: Node) -> None:
    old = node.client(USERS[0])
    workers = node.workers()
    node.configure({"imap": {"capabilities": ["IMAP4rev1", "IDLE"]}})
    node.reload()

    def is_new() -> bool:
        with node.client() as client:
            return b"NAMESPACE" not in client.ok("CAPABILITY").untagged[0]

    eventually(is_new, 30)
    old.ok("SELECT INBOX")
    assert b"NAMESPACE" in old.ok("CAPABILITY").untagged[0]
    old.ok("LOGOUT")
    wait_for(lambda: not set(workers) & set(node.workers()), 30, "the end of the old workers")
    assert len(node.workers()) == 2


def test_sighup_with_a_bad_configuration_changes_nothing(node: Node) -> None:
    old = node.client(USERS[0])
    workers = sorted(node.workers())
    good = node.configuration.read_text()
    node.configuration.write_text(good + "\nno_such_section:\n  key: 1\n")
    position = node.log_size()
    node.reload()
    wait_for(lambda: b"no_such_section" in node.log.read_bytes()[position:], 10, "a word about the fault")
    old.ok("NOOP")
    with node.client(USERS[1]) as client:
        client.ok("NOOP")
    assert sorted(node.workers()) == workers


def test_sighups_in_a_row_do_no_harm(node: Node) -> None:
    with Load(node, [USERS[3]], clients_each=2) as load:
        for _ in range(5):
            before = load.count()
            node.reload()
            wait_for(lambda before=before: load.count() > before, 20, "a message after SIGHUP")  # type: ignore[misc]
            time.sleep(0.3)
    audit(node, load.ledgers[0])
    eventually(lambda: len(node.workers()) == 2, 40)


def test_no_connection_is_lost_while_configurations_change(node: Node) -> None:
    greeted, lost = 0, []
    end = time.monotonic() + 8
    reloads = iter(range(1, 6))
    while time.monotonic() < end:
        if greeted % 40 == 0 and next(reloads, 0):
            node.reload()
        try:
            with node.client() as client:
                assert client.greeting.startswith(b"* OK"), client.greeting
            greeted += 1
        except (Closed, OSError) as error:
            lost.append(f"after {greeted}: {error}")
    assert greeted > 100 and not lost, lost


def test_no_file_of_a_dead_session_stays_open(node: Node) -> None:
    for _ in range(20):
        node.client(USERS[4]).close()
    workers = node.workers()
    time.sleep(1)
    before = sorted(opened(workers))
    for _ in range(50):
        node.client(USERS[4]).reset()
    most = len(before) + 4  # connections to PostgreSQL stay in the pool
    wait_for(lambda: len(opened(workers)) <= most, 10, f"closed sockets; before: {before}; now: {opened(workers)}")


def opened(workers: list[int]) -> list[str]:
    found = []
    for pid in workers:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"/proc/{pid}/fd/{entry}"))
    return found
