# SPDX-License-Identifier: MIT
"""What the sessions of one worker share, put together from the settings. Holds no session's state."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gevent
import gevent.threadpool
from gevent.event import AsyncResult

from imapd.audit import Audit
from imapd.auth.authenticate import Authenticator, Identity
from imapd.auth.hashing import HashingThreads
from imapd.auth.standing import Recheck
from imapd.cluster.control import Control
from imapd.cluster.counters import Counters
from imapd.cluster.pubsub import PubSub
from imapd.cluster.sessions import LiveSession, Sessions
from imapd.cluster.wakeups import Wakeups
from imapd.mail.account import Account
from imapd.mail.index import Indexes
from imapd.mail.review import Review
from imapd.mail.turns import Turns
from imapd.metrics import Metrics
from imapd.settings import Settings
from imapd.storage.blobs import Begin, BlobStore
from imapd.storage.pool import Database
from imapd.storage.rehearsal import Rehearsals

if TYPE_CHECKING:
    from imapd.protocol.session import Session

RIGHTS_SECONDS = 4
"""A right that was taken ends within 5 seconds, also where nobody could say so."""

STORE_THREADS = 8
"""Native threads on which files are written and large messages parsed."""


@dataclass(slots=True)
class Node:
    """begin(function, *args): has a native thread make a call that would hold up the hub.
    started: services, which are stopped in the opposite order."""

    settings: Settings
    metrics: Any
    database: Database
    blobs: BlobStore
    control: Control
    wakeups: Wakeups
    sessions: Sessions
    authenticator: Authenticator
    indexes: Indexes
    audit: Audit
    searches: Turns
    begin: Begin
    started: list[Any]

    @classmethod
    def open(cls, settings: Settings, metrics: Metrics) -> Node:
        """Connects to nothing yet: a worker starts while PostgreSQL or Redis are away."""
        database = open_database(settings)
        begin = beginning_on(gevent.threadpool.ThreadPool(STORE_THREADS))
        blobs = BlobStore(settings.blobs.path, begin)
        pubsub = PubSub(settings.redis.url)
        control = Control(pubsub)
        wakeups = Wakeups(pubsub, control, poll_seconds=settings.redis.poll_seconds)
        sessions = Sessions(settings.redis.url, f"{socket.gethostname()}/{os.getpid()}", control)
        audit = Audit(database)
        recheck = Recheck(database, sessions.live, seconds=settings.auth.recheck_seconds)
        review = Review(
            database, sessions.live, rights_seconds=RIGHTS_SECONDS, names_seconds=settings.auth.recheck_seconds
        )
        control.on("rights", review.look_soon)
        # Users first: who may not be here at all need not hear of names.
        control.on("user", recheck.ask_soon)
        control.on("quota", sessions.alert)
        control.on("user", review.look_everywhere_soon)
        hashing = HashingThreads(settings.auth.threads, settings.auth.queue)
        counters = Counters(settings.redis.url)
        authenticator = Authenticator(database, counters, settings.auth, run=hashing.run, audit=audit)
        started: list[Any] = [pubsub, wakeups, sessions, audit, recheck, review, Rehearsals(database)]
        for service in started:
            service.start(gevent.spawn)
        indexes = Indexes(database, wakeups)
        return cls(
            settings, metrics, database, blobs, control, wakeups, sessions, authenticator, indexes, audit,
            Turns(settings.limits.searches_per_user), begin, started,
        )  # fmt: skip

    def offload(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a call gives that would hold up the hub: another thread makes it."""
        return self.begin(function, *arguments).result()

    def close(self) -> None:
        for service in reversed(self.started):
            service.stop()
        self.database.close()

    def open_account(self, identity: Identity) -> Account:
        return Account(self, identity.organization_id, identity.user_id, identity.address, identity.standing)

    def session_began(self, session: Session) -> None:
        """Somebody has logged in; from now on the session can be seen, and ended from outside."""
        account, connection = session.account, session.connection
        self.sessions.add(
            LiveSession(
                session.id, account.organization_id, account.user_id, account.address, connection.peer[0],
                int(time.time()), session.end, account.standing, session.alert, account,
            )
        )  # fmt: skip

    def session_ended(self, session: Session) -> None:
        ended = self.sessions.remove(session.id)
        if ended:
            self.audit.record(
                "logout", "ok", organization_id=ended.organization_id, user_id=ended.user_id, address=ended.address,
                remote_ip=ended.ip, session=ended.id, seconds=int(time.time()) - ended.since,
            )  # fmt: skip


def open_database(settings: Settings, size: int | None = None) -> Database:
    """The database of the settings; connects at the first statement."""
    how = settings.database
    return Database(
        how.dsn,
        size or how.pool_size,
        statement_timeout_seconds=how.statement_timeout_seconds,
        lock_timeout_seconds=how.lock_timeout_seconds,
        connect_timeout_seconds=how.connect_timeout_seconds,
        by_key=True,
        quota_warn_percent=settings.quota.warn_percent,
    )


class _Begun:
    def __init__(self, outcome: AsyncResult[tuple[Any, BaseException | None]]):
        self._outcome = outcome

    def has_ended(self, seconds: float) -> bool:
        self._outcome.wait(seconds)
        return bool(self._outcome.ready())

    def result(self) -> Any:
        result, error = self._outcome.get()
        if error is not None:
            raise error
        return result


def beginning_on(threads: gevent.threadpool.ThreadPool) -> Begin:
    """Begins calls on native threads, for greenlets of the hub that the pool was made in."""

    def outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, BaseException | None]:
        """An exception travels as a value: the pool would print it on its way."""
        try:
            return function(*arguments), None
        except BaseException as error:
            return None, error

    return lambda function, *arguments: _Begun(threads.spawn(outcome, function, arguments))
