# SPDX-License-Identifier: MIT
"""Who mail to an address is for. Unlike a login it may be a mailbox that nobody owns."""

from collections.abc import Sequence
from typing import NamedTuple

from imapd.storage.addresses import MAILBOX_OF_ASKED
from imapd.storage.pool import Database
from imapd.storage.prepared import Prepared


class Recipient(NamedTuple):
    """The INBOX of a mailbox. owner: as folder_groups has it. disabled: the organisation, the domain of the address,
    the mailbox or its user."""

    organization_id: int
    mailbox_id: int
    folder_id: int
    owner: str
    disabled: bool


FIND = Prepared(
    "SELECT m.organization_id, m.mailbox_id, f.folder_id, g.owner,"
    " o.disabled OR d.disabled OR m.disabled OR coalesce(u.disabled, false)"
    " FROM (SELECT %s::text AS domain, p.* FROM unnest(%s::text[]) WITH ORDINALITY AS p (local_part, place)) asked"
    + MAILBOX_OF_ASKED + """
    LEFT JOIN users u ON u.organization_id = m.organization_id AND u.user_id = m.user_id
    JOIN folders f ON f.organization_id = m.organization_id AND f.mailbox_id = m.mailbox_id AND f.name = 'INBOX'
    JOIN folder_groups g ON g.organization_id = f.organization_id AND g.group_id = f.group_id
    ORDER BY asked.place LIMIT 1
"""
)


def find(database: Database, local_parts: Sequence[str], domain: str) -> Recipient | None:
    """Whose the first of these addresses that there is belongs to."""
    row = database.row(FIND, (domain, list(local_parts)))
    return Recipient(*row) if row else None
