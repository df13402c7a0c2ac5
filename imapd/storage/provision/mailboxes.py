# SPDX-License-Identifier: MIT
"""Mailboxes, with what each begins with, and aliases, their further addresses."""

from imapd import audit
from imapd.errors import Cannot, NotFound
from imapd.storage.addresses import Address, Place, locked_domain, locked_mailbox, locked_user, refuse_taken
from imapd.storage.pool import Database, Transaction, tried_again
from imapd.storage.provision.organizations import state
from imapd.storage.quotas import Limits
from imapd.storage.standard_folders import standard_folders

FEW = 50
"""Mailboxes that are furnished before the tables are analysed for all the others."""

AT_ONCE = 500
"""Mailboxes that one statement furnishes: for thousands it would last longer than statements may."""

# Mailboxes


@tried_again
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
        furnish(tx, organization_id, domain_id, [row[0]], limits)
        subscribe_by_prefix(tx, organization_id, row[0])
        audit.write(tx, "mailbox created", organization_id=organization_id, user_id=user_id, address=str(new))


def furnish(tx: Transaction, organization_id: int, domain_id: int, mailbox_ids: list[int], limits: Limits) -> None:
    called = tx.row("SELECT folders_language, folder_names FROM domains WHERE domain_id = %s", (domain_id,))
    assert called
    names, uses = (list(column) for column in zip(*standard_folders(*called), strict=True))
    # What is planned while the tables are nearly empty reads them from end to end, and would go on so for thousands.
    rest = (mailbox_ids[at : at + AT_ONCE] for at in range(FEW, len(mailbox_ids), AT_ONCE))
    for some in filter(None, (mailbox_ids[:FEW], *rest)):
        tx.execute(
            "SELECT furnish_mailbox(%s, box, %s, %s, %s, %s, %s) FROM unnest(%s::bigint[]) box",
            (organization_id, *limits, names, uses, some),
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
                                    AND o.domain_id = m.domain_id AND o.arrival < m.arrival)
                    THEN m.local_part || '@' || d.name ELSE d.name END || '/' || f.name
          FROM mailboxes m JOIN domains d USING (domain_id)
          JOIN users u ON u.organization_id = m.organization_id AND u.user_id = m.user_id
          JOIN folders f ON f.organization_id = m.organization_id AND f.mailbox_id = m.mailbox_id
         WHERE m.organization_id = %s AND m.mailbox_id = %s AND u.primary_mailbox_id IS DISTINCT FROM m.mailbox_id
        ON CONFLICT DO NOTHING
        """,
        (organization_id, mailbox_id),
    )


@tried_again
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
            audit.write(
                tx, f"mailbox {state(disabled)}", organization_id=place.organization_id, user_id=place.user_id,
                address=str(of),
            )  # fmt: skip
        if seen is not None:
            tx.execute("SELECT set_seen_mode(%s, %s, %s)", (place.organization_id, place.mailbox_id, seen))


@tried_again
def remove_mailbox(database: Database, of: Address) -> None:
    """With all its mail. A user's last mailbox goes with the user only."""
    with database.transaction() as tx:
        place = locked_mailbox(tx, of)
        if not let_go(tx, place):
            raise Cannot(f"It is the user's only mailbox. Remove the user: imapd user remove {of}")
        take_down(tx, place.organization_id, [place.mailbox_id])
        audit.write(
            tx, "mailbox removed", organization_id=place.organization_id, user_id=place.user_id, address=str(of)
        )


def let_go(tx: Transaction, place: Place) -> bool:
    """Before a mailbox leaves its user: another one is the primary one, if this was. False where there is no other."""
    if place.user_id is None:
        return True
    others = tx.row(
        "SELECT min(mailbox_id) FROM mailboxes WHERE organization_id = %s AND user_id = %s AND mailbox_id <> %s",
        (place.organization_id, place.user_id, place.mailbox_id),
    )
    if not others or others[0] is None:
        return False
    tx.execute(
        "UPDATE users SET primary_mailbox_id = %s"
        " WHERE organization_id = %s AND user_id = %s AND primary_mailbox_id = %s",
        (others[0], place.organization_id, place.user_id, place.mailbox_id),
    )
    return True


def take_down(tx: Transaction, organization_id: int, mailbox_ids: list[int]) -> None:
    """Mailboxes of one owner. The contents stay for the garbage collection, which knows whether another mailbox has
    them, too."""
    tx.execute("SELECT remove_mailboxes(%s, %s)", (organization_id, mailbox_ids))


# Aliases


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
            raise NotFound(f"There is no alias {alias} in the organisation of {of}; see: imapd alias list")
        audit.write(
            tx, "alias moved", organization_id=organization_id, user_id=place.user_id, address=str(alias),
            mailbox=str(of),
        )  # fmt: skip


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
            raise NotFound(f"There is no alias {alias}; see: imapd alias list")
        audit.write(tx, "alias removed", organization_id=organization_id, address=str(alias))
