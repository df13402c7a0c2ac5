# SPDX-License-Identifier: MIT
"""The list of live sessions, and control messages that end them."""

from collections.abc import Callable

import pytest
import redis

from imapd.cluster import control, sessions
from imapd.cluster.sessions import LiveSession, listed
from imapd.errors import Unavailable
from tests.cluster.conftest import Member, until
from tests.cluster.redis_server import RedisServer

Join = Callable[..., Member]


def live(id: str, ended: list[str] | None = None) -> LiveSession:
    end = (lambda reason: None) if ended is None else ended.append
    return LiveSession(id, 1, 2, "user@example.com", "192.0.2.1", 1_700_000_000, end)


def test_the_sessions_of_all_workers_are_listed(join: Join, redis_server: RedisServer) -> None:
    here, there = join(), join()
    here.sessions.add(live("a"))
    there.sessions.add(live("b"))
    there.sessions.add(live("c"))
    there.sessions.remove("c")
    here.sessions.tell()
    there.sessions.tell()
    assert [(each["id"], each["worker"]) for each in listed(redis_server.url)] == [("a", "node/0"), ("b", "node/1")]
    assert listed(redis_server.url)[0] == {
        "id": "a", "worker": "node/0", "organization_id": 1, "user_id": 2, "address": "user@example.com",
        "ip": "192.0.2.1", "since": 1_700_000_000,
    }  # fmt: skip
    there.sessions.remove("b")
    there.sessions.tell()
    here.sessions.stop()
    assert listed(redis_server.url) == []


def test_the_list_comes_back_after_redis_lost_it(join: Join, redis_server: RedisServer) -> None:
    here = join()
    here.sessions.add(live("a"))
    here.sessions.tell()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    here.sessions.tell()
    here.sessions.tell()
    assert [each["id"] for each in listed(redis_server.url)] == ["a"]
    redis_server.kill()
    with pytest.raises(redis.RedisError):
        here.sessions.tell()
    with pytest.raises(Unavailable):
        listed(redis_server.url)
    redis_server.start()
    here.sessions.tell()
    assert [each["id"] for each in listed(redis_server.url)] == ["a"]


def test_a_worker_that_died_is_not_listed(
    join: Join, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "EXPIRE_SECONDS", 1)
    here = join()
    here.sessions.add(live("a"))
    here.sessions.tell()
    here.sessions._stopped = True
    until(lambda: listed(redis_server.url) == [], 5)


def test_kick_reaches_the_worker_that_has_the_session(join: Join, redis_server: RedisServer) -> None:
    here, there = join(), join()
    ended: list[str] = []
    spared: list[str] = []
    here.sessions.add(live("a", ended))
    there.sessions.add(live("b", spared))
    assert control.send(redis_server.url, "kick", "a") == 2
    until(lambda: ended)
    there.control.publish("kick", "a")
    until(lambda: len(ended) == 2)
    assert not spared


def test_a_message_is_heard_here_at_once_and_there_soon(join: Join) -> None:
    here, there = join(), join()
    heard_here: list[str] = []
    heard_there: list[str] = []
    here.control.on("user", heard_here.append)
    there.control.on("user", heard_there.append)
    here.control.publish("user", "1.2")
    assert heard_here == ["1.2"]
    until(lambda: heard_there == ["1.2"])
    assert heard_here == ["1.2"]


def test_only_known_messages_can_be_sent(join: Join) -> None:
    here = join()
    for kind, id in (("reboot", ""), ("kick", "a b"), ("kick", "a\r\n"), ("kick", "x" * 129)):
        with pytest.raises(ValueError, match="no control message"):
            here.control.publish(kind, id)
