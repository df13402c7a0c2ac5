# SPDX-License-Identifier: MIT
"""How threads wait for PostgreSQL, in processes that gevent has not patched: not for ever, and Ctrl-C ends it.

libpq by itself waits as long as it takes, also for a server that stands still and will never answer again; and with
its threads a process would lose all it has to do, though another server has taken over long since.
"""

import select
from functools import partial
from time import monotonic
from typing import Any

import psycopg2
from psycopg2 import extensions

CONNECTED = {extensions.STATUS_READY, extensions.STATUS_BEGIN, extensions.STATUS_PREPARED}
EVENTS = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}

GRACE_SECONDS = 10
"""PostgreSQL ends a statement by itself; one that has not come back so long after that never will."""


def wait_at_most(connect_seconds: float, answer_seconds: float) -> None:
    """From now on every connection of this process waits so long for its server, connecting and for each answer, as in
    waiting.py."""
    extensions.set_wait_callback(partial(_wait, connect_seconds, answer_seconds))


def _wait(connect_seconds: float, answer_seconds: float, connection: Any) -> None:
    """The wait callback of psycopg2."""
    until = monotonic() + (answer_seconds if connection.status in CONNECTED else connect_seconds)
    while (state := connection.poll()) != extensions.POLL_OK:
        poll = select.poll()
        poll.register(connection.fileno(), EVENTS[state])
        if not poll.poll(max(0, until - monotonic()) * 1000):
            raise psycopg2.OperationalError("PostgreSQL does not answer")
