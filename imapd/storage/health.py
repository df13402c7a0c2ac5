# SPDX-License-Identifier: MIT
"""Whether PostgreSQL answers and takes writes."""

from __future__ import annotations

from imapd.errors import Unavailable
from imapd.storage.pool import Database


def check(database: Database) -> None:
    """Raises Unavailable where it does not."""
    row = database.row("SELECT pg_is_in_recovery()")
    if row is None or row[0]:
        raise Unavailable from RuntimeError("it is a standby and takes no writes")
