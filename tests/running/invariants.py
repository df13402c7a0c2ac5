# SPDX-License-Identifier: MIT
"""What must hold of the store whatever has happened: asked of the database and the files, not of the server."""

from collections.abc import Iterator
from pathlib import Path

import psycopg2

# Each of them finds what is wrong, so it finds nothing.
QUESTIONS = {
    "a UID at or above UIDNEXT, or a modseq above the group's": """
        SELECT m.group_id, m.uid FROM messages m JOIN folder_groups g USING (organization_id, group_id)
        WHERE m.uid >= g.uid_next OR m.modseq > g.modseq""",
    "a message in a folder of another group": """
        SELECT m.group_id, m.uid FROM messages m LEFT JOIN folders f USING (organization_id, folder_id)
        WHERE f.group_id IS DISTINCT FROM m.group_id""",
    "a message without content": """
        SELECT m.group_id, m.uid FROM messages m LEFT JOIN contents c USING (organization_id, content_id)
        WHERE c.size IS DISTINCT FROM m.size""",
    "counters of a folder that are not what a recount finds": """
        SELECT f.folder_id, f.name, f.messages, f.size, f.unseen, f.deleted FROM folders f
        LEFT JOIN (
            SELECT organization_id, folder_id, count(*) AS messages, sum(size) AS size,
                count(*) FILTER (WHERE flags & 8 = 0) AS unseen, count(*) FILTER (WHERE flags & 4 <> 0) AS deleted
            FROM messages GROUP BY 1, 2
        ) r USING (organization_id, folder_id)
        WHERE (f.messages, f.size, f.unseen, f.deleted)
            IS DISTINCT FROM (coalesce(r.messages, 0), coalesce(r.size, 0), coalesce(r.unseen, 0), coalesce(r.deleted, 0))""",
    "usage of a mailbox that is not what a recount finds": """
        SELECT q.mailbox_id, q.storage_used, q.messages_used FROM quotas q
        LEFT JOIN (
            SELECT f.organization_id, f.mailbox_id, count(*) AS messages, sum(m.size) AS size
            FROM messages m JOIN folders f USING (organization_id, folder_id) GROUP BY 1, 2
        ) r USING (organization_id, mailbox_id)
        WHERE (q.storage_used, q.messages_used) IS DISTINCT FROM (coalesce(r.size, 0), coalesce(r.messages, 0))""",
    "a message that the change log has expunged": """
        SELECT m.group_id, m.uid FROM messages m JOIN changes c USING (organization_id, group_id)
        JOIN folder_groups g USING (organization_id, group_id)
        WHERE c.expunged @> m.uid AND m.folder_id <> ALL (g.hidden)""",
    "a modseq that the change log does not know": """
        SELECT m.group_id, m.uid, m.modseq FROM messages m JOIN folder_groups g USING (organization_id, group_id)
        LEFT JOIN changes c ON c.organization_id = m.organization_id AND c.group_id = m.group_id AND c.modseq = m.modseq
        WHERE m.modseq > g.changes_floor AND NOT coalesce(c.added @> m.uid OR c.flagged @> m.uid, false)""",
    "a UID that was added twice": """
        SELECT group_id, first, before FROM (
            SELECT group_id, lower(run) AS first, max(upper(run)) OVER (
                PARTITION BY organization_id, group_id ORDER BY lower(run)
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS before
            FROM changes, unnest(added) run
        ) runs WHERE first < before""",
    "a transaction left open": """
        SELECT pid, state, query FROM pg_stat_activity
        WHERE state LIKE 'idle in transaction%' AND now() - state_change > interval '5 seconds'""",
}


def broken(dsn: str, blobs: Path | None = None) -> list[str]:
    """What does not hold, in words."""
    return list(_broken(dsn, blobs))


def _broken(dsn: str, blobs: Path | None) -> Iterator[str]:
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            for what, question in QUESTIONS.items():
                cursor.execute(question)
                if rows := cursor.fetchmany(5):
                    yield f"{what}: {rows}"
            if blobs is not None:
                cursor.execute("SELECT DISTINCT c.sha256 FROM contents c JOIN messages m USING (organization_id, content_id)")
                there = {path.name.split(".")[0][-64:] for path in blobs.rglob("*") if path.is_file()}
                lost = [bytes(sha).hex() for (sha,) in cursor if bytes(sha).hex() not in there]
                if lost:
                    yield f"messages whose octets are nowhere: {lost[:5]}"
    finally:
        connection.close()
