# SPDX-License-Identifier: MIT
"""Organisations and their domains."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from imapd import audit
from imapd.errors import AlreadyExists, Cannot, NotFound
from imapd.storage import quota_roots
from imapd.storage.addresses import Address, locked_domain
from imapd.storage.pool import Database, Transaction, tried_again
from imapd.storage.standard_folders import standard_folders


def add_organization(database: Database, name: str) -> None:
    with database.transaction() as tx:
        row = tx.row(
            "INSERT INTO organizations (name) VALUES (%s) ON CONFLICT DO NOTHING RETURNING organization_id", (name,)
        )
        if row is None:
            raise AlreadyExists(f"The organisation {name!r} exists already.")
        audit.write(tx, "organization created", organization_id=row[0], name=name)


def set_organization(
    database: Database, name: str, *, new_name: str | None = None, disabled: bool | None = None,
    share_with_anyone: bool | None = None, share_across_domains: bool | None = None,
) -> None:  # fmt: skip
    with database.transaction() as tx:
        organization_id = _organization(tx, name)
        if disabled is not None:
            tx.execute("UPDATE organizations SET disabled = %s WHERE organization_id = %s", (disabled, organization_id))
            audit.write(tx, f"organization {state(disabled)}", organization_id=organization_id, name=name)
        if share_with_anyone is not None or share_across_domains is not None:
            tx.execute(
                """
                UPDATE organizations SET share_with_anyone = coalesce(%s, share_with_anyone),
                       share_across_domains = coalesce(%s, share_across_domains)
                WHERE organization_id = %s
                """,
                (share_with_anyone, share_across_domains, organization_id),
            )
            changed = {"share_with_anyone": share_with_anyone, "share_across_domains": share_across_domains}
            detail: dict[str, Any] = {which: allowed for which, allowed in changed.items() if allowed is not None}
            audit.write(tx, "access changed", organization_id=organization_id, name=name, **detail)
        if new_name is not None and new_name != name:
            _rename(tx, organization_id, name, new_name)


def _rename(tx: Transaction, organization_id: int, name: str, new_name: str) -> None:
    try:
        tx.execute("UPDATE organizations SET name = %s WHERE organization_id = %s", (new_name, organization_id))
    except AlreadyExists:
        raise AlreadyExists(f"The organisation {new_name!r} exists already.") from None
    audit.write(tx, "organization renamed", organization_id=organization_id, name=name, to=new_name)


def remove_organization(database: Database, name: str) -> None:
    """Only an empty one."""
    with database.transaction() as tx:
        organization_id = _organization(tx, name)
        used = tx.row(
            """
            SELECT (SELECT count(*) FROM domains WHERE organization_id = %(org)s),
                   (SELECT count(*) FROM users WHERE organization_id = %(org)s)
            """,
            {"org": organization_id},
        )
        if used and any(used):
            raise Cannot(f"{name!r} has {used[0]} domains and {used[1]} users: remove them first.")
        for statement in (
            "DELETE FROM contents WHERE organization_id = %s",
            "DELETE FROM thread_members WHERE organization_id = %s",
            "DELETE FROM folder_groups WHERE organization_id = %s",
            "DELETE FROM user_groups WHERE organization_id = %s",
            "DELETE FROM organizations WHERE organization_id = %s",
        ):
            tx.execute(statement, (organization_id,))
        audit.write(tx, "organization removed", organization_id=organization_id, name=name)


def _organization(tx: Transaction, name: str) -> int:
    row = tx.row("SELECT organization_id FROM organizations WHERE name = %s FOR UPDATE", (name,))
    if row is None:
        raise NotFound(f"There is no organisation {name!r}; see: imapd org list")
    return int(row[0])


def add_domain(database: Database, organization: str, name: str) -> None:
    with database.transaction() as tx:
        organization_id = _organization(tx, organization)
        made = tx.row(
            "INSERT INTO domains (organization_id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING domain_id",
            (organization_id, name),
        )
        if made is None:
            raise AlreadyExists(f"The domain {name} exists already.")
        audit.write(tx, "domain created", organization_id=organization_id, name=name)


@tried_again
def set_domain(
    database: Database, name: str, *, disabled: bool | None = None, language: str | None = None,
    names: Mapping[str, str] | None = None,
    administrators: tuple[Sequence[Address], Sequence[Address]] = ((), ()),
) -> None:  # fmt: skip
    """language and names: how the standard folders of mailboxes are called that are made from now on. administrators:
    who is to be one, and who no longer."""
    with database.transaction() as tx:
        organization_id, domain_id = locked_domain(tx, name)
        if language is not None or names is not None:
            _name_folders(tx, domain_id, language, names)
        if disabled is not None:
            _close_or_open(tx, organization_id, domain_id, disabled)
            audit.write(tx, f"domain {state(disabled)}", organization_id=organization_id, name=name)
        quota_roots.set_administrators(tx, name, *administrators)


def _name_folders(tx: Transaction, domain_id: int, language: str | None, names: Mapping[str, str] | None) -> None:
    row = tx.row(
        """
        UPDATE domains SET folders_language = coalesce(%s, folders_language),
               folder_names = coalesce(%s::jsonb, folder_names)
        WHERE domain_id = %s RETURNING folders_language, folder_names
        """,
        (language, None if names is None else json.dumps(names), domain_id),
    )
    assert row
    standard_folders(*row)


def _close_or_open(tx: Transaction, organization_id: int, domain_id: int, disabled: bool) -> None:
    tx.execute("UPDATE domains SET disabled = %s WHERE domain_id = %s", (disabled, domain_id))
    # Only people who have other mailboxes, too, can see it merged with something.
    tx.execute(
        """
        SELECT show_or_hide(%(org)s, array_agg(m.mailbox_id)) FROM mailboxes m
        WHERE m.organization_id = %(org)s AND m.domain_id = %(domain)s AND EXISTS (
              SELECT FROM mailboxes o WHERE o.organization_id = m.organization_id AND o.user_id = m.user_id
                 AND o.mailbox_id <> m.mailbox_id)
        """,
        {"org": organization_id, "domain": domain_id},
    )


def remove_domain(database: Database, name: str) -> None:
    """Only one without addresses."""
    with database.transaction() as tx:
        organization_id, domain_id = locked_domain(tx, name)
        used = tx.row(
            """
            SELECT (SELECT count(*) FROM mailboxes WHERE organization_id = %(org)s AND domain_id = %(domain)s),
                   (SELECT count(*) FROM aliases WHERE organization_id = %(org)s AND domain_id = %(domain)s)
            """,
            {"org": organization_id, "domain": domain_id},
        )
        if used and any(used):
            raise Cannot(f"{name} has {used[0]} mailboxes and {used[1]} aliases: remove them first.")
        tx.execute("DELETE FROM domains WHERE domain_id = %s", (domain_id,))
        audit.write(tx, "domain removed", organization_id=organization_id, name=name)


def state(disabled: bool) -> str:
    """As the audit log calls it."""
    return "disabled" if disabled else "enabled"
