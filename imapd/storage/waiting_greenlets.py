# SPDX-License-Identifier: MIT
"""How greenlets wait for PostgreSQL: the others have their turn meanwhile, and nobody waits for ever.

Only for processes that gevent has patched, and in them for the thread of the hub alone; libpq's own connect_timeout
counts for none of their connections. For the other processes of a server, see waiting_threads.py.
"""

from contextlib import suppress
from os import sched_yield
from time import monotonic, perf_counter
from typing import Any

import psycopg2
from gevent import get_hub, getcurrent
from psycogreen.gevent import gevent_wait_callback
from psycopg2 import extensions

from imapd.storage.waiting import CONNECTED

SWEEP_SECONDS = 0.5
AT_ONCE_SECONDS = 0.0002
"""So long at most a worker looks out for the answer to a quick statement before others have their turn: longer where it
gives its processor away meanwhile. Most answers take a third of that. To be put to sleep and woken takes as long as the
answer, and on a virtual machine whose processors are put to sleep, too, ten times as long."""


class Patience:
    """Until when each greenlet waits for PostgreSQL. One timer looks after all of them: a timer for each wait costs as
    much as the wait."""

    def __init__(self, connect_seconds: float, answer_seconds: float):
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._until: dict[Any, float] = {}
        self._loop = get_hub().loop
        self._looked_in = -1  # the round of the hub in which somebody has looked out for an answer
        self._timer = self._loop.timer(SWEEP_SECONDS, repeat=SWEEP_SECONDS)
        self._timer.start(self._sweep)

    def wait(self, connection: Any) -> None:
        """The wait callback of psycopg2. Raises OperationalError; then the connection is closed."""
        if connection.meanwhile is not None:
            _use_the_time(connection)
        if self._answers_at_once(connection):
            return
        greenlet = getcurrent()
        seconds = self._answer_seconds if connection.status in CONNECTED else self._connect_seconds
        self._until[greenlet] = monotonic() + seconds
        try:
            gevent_wait_callback(connection)
        except TimeoutError as error:
            raise psycopg2.OperationalError("PostgreSQL does not answer") from error
        finally:
            del self._until[greenlet]

    def _answers_at_once(self, connection: Any) -> bool:
        """Looks out for the answer of a quick statement; once in a round of the hub, so that nobody is kept waiting."""
        asked = connection.asked
        if asked is None or self._looked_in == self._loop.iteration or not asked.quickness.worth_trying():
            return False
        self._looked_in = self._loop.iteration
        until = perf_counter() + AT_ONCE_SECONDS
        while perf_counter() < until:
            if connection.poll() == extensions.POLL_OK:
                asked.quickness.hit()
                return True
            sched_yield()  # who is to answer may be waiting for this very processor
        asked.quickness.missed()
        return False

    def _sweep(self) -> None:
        """Runs in the hub, so whoever stands in the table does wait."""
        now = monotonic()
        for greenlet in [each for each, until in self._until.items() if now >= until]:
            if self._until.get(greenlet, now + 1) <= now:  # those before it may have changed that
                greenlet.throw(TimeoutError)


def _use_the_time(connection: Any) -> None:
    """Does what is to be done meanwhile: once. (That is while the statement is planned, if it is not yet.)"""
    meanwhile, connection.meanwhile = connection.meanwhile, None
    connection.poll()  # sends what has been asked
    with suppress(Exception):  # psycopg2 would take it for its own, and give up the connection
        meanwhile()


def wait_at_most(connect_seconds: float, answer_seconds: float) -> None:
    """From now on every connection of this process waits so long for its server, connecting and for each answer. A
    server that has died without a word, or stands still, is then Unavailable. The connection is closed; how far it
    came is unknown."""
    extensions.set_wait_callback(Patience(connect_seconds, answer_seconds).wait)
