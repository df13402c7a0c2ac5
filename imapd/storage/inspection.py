# SPDX-License-Identifier: MIT
"""Looks for what can never be: between rows, and between rows and the files of bodies. Counters are in recount.py.

Takes no locks: each mailbox is seen at one moment, and a body that seems to be missing is looked for twice.
"""

from collections.abc import Iterator
from typing import NamedTuple

from imapd import errors
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database
from imapd.storage.recount import Box, Drift

BATCH = 1000
NAMED = 3
"""So many messages of a missing body are named."""


class Content(NamedTuple):
    organization_id: int
    content_id: int
    sha256: bytes
    size: int


def messages_of(database: Database, box: Box) -> list[Drift]:
    """What is wrong with the messages of a mailbox. Empty is right."""
    rows = database.rows(
        """
        SELECT a.local_part || '@' || d.name || '/' || f.name, g.uid_next, t.last_uid, g.modseq, t.last_modseq,
               t.without_content
          FROM mailboxes a
          JOIN domains d ON d.domain_id = a.domain_id
          JOIN folders f ON f.organization_id = a.organization_id AND f.mailbox_id = a.mailbox_id
          JOIN folder_groups g ON g.organization_id = f.organization_id AND g.group_id = f.group_id
         CROSS JOIN LATERAL (
               SELECT coalesce(max(m.uid), 0) AS last_uid, coalesce(max(m.modseq), 0) AS last_modseq,
                      count(*) FILTER (WHERE m.uid IS NOT NULL AND c.size IS DISTINCT FROM m.size) AS without_content
                 FROM messages m
                 LEFT JOIN contents c ON c.organization_id = m.organization_id AND c.content_id = m.content_id
                WHERE m.organization_id = f.organization_id AND m.group_id = f.group_id AND m.folder_id = f.folder_id) t
         WHERE a.organization_id = %s AND a.mailbox_id = %s
           AND (t.last_uid >= g.uid_next OR t.last_modseq > g.modseq OR t.without_content > 0)
         ORDER BY f.name
        """,
        box,
    )
    found = []
    for where, uid_next, last_uid, modseq, last_modseq, without_content in rows:
        if last_uid >= uid_next:
            found.append(Drift(where, "uid next", uid_next, last_uid + 1))
        if last_modseq > modseq:
            found.append(Drift(where, "modseq", modseq, last_modseq))
        if without_content:
            found.append(Drift(where, "messages without content", 0, without_content))
    return found


def mend_messages_of(database: Database, box: Box) -> None:
    """Numbers that are handed out next go beyond those that were. A content that is lost stays lost."""
    database.execute(
        """
        UPDATE folder_groups g SET uid_next = greatest(g.uid_next, t.last_uid + 1),
               modseq = greatest(g.modseq, t.last_modseq)
          FROM (SELECT m.group_id, max(m.uid) AS last_uid, max(m.modseq) AS last_modseq
                  FROM messages m
                 WHERE m.organization_id = %(org)s AND m.group_id IN (
                       SELECT f.group_id FROM folders f
                        WHERE f.organization_id = %(org)s AND f.mailbox_id = %(box)s)
                 GROUP BY m.group_id) t
         WHERE g.organization_id = %(org)s AND g.group_id = t.group_id
           AND (g.uid_next <= t.last_uid OR g.modseq < t.last_modseq)
        """,
        {"org": box.organization_id, "box": box.mailbox_id},
    )


def contents(database: Database) -> Iterator[list[Content]]:
    """Every distinct body of the store, some at a time."""
    after = (0, 0)
    while rows := database.rows(
        "SELECT organization_id, content_id, sha256, size FROM contents"
        " WHERE (organization_id, content_id) > (%s, %s) ORDER BY 1, 2 LIMIT %s",
        (*after, BATCH),
    ):
        yield [Content(organization_id, id, bytes(sha256), size) for organization_id, id, sha256, size in rows]
        after = rows[-1][:2]


def bodies_of(database: Database, blobs: BlobStore, some: list[Content], read: bool) -> list[Drift]:
    """What is wrong with the octets of bodies. read: all of them are compared with their names, too. Empty is right."""
    wrong = [(one, there) for one in some if (there := _octets_there(blobs, one, read)) != one.size]
    names = _messages_with(database, [one for one, _ in wrong]) if wrong else {}
    return [
        Drift(f"{names[one]} (body {one.sha256.hex()})", "octets of the body", one.size, there)
        for one, there in wrong
        if one in names
    ]


def _messages_with(database: Database, some: list[Content]) -> dict[Content, str]:
    """Which messages have these contents, in words. A content that is no more is left out: garbage is collected
    meanwhile, first the row and then the file."""
    rows = database.rows(
        """
        SELECT c.organization_id, c.content_id,
               array_remove(array_agg(a.local_part || '@' || d.name || '/' || f.name || ' UID ' || m.uid), NULL)
          FROM unnest(%s::bigint[], %s::bigint[]) AS w (organization_id, content_id)
          JOIN contents c ON c.organization_id = w.organization_id AND c.content_id = w.content_id
          LEFT JOIN messages m ON m.organization_id = c.organization_id AND m.content_id = c.content_id
          LEFT JOIN folders f ON f.organization_id = m.organization_id AND f.folder_id = m.folder_id
          LEFT JOIN mailboxes a ON a.organization_id = f.organization_id AND a.mailbox_id = f.mailbox_id
          LEFT JOIN domains d ON d.domain_id = a.domain_id
         GROUP BY 1, 2
        """,
        ([one.organization_id for one in some], [one.content_id for one in some]),
    )
    found = {(organization_id, content_id): sorted(names) for organization_id, content_id, names in rows}
    said = {}
    for one in some:
        names = found.get((one.organization_id, one.content_id))
        if names is not None:
            more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
            said[one] = ", ".join([*names[:NAMED], *more]) or "no message"
    return said


def _octets_there(blobs: BlobStore, content: Content, read: bool) -> int:
    """How many octets of a body are there; 0 also where they are not those that they were."""
    size = blobs.size(content.organization_id, content.sha256)
    if not read or size != content.size:
        return size
    try:
        blobs.verify(content.organization_id, content.sha256, content.size)
    except errors.Corrupt:
        return 0
    return size
