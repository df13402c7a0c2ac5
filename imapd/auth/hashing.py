# SPDX-License-Identifier: MIT
"""Native threads that passwords are hashed on, so that a worker's other sessions go on."""

from collections.abc import Callable
from typing import Any, TypeVar

from gevent.threadpool import ThreadPool

from imapd.errors import Unavailable

Result = TypeVar("Result")


class HashingThreads:
    """At most `threads` calls run, at most `queue` wait; what comes on top is refused at once."""

    def __init__(self, threads: int, queue: int):
        self._pool = ThreadPool(threads)
        self._most = threads + queue
        self.busy = 0  # calls that run or wait

    def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """function(*arguments) on a thread; this greenlet waits. Raises Unavailable where too many wait already."""
        if self.busy >= self._most:
            raise Unavailable
        self.busy += 1
        try:
            result: Result = self._pool.apply(function, arguments)
            return result
        finally:
            self.busy -= 1
