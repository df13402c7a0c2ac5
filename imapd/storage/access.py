# SPDX-License-Identifier: MIT
"""Lists of rights of folders, as their users read and change them. What an operator does is in storage/grants.py.

A grantee is 'u<user_id>', 'g<group>' or 'anyone'.
"""

from collections.abc import Sequence
from typing import NamedTuple

from imapd import audit
from imapd.storage.addresses import Address
from imapd.storage.pool import Database

ANYONE = "anyone"


class Entry(NamedTuple):
    """What a grantee holds in a folder, and under which identifier clients know the grantee."""

    folder_id: int
    grantee: str
    identifier: str
    rights: str


class Known(NamedTuple):
    """A grantee that there is; mailbox_ids: those that may be shared with it, as the organisation allows."""

    grantee: str
    mailbox_ids: list[int]


def entries(database: Database, organization_id: int, folder_ids: Sequence[int]) -> list[Entry]:
    """Everybody with rights in these folders but their owners, in order of identifier."""
    rows = database.rows(
        """
        SELECT f.folder_id, a.grantee,
               CASE left(a.grantee, 1) WHEN 'g' THEN 'group:' || substr(a.grantee, 2)
                    WHEN 'u' THEN coalesce(p.local_part || '@' || d.name, a.grantee) ELSE a.grantee END AS identifier,
               a.rights
          FROM folders f
          JOIN shared_mailbox_access a ON a.organization_id = f.organization_id AND a.mailbox_id = f.mailbox_id
               AND (a.folder_id = f.folder_id OR a.folder_id = 0 AND NOT EXISTS (
                    SELECT FROM shared_mailbox_access o
                     WHERE o.organization_id = a.organization_id AND o.mailbox_id = a.mailbox_id
                       AND o.folder_id = f.folder_id AND o.grantee = a.grantee))
          LEFT JOIN users u ON u.organization_id = a.organization_id
               AND u.user_id = CASE left(a.grantee, 1) WHEN 'u' THEN substr(a.grantee, 2)::bigint END
          LEFT JOIN mailboxes p ON p.organization_id = u.organization_id AND p.mailbox_id = u.primary_mailbox_id
          LEFT JOIN domains d ON d.domain_id = p.domain_id
         WHERE f.organization_id = %s AND f.folder_id = ANY(%s) AND a.rights <> ''
         ORDER BY identifier, f.folder_id
        """,
        (organization_id, list(folder_ids)),
    )
    return [Entry(*row) for row in rows]


def owner(database: Database, organization_id: int, mailbox_id: int) -> tuple[str, str | None]:
    """A mailbox's address, and its owner as a grantee; None where nobody owns it."""
    row = database.row(
        "SELECT m.local_part || '@' || d.name, 'u' || m.user_id FROM mailboxes m JOIN domains d USING (domain_id)"
        " WHERE m.organization_id = %s AND m.mailbox_id = %s",
        (organization_id, mailbox_id),
    )
    return (row[0], row[1]) if row else ("", None)


def known_user(
    database: Database, organization_id: int, of: Address, mailbox_ids: Sequence[int]
) -> Known | None:
    """A person of the organisation, by any of their addresses; None where there is none: one query for either."""
    row = database.row(
        """
        SELECT 'u' || m.user_id, ARRAY(
               SELECT t.mailbox_id FROM mailboxes t
                WHERE t.organization_id = %(org)s AND t.mailbox_id = ANY(%(boxes)s)
                  AND (o.share_across_domains OR EXISTS (
                       SELECT FROM mailboxes own WHERE own.organization_id = %(org)s AND own.user_id = m.user_id
                          AND own.domain_id = t.domain_id)))
          FROM domains d
          JOIN organizations o USING (organization_id)
          JOIN mailboxes m ON m.organization_id = d.organization_id AND m.user_id IS NOT NULL
               AND (m.domain_id = d.domain_id AND m.local_part = %(local_part)s
                    OR m.mailbox_id = (SELECT a.mailbox_id FROM aliases a WHERE a.organization_id = d.organization_id
                                          AND a.domain_id = d.domain_id AND a.local_part = %(local_part)s))
         WHERE d.organization_id = %(org)s AND d.name = %(domain)s
         LIMIT 1
        """,
        {"org": organization_id, "boxes": list(mailbox_ids), **of._asdict()},
    )
    return Known(*row) if row else None


def known_group(database: Database, organization_id: int, name: str, mailbox_ids: Sequence[int]) -> Known | None:
    """A group of the organisation. Who of it gets at the mailbox is decided for each member."""
    row = database.row(
        "SELECT 'g' || name FROM user_groups WHERE organization_id = %s AND name = %s", (organization_id, name)
    )
    return Known(row[0], list(mailbox_ids)) if row else None


def known_anyone(database: Database, organization_id: int, mailbox_ids: Sequence[int]) -> Known:
    """Everybody of the organisation, where it allows that."""
    row = database.row(
        "SELECT share_with_anyone FROM organizations WHERE organization_id = %s", (organization_id,)
    )
    return Known(ANYONE, list(mailbox_ids) if row and row[0] else [])


def change(
    database: Database, organization_id: int, folder_ids: Sequence[int], whom: str, op: str, rights: str,
    *, by_user: int, address: str, folder: str, identifier: str,
) -> None:  # fmt: skip
    """Op '=', '+' or '-': what `whom` holds in these folders. Recorded in the audit log with it, or not done at all."""
    with database.transaction() as tx:
        tx.execute(
            "SELECT change_access(%s, %s, %s, %s, %s)", (organization_id, list(folder_ids), whom, op, rights)
        )
        audit.write(
            tx, "access changed", organization_id=organization_id, user_id=by_user, address=address,
            folder=folder, grantee=identifier, rights=op + rights,
        )  # fmt: skip
