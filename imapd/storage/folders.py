# SPDX-License-Identifier: MIT
"""Folders: their counters, their life, their names within a mailbox. The rules stand in migrations/ 0002 and 0014."""

from collections.abc import Sequence
from typing import NamedTuple

from imapd.errors import NotFound
from imapd.storage.pool import Database
from imapd.storage.prepared import Prepared

COLUMNS = (
    "f.folder_id, f.mailbox_id, f.group_id, f.name, f.special_use, f.messages, f.unseen, f.deleted, f.size,"
    " f.deleted_size, g.uid_validity, g.uid_next, g.modseq, f.recent, g.owner"
)
SOURCE = " FROM folders f JOIN folder_groups g USING (organization_id, group_id)"

# As somebody else than the owner may see it: with a \Seen of their own.
READERS_COLUMNS = COLUMNS.replace(
    "f.unseen",
    "CASE WHEN b.seen = 'shared' OR b.user_id = %(reader)s THEN f.unseen"
    " ELSE f.messages - uid_count(seen_by(f.organization_id, f.folder_id, %(reader)s)) END",
)
READERS_SOURCE = SOURCE + " JOIN mailboxes b USING (organization_id, mailbox_id)"
WARNED = ", greatest(q.warned, u.warned, d.warned)"
QUOTAS = (
    " JOIN quotas q USING (organization_id, mailbox_id)"
    " LEFT JOIN quota_roots u ON u.organization_id = q.organization_id AND u.root = q.user_root"
    " LEFT JOIN quota_roots d ON d.organization_id = q.organization_id AND d.root = q.domain_root"
)

OF_MAILBOXES = Prepared(
    "SELECT " + COLUMNS + SOURCE + " WHERE f.organization_id = %s AND f.mailbox_id = ANY(%s) ORDER BY f.name"
)
VISIBLE = Prepared(
    "SELECT " + READERS_COLUMNS + READERS_SOURCE + " WHERE f.organization_id = %(org)s"
    " AND (f.mailbox_id = ANY(%(boxes)s) OR f.folder_id = ANY(%(folders)s)) ORDER BY f.name"
)
VISIBLE_OF_GROUPS = Prepared(
    "SELECT " + READERS_COLUMNS + READERS_SOURCE + " WHERE f.organization_id = %(org)s"
    " AND f.group_id = ANY(%(groups)s) AND f.folder_id = ANY(%(folders)s) ORDER BY f.name"
)
OF_NAME = " WHERE f.organization_id = %s AND f.mailbox_id = ANY(%s) AND f.name = %s"
NAMED = Prepared("SELECT " + COLUMNS + SOURCE + OF_NAME)
NAMED_AND_WARNED = Prepared("SELECT " + COLUMNS + WARNED + SOURCE + QUOTAS + OF_NAME)
NAMED_OF_OTHERS = Prepared(
    "SELECT " + READERS_COLUMNS + WARNED + ", b.seen = 'per_reader'" + READERS_SOURCE + QUOTAS +
    " WHERE f.organization_id = %(org)s AND f.mailbox_id = %(box)s AND f.name = %(name)s"
)
SUBSCRIPTIONS = Prepared("SELECT name FROM subscriptions WHERE organization_id = %s AND user_id = %s")


class Folder(NamedTuple):
    r"""A row of folders with what its group hands out. Sizes in octets. owner: 'u<user_id>', or 'm<mailbox_id>' where
    nobody owns it. Only where one name is asked for: quota_warned, the highest threshold in percent that its quotas
    have reached, where the caller wants it; per_reader: each reader has a \Seen of their own."""

    folder_id: int
    mailbox_id: int
    group_id: int
    name: str
    special_use: str | None
    messages: int
    unseen: int
    deleted: int
    size: int
    deleted_size: int
    uid_validity: int
    uid_next: int
    modseq: int
    recent: int
    owner: str
    quota_warned: int = 0
    per_reader: bool = False


class Named(NamedTuple):
    """A folder by its name: that of the first of these mailboxes that has one."""

    mailbox_ids: Sequence[int]
    name: str


def of_mailboxes(database: Database, organization_id: int, mailbox_ids: Sequence[int]) -> list[Folder]:
    """All folders of these mailboxes, in order of name."""
    rows = database.rows(OF_MAILBOXES, (organization_id, list(mailbox_ids)))
    return [Folder(*row) for row in rows]


def visible(
    database: Database, organization_id: int, user_id: int, mailbox_ids: Sequence[int], folder_ids: Sequence[int]
) -> list[Folder]:
    """All folders of some mailboxes and single ones of others, as this user sees them, in order of name."""
    params = {"org": organization_id, "reader": user_id, "boxes": list(mailbox_ids), "folders": list(folder_ids)}
    return [Folder(*row) for row in database.rows(VISIBLE, params)]


