# SPDX-License-Identifier: MIT
"""A mailbox that gets another address, in another domain perhaps, or passes to another user, with all that is in it."""

from typing import NamedTuple

from imapd import audit
from imapd.errors import Cannot
from imapd.storage.addresses import Address, Place, locked_domain, locked_mailbox, locked_user, refuse_taken
from imapd.storage.pool import Database, Transaction, tried_again
from imapd.storage.provision import let_go, subscribe_by_prefix


class Nobody:
    """In place of a new owner: the mailbox is to have none."""


class Passing(NamedTuple):
    """What is to change; None: nothing. keep_address: the former address stays, as an alias."""

    to: Address | None = None
    owner: Address | type[Nobody] | None = None
    keep_address: bool = False


@tried_again
def move(database: Database, of: Address, passing: Passing) -> None:
    with database.transaction() as tx:
        place = locked_mailbox(tx, of)
        closed = tx.row(
            "SELECT m.disabled OR d.disabled FROM mailboxes m JOIN domains d USING (domain_id)"
            " WHERE m.organization_id = %s AND m.mailbox_id = %s",
            (place.organization_id, place.mailbox_id),
        )
        if closed and closed[0]:
            raise Cannot(f"{of} is disabled, or its domain is. Enable it first.")
        _unsubscribe_by_prefix(tx, place)
        if passing.to:
            _give_address(tx, place, of, passing.to, passing.keep_address)
        if passing.owner:
            _give_owner(tx, place, of, passing.owner)
        subscribe_by_prefix(tx, place.organization_id, place.mailbox_id)
        audit.write(
            tx, "mailbox moved", organization_id=place.organization_id, user_id=place.user_id, address=str(of),
            to=str(passing.to or of), owner="" if passing.owner in (None, Nobody) else str(passing.owner),
        )  # fmt: skip


def _give_address(tx: Transaction, place: Place, old: Address, new: Address, keep: bool) -> None:
    organization_id, domain_id = locked_domain(tx, new.domain)
    if organization_id != place.organization_id:
        raise Cannot(f"{old} and {new.domain} belong to different organisations.")
    tx.execute(
        "DELETE FROM aliases WHERE organization_id = %s AND domain_id = %s AND local_part = %s AND mailbox_id = %s",
        (organization_id, domain_id, new.local_part, place.mailbox_id),
    )
    refuse_taken(tx, organization_id, domain_id, new)
    row = tx.row(
        """
        WITH was AS (
            SELECT m.domain_id, m.local_part, m.local_part || '@' || d.name AS address
            FROM mailboxes m JOIN domains d USING (domain_id)
            WHERE m.organization_id = %(org)s AND m.mailbox_id = %(box)s
        )
        UPDATE mailboxes m SET domain_id = %(domain)s, local_part = %(local_part)s FROM was
        WHERE m.organization_id = %(org)s AND m.mailbox_id = %(box)s
        RETURNING was.domain_id, was.local_part, was.address
        """,
        {"org": organization_id, "box": place.mailbox_id, "domain": domain_id, "local_part": new.local_part},
    )
    assert row
    if keep:
        tx.execute(
            "INSERT INTO aliases (organization_id, domain_id, local_part, mailbox_id) VALUES (%s, %s, %s, %s)",
            (organization_id, row[0], row[1], place.mailbox_id),
        )
    # With whom it is shared, they see it below its address; there may be names left of what was there before.
    tx.execute(
        """
        WITH former AS (
            DELETE FROM subscriptions
            WHERE organization_id = %(org)s AND starts_with(name, 'Shared/' || %(old)s || '/')
            RETURNING user_id, name
        )
        INSERT INTO subscriptions (organization_id, user_id, name)
        SELECT %(org)s, user_id, 'Shared/' || %(new)s || substr(name, length('Shared/' || %(old)s) + 1) FROM former
        ON CONFLICT DO NOTHING
        """,
        {"org": organization_id, "old": row[2], "new": str(new)},
    )


def _give_owner(tx: Transaction, place: Place, of: Address, owner: Address | type[Nobody]) -> None:
    user_id = None
    if isinstance(owner, Address):
        organization_id, user_id = locked_user(tx, owner)
        if organization_id != place.organization_id:
            raise Cannot(f"{of} and {owner} belong to different organisations.")
    if user_id == place.user_id:
        return
    if not let_go(tx, place):
        raise Cannot(f"{of} is the only mailbox of its user, who would have none.")
    tx.execute("SELECT pass_mailbox(%s, %s, %s)", (place.organization_id, place.mailbox_id, user_id))


def _unsubscribe_by_prefix(tx: Transaction, place: Place) -> None:
    """The names that its owner knows it by now; the unprefixed ones of a primary mailbox stay."""
    tx.execute(
        """
        DELETE FROM subscriptions s USING mailboxes m JOIN domains d USING (domain_id)
        WHERE m.organization_id = %(org)s AND m.mailbox_id = %(box)s
          AND s.organization_id = m.organization_id AND s.user_id = m.user_id
          AND (starts_with(s.name, m.local_part || '@' || d.name || '/')
               OR starts_with(s.name, d.name || '/') AND NOT EXISTS (
                  SELECT FROM mailboxes o WHERE o.organization_id = m.organization_id AND o.user_id = m.user_id
                     AND o.domain_id = m.domain_id AND o.mailbox_id <> m.mailbox_id))
        """,
        {"org": place.organization_id, "box": place.mailbox_id},
    )
