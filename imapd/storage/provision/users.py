# SPDX-License-Identifier: MIT
"""Users: people who log in. What they have in their mailboxes is in mailboxes.py."""

from collections.abc import Sequence

from imapd import audit
from imapd.errors import Cannot
from imapd.storage.addresses import Address, locked_domain, locked_mailbox, locked_user, refuse_taken
from imapd.storage.pool import Database, Transaction, tried_again
from imapd.storage.provision.mailboxes import furnish, take_down
from imapd.storage.provision.organizations import state
from imapd.storage.quotas import UNLIMITED, Limits


@tried_again
def add_user(
    database: Database, primary: Address, display_name: str, password_hash: str | None, mode: str | None = None,
    limits: Limits = UNLIMITED,
) -> None:  # fmt: skip
    """A user with a first mailbox, which is the primary one."""
    with database.transaction() as tx:
        organization_id, domain_id = locked_domain(tx, primary.domain)
        refuse_taken(tx, organization_id, domain_id, primary)
        mailbox_id = _add_users(tx, organization_id, domain_id, [primary.local_part], [display_name], password_hash)[0]
        if mode:
            tx.execute(
                "UPDATE users SET namespace_mode = %(mode)s, shown_mode = %(mode)s"
                " WHERE organization_id = %(org)s AND primary_mailbox_id = %(box)s",
                {"mode": mode, "org": organization_id, "box": mailbox_id},
            )
        furnish(tx, organization_id, domain_id, [mailbox_id], limits)
        audit.write(tx, "user created", organization_id=organization_id, address=str(primary))


def add_users(database: Database, domain: str, local_parts: Sequence[str], password_hash: str | None) -> None:
    """Many at once, who share one password hash; those whose address is taken are left out."""
    with database.transaction() as tx:
        organization_id, domain_id = locked_domain(tx, domain)
        taken = {
            name for (name,) in tx.rows(
                "SELECT local_part FROM mailboxes WHERE organization_id = %(org)s AND domain_id = %(domain)s UNION ALL "
                "SELECT local_part FROM aliases WHERE organization_id = %(org)s AND domain_id = %(domain)s",
                {"org": organization_id, "domain": domain_id},
            )
        }  # fmt: skip
        new = [name for name in local_parts if name not in taken]
        boxes = _add_users(tx, organization_id, domain_id, new, new, password_hash)
        furnish(tx, organization_id, domain_id, boxes, UNLIMITED)
        audit.write(tx, "user created", organization_id=organization_id, domain=domain, count=len(new))


def _add_users(
    tx: Transaction, organization_id: int, domain_id: int, local_parts: list[str], display_names: list[str],
    password_hash: str | None,
) -> list[int]:  # fmt: skip
    """Returns their mailbox_ids."""
    rows = tx.rows(
        """
        WITH new AS MATERIALIZED (
            SELECT g.local_part, g.display_name,
                   nextval(pg_get_serial_sequence('users', 'user_id')) AS user_id,
                   nextval(pg_get_serial_sequence('mailboxes', 'mailbox_id')) AS mailbox_id
            FROM unnest(%(local_parts)s::text[], %(display_names)s::text[]) AS g (local_part, display_name)
        ), people AS (
            INSERT INTO users (organization_id, user_id, display_name, password_hash, primary_mailbox_id)
            OVERRIDING SYSTEM VALUE
            SELECT %(org)s, user_id, display_name, %(hash)s, mailbox_id FROM new
        ), boxes AS (
            INSERT INTO mailboxes (organization_id, mailbox_id, domain_id, user_id, local_part)
            OVERRIDING SYSTEM VALUE
            SELECT %(org)s, mailbox_id, %(domain)s, user_id, local_part FROM new
        )
        SELECT mailbox_id FROM new ORDER BY mailbox_id
        """,
        {
            "local_parts": local_parts, "display_names": display_names, "hash": password_hash, "org": organization_id,
            "domain": domain_id,
        },
    )  # fmt: skip
    return [mailbox_id for (mailbox_id,) in rows]


@tried_again
def set_user(
    database: Database, of: Address, *, display_name: str | None = None, mode: str | None = None,
    primary: Address | None = None, disabled: bool | None = None,
) -> None:  # fmt: skip
    """mode: '' for the server's default."""
    with database.transaction() as tx:
        organization_id, user_id = locked_user(tx, of)
        chosen = None
        if primary:
            place = locked_mailbox(tx, primary)
            if place.user_id != user_id:
                raise Cannot(f"{primary} is not a mailbox of that user.")
            chosen = place.mailbox_id
        tx.execute(
            """
            UPDATE users SET
                display_name = coalesce(%(display_name)s, display_name),
                namespace_mode = CASE WHEN %(mode)s::text IS NULL THEN namespace_mode ELSE nullif(%(mode)s, '') END,
                primary_mailbox_id = coalesce(%(primary)s, primary_mailbox_id),
                password_version = password_version + (%(disabled)s::boolean IS DISTINCT FROM NULL)::integer,
                disabled = coalesce(%(disabled)s, disabled)
            WHERE organization_id = %(org)s AND user_id = %(user)s
            """,
            {
                "display_name": display_name, "mode": mode, "primary": chosen, "disabled": disabled,
                "org": organization_id, "user": user_id,
            },
        )  # fmt: skip
        detail = {"primary": str(primary)} if primary else {}
        if mode is not None:
            detail["namespace_mode"] = mode or "default"
        if detail:
            audit.write(tx, "user changed", organization_id=organization_id, user_id=user_id, address=str(of), **detail)
        if disabled is not None:
            event = f"user {state(disabled)}"
            audit.write(tx, event, organization_id=organization_id, user_id=user_id, address=str(of))


def set_password(database: Database, of: Address, password_hash: str | None) -> None:
    """None: nobody can log in as that user. Sessions and cached logins with the old password end."""
    with database.transaction() as tx:
        organization_id, user_id = locked_user(tx, of)
        tx.execute(
            """
            UPDATE users SET password_hash = %s, password_version = password_version + 1
            WHERE organization_id = %s AND user_id = %s
            """,
            (password_hash, organization_id, user_id),
        )
        audit.write(tx, "password changed", organization_id=organization_id, user_id=user_id, address=str(of))


@tried_again
def remove_user(database: Database, of: Address) -> None:
    """The user with all mailboxes and their mail."""
    with database.transaction() as tx:
        organization_id, user_id = locked_user(tx, of)
        boxes = tx.rows(
            "SELECT mailbox_id FROM mailboxes WHERE organization_id = %s AND user_id = %s", (organization_id, user_id)
        )
        take_down(tx, organization_id, [mailbox_id for (mailbox_id,) in boxes])
        whole = {"org": organization_id, "user": user_id, "name": f"u{user_id}"}
        for statement in (
            "DELETE FROM shared_mailbox_access WHERE organization_id = %(org)s AND grantee = %(name)s",
            "DELETE FROM subscriptions WHERE organization_id = %(org)s AND user_id = %(user)s",
            "DELETE FROM reader_seen WHERE organization_id = %(org)s AND user_id = %(user)s",
            """
            DELETE FROM changes c USING folder_groups g
            WHERE g.organization_id = %(org)s AND g.owner = %(name)s
              AND c.organization_id = g.organization_id AND c.group_id = g.group_id
            """,
            "DELETE FROM folder_groups WHERE organization_id = %(org)s AND owner = %(name)s",
            "DELETE FROM users WHERE organization_id = %(org)s AND user_id = %(user)s",
        ):
            tx.execute(statement, whole)
        audit.write(tx, "user removed", organization_id=organization_id, user_id=user_id, address=str(of))
