# SPDX-License-Identifier: MIT
"""The live sessions of a worker, told to Redis in batches so that an operator can list them, and how one is ended.

What Redis holds of a worker expires soon after the worker. A session is ended by its worker alone.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import redis

from imapd.cluster.breaker import Breaker
from imapd.cluster.control import Control
from imapd.cluster.publisher import Spawn
from imapd.cluster.redis import client
from imapd.errors import Unavailable

WORKERS = "imapd:workers"  # sorted set: name of a worker, when it expires
PREFIX = "imapd:sessions:"  # hash of a worker: id of a session, what it is
EXPIRE_SECONDS = 30


def _nothing(root: str, percent: int) -> None:
    """For whoever cannot be told."""


@dataclass(frozen=True, slots=True)
class LiveSession:
    """One session that has logged in. `end` says goodbye to the client for a reason and closes; `alert` has it tell
    soon that a quota (of that root) has reached so many percent."""

    id: str
    organization_id: int
    user_id: int
    address: str
    ip: str
    since: int  # seconds since 1970
    end: Callable[[str], None]
    standing: Any = None  # what must stay true for it to go on; auth/ knows what it is
    alert: Callable[[str, int], None] = _nothing
    account: Any = None  # whose mailboxes and rights may change meanwhile; mail/ knows what it is

    def told(self) -> str:
        names = ("organization_id", "user_id", "address", "ip", "since")
        return json.dumps({name: getattr(self, name) for name in names})


class Sessions:
    """The sessions of one worker, named node/pid. `add` after login, `remove` when it is over."""

    def __init__(self, url: str, worker: str, control: Control, *, every_seconds: float = 5):
        self._redis = client(url, timeout_seconds=1, size=1)
        self._breaker = Breaker()
        self._worker = worker
        self._every_seconds = every_seconds
        self._live: dict[str, LiveSession] = {}
        self._changed: set[str] = set()
        self._lock = threading.Lock()
        self._stopped = False
        control.on("kick", lambda id: self.end([id], "Your session was ended by the operator."))

    def start(self, spawn: Spawn) -> None:
        spawn(self._tell_now_and_then)

    def stop(self) -> None:
        """This worker's sessions disappear from the list at once."""
        self._stopped = True
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.delete(PREFIX + self._worker)
                pipeline.zrem(WORKERS, self._worker)
                pipeline.execute()
        except (redis.RedisError, OSError):
            pass  # they expire

    def add(self, session: LiveSession) -> None:
        with self._lock:
            self._live[session.id] = session
            self._changed.add(session.id)

    def remove(self, id: str) -> LiveSession | None:
        """What the session was; None where it is none, or no more."""
        with self._lock:
            ended = self._live.pop(id, None)
            if ended:
                self._changed.add(id)
            return ended

    def live(self) -> list[LiveSession]:
        with self._lock:
            return list(self._live.values())

    def end(self, ids: Iterable[str], reason: str) -> None:
        """Ends those that are sessions of this worker."""
        for id in ids:
            if session := self._live.get(id):
                session.end(reason)

    def alert(self, id: str) -> None:
        """Has the sessions of a user tell of a quota; id as cluster/control.py says."""
        organization_id, user_id, root, percent = id.split(".")
        for session in self.live():
            if (session.organization_id, session.user_id) == (int(organization_id), int(user_id)):
                session.alert(root, int(percent))

    def tell(self) -> None:
        """Brings Redis up to date. Raises redis.RedisError."""
        with self._lock:
            changed, self._changed = self._changed, set()
            written = {id: self._live[id].told() for id in changed if id in self._live}
            gone = [id for id in changed if id not in self._live]
            count = len(self._live)
        key = PREFIX + self._worker
        try:
            with self._redis.pipeline() as pipeline:
                if gone:
                    pipeline.hdel(key, *gone)
                if written:
                    pipeline.hset(key, mapping=written)
                pipeline.expire(key, EXPIRE_SECONDS)
                pipeline.zadd(WORKERS, {self._worker: int(time.time()) + EXPIRE_SECONDS})
                pipeline.zremrangebyscore(WORKERS, "-inf", int(time.time()))
                pipeline.hlen(key)
                there = pipeline.execute()[-1]
        except (redis.RedisError, OSError):
            self._tell_all_again()
            raise
        if there != count:  # Redis was restarted or emptied meanwhile
            self._tell_all_again()

    def _tell_all_again(self) -> None:
        with self._lock:
            self._changed.update(self._live)

    def _tell_now_and_then(self) -> None:
        while not self._stopped:
            time.sleep(self._every_seconds)
            if self._stopped or not self._breaker.closed():
                continue
            try:
                self.tell()
                self._breaker.worked()
            except (redis.RedisError, OSError):
                self._breaker.failed()


def listed(url: str) -> list[dict[str, Any]]:
    """The live sessions of all workers, oldest first, with id and worker. Raises Unavailable."""
    connection = client(url, timeout_seconds=5)
    found: list[dict[str, Any]] = []
    try:
        for worker in connection.zrangebyscore(WORKERS, int(time.time()), "+inf"):
            for id, told in connection.hgetall(PREFIX + worker.decode()).items():
                found.append({"id": id.decode(), "worker": worker.decode(), **json.loads(told)})
    except (redis.RedisError, OSError) as error:
        raise Unavailable("Redis cannot be reached.") from error
    return sorted(found, key=lambda session: (session["since"], session["id"]))
