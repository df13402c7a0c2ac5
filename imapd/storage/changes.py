# SPDX-License-Identifier: MIT
"""The change log (migrations/0005_changes.sql) grows with every command, so it is forgotten after a while. Every
function that changes messages writes it; who reads it is in messages.py."""

from imapd.storage.pool import Database

BATCH = 500


def prune(database: Database, kept_seconds: int) -> int:
    """Forgets changes older than that, one group at a time, so that nobody waits long. Returns how many rows went."""
    gone = 0
    while groups := database.rows(
        "SELECT DISTINCT c.organization_id, c.group_id FROM changes c"
        " WHERE c.changed_at < now() - make_interval(secs => %s) LIMIT %s",
        (kept_seconds, BATCH),
    ):
        for organization_id, group_id in groups:
            gone += _prune(database, organization_id, group_id, kept_seconds)
    return gone


def _prune(database: Database, organization_id: int, group_id: int, kept_seconds: int) -> int:
    row = database.row(
        "SELECT prune_changes(%s, %s, now() - make_interval(secs => %s))", (organization_id, group_id, kept_seconds)
    )
    assert row
    return int(row[0])
