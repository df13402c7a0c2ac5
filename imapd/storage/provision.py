# SPDX-License-Identifier: MIT
"""Makes, changes and removes organisations, domains, users, mailboxes and aliases: what an operator may do.

Reading them is in storage/directory.py, quotas and shares in storage/grants.py.
"""

import json
from collections.abc import Mapping, Sequence

from imapd import audit
from imapd.errors import AlreadyExists, Cannot, NotFound
from imapd.storage.addresses import Address, locked_domain, locked_mailbox, locked_user, refuse_taken
from imapd.storage.grants import UNLIMITED, Limits
from imapd.storage.pool import Database, Transaction
from imapd.storage.standard_folders import standard_folders

FEW = 50

# Organisations and domains


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
        if new_name:
            tx.execute("UPDATE organizations SET name = %s WHERE organization_id = %s", (new_name, organization_id))
        if disabled is not None:
            tx.execute("UPDATE organizations SET disabled = %s WHERE organization_id = %s", (disabled, organization_id))
            audit.write(tx, f"organization {_state(disabled)}", organization_id=organization_id, name=name)
        if share_with_anyone is not None or share_across_domains is not None:
            tx.execute(
                """
                UPDATE organizations SET share_with_anyone = coalesce(%s, share_with_anyone),
                       share_across_domains = coalesce(%s, share_across_domains)
                WHERE organization_id = %s
                """,
                (share_with_anyone, share_across_domains, organization_id),
            )
            audit.write(tx, "access changed", organization_id=organization_id, name=name)


def _state(disabled: bool) -> str:
    return "disabled" if disabled else "enabled"


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
            "DELETE FROM folder_groups WHERE organization_id = %s",
            "DELETE FROM user_groups WHERE organization_id = %s",
            "DELETE FROM organizations WHERE organization_id = %s",
        ):
            tx.execute(statement, (organization_id,))
        audit.write(tx, "organization removed", organization_id=organization_id, name=name)


def _organization(tx: Transaction, name: str) -> int:
    row = tx.row("SELECT organization_id FROM organizations WHERE name = %s FOR UPDATE", (name,))
    if row is None:
        raise NotFound(f"There is no organisation {name!r}.")
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


def set_domain(
    database: Database, name: str, *, disabled: bool | None = None, language: str | None = None,
    names: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """language and names: how the standard folders of mailboxes are called that are made from now on."""
    with database.transaction() as tx:
        organization_id, domain_id = locked_domain(tx, name)
        if language is not None or names is not None:
            _name_folders(tx, domain_id, language, names)
        if disabled is not None:
            _close_or_open(tx, organization_id, domain_id, disabled)
            audit.write(tx, f"domain {_state(disabled)}", organization_id=organization_id, name=name)


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


# Users


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
                "UPDATE users SET namespace_mode = %s WHERE organization_id = %s AND primary_mailbox_id = %s",
                (mode, organization_id, mailbox_id),
            )
        _furnish(tx, organization_id, domain_id, [mailbox_id], limits)
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
        _furnish(tx, organization_id, domain_id, boxes, UNLIMITED)
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
        if disabled is not None:
            event = f"user {_state(disabled)}"
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


def remove_user(database: Database, of: Address) -> None:
    """The user with all mailboxes and their mail."""
    with database.transaction() as tx:
        organization_id, user_id = locked_user(tx, of)
        boxes = tx.rows(
            "SELECT mailbox_id FROM mailboxes WHERE organization_id = %s AND user_id = %s", (organization_id, user_id)
        )
        for (mailbox_id,) in boxes:
            _remove_mailbox(tx, organization_id, mailbox_id)
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


# Mailboxes and aliases


def add_mailbox(database: Database, new: Address, user: Address | None, limits: Limits) -> None:
    """A further mailbox of a user, or one that nobody owns, with its standard folders."""
    with database.transaction() as tx:
        organization_id, domain_id = locked_domain(tx, new.domain)
        refuse_taken(tx, organization_id, domain_id, new)
        owner = locked_user(tx, user) if user else None
        if owner and owner[0] != organization_id:
            raise Cannot(f"{user} and {new.domain} belong to different organisations.")
        user_id = owner[1] if owner else None
        row = tx.row(
            """
            INSERT INTO mailboxes (organization_id, domain_id, user_id, local_part) VALUES (%s, %s, %s, %s)
            RETURNING mailbox_id
            """,
            (organization_id, domain_id, user_id, new.local_part),
        )
        assert row
        _furnish(tx, organization_id, domain_id, [row[0]], limits)
        subscribe_by_prefix(tx, organization_id, row[0])
        audit.write(tx, "mailbox created", organization_id=organization_id, user_id=user_id, address=str(new))


def _furnish(tx: Transaction, organization_id: int, domain_id: int, mailbox_ids: list[int], limits: Limits) -> None:
    called = tx.row("SELECT folders_language, folder_names FROM domains WHERE domain_id = %s", (domain_id,))
    assert called
    names, uses = (list(column) for column in zip(*standard_folders(*called), strict=True))
    # What is planned while the tables are nearly empty reads them from end to end, and would go on so for thousands.
    for some in filter(None, (mailbox_ids[:FEW], mailbox_ids[FEW:])):
        tx.execute(
            "SELECT furnish_mailbox(%s, box, %s, %s, %s, %s) FROM unnest(%s::bigint[]) box",
            (organization_id, limits.storage, limits.messages, names, uses, some),
        )
        if len(mailbox_ids) > FEW:
            tx.execute("ANALYZE mailboxes, folder_groups, folders, quotas, subscriptions")


