# SPDX-License-Identifier: MIT
"""Quotas of mailboxes, and who else may do what in them."""

from typing import NamedTuple

from imapd import audit
from imapd.errors import Cannot, NotFound
from imapd.storage.addresses import Address, Place, locked_mailbox, locked_user
from imapd.storage.pool import Database, Transaction


class Limits(NamedTuple):
    """Of a mailbox; None: unlimited."""

    storage: int | None = None
    messages: int | None = None


UNLIMITED = Limits()


def set_quota(database: Database, of: Address, limits: Limits, *, keep_storage: bool, keep_messages: bool) -> None:
    with database.transaction() as tx:
        place = locked_mailbox(tx, of)
        tx.execute(
            """
            UPDATE quotas SET storage_limit = CASE WHEN %s THEN storage_limit ELSE %s END,
                              message_limit = CASE WHEN %s THEN message_limit ELSE %s END
            WHERE organization_id = %s AND mailbox_id = %s
            """,
            (keep_storage, limits.storage, keep_messages, limits.messages, place.organization_id, place.mailbox_id),
        )
        audit.write(tx, "quota changed", organization_id=place.organization_id, address=str(of))


def grant(database: Database, of: Address, folder: str | None, to: Address | None, rights: str) -> None:
    """Gives `to` (None: anyone in the organisation) rights in a mailbox or one folder of it, replacing earlier ones."""
    with database.transaction() as tx:
        place = locked_mailbox(tx, of)
        tx.execute(
            """
            INSERT INTO shared_mailbox_access (organization_id, mailbox_id, folder_id, grantee, rights)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (organization_id, mailbox_id, folder_id, grantee) DO UPDATE SET rights = excluded.rights
            """,
            (place.organization_id, place.mailbox_id, _folder(tx, place, of, folder), _grantee(tx, place, to), rights),
        )
        _tell(tx, place, of, folder, to, rights)


def revoke(database: Database, of: Address, folder: str | None, to: Address | None) -> None:
    with database.transaction() as tx:
        place = locked_mailbox(tx, of)
        row = tx.row(
            """
            DELETE FROM shared_mailbox_access
            WHERE organization_id = %s AND mailbox_id = %s AND folder_id = %s AND grantee = %s RETURNING rights
            """,
            (place.organization_id, place.mailbox_id, _folder(tx, place, of, folder), _grantee(tx, place, to)),
        )
        if row is None:
            raise NotFound(f"{to or 'anyone'} has no rights there.")
        _tell(tx, place, of, folder, to, "")


def _tell(tx: Transaction, place: Place, of: Address, folder: str | None, to: Address | None, rights: str) -> None:
    to_whom = str(to or "anyone")
    audit.write(
        tx, "access changed", organization_id=place.organization_id, address=str(of),
        folder=folder or "", grantee=to_whom, rights=rights,
    )  # fmt: skip


def _folder(tx: Transaction, place: Place, of: Address, name: str | None) -> int:
    """0 stands for the whole mailbox."""
    if name is None:
        return 0
    row = tx.row(
        "SELECT folder_id FROM folders WHERE organization_id = %s AND mailbox_id = %s AND name = %s",
        (place.organization_id, place.mailbox_id, name),
    )
    if row is None:
        raise NotFound(f"{of} has no folder {name!r}.")
    return int(row[0])


def _grantee(tx: Transaction, place: Place, to: Address | None) -> str:
    if to is None:
        return "anyone"
    organization_id, user_id = locked_user(tx, to)
    if organization_id != place.organization_id:
        raise Cannot(f"{to} belongs to another organisation.")
    if user_id == place.user_id:
        raise Cannot(f"{to} is the owner of that mailbox.")
    return f"u{user_id}"
