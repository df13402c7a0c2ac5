# SPDX-License-Identifier: MIT
"""What a login needs to know of a user. The hash is compared in auth/, not here."""

from collections.abc import Iterable
from typing import NamedTuple

from imapd.storage.pool import Database, Prepared


class Credentials(NamedTuple):
    """A user as found by one of their addresses."""

    organization_id: int
    user_id: int
    password_hash: str | None
    password_version: int
    disabled: bool  # the user, the mailbox, the domain of the address or the organisation


class Standing(NamedTuple):
    """A user at the state in which somebody logged in as them, and the domain of the address that they used."""

    organization_id: int
    user_id: int
    password_version: int
    domain: str


FIND = Prepared(
    """
    SELECT u.organization_id, u.user_id, u.password_hash, u.password_version,
           o.disabled OR d.disabled OR m.disabled OR u.disabled
    FROM domains d
    JOIN organizations o ON o.organization_id = d.organization_id
    JOIN LATERAL (
        SELECT mailbox_id FROM mailboxes
        WHERE organization_id = d.organization_id AND domain_id = d.domain_id AND local_part = %(local_part)s
        UNION ALL
        SELECT mailbox_id FROM aliases
        WHERE organization_id = d.organization_id AND domain_id = d.domain_id AND local_part = %(local_part)s
    ) address ON true
    JOIN mailboxes m ON m.organization_id = d.organization_id AND m.mailbox_id = address.mailbox_id
    JOIN users u ON u.organization_id = m.organization_id AND u.user_id = m.user_id
    WHERE d.name = %(domain)s
    LIMIT 1
    """
)


def find(database: Database, local_part: str, domain: str) -> Credentials | None:
    """Whose address this is: of a mailbox with a user, or an alias of one."""
    row = database.row(FIND, {"local_part": local_part, "domain": domain})
    return Credentials(*row) if row else None


def replace_hash(database: Database, found: Credentials, password_hash: str) -> None:
    """A better hash of the same password: password_version stays. Nothing happens where it was changed meanwhile."""
    database.execute(
        """
        UPDATE users SET password_hash = %s
        WHERE organization_id = %s AND user_id = %s AND password_hash = %s
        """,
        (password_hash, found.organization_id, found.user_id, found.password_hash),
    )


def fallen(database: Database, standings: Iterable[Standing]) -> set[Standing]:
    """Those whose user is gone or disabled has another password since, or is of a disabled domain."""
    known = set(standings)
    if not known:
        return set()
    organizations, users, versions, domains = (list(column) for column in zip(*known, strict=True))
    rows = database.rows(
        """
        SELECT u.organization_id, u.user_id, u.password_version, d.name
        FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[])
             AS s (organization_id, user_id, version, domain)
        JOIN users u ON u.organization_id = s.organization_id AND u.user_id = s.user_id
                    AND u.password_version = s.version
        JOIN organizations o ON o.organization_id = u.organization_id
        JOIN domains d ON d.name = s.domain AND d.organization_id = u.organization_id
        WHERE NOT u.disabled AND NOT o.disabled AND NOT d.disabled
        """,
        (organizations, users, versions, domains),
    )
    return known - {Standing(*row) for row in rows}
