# SPDX-License-Identifier: MIT
"""How threads wait for PostgreSQL, in processes of a server that gevent has not patched: not for ever."""

import select
from functools import partial
from time import monotonic
from typing import Any

import psycopg2
from psycopg2 import extensions

from imapd.storage.waiting import CONNECTED

EVENTS = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}


def wait_at_most(connect_seconds: float, answer_seconds: float) -> None:
    """From now on every connection of this process waits so long for its server, connecting and for each answer. A
    server that has died without a word, or stands still, is then Unavailable. The connection is closed; how far it
    came is unknown."""
    extensions.set_wait_callback(partial(_wait, connect_seconds, answer_seconds))


def _wait(connect_seconds: float, answer_seconds: float, connection: Any) -> None:
    """The wait callback of psycopg2."""
    until = monotonic() + (answer_seconds if connection.status in CONNECTED else connect_seconds)
    while (state := connection.poll()) != extensions.POLL_OK:
        poll = select.poll()
        poll.register(connection.fileno(), EVENTS[state])
        if not poll.poll(max(0, until - monotonic()) * 1000):
            raise psycopg2.OperationalError("PostgreSQL does not answer")