def visible_of_groups(
    database: Database, organization_id: int, user_id: int, group_ids: Sequence[int], folder_ids: Sequence[int]
) -> list[Folder]:
    """Those of some folders that are in these groups, as this user sees them."""
    params = {"org": organization_id, "reader": user_id, "groups": list(group_ids), "folders": list(folder_ids)}
    return [Folder(*row) for row in database.rows(VISIBLE_OF_GROUPS, params)]


def named(
    database: Database, organization_id: int, mailbox_ids: Sequence[int], name: str, *, warned: bool = False
) -> list[Folder]:
    """The folders of this name, one a mailbox at most. warned: with quota_warned, which costs three more look-ups."""
    rows = database.rows(NAMED_AND_WARNED if warned else NAMED, (organization_id, list(mailbox_ids), name))
    return [Folder(*row) for row in rows]


def named_of_others(
    database: Database, organization_id: int, user_id: int, mailbox_id: int, name: str
) -> Folder | None:
    """A folder of somebody else's mailbox, as this user sees it."""
    params = {"org": organization_id, "reader": user_id, "box": mailbox_id, "name": name}
    row = database.row(NAMED_OF_OTHERS, params)
    return Folder(*row) if row else None


def nearest(database: Database, organization_id: int, mailbox_id: int, names: Sequence[str]) -> int | None:
    """The id of the folder with the longest of these names that is there."""
    row = database.row(
        "SELECT folder_id FROM folders WHERE organization_id = %s AND mailbox_id = %s AND name = ANY(%s)"
        " ORDER BY length(name) DESC LIMIT 1",
        (organization_id, mailbox_id, list(names)),
    )
    return row[0] if row else None


def create(
    database: Database, organization_id: int, mailbox_id: int, name: str, special_use: str | None, most: int
) -> str:
    """Makes a new folder, and gives its owner. Raises errors.AlreadyExists, LimitReached."""
    row = database.row(
        "SELECT create_folder(%(org)s, %(box)s, %(name)s, %(use)s, %(most)s), owner_of(%(org)s, %(box)s)",
        {"org": organization_id, "box": mailbox_id, "name": name, "use": special_use, "most": most},
    )
    assert row
    return str(row[1])


def delete(database: Database, organization_id: int, folder_ids: Sequence[int]) -> list[int]:
    """Deletes folders with their messages, all or none; returns their groups. Raises errors.NotFound."""
    row = database.row("SELECT delete_folders(%s, %s)", (organization_id, list(folder_ids)))
    if not row or row[0] is None:
        raise NotFound
    return list(row[0])


def rename(
    database: Database, organization_id: int, mailbox_id: int, old: str, target_mailbox_id: int, new: str, most: int
) -> list[int]:
    """Renames a folder and its inferiors; returns the groups touched. most: folders of the target mailbox.

    Raises errors.NotFound, AlreadyExists, OverQuota, LimitReached.
    """
    row = database.row(
        "SELECT rename_tree(%(org)s, %(box)s, %(old)s,"
        " prepare_rename(%(org)s, %(box)s, %(old)s, %(target)s, %(new)s, %(most)s), %(new)s)",
        {"org": organization_id, "box": mailbox_id, "old": old, "target": target_mailbox_id, "new": new, "most": most},
    )
    assert row
    return row[0]


def rename_merged(
    database: Database, organization_id: int, mailbox_ids: Sequence[int], old: str, new: str
) -> list[int]:
    """The same in several mailboxes of one user, all or none; each folder stays in its mailbox."""
    row = database.row("SELECT rename_merged(%s, %s, %s, %s)", (organization_id, list(mailbox_ids), old, new))
    assert row
    return row[0]


def rename_inboxes(
    database: Database, organization_id: int, mailbox_ids: Sequence[int], targets: Sequence[int], new: str, most: int
) -> list[int]:
    """Moves the messages of each INBOX into a new folder of its target; returns the groups touched. Raises as create
    and rename."""
    row = database.row(
        "SELECT rename_inboxes(%s, %s, %s, %s, %s)", (organization_id, list(mailbox_ids), list(targets), new, most)
    )
    assert row
    return row[0]


def subscriptions(database: Database, organization_id: int, user_id: int) -> set[str]:
    """The names that a user has subscribed, existing or not."""
    return {name for (name,) in database.rows(SUBSCRIPTIONS, (organization_id, user_id))}


def subscribe(database: Database, organization_id: int, user_id: int, name: str, most: int) -> None:
    """Raises errors.LimitReached where the user has as many already."""
    database.execute("SELECT subscribe(%s, %s, %s, %s)", (organization_id, user_id, name, most))


def unsubscribe(database: Database, organization_id: int, user_id: int, name: str) -> None:
    database.execute(
        "DELETE FROM subscriptions WHERE organization_id = %s AND user_id = %s AND name = %s",
        (organization_id, user_id, name),
    )
