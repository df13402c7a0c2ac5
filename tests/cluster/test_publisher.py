# SPDX-License-Identifier: MIT
"""What is published: when it goes, in which order, and what becomes of it where the connection is lost."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from imapd.cluster import publisher as module
from imapd.cluster.publisher import MOST_UNANSWERED, Publisher
from imapd.cluster.redis import Link, Lost
from tests.cluster.conftest import spawn, until
from tests.cluster.redis_server import RedisServer

CHANNEL = b"imapd:1:7"

Heard = Callable[[], list[bytes]]


@pytest.fixture
def publisher(redis_server: RedisServer) -> Iterator[Publisher]:
    """One whose connection is there."""
    made = Publisher(redis_server.url)
    made.start(spawn)
    publish(made, b"first")
    until(lambda: is_done(made))
    yield made
    made.stop()


@pytest.fixture
def heard(redis_server: RedisServer) -> Iterator[Heard]:
    """All that was heard so far, by somebody whose connection stays."""
    with redis.Redis.from_url(redis_server.url) as client:
        subscription = client.pubsub(ignore_subscribe_messages=True)
        subscription.subscribe(CHANNEL)
        until(lambda: client.pubsub_numsub(CHANNEL)[0][1])
        bodies: list[bytes] = []

        def so_far() -> list[bytes]:
            while message := subscription.get_message():
                bodies.append(message["data"])
            return bodies

        yield so_far


def publish(publisher: Publisher, *bodies: bytes) -> None:
    publisher.publish(*[(CHANNEL, body) for body in bodies])


def is_done(publisher: Publisher) -> bool:
    return not publisher._waiting and not publisher._unanswered


def cut(redis_server: RedisServer) -> None:
    """Ends all connections but those that only hear."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.client_kill_filter(_type="normal", skipme=True)


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def test_it_is_sent_by_who_publishes(publisher: Publisher, heard: Heard) -> None:
    publisher._something.set = lambda: None  # type: ignore[method-assign]  # the writer stays asleep
    publisher.publish((CHANNEL, b"1"), (b"imapd:1:u1", b"7"), (CHANNEL, b"2"))
    assert not publisher._waiting and len(publisher._unanswered) == 3
    until(lambda: heard() == [b"1", b"2"])
    del publisher._something.set
    publish(publisher, b"3")
    until(lambda: is_done(publisher))
    assert heard()[-1] == b"3"


def test_with_tls_the_writer_alone_uses_the_connection() -> None:
    """Two threads may not, be it that one reads while the other one writes."""
    assert not Publisher("rediss://localhost")._sends_at_once


