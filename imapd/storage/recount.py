# SPDX-License-Identifier: MIT
"""Counts what is there and compares it with the counters: of folders, of mailboxes, of the roots above them.

Comparing takes no locks: each mailbox is looked at in one statement, which sees one moment. Mending locks one of them.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from imapd.storage.pool import Database, Row
from imapd.storage.prepared import Prepared

COUNTERS = ("messages", "unseen", "deleted", "recent", "size", "deleted_size")
BATCH = 100
"""So many mailboxes are counted in one statement at most, which takes some twenty milliseconds."""
MESSAGES = 10_000
"""So many messages are in them at most, but where one mailbox has more by itself."""


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


class Mended(NamedTuple):
    """By how much the usage of a root was too high."""

    root: str
    storage: int
    messages: int


# Plain joins would be planned without knowing how few mailboxes are wanted, and read all quotas.
NEXT = Prepared("""
    SELECT m.organization_id, m.mailbox_id,
           coalesce((SELECT q.messages_used FROM quotas q
                      WHERE q.organization_id = m.organization_id AND q.mailbox_id = m.mailbox_id), 0)
      FROM mailboxes m
     WHERE (m.organization_id, m.mailbox_id) > (%s, %s)
     ORDER BY 1, 2 LIMIT %s
""")
COUNTED = Prepared("""
    SELECT m.mailbox_id, m.local_part || '@' || d.name, f.name, f.told, f.counted, q.storage_used, q.messages_used
      FROM mailboxes m
      JOIN domains d ON d.domain_id = m.domain_id
      LEFT JOIN LATERAL (
            SELECT q.storage_used, q.messages_used FROM quotas q
             WHERE q.organization_id = m.organization_id AND q.mailbox_id = m.mailbox_id OFFSET 0) q ON true
      LEFT JOIN LATERAL count_folders(m.organization_id, m.mailbox_id) f ON true
     WHERE m.organization_id = %s AND m.mailbox_id BETWEEN %s AND %s
     ORDER BY m.mailbox_id, f.folder_id
""")


def everything(database: Database) -> Iterator[Box]:
    """All mailboxes of the store."""
    for boxes in batches(database):
        yield from boxes


def batches(database: Database) -> Iterator[list[Box]]:
    """All mailboxes of the store, in order: as many together as `drift` should look at."""
    after = Box(0, 0)
    while rows := database.rows(NEXT, (*after, BATCH)):
        boxes: list[Box] = []
        messages = 0
        for organization_id, mailbox_id, number in rows:
            if boxes and (organization_id != boxes[0].organization_id or messages + number > MESSAGES):
                yield boxes
                boxes, messages = [], 0
            boxes.append(Box(organization_id, mailbox_id))
            messages += number
        yield boxes
        after = boxes[-1]


def drift(database: Database, boxes: Sequence[Box]) -> list[Drift]:
    """What is wrong in mailboxes of one organization that follow each other, all of it seen at one moment. Empty is
    right."""
    rows = database.rows(COUNTED, (*boxes[0], boxes[-1].mailbox_id))
    return [wrong for _, each in groupby(rows, lambda row: row[0]) for wrong in _drift(list(each))]


def _drift(rows: list[Row]) -> list[Drift]:
    """In one mailbox: a row for each of its folders."""
    found, storage, number = [], 0, 0
    for _, address, name, told, counted, *_ in rows:
        if name is None:
            continue
        pairs = zip(COUNTERS, told, counted, strict=True)
        found += [Drift(f"{address}/{name}", what, stored, there) for what, stored, there in pairs if stored != there]
        number += counted[COUNTERS.index("messages")]
        storage += counted[COUNTERS.index("size")]
    for _, address, *_, storage_used, messages_used in rows[:1]:
        if storage_used is None:
            return [*found, Drift(address, "quotas", 0, 1)]
        used = (("storage used", storage_used, storage), ("messages used", messages_used, number))
        found += [Drift(address, what, stored, there) for what, stored, there in used if stored != there]
    return found


def all_drift(database: Database) -> Iterator[list[Drift]]:
    """What is wrong in the whole store, step by step."""
    for boxes in batches(database):
        yield drift(database, boxes)
    yield drift_of_roots(database)


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
