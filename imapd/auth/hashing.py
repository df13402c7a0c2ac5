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
            result, error = self._pool.apply(_outcome, (function, arguments))
        finally:
            self.busy -= 1
        if error is not None:
            raise error
        made: Result = result
        return made


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, BaseException | None]:
    """An exception travels as a value: the pool would print it on its way."""
    try:
        return function(*arguments), None
    except BaseException as error:
        return None, error
