# SPDX-License-Identifier: MIT
"""The change log (migrations/0005_changes.sql) grows with every command, so it is forgotten after a while. Every
function that changes messages writes it; who reads it is in messages.py."""

from collections.abc import Iterator

from imapd.storage.pool import Database

BATCH = 500


def prune(database: Database, kept_seconds: int) -> Iterator[int]:
    """Forgets changes older than that, one group at a time, so that nobody waits long; says after each how many rows
    went."""
    while groups := database.rows(
        "SELECT DISTINCT c.organization_id, c.group_id FROM changes c"
        " WHERE c.changed_at < now() - make_interval(secs => %s) LIMIT %s",
        (kept_seconds, BATCH),
    ):
        for organization_id, group_id in groups:
            row = database.row(
                "SELECT prune_changes(%s, %s, now() - make_interval(secs => %s))",
                (organization_id, group_id, kept_seconds),
            )
            assert row
            yield int(row[0])
