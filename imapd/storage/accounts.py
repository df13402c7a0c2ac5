# SPDX-License-Identifier: MIT
"""What a person's session has to know of the person: the mailboxes, their domains, what others share."""

from collections.abc import Sequence
from typing import NamedTuple

from imapd.storage.pool import Database
from imapd.storage.prepared import Prepared


class OwnMailbox(NamedTuple):
    """A mailbox of the user, in a domain that is not disabled. is_second: another came there before, open or not."""

    mailbox_id: int
    domain: str
    address: str
    is_second: bool = False


class User(NamedTuple):
    """namespace_mode is None where the user has no preference; shown_mode: what a session was shown last."""

    namespace_mode: str | None
    shown_mode: str
    primary_mailbox_id: int | None
    mailboxes: list[OwnMailbox]


class Grant(NamedTuple):
    """Rights that the user, a group of theirs or anyone was given in a mailbox of others: folder_id 0 is all of it."""

    mailbox_id: int
    address: str
    folder_id: int
    grantee: str
    rights: str


class Share(NamedTuple):
    r"""per_reader: each reader has a \Seen of their own."""

    grants: list[Grant]
    per_reader: bool


Asked = tuple[int, int, int]
"""organization_id, user_id, folder_id."""

_OPEN = (
    "  JOIN LATERAL ("
    "    SELECT m.mailbox_id, d.name AS domain, m.local_part || '@' || d.name AS address,"
    "           row_number() OVER (PARTITION BY m.domain_id ORDER BY m.arrival) > 1 AS is_second,"
    "           m.disabled OR d.disabled AS disabled"
    "      FROM mailboxes m JOIN domains d USING (domain_id)"
    "     WHERE m.organization_id = u.organization_id AND m.user_id = u.user_id) m ON NOT m.disabled"
)
USER = Prepared(
    "SELECT u.namespace_mode, u.shown_mode, u.primary_mailbox_id, m.mailbox_id, m.domain, m.address, m.is_second"
    "  FROM users u" + _OPEN +
    " WHERE u.organization_id = %s AND u.user_id = %s AND NOT u.disabled"
    " ORDER BY m.mailbox_id"
)  # fmt: skip
USERS = Prepared(
    "SELECT u.organization_id, u.user_id, u.namespace_mode, u.shown_mode, u.primary_mailbox_id,"
    "       m.mailbox_id, m.domain, m.address, m.is_second"
    "  FROM unnest(%s::bigint[], %s::bigint[]) AS p (organization_id, user_id)"
    "  JOIN users u ON u.organization_id = p.organization_id AND u.user_id = p.user_id AND NOT u.disabled" + _OPEN +
    " ORDER BY m.mailbox_id"
)  # fmt: skip
GRANTS = Prepared("SELECT * FROM access_of(%s, %s) ORDER BY 2, 3")
SHARES = Prepared(
    "SELECT p.organization_id, p.user_id, p.folder_id, b.seen = 'per_reader', a.*"
    "  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS p (organization_id, user_id, folder_id)"
    "  JOIN folders f ON f.organization_id = p.organization_id AND f.folder_id = p.folder_id"
    "  JOIN mailboxes b ON b.organization_id = f.organization_id AND b.mailbox_id = f.mailbox_id"
    "  JOIN LATERAL access_of(p.organization_id, p.user_id) a ON a.mailbox_id = f.mailbox_id"
    " WHERE a.folder_id IN (0, p.folder_id)"
)
GRANTS_IN = Prepared(
    "SELECT * FROM access_of(%(org)s, %(user)s) WHERE mailbox_id = ("  # by its key: an address is put together
    "   SELECT m.mailbox_id FROM domains d JOIN mailboxes m USING (organization_id, domain_id)"
    "    WHERE d.organization_id = %(org)s AND d.name = %(domain)s AND m.local_part = %(local_part)s)"
)


def user(database: Database, organization_id: int, user_id: int) -> User | None:
    """The user with all mailboxes, oldest first; None where there is no such user or it is disabled."""
    rows = database.rows(USER, (organization_id, user_id))
    if not rows:
        return None
    mode, shown_mode, primary_id = rows[0][:3]
    return User(mode, shown_mode, primary_id, [OwnMailbox(*row[3:]) for row in rows])


def users(database: Database, people: Sequence[tuple[int, int]]) -> dict[tuple[int, int], User]:
    """The same of many people, by organization_id and user_id; who may open nothing any more is missing."""
    found: dict[tuple[int, int], User] = {}
    rows = database.rows(USERS, [list(column) for column in zip(*people, strict=True)])
    for organization_id, user_id, mode, shown_mode, primary_id, *mailbox in rows:
        made = found.setdefault((organization_id, user_id), User(mode, shown_mode, primary_id, []))
        made.mailboxes.append(OwnMailbox(*mailbox))
    return found


def set_namespace_mode(database: Database, organization_id: int, user_id: int, mode: str | None) -> None:
    """What the user prefers; None: what the server is set to."""
    database.execute(
        "UPDATE users SET namespace_mode = %s WHERE organization_id = %s AND user_id = %s",
        (mode, organization_id, user_id),
    )


def set_shown_mode(database: Database, organization_id: int, user_id: int, mode: str) -> None:
    """What a session shows from now on. Where that is another one, clients that come back are told so of each name."""
    database.execute(
        "UPDATE users SET shown_mode = %(mode)s WHERE organization_id = %(org)s AND user_id = %(user)s"
        "   AND shown_mode <> %(mode)s",
        {"mode": mode, "org": organization_id, "user": user_id},
    )


def grants(database: Database, organization_id: int, user_id: int, address: str | None = None) -> list[Grant]:
    """What others share with the user, all of it or in one mailbox; a mailbox of their own does not count."""
    if address is None:
        return [Grant(*row) for row in database.rows(GRANTS, (organization_id, user_id))]
    local_part, _, domain = address.rpartition("@")
    params = {"org": organization_id, "user": user_id, "local_part": local_part, "domain": domain}
    return [Grant(*row) for row in database.rows(GRANTS_IN, params)]


def shares(database: Database, asked: Sequence[Asked]) -> dict[Asked, Share]:
    """What counts for users in single folders that others share; nothing where there is no such folder."""
    found = {one: Share([], False) for one in asked}
    rows = database.rows(SHARES, [list(column) for column in zip(*asked, strict=True)])
    for organization_id, user_id, folder_id, per_reader, *grant in rows:
        share = found[organization_id, user_id, folder_id]
        found[organization_id, user_id, folder_id] = Share([*share.grants, Grant(*grant)], per_reader)
    return found
