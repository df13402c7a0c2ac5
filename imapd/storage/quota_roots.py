# SPDX-License-Identifier: MIT
"""Quota roots as an operator names them: an address, an address's user, a domain. What they are is in quotas.py."""

from collections.abc import Sequence
from typing import NamedTuple

from imapd import audit
from imapd.errors import Cannot, NotFound
from imapd.storage import quotas, recount
from imapd.storage.addresses import Address, locked_domain, locked_mailbox, locked_user
from imapd.storage.pool import Database, Transaction
from imapd.storage.quotas import Limits, Usage
from imapd.storage.recount import Box, Mended

Target = Address | str
"""An address, or the name of a domain."""


class Named(NamedTuple):
    """A root and its organisation."""

    organization_id: int
    root: str


class Row(NamedTuple):
    """A root for an operator: "mailbox", "user" or "domain", whose, what is used, and the limits."""

    kind: str
    name: str
    storage_used: int
    storage_limit: int | None
    messages_used: int
    message_limit: int | None
    folders_used: int | None = None
    folder_limit: int | None = None


def named(database: Database, target: Target, *, user: bool = False) -> Named:
    """Raises errors.NotFound, Cannot."""
    with database.transaction() as tx:
        if isinstance(target, str):
            if user:
                raise Cannot(f"{target} is a domain; give an address of the user.")
            organization_id, domain_id = locked_domain(tx, target)
            return Named(organization_id, f"d{domain_id}")
        if user:
            organization_id, user_id = locked_user(tx, target)
            return Named(organization_id, f"u{user_id}")
        place = locked_mailbox(tx, target)
        return Named(place.organization_id, f"m{place.mailbox_id}")


def set_limits(database: Database, target: Target, limits: Limits, *, user: bool, keep: Sequence[str]) -> None:
    """Those of `keep` stay as they are."""
    at = named(database, target, user=user)
    quotas.set_limits(database, *at, limits, keep=keep, address=str(target))


def of_mailbox(database: Database, address: Address) -> list[Row]:
    """The root of a mailbox, and those above it."""
    at = named(database, address)
    found = quotas.of_mailboxes(database, at.organization_id, [int(at.root[1:])])
    return [_row(usage) for usage in sorted(found, key=lambda usage: "mud".index(usage.root[0]))]


def of_user(database: Database, address: Address) -> list[Row]:
    """The root of a user, if there is one, and those of all mailboxes of theirs."""
    return _below(database, named(database, address, user=True), str(address))


def of_domain(database: Database, domain: str) -> list[Row]:
    """The root of a domain, or what is used in it where nothing limits that, and those of its mailboxes."""
    return _below(database, named(database, domain), domain)


def everything(database: Database) -> list[Row]:
    """All roots: domains, users, mailboxes."""
    rows = database.rows(
        "SELECT " + quotas.COLUMNS + " FROM quota_usage v ORDER BY left(v.root, 1), coalesce(v.address, v.domain)"
    )
    found = [Usage(*row) for row in rows]
    return [_row(usage) for kind in "dum" for usage in found if usage.root[0] == kind]


def _below(database: Database, at: Named, name: str) -> list[Row]:
    rows = database.rows(
        "SELECT " + quotas.COLUMNS + " FROM quota_usage v WHERE v.organization_id = %(org)s"
        "   AND v.mailbox_id IN (SELECT mailboxes_below(%(org)s, %(root)s)) ORDER BY v.address",
        {"org": at.organization_id, "root": at.root},
    )
    below = [_row(Usage(*row)) for row in rows]
    whole = quotas.of_root(database, at.organization_id, at.root)
    kind = "domain" if at.root[0] == "d" else "user"
    storage, messages = sum(row.storage_used for row in below), sum(row.messages_used for row in below)
    return [_row(whole) if whole else Row(kind, name, storage, None, messages, None), *below]


def _row(usage: Usage) -> Row:
    name = (usage.domain if usage.kind == "domain" else usage.address) or usage.root
    return Row(
        usage.kind, name, usage.storage_used, usage.storage_limit, usage.messages_used, usage.message_limit,
        usage.folders_used, usage.folder_limit,
    )  # fmt: skip


# Recounts


class Recounted(NamedTuple):
    """By how much the usage of a root was too high."""

    kind: str
    name: str
    octets: int
    messages: int


def mend(database: Database, target: Target | None) -> list[Recounted]:
    """Counts a mailbox, a domain or everything anew, and says what was wrong."""
    if target is None:
        boxes = list(recount.everything(database))
        every = database.rows("SELECT organization_id, root FROM quota_roots ORDER BY 1, 2")
        roots = [Named(*row) for row in every]
    else:
        at = named(database, target)
        rows = [(int(at.root[1:]),)] if at.root[0] == "m" else _mailboxes(database, at)
        boxes = [Box(at.organization_id, mailbox_id) for (mailbox_id,) in rows]
        above = database.rows(
            "SELECT DISTINCT organization_id, unnest(ARRAY[user_root, domain_root]) FROM quotas"
            " WHERE organization_id = %s AND mailbox_id = ANY(%s)",
            (at.organization_id, [box.mailbox_id for box in boxes]),
        )
        roots = [Named(*row) for row in above if row[1]]
    mended = [(box.organization_id, recount.mend(database, box)) for box in boxes]
    mended += [(root.organization_id, recount.mend_root(database, *root)) for root in roots]
    return [_recounted(database, home, one) for home, one in mended if one.storage or one.messages]


def _recounted(database: Database, organization_id: int, mended: Mended) -> Recounted:
    usage = quotas.of_root(database, organization_id, mended.root)
    kind, name = _row(usage)[:2] if usage else ("", mended.root)
    return Recounted(kind, name, mended.storage, mended.messages)


def _mailboxes(database: Database, at: Named) -> list[tuple[int]]:
    return database.rows("SELECT mailboxes_below(%s, %s)", at)  # type: ignore[return-value]


# Administrators


def administrators(database: Database, domain: str) -> list[str]:
    """The primary addresses of those who may set a domain's quotas."""
    rows = database.rows(
        "SELECT m.local_part || '@' || md.name"
        "  FROM domains d JOIN domain_administrators a USING (organization_id, domain_id)"
        "  JOIN users u USING (organization_id, user_id)"
        "  JOIN mailboxes m ON m.organization_id = u.organization_id AND m.mailbox_id = u.primary_mailbox_id"
        "  JOIN domains md ON md.domain_id = m.domain_id WHERE d.name = %s ORDER BY 1",
        (domain,),
    )
    return [address for (address,) in rows]


def set_administrators(tx: Transaction, domain: str, add: Sequence[Address], remove: Sequence[Address]) -> None:
    organization_id, domain_id = locked_domain(tx, domain)
    for address, statement in [
        *((one, "INSERT INTO domain_administrators VALUES (%s, %s, %s) ON CONFLICT DO NOTHING") for one in add),
        *(
            (one, "DELETE FROM domain_administrators WHERE (organization_id, domain_id, user_id) = (%s, %s, %s)")
            for one in remove
        ),
    ]:
        home, user_id = locked_user(tx, address)
        if home != organization_id:
            raise NotFound(f"{address} and {domain} belong to different organisations.")
        tx.execute(statement, (organization_id, domain_id, user_id))
        gone = statement.startswith("DELETE")
        audit.write(
            tx, "administrator removed" if gone else "administrator added", organization_id=organization_id,
            user_id=user_id, address=str(address), domain=domain,
        )  # fmt: skip
