# SPDX-License-Identifier: MIT
"""What bringing mail in and taking it out ask of a mailbox: where it is, what lies in its folders."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from imapd.errors import NotFound
from imapd.storage.addresses import Address, locked_mailbox
from imapd.storage.pool import Database
from imapd.storage.provision import subscribe_by_prefix

BATCH = 500


class Box(NamedTuple):
    """A mailbox. mode: what its owner prefers; is_primary: its owner sees it without a prefix."""

    organization_id: int
    mailbox_id: int
    user_id: int | None
    mode: str | None
    is_primary: bool


class Stored(NamedTuple):
    """A message of a folder, without its octets. keywords are separated by spaces."""

    uid: int
    sha256: bytes
    size: int
    internal_date: int
    internal_zone: int
    flags: int
    keywords: str


def box(database: Database, of: Address) -> Box:
    """The mailbox of an address or alias. Raises errors.NotFound."""
    with database.transaction() as tx:
        place = locked_mailbox(tx, of)
    row = database.row(
        "SELECT m.organization_id, m.mailbox_id, m.user_id, u.namespace_mode, u.primary_mailbox_id = m.mailbox_id"
        "  FROM mailboxes m"
        "  LEFT JOIN users u ON u.organization_id = m.organization_id AND u.user_id = m.user_id"
        " WHERE m.organization_id = %s AND m.mailbox_id = %s",
        (place.organization_id, place.mailbox_id),
    )
    if row is None:
        raise NotFound(f"There is no mailbox {of}; see: imapd mailbox list")
    return Box(row[0], row[1], row[2], row[3], bool(row[4]))


def bodies_in(database: Database, organization_id: int, group_id: int, folder_id: int) -> Counter[bytes]:
    """How often each body is in a folder, by its SHA-256."""
    rows = database.rows(
        "SELECT c.sha256, count(*) FROM messages m JOIN contents c USING (organization_id, content_id)"
        " WHERE m.organization_id = %s AND m.group_id = %s AND m.folder_id = %s GROUP BY 1",
        (organization_id, group_id, folder_id),
    )
    return Counter({bytes(sha256): count for sha256, count in rows})


def messages_in(database: Database, organization_id: int, group_id: int, folder_id: int) -> Iterator[Stored]:
    """The messages of a folder in order, some read at a time."""
    after = 0
    while rows := database.rows(
        "SELECT m.uid, c.sha256, c.size, m.internal_date, m.internal_zone, m.flags, array_to_string(m.keywords, ' ')"
        "  FROM messages m JOIN contents c USING (organization_id, content_id)"
        " WHERE m.organization_id = %s AND m.group_id = %s AND m.folder_id = %s AND m.uid > %s ORDER BY m.uid LIMIT %s",
        (organization_id, group_id, folder_id, after, BATCH),
    ):
        for uid, sha256, *more in rows:
            yield Stored(uid, bytes(sha256), *more)
        after = rows[-1][0]


def subscribe(database: Database, box: Box, name: str, unified: bool) -> None:
    """The owner is shown a folder that somebody else has made, under the names that it has."""
    with database.transaction() as tx:
        if box.user_id is not None and (box.is_primary or unified):
            tx.execute(
                "INSERT INTO subscriptions (organization_id, user_id, name) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (box.organization_id, box.user_id, name),
            )
        subscribe_by_prefix(tx, box.organization_id, box.mailbox_id)
