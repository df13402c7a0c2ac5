# SPDX-License-Identifier: MIT
"""Who is woken, when, and what happens to it while Redis is away."""

import sys
import threading
import time
from collections.abc import Callable

import redis

from tests.cluster.conftest import Member, until
from tests.cluster.redis_server import RedisServer

Join = Callable[..., Member]


class Woken:
    """Counts its calls."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def watched(member: Member, group_id: int = 7) -> Woken:
    """A watcher whose subscription has begun."""
    woken = Woken()
    member.wakeups.watch(1, group_id, woken)
    until(lambda: woken.times)
    woken.times = 0
    return woken


def test_a_change_in_one_worker_wakes_watchers_in_another(join: Join) -> None:
    here, there = join(), join()
    woken, other = watched(there), watched(there, group_id=8)
    here.wakeups.publish(1, 7, "u1")
    until(lambda: woken.times == 1)
    assert other.times == 0


def test_what_a_worker_says_last_is_heard(join: Join) -> None:
    here, there = join(), join()
    groups = range(100, 1100)
    woken = [watched(there, group_id) for group_id in groups]
    for group_id in groups:
        here.wakeups.publish(1, group_id, "u1")
    here.stop()
    publisher = here.pubsub._publisher
    assert publisher._all_said.is_set() and not publisher._waiting and not publisher._unanswered
    until(lambda: all(each.times for each in woken), 5)


def test_who_stops_while_redis_is_away_does_not_wait_for_it(join: Join, redis_server: RedisServer) -> None:
    here = join()
    redis_server.kill()
    here.wakeups.publish(1, 7, "u1")
    began = time.monotonic()
    here.pubsub.stop()
    assert time.monotonic() - began < 3


def test_the_same_group_number_of_another_organisation_is_another_group(join: Join) -> None:
    here, there = join(), join()
    woken = watched(there)
    here.wakeups.publish(2, 7, "u1")
    here.wakeups.publish(1, 7, "u1")
    until(lambda: woken.times)
    time.sleep(0.05)
    assert woken.times == 1


def test_watchers_of_the_same_worker_are_called_before_publish_returns_and_only_then(join: Join) -> None:
    here = join()
    woken = watched(here)
    here.wakeups.publish(1, 7, "u1")
    assert woken.times == 1
    time.sleep(0.1)
    assert woken.times == 1


def test_who_stops_watching_is_not_called(join: Join) -> None:
    here, there = join(), join()
    woken, stays = Woken(), watched(there)
    watch = there.wakeups.watch(1, 7, woken)
    there.wakeups.unwatch(watch)
    there.wakeups.unwatch(watch)
    here.wakeups.publish(1, 7, "u1")
    until(lambda: stays.times)
    assert woken.times == 0


def test_a_watcher_that_fails_does_not_keep_others_asleep(join: Join) -> None:
    here, there = join(), join()
    first = watched(there)
    there.wakeups.watch(1, 7, lambda: 1 // 0)  # type: ignore[arg-type, return-value]
    last = Woken()
    there.wakeups.watch(1, 7, last)
    here.wakeups.publish(1, 7, "u1")
    until(lambda: first.times and last.times)


def test_one_subscription_for_each_group_however_many_watch(join: Join, redis_server: RedisServer) -> None:
    here, there = join(), join(poll_seconds=0.1)
    watched(there)
    woken = Woken()
    watches = [there.wakeups.watch(1, 7, woken) for _ in range(2000)]
    with redis.Redis.from_url(redis_server.url) as client:
        assert dict(client.pubsub_numsub("imapd:1:7")) == {b"imapd:1:7": 1}
        here.wakeups.publish(1, 7, "u1")
        until(lambda: woken.times == 2000)
        for watch in watches:
            there.wakeups.unwatch(watch)
        watches = []
        time.sleep(0.3)
        assert dict(client.pubsub_numsub("imapd:1:7")) == {b"imapd:1:7": 1}, "one still watches"


def test_a_group_that_nobody_watches_is_unsubscribed_after_a_while(join: Join, redis_server: RedisServer) -> None:
    there = join(poll_seconds=0.1)
    there.wakeups.unwatch(there.wakeups.watch(1, 7, Woken()))
    with redis.Redis.from_url(redis_server.url) as client:
        until(lambda: dict(client.pubsub_numsub("imapd:1:7")) == {b"imapd:1:7": 0})
        assert watched(there) is not None
        assert dict(client.pubsub_numsub("imapd:1:7")) == {b"imapd:1:7": 1}


def test_who_watches_again_hears_of_what_nobody_watched(join: Join) -> None:
    here, there = join(), join()
    watched(there)
    there.wakeups.unwatch(there.wakeups.watch(1, 8, Woken()))
    again = Woken()
    there.wakeups.unwatch(there.wakeups.watch(1, 8, again))
    assert not again.times, "nothing has happened"
    here.wakeups.publish(1, 8, "u1")
    here.wakeups.publish(1, 7, "u1")  # heard after the other one
    until(lambda: there.wakeups._unwatched[b"imapd:1:8"])
    there.wakeups.watch(1, 8, again)
    assert again.times == 1


def test_a_watcher_that_fails_when_it_begins_is_one_all_the_same(join: Join) -> None:
    there = join()
    watched(there)
    there.wakeups.unwatch(there.wakeups.watch(1, 8, Woken()))
    there.wakeups.publish(1, 8, "u1")
    watch = there.wakeups.watch(1, 8, lambda: 1 // 0)  # type: ignore[arg-type, return-value]
    there.wakeups.unwatch(watch)
    assert not there.wakeups._watches[b"imapd:1:8"]


def test_what_nobody_watched_during_an_interruption_is_heard_of_too(join: Join, redis_server: RedisServer) -> None:
    there = join()
    watched(there)
    there.wakeups.unwatch(there.wakeups.watch(1, 8, Woken()))
    until(lambda: not there.wakeups._due)
    again = Woken()
    there.wakeups.unwatch(there.wakeups.watch(1, 8, Woken()))
    with redis.Redis.from_url(redis_server.url) as client:
        client.client_kill_filter(_type="pubsub")
    until(lambda: there.wakeups._unwatched[b"imapd:1:8"])
    there.wakeups.watch(1, 8, again)
    assert again.times == 1


def test_channels_are_forgotten_while_others_call_and_watch_them(join: Join) -> None:
    """Who watches at the end is called, whatever happened before."""
    there = join()
    wakeups, stopped = there.wakeups, threading.Event()

    def churn(deed: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=lambda: [deed() for _ in iter(stopped.is_set, True)])
        thread.start()
        return thread

    deeds = [
        lambda: wakeups.unwatch(wakeups.watch(1, 8, Woken())),
        lambda: wakeups.publish(1, 8, "u1"),
        wakeups._forget_unwatched,
    ]
    threads = [churn(deed) for deed in deeds]
    time.sleep(1)
    last = Woken()
    wakeups.watch(1, 8, last)
    time.sleep(0.2)
    assert all(thread.is_alive() for thread in threads)
    stopped.set()
    for thread in threads:
        thread.join()
    last.times = 0
    wakeups.publish(1, 8, "u1")
    assert last.times >= 1 and b"imapd:1:8" not in wakeups._unwatched


def test_while_redis_is_away_watchers_are_called_now_and_then_and_again_when_it_is_back(
    join: Join, redis_server: RedisServer
) -> None:
    here, there = join(poll_seconds=0.2), join(poll_seconds=0.2)
    woken = watched(there)
    redis_server.kill()
    until(lambda: not there.pubsub.connected)
    woken.times = 0
    until(lambda: woken.times >= 2)
    begun = time.monotonic()
    here.wakeups.publish(1, 7, "u1")
    assert time.monotonic() - begun < 1, "nobody waits for a dead Redis"
    redis_server.start()
    until(lambda: there.pubsub.connected and here.pubsub.connected, 5)
    time.sleep(0.3)
    woken.times = 0
    here.wakeups.publish(1, 7, "u1")
    until(lambda: woken.times)


def test_what_was_missed_is_made_up_for_after_an_interruption(join: Join, redis_server: RedisServer) -> None:
    there = join()
    groups = [watched(there, group_id) for group_id in range(100)]
    with redis.Redis.from_url(redis_server.url) as client:
        client.client_kill_filter(_type="pubsub")
    until(lambda: all(woken.times for woken in groups))


def test_a_worker_may_begin_before_redis_does(join: Join, redis_server: RedisServer) -> None:
    redis_server.kill()
    there = join(connected=False)
    woken = Woken()
    there.wakeups.watch(1, 7, woken)
    redis_server.start()
    until(lambda: woken.times)


def test_a_redis_that_hangs_is_noticed_and_keeps_nobody_waiting(join: Join, redis_server: RedisServer) -> None:
    here = join(poll_seconds=0.2)
    here.pubsub._alive_seconds = 0.2
    with redis.Redis.from_url(redis_server.url) as client:
        client.client_kill_filter(_type="pubsub")  # the new connection has the short patience
    woken = watched(here)
    redis_server.freeze()
    begun = time.monotonic()
    for group_id in range(5000):
        here.wakeups.publish(1, group_id + 100, "u1")
    assert time.monotonic() - begun < 10  # a tenth of a second for each would be minutes
    until(lambda: not here.pubsub.connected)
    woken.times = 0
    until(lambda: woken.times)
    redis_server.thaw()
    until(lambda: here.pubsub.connected)


def test_garbage_is_counted_and_wakes_nobody(join: Join, redis_server: RedisServer) -> None:
    there = join()
    woken = watched(there)
    garbage = [b"", b"x", b"\xff" * 16, b"a" * 15 + b" ", b"{}", b"0" * 16 + b" more", b"0" * 10_000_000]
    with redis.Redis.from_url(redis_server.url) as client:
        for body in garbage:
            client.publish("imapd:1:7", body)
        client.publish("imapd:control", b"0" * 16 + b" format-disk now")
        client.publish("imapd:control", b"0" * 16 + b" kick \r\n* BYE")
        until(lambda: there.pubsub.garbage == len(garbage) + 2)
        assert woken.times == 0
        client.publish("imapd:1:7", b"0" * 16 + b" ")
    until(lambda: woken.times == 1)


def test_messages_that_had_to_be_forgotten_make_everybody_look(join: Join, redis_server: RedisServer) -> None:
    here, there = join(), join()
    woken = watched(there)
    redis_server.freeze()
    for group_id in range(25_000):
        here.wakeups.publish(1, 1000 + group_id, "u1")
    assert len(here.pubsub._publisher._waiting) <= 10_001
    redis_server.thaw()
    until(lambda: woken.times)


def test_a_watcher_costs_little(join: Join) -> None:
    there = join()
    woken = Woken()
    watch = there.wakeups.watch(1, 7, woken)
    assert sys.getsizeof(watch) <= 64
    assert not hasattr(watch, "__dict__")


def test_who_watches_an_owner_hears_of_everything_that_is_the_owner_s_and_of_nothing_else(join: Join) -> None:
    here, there = join(), join()
    heard: list[str] = []
    there.wakeups.watch_owner(1, "u3", heard.append)
    until(lambda: heard == [""])
    for organization_id, owner in ((1, "u3"), (1, "u33"), (1, "m3"), (2, "u3")):
        here.wakeups.publish(organization_id, 7, owner)
        here.wakeups.publish_names(organization_id, owner)
        here.wakeups.publish_annotations(organization_id, owner)
    until(lambda: len(heard) == 4)
    time.sleep(0.05)
    assert heard == ["", "7", "names", "annotations"]


def test_a_thousand_folders_of_an_owner_are_one_channel(join: Join, redis_server: RedisServer) -> None:
    here, there = join(), join()
    heard: set[str] = set()
    there.wakeups.watch_owner(1, "u3", heard.add)
    until(lambda: heard == {""})
    with redis.Redis.from_url(redis_server.url) as client:
        assert len(client.pubsub_channels("imapd:1:*")) == 1
    for group_id in range(1, 1001):
        for _ in range(10):
            here.wakeups.publish(1, group_id, "u3")
    until(lambda: len(heard) == 1001)


def test_rights_that_change_are_looked_at_by_who_watches_owners_there(join: Join) -> None:
    here, there = join(), join()
    woken, heard, elsewhere = watched(there), [], []  # type: ignore[var-annotated]
    there.wakeups.watch_owner(1, "u3", heard.append)
    there.wakeups.watch_owner(2, "u3", elsewhere.append)
    until(lambda: heard == elsewhere == [""])
    here.control.publish("rights", "1")
    until(lambda: heard == ["", ""])
    assert elsewhere == [""] and woken.times == 0
    here.control.publish("rights", "")
    until(lambda: elsewhere == ["", ""] and len(heard) == 3)


def test_an_owner_s_garbage_wakes_nobody(join: Join, redis_server: RedisServer) -> None:
    there = join()
    heard: list[str] = []
    there.wakeups.watch_owner(1, "u3", heard.append)
    until(lambda: heard == [""])
    with redis.Redis.from_url(redis_server.url) as client:
        for body in (b"more", b"0", b"-1", b"1 2", b"9" * 20):
            client.publish("imapd:1:u3", b"0" * 16 + b" " + body)
    until(lambda: there.pubsub.garbage == 5)
    assert heard == [""]


def test_while_redis_is_away_who_watches_an_owner_is_called_now_and_then(join: Join, redis_server: RedisServer) -> None:
    there = join(poll_seconds=0.1)
    heard: list[str] = []
    there.wakeups.watch_owner(1, "u3", heard.append)
    until(lambda: heard == [""])
    redis_server.kill()
    until(lambda: len(heard) >= 3)
    assert set(heard) == {""}
    there.wakeups.publish(1, 7, "u3")
    assert "7" in heard, "what this worker does itself needs nobody"
