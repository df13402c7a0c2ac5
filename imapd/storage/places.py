# SPDX-License-Identifier: MIT
"""How many connections are at work at the same time: one at first, and one more whenever somebody has waited for long.

Most statements take a millisecond or two. To wait for one of them costs less than another connection, which has to be
opened, plans everything anew, and takes some megabytes of PostgreSQL from then on. Where statements last longer, or
the disk is slow, there soon are as many places as there may be.
"""

import queue
import time
from contextlib import suppress

PATIENCE_SECONDS = 0.005
"""So long the first in the queue waits for a place before one is added, the second twice as long, and so on: those
before them will add some, too."""


class Places:
    """At most `most` of them. For greenlets and for threads."""

    def __init__(self, most: int, wait_seconds: float):
        self._free: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._unused: queue.SimpleQueue[None] = queue.SimpleQueue()  # nobody has needed them yet
        self._free.put(None)
        for _ in range(most - 1):
            self._unused.put(None)
        self._wait_seconds = wait_seconds
        self.waiting = 0

    @property
    def free(self) -> int:
        """How many could be taken now or after a moment."""
        return self._free.qsize() + self._unused.qsize()

    def take(self) -> None:
        """Raises queue.Empty where none comes free in time. Who comes later waits behind those who wait: a queue gives
        a place to whoever asks first after it has come free, and somebody with one statement after the other asks
        before those who waited have their turn."""
        if self.waiting:
            time.sleep(0)
        self.waiting += 1
        try:
            if not self._unused.empty():
                try:  # each statement comes this way: suppress() would cost as much as all the rest
                    self._free.get(timeout=PATIENCE_SECONDS * self.waiting)
                    return
                except queue.Empty:
                    pass
                with suppress(queue.Empty):  # others may have taken the last one meanwhile
                    self._unused.get_nowait()
                    return
            self._free.get(timeout=self._wait_seconds)
        finally:
            self.waiting -= 1

    def give_back(self) -> None:
        self._free.put(None)
