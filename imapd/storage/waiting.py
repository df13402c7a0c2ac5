# SPDX-License-Identifier: MIT
"""How long anybody waits for PostgreSQL. How is in waiting_greenlets.py and waiting_threads.py.

libpq by itself waits as long as it takes, also for a server that stands still and will never answer again, though
another one has taken over long since.
"""

from psycopg2 import extensions

CONNECTED = {extensions.STATUS_READY, extensions.STATUS_BEGIN, extensions.STATUS_PREPARED}

GRACE_SECONDS = 10
"""PostgreSQL ends a statement by itself; one that has not come back so long after that never will."""

LONGEST_SECONDS = 3600
"""A statement of maintenance: a look at all messages may take so long."""
