# SPDX-License-Identifier: MIT
"""Groups of users, who are given rights together, as an operator makes them; storage/directory.py reads them."""

from collections.abc import Sequence

from imapd import audit
from imapd.errors import AlreadyExists, Cannot, NotFound
from imapd.storage.addresses import Address, locked_user
from imapd.storage.directory import refuse_several
from imapd.storage.pool import Database, Transaction


def add_group(database: Database, organization: str, name: str) -> None:
    with database.transaction() as tx:
        row = tx.row("SELECT organization_id FROM organizations WHERE name = %s", (organization,))
        if row is None:
            raise NotFound(f"There is no organisation {organization!r}; see: imapd org list")
        made = tx.row(
            "INSERT INTO user_groups (organization_id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING name",
            (row[0], name),
        )
        if made is None:
            raise AlreadyExists(f"The group {name} exists already.")
        audit.write(tx, "group created", organization_id=row[0], name=name)


def remove_group(database: Database, organization: str | None, name: str) -> None:
    """With all rights that it was given."""
    with database.transaction() as tx:
        organization_id = _locked(tx, organization, name)
        for statement in (
            "DELETE FROM shared_mailbox_access WHERE organization_id = %s AND grantee = 'g' || %s",
            "DELETE FROM user_groups WHERE organization_id = %s AND name = %s",
        ):
            tx.execute(statement, (organization_id, name))
        audit.write(tx, "group removed", organization_id=organization_id, name=name)


def add_members(database: Database, organization: str | None, name: str, members: Sequence[Address]) -> None:
    """Those who are in it already stay."""
    with database.transaction() as tx:
        organization_id = _locked(tx, organization, name)
        for member in members:
            of, user_id = locked_user(tx, member)
            if of != organization_id:
                raise Cannot(f"{member} and the group {name} belong to different organisations.")
            tx.execute(
                "INSERT INTO user_group_members (organization_id, name, user_id) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (organization_id, name, user_id),
            )
            audit.write(
                tx, "group changed", organization_id=organization_id, user_id=user_id, address=str(member),
                name=name, change="added",
            )  # fmt: skip


def remove_members(database: Database, organization: str | None, name: str, members: Sequence[Address]) -> None:
    with database.transaction() as tx:
        organization_id = _locked(tx, organization, name)
        for member in members:
            user_id = locked_user(tx, member)[1]
            gone = tx.row(
                "DELETE FROM user_group_members"
                " WHERE organization_id = %s AND name = %s AND user_id = %s RETURNING name",
                (organization_id, name, user_id),
            )
            if gone is None:
                raise NotFound(f"{member} is not in the group {name}.")
            audit.write(
                tx, "group changed", organization_id=organization_id, user_id=user_id, address=str(member),
                name=name, change="removed",
            )  # fmt: skip


def _locked(tx: Transaction, organization: str | None, name: str) -> int:
    """The organisation of a group. Where several have one of that name, `organization` says which."""
    rows = tx.rows(
        """
        SELECT g.organization_id FROM user_groups g JOIN organizations o USING (organization_id)
        WHERE g.name = %(name)s AND (%(org)s::text IS NULL OR o.name = %(org)s) FOR NO KEY UPDATE OF g
        """,
        {"name": name, "org": organization},
    )
    if not rows:
        raise NotFound(f"There is no group {name}; see: imapd group list")
    refuse_several(name, rows)
    return int(rows[0][0])
