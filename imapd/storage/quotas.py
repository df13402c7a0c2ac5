# SPDX-License-Identifier: MIT
"""Quotas: what is used of each root and what may be, who may set it, crossings of thresholds. What is charged to them,
and when, stands in migrations/0007_charge.sql.

A root is named as the tables name it: m<mailbox_id>, u<user_id>, d<domain_id>.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from imapd import audit, errors
from imapd.storage.pool import ATTEMPTS, Database, Transaction
from imapd.storage.prepared import Prepared

COLUMNS = (
    "v.root, v.storage_used, v.storage_limit, v.messages_used, v.message_limit, v.folders_used, v.folder_limit,"
    " v.warned, v.address, v.domain, v.mailbox_id, v.user_id, v.domain_id"
)
_USAGE = "SELECT " + COLUMNS + " FROM quota_usage v WHERE v.organization_id = %(org)s"
OF_MAILBOXES = Prepared(
    _USAGE + " AND v.mailbox_id = ANY(%(boxes)s::bigint[])"
    " UNION ALL " + _USAGE + " AND v.mailbox_id IS NULL"
    # As an array, so that roots are looked up by it; joined, it would be compared with each root of the organisation.
    " AND v.root = ANY(ARRAY(SELECT unnest(ARRAY[q.user_root, q.domain_root]) FROM quotas q"
    "                         WHERE q.organization_id = %(org)s AND q.mailbox_id = ANY(%(boxes)s::bigint[])))"
)  # fmt: skip
OF_MAILBOX = Prepared(_USAGE + " AND v.mailbox_id = %(box)s")
OF_ROOT_ABOVE = Prepared(_USAGE + " AND v.mailbox_id IS NULL AND v.root = %(root)s")
REFUSING = Prepared("SELECT quota_refusing(%s, %s, %s)")

DOMAINS_OF = {
    "m": "SELECT d.name FROM mailboxes m JOIN domains d USING (domain_id)"
    " WHERE m.organization_id = %s AND m.mailbox_id = %s",
    "u": "SELECT DISTINCT d.name FROM mailboxes m JOIN domains d USING (domain_id)"
    " WHERE m.organization_id = %s AND m.user_id = %s",
    "d": "SELECT d.name FROM domains d WHERE d.organization_id = %s AND d.domain_id = %s",
}
"""The domains of the mailboxes below a root, by its kind."""

LOCKED = {
    "m": "SELECT FROM quotas WHERE organization_id = %s AND mailbox_id = %s FOR NO KEY UPDATE",
    "u": "SELECT FROM users WHERE organization_id = %s AND user_id = %s FOR UPDATE",
    "d": "SELECT FROM domains WHERE organization_id = %s AND domain_id = %s FOR UPDATE",
}
"""What is locked first, by kind of root, where its limits are set."""

MOST = 1 << 53
"""No limit is higher: percentages of it can still be counted."""


KINDS = {"m": "mailbox", "u": "user", "d": "domain"}
"""What a root is, by its first letter."""


class Usage(NamedTuple):
    """What is used of a root, in octets, and its limits; None: without limit. Of folders only a mailbox's root knows.
    warned: the highest threshold reached, in percent. address: of the mailbox, or the primary one of the user."""

    root: str
    storage_used: int
    storage_limit: int | None
    messages_used: int
    message_limit: int | None
    folders_used: int | None
    folder_limit: int | None
    warned: int
    address: str | None
    domain: str | None
    mailbox_id: int | None
    user_id: int | None
    domain_id: int | None

    @property
    def kind(self) -> str:
        return KINDS[self.root[0]]


class Measured(Protocol):
    """Whatever tells of use and limits."""

    @property
    def storage_used(self) -> int: ...
    @property
    def storage_limit(self) -> int | None: ...
    @property
    def messages_used(self) -> int: ...
    @property
    def message_limit(self) -> int | None: ...


def percent_used(of: Measured) -> int | None:
    """Of whatever is nearest to its limit; None where nothing is limited."""
    pairs = ((of.storage_used, of.storage_limit), (of.messages_used, of.message_limit))
    return max((100 * used // limit if limit else 100 for used, limit in pairs if limit is not None), default=None)


class Limits(NamedTuple):
    """Of a root; None: unlimited. A root above mailboxes has no limit of folders."""

    storage: int | None = None
    messages: int | None = None
    folders: int | None = None

    def __str__(self) -> str:
        said = (f"{name} {limit}" for name, limit in self._asdict().items() if limit is not None)
        return ", ".join(said) or "unlimited"


UNLIMITED = Limits()


class Crossing(NamedTuple):
    """A threshold, in percent, that a root has reached; and what was used then."""

    organization_id: int
    event_id: int
    root: str
    threshold: int
    storage_used: int
    storage_limit: int | None
    messages_used: int
    message_limit: int | None
    at: Any

    @property
    def kind(self) -> str:
        return KINDS[self.root[0]]


class Inbox(NamedTuple):
    """Where word of a crossing goes. user_id is None where the mailbox has no user."""

    folder_id: int
    mailbox_id: int
    user_id: int | None
    address: str

    @property
    def owner(self) -> str:
        return f"m{self.mailbox_id}" if self.user_id is None else f"u{self.user_id}"


def of_mailboxes(database: Database, organization_id: int, mailbox_ids: Sequence[int]) -> list[Usage]:
    """All roots that bind these mailboxes: theirs, those of their users, those of their domains."""
    rows = database.rows(OF_MAILBOXES, {"org": organization_id, "boxes": list(mailbox_ids)})
    return [Usage(*row) for row in rows]


def of_root(database: Database | Transaction, organization_id: int, root: str) -> Usage | None:
    """One root; None where there is none of that name."""
    if root[0] == "m":
        row = database.row(OF_MAILBOX, {"org": organization_id, "box": int(root[1:])})
    else:
        row = database.row(OF_ROOT_ABOVE, {"org": organization_id, "root": root})
    return Usage(*row) if row else None


def refusing(database: Database, organization_id: int, mailbox_id: int, octets: int) -> str | None:
    """The root that has no room for a message of so many octets; None where it fits."""
    row = database.row(REFUSING, (organization_id, mailbox_id, octets))
    return row[0] if row else None


def note_refusal(database: Database, organization_id: int, root: str) -> None:
    """A message found no room: the root is full, and whoever is to know that will be told once."""
    database.execute("SELECT note_refusal(%s, %s)", (organization_id, root))


# Who may


def domains_administered(database: Database, organization_id: int, user_id: int) -> dict[str, int]:
    """domain_id of the domains whose quotas a user may set, by name."""
    rows = database.rows(
        "SELECT d.name, d.domain_id FROM domain_administrators a JOIN domains d USING (organization_id, domain_id)"
        " WHERE a.organization_id = %s AND a.user_id = %s",
        (organization_id, user_id),
    )
    return dict(rows)


def domains_of(database: Database, organization_id: int, root: str) -> set[str]:
    """The domains whose mailboxes lie below a root."""
    return {name for (name,) in database.rows(DOMAINS_OF[root[0]], (organization_id, int(root[1:])))}


def mailbox_at(database: Database | Transaction, organization_id: int, address: str) -> tuple[int, int | None] | None:
    """(mailbox_id, user_id) of an address, which is not an alias."""
    local_part, _, domain = address.rpartition("@")
    return database.row(  # type: ignore[return-value]
        "SELECT m.mailbox_id, m.user_id FROM mailboxes m JOIN domains d USING (domain_id)"
        " WHERE m.organization_id = %s AND d.name = %s AND m.local_part = %s",
        (organization_id, domain, local_part),
    )


# Setting


def set_limits(
    database: Database, organization_id: int, root: str, limits: Limits, *, keep: Sequence[str] = (), **told: Any
) -> None:
    """Sets the limits of a root; those named in `keep` stay. A root above mailboxes is there while it has a limit.
    told: for the audit. Raises errors.NotFound, Cannot."""
    if any(limit is not None and limit > MOST for limit in limits):
        raise errors.Cannot("That limit is higher than this server can count.")
    for attempt in range(ATTEMPTS):
        try:
            with database.transaction() as tx:
                before, after = _set_limits(tx, organization_id, root, limits, keep)
                audit.write(
                    tx, "quota changed", organization_id=organization_id, root=root, before=str(before),
                    after=str(after), **told,
                )  # fmt: skip
            return
        except errors.InUse:
            if attempt == ATTEMPTS - 1:
                raise


def _set_limits(
    tx: Transaction, organization_id: int, root: str, limits: Limits, keep: Sequence[str]
) -> tuple[Limits, Limits]:
    """Returns what they were and what they are."""
    if root[0] != "m" and limits.folders is not None:
        raise errors.Cannot("Only the quota of a mailbox can limit folders.")
    tx.execute(LOCKED[root[0]], (organization_id, int(root[1:])))  # what is kept must not change meanwhile
    now = of_root(tx, organization_id, root)
    before = Limits(now.storage_limit, now.message_limit, now.folder_limit) if now else Limits()
    limits = limits._replace(**{name: getattr(before, name) for name in keep})
    if root[0] == "m":
        if now is None:
            raise errors.NotFound
        tx.execute(
            "UPDATE quotas SET storage_limit = %s, message_limit = %s, folder_limit = %s, refused = false"
            " WHERE organization_id = %s AND mailbox_id = %s",
            (*limits, organization_id, int(root[1:])),
        )
    else:
        tx.execute("SELECT set_quota_root(%s, %s, %s, %s)", (organization_id, root, limits.storage, limits.messages))
    return before, limits


# Crossings


def next_crossing(tx: Transaction) -> Crossing | None:
    """A crossing of which nobody has been told, locked for this transaction."""
    row = tx.row(
        "SELECT organization_id, event_id, root, threshold, storage_used, storage_limit, messages_used, message_limit,"
        " at FROM quota_events WHERE NOT told AND due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    return Crossing(*row) if row else None


def crossing_told(tx: Transaction, crossing: Crossing, *, webhook: bool) -> None:
    """Everybody has been told but the webhook, if there is one."""
    where = " WHERE organization_id = %s AND event_id = %s"
    statement = "UPDATE quota_events SET told = true, due_at = now()" if webhook else "DELETE FROM quota_events"
    tx.execute(statement + where, (crossing.organization_id, crossing.event_id))


def postpone(database: Database, crossing: Crossing, seconds: int) -> None:
    """It could not be told; later again."""
    database.execute(
        "UPDATE quota_events SET due_at = now() + make_interval(secs => %s)"
        " WHERE organization_id = %s AND event_id = %s",
        (seconds, crossing.organization_id, crossing.event_id),
    )


def next_for_webhook(database: Database, again_after_seconds: int) -> tuple[Crossing, int] | None:
    """A crossing that the webhook is to hear of now, and how often it has been tried with this time. Who dies on it
    leaves it for later."""
    row = database.row(
        "UPDATE quota_events e SET attempts = e.attempts + 1,"
        "       due_at = now() + make_interval(secs => %s * power(2, least(e.attempts, 20)))"
        " WHERE (e.organization_id, e.event_id) = ("
        "       SELECT organization_id, event_id FROM quota_events WHERE told AND due_at <= now()"
        "        ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
        " RETURNING e.organization_id, e.event_id, e.root, e.threshold, e.storage_used, e.storage_limit,"
        "           e.messages_used, e.message_limit, e.at, e.attempts",
        (again_after_seconds,),
    )
    return (Crossing(*row[:-1]), row[-1]) if row else None


def forget(database: Database, crossing: Crossing) -> None:
    database.execute(
        "DELETE FROM quota_events WHERE organization_id = %s AND event_id = %s",
        (crossing.organization_id, crossing.event_id),
    )


def inboxes(tx: Transaction, organization_id: int, root: str) -> list[Inbox]:
    """Where word of a root goes: the mailbox itself, the user's primary one, those of the domain's administrators."""
    rows = tx.rows(
        "SELECT f.folder_id, m.mailbox_id, m.user_id, m.local_part || '@' || d.name"
        "  FROM mailboxes m JOIN domains d USING (domain_id)"
        "  JOIN folders f ON f.organization_id = m.organization_id AND f.mailbox_id = m.mailbox_id AND f.name = 'INBOX'"
        " WHERE m.organization_id = %(org)s AND m.mailbox_id IN ("
        "       SELECT %(id)s WHERE %(kind)s = 'm'"
        "       UNION ALL SELECT u.primary_mailbox_id FROM users u"
        "         WHERE %(kind)s = 'u' AND u.organization_id = %(org)s AND u.user_id = %(id)s"
        "       UNION ALL SELECT u.primary_mailbox_id"
        "         FROM domain_administrators a JOIN users u USING (organization_id, user_id)"
        "         WHERE %(kind)s = 'd' AND a.organization_id = %(org)s AND a.domain_id = %(id)s)"
        " ORDER BY 1",
        {"org": organization_id, "kind": root[0], "id": int(root[1:])},
    )
    return [Inbox(*row) for row in rows]


def allow_beyond(tx: Transaction, octets: int) -> None:
    """Within this transaction a message may go so far beyond the limits."""
    tx.execute("SELECT set_config('imapd.quota_allowance', %s, true)", (str(octets),))


def rearm(database: Database) -> int:
    """Roots above mailboxes that have fallen below a threshold can cross it again. Mailboxes see to it themselves."""
    row = database.row("SELECT rearm_quota_roots()")
    return row[0] if row else 0
