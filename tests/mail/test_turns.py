# SPDX-License-Identifier: MIT
"""Turns: no more at once than there may be of one user, others beside them, and nothing kept of who is done."""

import threading

import pytest

from imapd.mail.turns import Turns


def test_the_third_waits_for_one_of_two() -> None:
    turns, inside, go, done = Turns(2), threading.Semaphore(0), threading.Semaphore(0), threading.Semaphore(0)

    def work(user_id: int) -> None:
        with turns.turn(user_id):
            inside.release()
            go.acquire()
        done.release()

    threads = [threading.Thread(target=work, args=(1,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert inside.acquire(timeout=5) and inside.acquire(timeout=5)
    assert not inside.acquire(timeout=0.1)
    other = threading.Thread(target=work, args=(2,))
    other.start()
    assert inside.acquire(timeout=5), "another user is not held up"
    go.release(2)
    assert inside.acquire(timeout=5), "its turn has come"
    go.release(2)
    for thread in [*threads, other]:
        thread.join(5)
    assert not turns._gates


def test_an_error_gives_the_turn_back() -> None:
    turns = Turns(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.turn(1):
            raise ZeroDivisionError
    assert not turns._gates
