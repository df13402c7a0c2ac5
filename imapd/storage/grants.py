# SPDX-License-Identifier: MIT
"""Who else may do what in a mailbox, as an operator sets it. What users change is in access.py."""

from typing import NamedTuple

from imapd import audit
from imapd.errors import Cannot, NotFound
from imapd.storage.addresses import Address, Place, locked_mailbox, locked_user
from imapd.storage.pool import Database, Transaction
from imapd.storage.quotas import UNLIMITED as UNLIMITED
from imapd.storage.quotas import Limits as Limits


class Group(NamedTuple):
    """A group of users of the mailbox's organisation."""

    name: str

    def __str__(self) -> str:
        return f"group:{self.name}"


Grantee = Address | Group | None
"""None: anyone in the organisation."""


def grant(database: Database, of: Address, folder: str | None, to: Grantee, rights: str) -> None:
    """Gives `to` rights in a mailbox or one folder of it, replacing earlier ones."""
    with database.transaction() as tx:
        place = locked_mailbox(tx, of)
        grantee = _grantee(tx, place, to)
        _refuse_forbidden(tx, place, of, to)
        tx.execute(
            """
            INSERT INTO shared_mailbox_access (organization_id, mailbox_id, folder_id, grantee, rights)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (organization_id, mailbox_id, folder_id, grantee) DO UPDATE SET rights = excluded.rights
            """,
            (place.organization_id, place.mailbox_id, _folder(tx, place, of, folder), grantee, rights),
        )
        _tell(tx, place, of, folder, to, rights)


def revoke(database: Database, of: Address, folder: str | None, to: Grantee) -> None:
    """Of one folder, or all that `to` has in any folder of the mailbox."""
    with database.transaction() as tx:
        place = locked_mailbox(tx, of)
        only = None if folder is None else _folder(tx, place, of, folder)
        row = tx.row(
            """
            DELETE FROM shared_mailbox_access
            WHERE organization_id = %(org)s AND mailbox_id = %(box)s AND grantee = %(grantee)s
              AND (%(folder)s::bigint IS NULL OR folder_id = %(folder)s) RETURNING rights
            """,
            {
                "org": place.organization_id, "box": place.mailbox_id, "folder": only,
                "grantee": _grantee(tx, place, to),
            },
        )  # fmt: skip
        if row is None:
            raise NotFound(f"{to or 'anyone'} has no rights there.")
        _tell(tx, place, of, folder, to, "")


def _tell(tx: Transaction, place: Place, of: Address, folder: str | None, to: Grantee, rights: str) -> None:
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
        raise NotFound(f"{of} has no folder {name!r}; see: imapd mailbox show {of}")
    return int(row[0])


def _grantee(tx: Transaction, place: Place, to: Grantee) -> str:
    """As shared_mailbox_access names it."""
    if to is None:
        return "anyone"
    if isinstance(to, Group):
        row = tx.row(
            "SELECT name FROM user_groups WHERE organization_id = %s AND name = %s", (place.organization_id, to.name)
        )
        if row is None:
            raise NotFound(f"There is no group {to.name} in that organisation; make it with: imapd group add {to.name}")
        return f"g{to.name}"
    organization_id, user_id = locked_user(tx, to)
    if organization_id != place.organization_id:
        raise Cannot(f"{to} belongs to another organisation.")
    if user_id == place.user_id:
        raise Cannot(f"{to} is the owner of that mailbox.")
    return f"u{user_id}"


def _refuse_forbidden(tx: Transaction, place: Place, of: Address, to: Grantee) -> None:
    """What the organisation does not allow would be without effect: better said at once."""
    row = tx.row(
        "SELECT name, share_with_anyone, share_across_domains FROM organizations WHERE organization_id = %s",
        (place.organization_id,),
    )
    assert row
    name, with_anyone, across_domains = row
    if to is None and not with_anyone:
        raise Cannot(f"{name} shares nothing with anyone. Allow it with: imapd org set {name!r} --share-with-anyone")
    if isinstance(to, Address) and not across_domains:
        same = tx.row(
            """
            SELECT FROM mailboxes own JOIN mailboxes m USING (organization_id, domain_id)
            WHERE m.organization_id = %s AND m.mailbox_id = %s AND own.user_id = %s
            """,
            (place.organization_id, place.mailbox_id, locked_user(tx, to)[1]),
        )
        if same is None:
            raise Cannot(
                f"{to} has no mailbox in the domain of {of}, and {name} does not share across domains. "
                f"Allow it with: imapd org set {name!r} --share-across-domains"
            )
