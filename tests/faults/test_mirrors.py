# SPDX-License-Identifier: MIT
"""Whatever happens to a mailbox, whoever only listens knows in the end what is in it: by numbers, in IDLE, by QRESYNC."""

import random
import threading
import time

import pytest

from tests.faults.conftest import USERS
from tests.faults.mirrors import Changers, IdleMirror, Mirror, QresyncMirror, truth
from tests.running.processes import kill, wait_for
from tests.running.server import Node

pytestmark = pytest.mark.timeout(120)
SECONDS = 8.0


def watch(mirrors: list[Mirror | QresyncMirror], stop: threading.Event) -> tuple[list[threading.Thread], list[str]]:
    failed: list[str] = []

    def run(mirror: Mirror | QresyncMirror) -> None:
        try:
            while not stop.is_set():
                mirror.look()
                time.sleep(0.01)
        except Exception as error:
            failed.append(f"{type(mirror).__name__}: {error!r}")

    threads = [threading.Thread(target=run, args=(mirror,), daemon=True) for mirror in mirrors]
    for thread in threads:
        thread.start()
    return threads, failed


@pytest.mark.parametrize("seed", [1, 2])
def test_listeners_know_what_is_there(node: Node, seed: int) -> None:
    user = USERS[seed]
    mirrors: list[Mirror | QresyncMirror] = [
        Mirror(node.client(user)), Mirror(node.client(user)), IdleMirror(node.client(user)), IdleMirror(node.client(user)),
        *(QresyncMirror(lambda: node.client(user), random.Random(seed * 10 + number)) for number in range(3)),
    ]  # fmt: skip
    stop = threading.Event()
    threads, failed = watch(mirrors, stop)
    with Changers(lambda: node.client(user), 5, seed) as changers:
        time.sleep(SECONDS)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not changers.failed and not failed, (changers.failed, failed)
    with node.client(user) as client:
        expected = truth(client)
        uid_next = int(client.ok("STATUS INBOX (UIDNEXT)").untagged[0].split()[-1].rstrip(b")"))
    print(f"{len(expected)} messages of {uid_next - 1}")
    assert uid_next > 50, "too little has happened"
    for mirror in mirrors:
        mirror.look()
        assert mirror.state() == expected, type(mirror).__name__


def test_who_comes_back_after_a_crash_is_told_all(node: Node) -> None:
    user = USERS[5]
    mirror = QresyncMirror(lambda: node.client(user), random.Random(5))
    with Changers(lambda: node.client(user), 4, 5):
        time.sleep(2)
        mirror.look()
        for worker in node.workers():
            kill(worker)
    wait_for(lambda: len(node.ready_workers()) == 2, 20, "workers")
    with Changers(lambda: node.client(user), 4, 6):
        time.sleep(2)
    mirror.look()
    with node.client(user) as client:
        assert mirror.state() == truth(client)
