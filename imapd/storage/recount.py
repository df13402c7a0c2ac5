# SPDX-License-Identifier: MIT
"""Counts what is there and compares it with the counters: of folders, of mailboxes, of the roots above them.

Comparing takes no locks: each mailbox is looked at in one statement, which sees one moment. Mending locks one of them.
"""

from collections.abc import Iterator
from typing import NamedTuple

from imapd.storage.pool import Database

COUNTERS = ("messages", "unseen", "deleted", "recent", "size", "deleted_size")
BATCH = 100


class Drift(NamedTuple):
    """A counter that is not what a recount comes to. where: an address and a folder, an address, or a root above
    mailboxes."""

    where: str
    counter: str
    stored: int
    counted: int


class Box(NamedTuple):
    organization_id: int
    mailbox_id: int


FIRST = Box(0, 0)
"""What comes before all of them."""


class Mended(NamedTuple):
    """By how much the usage of a root was too high."""

    root: str
    storage: int
    messages: int


def mailboxes(database: Database, after: Box, most: int = BATCH) -> list[Box]:
    """The next mailboxes of the store, in order."""
    rows = database.rows(
        "SELECT organization_id, mailbox_id FROM mailboxes WHERE (organization_id, mailbox_id) > (%s, %s)"
        " ORDER BY 1, 2 LIMIT %s",
        (*after, most),
    )
    return [Box(*row) for row in rows]


def everything(database: Database) -> Iterator[Box]:
    """All mailboxes of the store."""
    after = FIRST
    while batch := mailboxes(database, after):
        yield from batch
        after = batch[-1]


def drift(database: Database, box: Box) -> list[Drift]:
    """What is wrong in one mailbox, all of it seen at one moment. Empty is right."""
    rows = database.rows(
        """
        SELECT m.local_part || '@' || d.name, f.name, f.told, f.counted, q.storage_used, q.messages_used
          FROM mailboxes m
          JOIN domains d ON d.domain_id = m.domain_id
          LEFT JOIN quotas q ON q.organization_id = m.organization_id AND q.mailbox_id = m.mailbox_id
          LEFT JOIN LATERAL count_folders(m.organization_id, m.mailbox_id) f ON true
         WHERE m.organization_id = %s AND m.mailbox_id = %s
        """,
        box,
    )
    found, storage, number = [], 0, 0
    for address, name, told, counted, *_ in rows:
        if name is None:
            continue
        pairs = zip(COUNTERS, told, counted, strict=True)
        found += [Drift(f"{address}/{name}", what, stored, there) for what, stored, there in pairs if stored != there]
        number += counted[COUNTERS.index("messages")]
        storage += counted[COUNTERS.index("size")]
    for address, *_, storage_used, messages_used in rows[:1]:
        if storage_used is None:
            return [*found, Drift(address, "quotas", 0, 1)]
        used = (("storage used", storage_used, storage), ("messages used", messages_used, number))
        found += [Drift(address, what, stored, there) for what, stored, there in used if stored != there]
    return found


def drift_of_roots(database: Database) -> list[Drift]:
    """Users and domains whose usage is not the sum of their mailboxes', or whose mailboxes do not know of them."""
    rows = database.rows(
        """
        SELECT CASE WHEN r.user_id IS NULL THEN 'domain ' || r.domain ELSE 'user ' || coalesce(r.address, r.root) END,
               r.storage_used, r.messages_used, coalesce(t.storage, 0), coalesce(t.messages, 0), t.strays
          FROM quota_usage r
         CROSS JOIN LATERAL (
               SELECT sum(q.storage_used) AS storage, sum(q.messages_used) AS messages,
                      count(*) FILTER (WHERE (r.root IN (q.user_root, q.domain_root)) IS NOT TRUE) AS strays
                 FROM quotas q
                WHERE q.organization_id = r.organization_id
                  AND q.mailbox_id IN (SELECT mailboxes_below(r.organization_id, r.root))) t
         WHERE r.mailbox_id IS NULL
         ORDER BY r.organization_id, r.root
        """
    )
    found = []
    for name, storage_used, messages_used, storage, messages, strays in rows:
        used = (
            ("storage used", storage_used, int(storage)), ("messages used", messages_used, int(messages)),
            ("mailboxes without it", strays, 0),
        )  # fmt: skip
        found += [Drift(name, what, stored, there) for what, stored, there in used if stored != there]
    return found


def mend(database: Database, box: Box) -> Mended:
    """Sets the counters and the usage of a mailbox to what is there; the roots above follow by the difference."""
    row = database.row("SELECT * FROM recount_mailbox(%s, %s)", box)
    assert row
    return Mended(f"m{box.mailbox_id}", int(row[0]), int(row[1]))


def mend_root(database: Database, organization_id: int, root: str) -> Mended:
    """Sets the usage of a user or domain to the sum of their mailboxes'."""
    row = database.row("SELECT * FROM recount_root(%s, %s)", (organization_id, root))
    assert row
    return Mended(root, int(row[0]), int(row[1]))
