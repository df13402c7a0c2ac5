# SPDX-License-Identifier: MIT
"""How the sessions of a worker have calls made that would hold them all up."""

import threading

import pytest
from gevent.threadpool import ThreadPool

from imapd.node import beginning_on


def test_what_has_ended_is_told_as_often_as_one_likes() -> None:
    begin = beginning_on(ThreadPool(1))
    begun = begin(threading.get_ident)
    assert begun.result() == begun.result() != threading.get_ident()
    assert begun.has_ended(0)
    fails = begin(int, "x")
    assert fails.has_ended(5)
    for _ in range(2):
        with pytest.raises(ValueError):
            fails.result()


def test_nobody_waits_for_longer_than_they_want() -> None:
    begin = beginning_on(ThreadPool(1))
    goes_on = threading.Event()
    try:
        slow = begin(goes_on.wait)
        assert not slow.has_ended(0) and not slow.has_ended(0.01)
    finally:
        goes_on.set()
    assert slow.result() is True