def subscribe_by_prefix(tx: Transaction, organization_id: int, mailbox_id: int) -> None:
    """A further mailbox of a user is seen below its domain, or below its address where the user has two there."""
    tx.execute(
        """
        INSERT INTO subscriptions (organization_id, user_id, name)
        SELECT m.organization_id, m.user_id,
               CASE WHEN EXISTS (SELECT FROM mailboxes o
                                  WHERE o.organization_id = m.organization_id AND o.user_id = m.user_id
                                    AND o.domain_id = m.domain_id AND o.mailbox_id < m.mailbox_id)
                    THEN m.local_part || '@' || d.name ELSE d.name END || '/' || f.name
          FROM mailboxes m JOIN domains d USING (domain_id)
          JOIN users u ON u.organization_id = m.organization_id AND u.user_id = m.user_id
          JOIN folders f ON f.organization_id = m.organization_id AND f.mailbox_id = m.mailbox_id
         WHERE m.organization_id = %s AND m.mailbox_id = %s AND u.primary_mailbox_id IS DISTINCT FROM m.mailbox_id
        ON CONFLICT DO NOTHING
        """,
        (organization_id, mailbox_id),
    )


def set_mailbox(
    database: Database, of: Address, *, disabled: bool | None = None, seen: str | None = None
) -> None:
    r"""seen: 'shared' or 'per_reader', whose \Seen others see."""
    with database.transaction() as tx:
        place = locked_mailbox(tx, of)
        if disabled is not None:
            tx.execute(
                "UPDATE mailboxes SET disabled = %s WHERE organization_id = %s AND mailbox_id = %s",
                (disabled, place.organization_id, place.mailbox_id),
            )
            tx.execute("SELECT show_or_hide(%s, %s)", (place.organization_id, [place.mailbox_id]))
        if seen is not None:
            tx.execute("SELECT set_seen_mode(%s, %s, %s)", (place.organization_id, place.mailbox_id, seen))


def remove_mailbox(database: Database, of: Address) -> None:
    """With all its mail. A user's last mailbox goes with the user only."""
    with database.transaction() as tx:
        place = locked_mailbox(tx, of)
        if place.user_id is not None:
            others = tx.row(
                """
                SELECT min(mailbox_id) FROM mailboxes
                WHERE organization_id = %s AND user_id = %s AND mailbox_id <> %s
                """,
                (place.organization_id, place.user_id, place.mailbox_id),
            )
            if not others or others[0] is None:
                raise Cannot(f"It is the user's only mailbox. Remove the user: imapd user remove {of}")
            tx.execute(
                """
                UPDATE users SET primary_mailbox_id = %s
                WHERE organization_id = %s AND user_id = %s AND primary_mailbox_id = %s
                """,
                (others[0], place.organization_id, place.user_id, place.mailbox_id),
            )
        _remove_mailbox(tx, place.organization_id, place.mailbox_id)
        audit.write(
            tx, "mailbox removed", organization_id=place.organization_id, user_id=place.user_id, address=str(of)
        )


def _remove_mailbox(tx: Transaction, organization_id: int, mailbox_id: int) -> None:
    """The contents stay for the garbage collection, which knows whether another mailbox has them, too."""
    whole = (organization_id, mailbox_id)
    tx.execute(
        """
        SELECT delete_folder(f.organization_id, f.folder_id)
        FROM (SELECT * FROM folders WHERE organization_id = %s AND mailbox_id = %s ORDER BY group_id OFFSET 0) f
        """,
        whole,
    )
    tx.execute("DELETE FROM mailboxes WHERE organization_id = %s AND mailbox_id = %s", whole)


def add_alias(database: Database, alias: Address, of: Address) -> None:
    with database.transaction() as tx:
        organization_id, domain_id = locked_domain(tx, alias.domain)
        refuse_taken(tx, organization_id, domain_id, alias)
        place = locked_mailbox(tx, of)
        if place.organization_id != organization_id:
            raise Cannot(f"{of} and {alias.domain} belong to different organisations.")
        tx.execute(
            "INSERT INTO aliases (organization_id, domain_id, local_part, mailbox_id) VALUES (%s, %s, %s, %s)",
            (organization_id, domain_id, alias.local_part, place.mailbox_id),
        )
        audit.write(tx, "alias created", organization_id=organization_id, address=str(alias), mailbox=str(of))


def set_alias(database: Database, alias: Address, of: Address) -> None:
    """Points it at another mailbox."""
    with database.transaction() as tx:
        organization_id, domain_id = locked_domain(tx, alias.domain)
        place = locked_mailbox(tx, of)
        row = tx.row(
            """
            UPDATE aliases SET mailbox_id = %s
            WHERE organization_id = %s AND domain_id = %s AND local_part = %s AND organization_id = %s
            RETURNING mailbox_id
            """,
            (place.mailbox_id, organization_id, domain_id, alias.local_part, place.organization_id),
        )
        if row is None:
            raise NotFound(f"There is no alias {alias} in the organisation of {of}.")


def remove_alias(database: Database, alias: Address) -> None:
    with database.transaction() as tx:
        organization_id, domain_id = locked_domain(tx, alias.domain)
        row = tx.row(
            """
            DELETE FROM aliases WHERE organization_id = %s AND domain_id = %s AND local_part = %s
            RETURNING mailbox_id
            """,
            (organization_id, domain_id, alias.local_part),
        )
        if row is None:
            raise NotFound(f"There is no alias {alias}.")
        audit.write(tx, "alias removed", organization_id=organization_id, address=str(alias))
