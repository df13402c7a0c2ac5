# SPDX-License-Identifier: MIT
"""How the sessions of a worker have calls made that would hold them all up."""

import threading

import pytest
from gevent.threadpool import ThreadPool

from imapd import errors
from imapd.node import start_on


def test_what_was_started_is_waited_for_as_often_as_one_likes() -> None:
    start = start_on(ThreadPool(1))
    here = start(threading.get_ident)
    assert here() == here(1) != threading.get_ident()
    fails = start(int, "x")
    for _ in range(2):
        with pytest.raises(ValueError):
            fails()


def test_nobody_waits_for_longer_than_they_want() -> None:
    start = start_on(ThreadPool(1))
    goes_on = threading.Event()
    slow = start(goes_on.wait)
    with pytest.raises(errors.Unavailable):
        slow(0.01)
    goes_on.set()
    assert slow() is True