def test_all_of_it_comes_in_its_order_whoever_says_it(publisher: Publisher, heard: Heard) -> None:
    def say(who: int) -> None:
        for number in range(500):
            publish(publisher, b"%d %d" % (who, number))

    threads = [threading.Thread(target=say, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(set(heard())) == 2000)
    for who in range(4):
        mine = [body for body in dict.fromkeys(heard()) if body.startswith(b"%d " % who)]
        assert mine == [b"%d %d" % (who, number) for number in range(500)]


def test_what_cannot_go_at_once_waits(publisher: Publisher, heard: Heard, redis_server: RedisServer) -> None:
    said = numbered(MOST_UNANSWERED + 50)
    redis_server.freeze()
    for body in said:
        publish(publisher, body)
    assert len(publisher._unanswered) <= MOST_UNANSWERED and publisher._waiting
    redis_server.thaw()
    until(lambda: is_done(publisher))
    until(lambda: set(heard()) == set(said))
    assert list(dict.fromkeys(heard())) == said


def test_the_same_twice_before_it_is_sent_is_one(redis_server: RedisServer, heard: Heard) -> None:
    publisher = Publisher(redis_server.url)
    for _ in range(3):
        publish(publisher, *numbered(10))
    publisher.start(spawn)
    until(lambda: is_done(publisher))
    until(lambda: len(heard()) == 10)
    publisher.stop()
    assert heard() == numbered(10)


def test_what_was_not_answered_before_the_connection_is_lost_is_sent_again(
    publisher: Publisher, heard: Heard, redis_server: RedisServer
) -> None:
    said = []
    for round in range(20):
        cut(redis_server)
        for number in range(round * 10):
            said.append(b"%d %d" % (round, number))
            publish(publisher, said[-1])
    until(lambda: is_done(publisher))
    until(lambda: set(heard()) == set(said))
    assert list(dict.fromkeys(heard())) == said, "in order, but for what came twice"


def test_nothing_is_lost_by_a_redis_that_takes_long_to_answer(
    publisher: Publisher, heard: Heard, redis_server: RedisServer
) -> None:
    link = publisher._link
    redis_server.freeze()
    said = numbered(MOST_UNANSWERED * 2)
    for body in said:
        publish(publisher, body)
    until(lambda: publisher._link is not link)
    redis_server.thaw()
    until(lambda: is_done(publisher))
    until(lambda: set(heard()) == set(said))


def test_what_was_published_while_redis_is_away_comes_when_it_is_back(
    publisher: Publisher, redis_server: RedisServer
) -> None:
    redis_server.kill()
    publish(publisher, b"lost on the way")
    publish(publisher, b"and this")
    until(lambda: list(publisher._waiting) == [(CHANNEL, b"lost on the way"), (CHANNEL, b"and this")])
    redis_server.start()
    until(lambda: is_done(publisher))


def test_what_redis_refuses_keeps_nothing_waiting(redis_server: RedisServer, heard: Heard) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.execute_command("ACL", "SETUSER", "default", "resetchannels", f"&{CHANNEL.decode()}")
    publisher = Publisher(redis_server.url)
    publisher.start(spawn)
    publisher.publish((b"imapd:control", b"no"), (CHANNEL, b"1"), (b"imapd:control", b"no more"), (CHANNEL, b"2"))
    until(lambda: heard() == [b"1", b"2"])
    until(lambda: is_done(publisher))
    publisher.stop()


def test_a_failure_that_nobody_thought_of_loses_nothing(
    publisher: Publisher, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError

    monkeypatch.setattr(Link, "send", fail)
    publish(publisher, b"1")
    publish(publisher, b"2")
    until(lambda: heard() == [b"1", b"2"])
    monkeypatch.setattr(Link, "receive", fail)
    publish(publisher, b"3")
    until(lambda: set(heard()) == {b"1", b"2", b"3"})
    until(lambda: is_done(publisher))


def test_one_that_is_away_is_not_asked_all_the_time(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def connect(*_: Any, **__: Any) -> Link:
        tries.append(time.monotonic())
        raise Lost

    monkeypatch.setattr(module, "Link", connect)
    publisher = Publisher(redis_server.url)
    publisher.start(spawn)
    publish(publisher, b"1")
    until(lambda: len(tries) == 5)
    assert tries[4] - tries[0] >= 0.05 + 0.1 + 0.2 + 0.4
    monkeypatch.undo()
    until(lambda: is_done(publisher))
    publisher.stop()


def test_a_link_that_is_lost_stays_lost(redis_server: RedisServer) -> None:
    """The library would make another connection, and who reads would wait for answers that are never to come."""
    link = Link(redis_server.url, timeout_seconds=1)
    cut(redis_server)
    for _ in range(3):
        with pytest.raises(Lost):
            link.send([(b"PING",)])
            link.receive()
    closed = Link(redis_server.url, timeout_seconds=1)
    closed.close()
    with pytest.raises(Lost):
        closed.send([(b"PING",)])


def test_who_stops_says_the_last_before(publisher: Publisher, heard: Heard) -> None:
    for body in numbered(500):
        publish(publisher, body)
    publisher.stop()
    assert is_done(publisher) and publisher._link is None
    until(lambda: len(heard()) == 500)


def test_who_stops_while_redis_hangs_does_not_wait_for_it(publisher: Publisher, redis_server: RedisServer) -> None:
    redis_server.freeze()
    publish(publisher, b"1")
    began = time.monotonic()
    publisher.stop()
    assert time.monotonic() - began < 3
    redis_server.thaw()
