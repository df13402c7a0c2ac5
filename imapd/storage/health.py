# SPDX-License-Identifier: MIT
"""Whether PostgreSQL answers and takes writes."""

from __future__ import annotations

from imapd.errors import Unavailable
from imapd.storage.pool import Database


def check(database: Database) -> None:
    """Raises Unavailable where it does not."""
    if database.row("SHOW transaction_read_only") != ("off",):
        database.close()  # the next one may lead to another server, which takes writes
        raise Unavailable from RuntimeError("it takes no writes: a standby, or default_transaction_read_only is on")
