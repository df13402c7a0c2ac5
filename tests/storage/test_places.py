# SPDX-License-Identifier: MIT
"""Places for connections: no more than are needed, no more than there may be, and nobody waits for ever."""

import queue
import threading
import time

import pytest

from imapd.storage import places
from imapd.storage.places import Places
from tests.running.together import together


def test_who_is_quick_shares_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PATIENCE_SECONDS", 30)
    shared = Places(8, wait_seconds=30)
    inside, most = 0, 0

    def come_and_go() -> None:
        nonlocal inside, most
        for _ in range(50):
            shared.take()
            inside += 1
            most = max(most, inside)
            time.sleep(0.0001)
            inside -= 1
            shared.give_back()

    together(*[come_and_go] * 20, seconds=30)
    assert most == 1
    assert shared.free == 8 and shared.waiting == 0


def test_who_waits_too_long_gets_a_place_more_as_long_as_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PATIENCE_SECONDS", 0.001)
    few = Places(3, wait_seconds=0.05)
    for left in (2, 1, 0):
        few.take()
        assert few.free == left
    for _ in range(2):
        with pytest.raises(queue.Empty):
            few.take()
    assert few.waiting == 0
    few.give_back()
    few.take()
    with pytest.raises(queue.Empty):
        few.take()


def test_many_at_once_are_never_more_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PATIENCE_SECONDS", 0.001)
    few = Places(4, wait_seconds=30)
    lock = threading.Lock()
    inside, most = 0, 0
    met = threading.Semaphore(0)

    def come_and_go() -> None:
        nonlocal inside, most
        for _ in range(5):
            few.take()
            with lock:
                inside += 1
                most = max(most, inside)
            met.acquire(timeout=0.005)  # long enough for the others to lose their patience
            with lock:
                inside -= 1
            few.give_back()

    together(*[come_and_go] * 16, seconds=30)
    assert most == 4
    assert few.free == 4 and few.waiting == 0
