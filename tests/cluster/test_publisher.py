# SPDX-License-Identifier: MIT
"""What is published: when it goes, in which order, and what becomes of it where the connection is lost."""

import time
from collections.abc import Callable, Iterator

import pytest
import redis

from imapd.cluster.publisher import MOST_UNANSWERED, Publisher
from tests.cluster.conftest import spawn, until
from tests.cluster.redis_server import RedisServer

CHANNEL = b"imapd:1:7"


@pytest.fixture
def publisher(redis_server: RedisServer) -> Iterator[Publisher]:
    """One whose connection is there."""
    made = Publisher(redis_server.url)
    made.start(spawn)
    made.publish([(CHANNEL, b"first")])
    until(lambda: is_done(made))
    yield made
    made.stop()


@pytest.fixture
def heard(redis_server: RedisServer) -> Iterator[Callable[[], list[bytes]]]:
    """All that was heard so far, by somebody whose connection stays."""
    with redis.Redis.from_url(redis_server.url, socket_timeout=0.01) as client:
        subscription = client.pubsub(ignore_subscribe_messages=True)
        subscription.subscribe(CHANNEL)
        until(lambda: client.pubsub_numsub(CHANNEL)[0][1])
        bodies: list[bytes] = []

        def so_far() -> list[bytes]:
            while message := subscription.get_message():
                bodies.append(message["data"])
            return bodies

        yield so_far


def is_done(publisher: Publisher) -> bool:
    return not publisher._waiting and not publisher._unanswered


def cut(redis_server: RedisServer) -> None:
    """Ends all connections but those that only hear."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.client_kill_filter(_type="normal", skipme=True)


def test_it_is_sent_by_who_publishes(publisher: Publisher, heard: Callable[[], list[bytes]]) -> None:
    publisher._something.set = lambda: None  # type: ignore[method-assign]  # the writer stays asleep
    publisher.publish([(CHANNEL, b"1"), (b"imapd:1:u1", b"7"), (CHANNEL, b"2")])
    assert not publisher._waiting and len(publisher._unanswered) == 3
    until(lambda: heard() == [b"1", b"2"])
    del publisher._something.set
    publisher.publish([(CHANNEL, b"3")])
    until(lambda: is_done(publisher))
    assert heard()[-1] == b"3"


def test_all_of_it_comes_in_its_order(publisher: Publisher, heard: Callable[[], list[bytes]]) -> None:
    said = [b"%d" % number for number in range(1000)]
    for body in said:
        publisher.publish([(CHANNEL, body)])
    until(lambda: len(heard()) == 1000)
    assert heard() == said


def test_what_cannot_go_at_once_waits_and_the_same_twice_is_one(
    publisher: Publisher, heard: Callable[[], list[bytes]], redis_server: RedisServer
) -> None:
    redis_server.freeze()
    for _ in range(3):
        for number in range(MOST_UNANSWERED + 50):
            publisher.publish([(CHANNEL, b"%d" % number)])
    assert len(publisher._unanswered) == MOST_UNANSWERED
    assert len(publisher._waiting) == MOST_UNANSWERED + 50
    redis_server.thaw()
    until(lambda: is_done(publisher))
    until(lambda: len(heard()) >= MOST_UNANSWERED * 2 + 50)
    assert heard()[:MOST_UNANSWERED] == [b"%d" % number for number in range(MOST_UNANSWERED)]


def test_what_was_not_answered_before_the_connection_is_lost_is_sent_again(
    publisher: Publisher, heard: Callable[[], list[bytes]], redis_server: RedisServer
) -> None:
    said = []
    for round in range(20):
        cut(redis_server)
        for number in range(round * 10):
            said.append(b"%d %d" % (round, number))
            publisher.publish([(CHANNEL, said[-1])])
    until(lambda: is_done(publisher))
    until(lambda: set(heard()) == set(said))
    assert list(dict.fromkeys(heard())) == said, "in order, but for what came twice"


def test_nothing_is_lost_by_a_redis_that_takes_long_to_answer(
    publisher: Publisher, heard: Callable[[], list[bytes]], redis_server: RedisServer
) -> None:
    redis_server.freeze()
    said = [b"%d" % number for number in range(MOST_UNANSWERED * 2)]
    for body in said:
        publisher.publish([(CHANNEL, body)])
    until(lambda: publisher._link is None)
    assert len(publisher._waiting) == len(said) and not publisher._unanswered
    redis_server.thaw()
    until(lambda: set(heard()) == set(said))


def test_what_was_published_while_redis_is_away_comes_when_it_is_back(
    publisher: Publisher, redis_server: RedisServer
) -> None:
    redis_server.kill()
    publisher.publish([(CHANNEL, b"lost on the way")])
    publisher.publish([(CHANNEL, b"and this")])
    until(lambda: publisher._link is None and not publisher._unanswered)
    assert list(publisher._waiting) == [(CHANNEL, b"lost on the way"), (CHANNEL, b"and this")]
    redis_server.start()
    until(lambda: is_done(publisher))


def test_who_stops_says_the_last_before(publisher: Publisher, heard: Callable[[], list[bytes]]) -> None:
    for number in range(500):
        publisher.publish([(CHANNEL, b"%d" % number)])
    publisher.stop()
    assert is_done(publisher)
    until(lambda: len(heard()) == 500)


def test_who_stops_while_redis_hangs_does_not_wait_for_it(publisher: Publisher, redis_server: RedisServer) -> None:
    redis_server.freeze()
    publisher.publish([(CHANNEL, b"1")])
    began = time.monotonic()
    publisher.stop()
    assert time.monotonic() - began < 3
    redis_server.thaw()
