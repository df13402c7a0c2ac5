# SPDX-License-Identifier: MIT
"""Counters that expire, shared by all workers; while Redis is away each worker counts for itself."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import redis

from imapd.cluster.breaker import Breaker
from imapd.cluster.redis import client

PREFIX = "imapd:count:"
Result = TypeVar("Result")

ANSWER_SECONDS = 0.5  # a Redis that is slower than that is as good as none: somebody waits to log in


class LocalCounters:
    """Counters of this process, at most `most` of them: the oldest go first."""

    def __init__(self, most: int = 20_000, clock: Callable[[], float] = time.monotonic):
        self._most = most
        self._clock = clock
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def increment(self, key: str, seconds: int, by: int = 1) -> int:
        """The new count. It expires `seconds` after it began, however often it is incremented."""
        count, expires = self._live(key) or (0, self._clock() + seconds)
        self._counts[key] = (count + by, expires)
        while len(self._counts) > self._most:
            self._counts.popitem(last=False)
        return count + by

    def get(self, *keys: str) -> list[int]:
        return [(self._live(key) or (0, 0.0))[0] for key in keys]

    def put(self, key: str, count: int, seconds: int) -> None:
        self.clear(key)
        self.increment(key, seconds, count)

    def clear(self, *keys: str) -> None:
        for key in keys:
            self._counts.pop(key, None)

    def _live(self, key: str) -> tuple[int, float] | None:
        found = self._counts.get(key)
        if found and found[1] <= self._clock():
            del self._counts[key]
            return None
        return found


class Counters:
    """The same four verbs on Redis. No call fails, and none waits for a Redis that has just failed to answer."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic):
        self._redis = client(url, timeout_seconds=ANSWER_SECONDS)
        self._breaker = Breaker(clock=clock)
        self._local = LocalCounters(clock=clock)

    def increment(self, key: str, seconds: int, by: int = 1) -> int:
        """The new count. It expires `seconds` after it began, however often it is incremented."""

        def remote() -> int:
            with self._redis.pipeline() as pipeline:
                pipeline.set(PREFIX + key, 0, ex=seconds, nx=True)
                pipeline.incrby(PREFIX + key, by)
                return int(pipeline.execute()[1])

        return self._either(remote, lambda: self._local.increment(key, seconds, by))

    def get(self, *keys: str) -> list[int]:
        """The counts, 0 where there is none."""

        def remote() -> list[int]:
            return [int(count or 0) for count in self._redis.mget([PREFIX + key for key in keys])]

        return self._either(remote, lambda: self._local.get(*keys))

    def put(self, key: str, count: int, seconds: int) -> None:
        """The count is this, and its time begins anew."""
        self._either(
            lambda: self._redis.set(PREFIX + key, count, ex=seconds), lambda: self._local.put(key, count, seconds)
        )

    def clear(self, *keys: str) -> None:
        self._local.clear(*keys)  # else what was counted while Redis was away would come back with its next absence
        self._either(lambda: self._redis.delete(*(PREFIX + key for key in keys)), lambda: None)

    def _either(self, remote: Callable[[], Result], local: Callable[[], Result]) -> Result:
        if not self._breaker.closed():
            return local()
        try:
            result = remote()
        except (redis.RedisError, OSError, ValueError):  # ValueError: something else has written there
            self._breaker.failed()
            return local()
        self._breaker.worked()
        return result
