# SPDX-License-Identifier: MIT
"""Counters with and without Redis."""

import time

import pytest
import redis

from imapd.cluster.breaker import Breaker
from imapd.cluster.counters import Counters, LocalCounters
from tests.cluster.redis_server import RedisServer


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["local", "redis"])
def counters(request: pytest.FixtureRequest) -> Counters | LocalCounters:
    if request.param == "local":
        return LocalCounters()
    return Counters(request.getfixturevalue("redis_server").url)


def test_counts_are_incremented_read_put_and_cleared(counters: Counters) -> None:
    assert counters.get("a", "b") == [0, 0]
    assert [counters.increment("a", 60), counters.increment("a", 60, 4)] == [1, 5]
    counters.put("b", 7, 60)
    assert counters.get("a", "b", "c") == [5, 7, 0]
    assert counters.increment("a", 60, -5) == 0
    counters.clear("a", "b")
    assert counters.get("a", "b") == [0, 0]


def test_a_count_expires_from_when_it_began(counters: Counters) -> None:
    counters.increment("a", 1)
    time.sleep(0.6)
    counters.increment("a", 1)
    time.sleep(0.6)
    assert counters.get("a") == [0]


def test_local_counts_are_bounded() -> None:
    counters = LocalCounters(most=10)
    for number in range(100):
        counters.increment(str(number), 60)
    assert counters.get("0", "99") == [0, 1]


def test_workers_count_together(redis_server: RedisServer) -> None:
    here, there = Counters(redis_server.url), Counters(redis_server.url)
    here.increment("a", 60)
    assert there.increment("a", 60) == 2


def test_while_redis_is_away_a_worker_counts_for_itself_and_fast(redis_server: RedisServer) -> None:
    counters = Counters(redis_server.url)
    counters.increment("a", 60)
    redis_server.kill()
    assert counters.increment("a", 60) == 1
    begun = time.monotonic()
    assert [counters.increment("a", 60) for _ in range(100)] == list(range(2, 102))
    assert time.monotonic() - begun < 5
    redis_server.start()
    time.sleep(0.6)
    assert counters.increment("b", 60) == 1
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.get("imapd:count:b") == b"1"


def test_a_frozen_redis_costs_one_wait_not_one_for_each_call(redis_server: RedisServer) -> None:
    counters = Counters(redis_server.url)
    counters.get("a")
    redis_server.freeze()
    begun = time.monotonic()
    for _ in range(100):
        counters.increment("a", 60)
    assert time.monotonic() - begun < 10
    redis_server.thaw()


def test_somebody_elses_value_is_no_error(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("imapd:count:a", "soup")
    counters = Counters(redis_server.url)
    assert counters.get("a") == [0]
    assert counters.increment("a", 60) == 1


def test_breaker_lets_one_try_after_each_pause_and_doubles_it() -> None:
    clock = Clock()
    breaker = Breaker(first=1, longest=4, clock=clock)
    assert breaker.closed()
    assert breaker.closed()
    breaker.failed()
    breaker.failed()  # a second call that was under way
    assert not breaker.closed()
    clock.now += 1
    assert breaker.closed()
    assert not breaker.closed(), "one tries for all"
    breaker.failed()
    clock.now += 1.5
    assert not breaker.closed()
    clock.now += 1
    assert breaker.closed()
    breaker.worked()
    assert breaker.closed()
    assert breaker.closed()
