# SPDX-License-Identifier: MIT
"""What a login needs to know of a user. The hash is compared in auth/, not here."""

from collections.abc import Iterable
from typing import NamedTuple

from imapd.storage.addresses import MAILBOX_OF_ASKED
from imapd.storage.pool import Database
from imapd.storage.prepared import Prepared


class Credentials(NamedTuple):
    """A user as found by one of their addresses."""

    organization_id: int
    user_id: int
    password_hash: str | None
    password_version: int
    disabled: bool  # the user, the mailbox, the domain of the address or the organisation


class Standing(NamedTuple):
    """A user at the state in which somebody logged in as them, and the address that they used."""

    organization_id: int
    user_id: int
    password_version: int
    local_part: str
    domain: str


# Whose an address of `asked` is: of a mailbox with a user, or an alias of one.
BY_ADDRESS = MAILBOX_OF_ASKED + """
    JOIN users u ON u.organization_id = m.organization_id AND u.user_id = m.user_id
"""
DISABLED = "(o.disabled OR d.disabled OR m.disabled OR u.disabled)"

FIND = Prepared(
    "SELECT u.organization_id, u.user_id, u.password_hash, u.password_version, " + DISABLED +
    " FROM (SELECT %s::text AS local_part, %s::text AS domain) asked" + BY_ADDRESS + "LIMIT 1"
)  # fmt: skip
STANDING = Prepared(
    "SELECT asked.*"
    " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[])"
    " AS asked (organization_id, user_id, password_version, local_part, domain)" + BY_ADDRESS +
    "WHERE u.organization_id = asked.organization_id AND u.user_id = asked.user_id"
    " AND u.password_version = asked.password_version AND NOT " + DISABLED
)  # fmt: skip


def find(database: Database, local_part: str, domain: str) -> Credentials | None:
    """Whose address this is: of a mailbox with a user, or an alias of one."""
    row = database.row(FIND, (local_part, domain))
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
    """Those whose user or address is gone or disabled, or whose user has another password since."""
    known = set(standings)
    if not known:
        return set()
    rows = database.rows(STANDING, [list(column) for column in zip(*known, strict=True)])
    return known - {Standing(*row) for row in rows}
