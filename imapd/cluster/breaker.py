# SPDX-License-Identifier: MIT
"""After a failure a service is left alone for a while, so that its absence costs nothing on each call. Pure."""

import time
from collections.abc import Callable


class Breaker:
    """Ask `closed()` before a call; say `failed()` or `worked()` after it. Each failure doubles the pause."""

    def __init__(self, first: float = 0.5, longest: float = 10, clock: Callable[[], float] = time.monotonic):
        self._first, self._longest = first, longest  # seconds
        self._clock = clock
        self._pause = first
        self._until = self._last_failure = float("-inf")

    def closed(self) -> bool:
        """Whether a call may be tried. The first to ask after a pause tries for all; the others go on without."""
        now = self._clock()
        if now < self._until:
            return False
        if self._until > float("-inf"):
            self._until = now + self._pause
        return True

    def failed(self) -> None:
        now = self._clock()
        if now - self._last_failure < self._pause / 2:
            return  # calls that fail together are one failure
        self._last_failure = now
        self._until = now + self._pause
        self._pause = min(self._pause * 2, self._longest)

    def worked(self) -> None:
        self._until = self._last_failure = float("-inf")
        self._pause = self._first
