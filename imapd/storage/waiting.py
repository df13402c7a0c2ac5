# SPDX-License-Identifier: MIT
"""How greenlets wait for PostgreSQL: the others have their turn meanwhile, and nobody waits for ever.

Only for processes that gevent has patched; libpq's own connect_timeout counts for none of their connections.
"""

from typing import Any

import psycopg2
from psycogreen.gevent import gevent_wait_callback
from psycopg2 import extensions

CONNECTED = {extensions.STATUS_READY, extensions.STATUS_BEGIN, extensions.STATUS_PREPARED}


def wait_at_most(connect_seconds: float, answer_seconds: float) -> None:
    """From now on every connection of this process waits so long for the next sign of its server. A server that has
    died without a word, or stands still, is then Unavailable. The connection is closed; how far it came is unknown."""

    def wait(connection: Any) -> None:
        try:
            seconds = answer_seconds if connection.status in CONNECTED else connect_seconds
            gevent_wait_callback(connection, timeout=seconds)
        except TimeoutError as error:
            raise psycopg2.OperationalError("PostgreSQL does not answer") from error

    extensions.set_wait_callback(wait)
