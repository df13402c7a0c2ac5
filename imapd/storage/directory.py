# SPDX-License-Identifier: MIT
"""What there is of organisations, domains, users, mailboxes, aliases and shares, for the operator to read."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from imapd.errors import Cannot, NotFound
from imapd.storage.addresses import MAILBOX_OF_ASKED, Address
from imapd.storage.pool import Database

# Whether a mailbox m is the one that the address %(of)s, its own or an alias, leads to; or none is asked for.
IS_ASKED_FOR = (
    """
    (%(of)s::text IS NULL OR (m.organization_id, m.mailbox_id) IN (
        SELECT m.organization_id, m.mailbox_id
        FROM (SELECT split_part(%(of)s, '@', 1) AS local_part, split_part(%(of)s, '@', 2) AS domain) asked
    """
    + MAILBOX_OF_ASKED
    + "))"
)


class Organization(NamedTuple):
    name: str
    domains: int
    users: int
    disabled: bool
    share_with_anyone: bool
    share_across_domains: bool


class Domain(NamedTuple):
    name: str
    organization: str
    mailboxes: int
    aliases: int
    folders_language: str
    folder_names: dict[str, str]
    disabled: bool


class User(NamedTuple):
    address: str
    name: str
    organization: str
    mailboxes: list[str]
    namespace_mode: str | None
    password: bool
    disabled: bool


class Mailbox(NamedTuple):
    address: str
    user: str | None
    organization: str
    folders: int
    messages: int
    octets: int
    seen: str
    disabled: bool


class Folder(NamedTuple):
    name: str
    special_use: str | None
    messages: int
    unseen: int
    octets: int
    uid_validity: int
    uid_next: int


class Alias(NamedTuple):
    address: str
    mailbox: str


class Share(NamedTuple):
    mailbox: str
    folder: str | None
    grantee: str
    rights: str


class Group(NamedTuple):
    name: str
    organization: str
    members: list[str]


class Member(NamedTuple):
    address: str


def organization_id(database: Database, name: str) -> int:
    """Raises errors.NotFound."""
    row = database.row("SELECT organization_id FROM organizations WHERE name = %s", (name,))
    if row is None:
        raise NotFound(f"There is no organisation {name!r}; see: imapd org list")
    return int(row[0])


def organizations(database: Database, name: str | None = None) -> list[Organization]:
    return _made(
        Organization,
        database.rows(
            """
            SELECT o.name, (SELECT count(*) FROM domains d WHERE d.organization_id = o.organization_id),
                   (SELECT count(*) FROM users u WHERE u.organization_id = o.organization_id), o.disabled,
                   o.share_with_anyone, o.share_across_domains
            FROM organizations o WHERE %(name)s::text IS NULL OR o.name = %(name)s ORDER BY o.name
            """,
            {"name": name},
        ),
        None if name is None else f"There is no organisation {name!r}; see: imapd org list",
    )


def domains(database: Database, organization: str | None = None, name: str | None = None) -> list[Domain]:
    return _made(
        Domain,
        database.rows(
            """
            SELECT d.name, o.name,
                   (SELECT count(*) FROM mailboxes m
                     WHERE m.organization_id = d.organization_id AND m.domain_id = d.domain_id),
                   (SELECT count(*) FROM aliases a
                     WHERE a.organization_id = d.organization_id AND a.domain_id = d.domain_id),
                   d.folders_language, d.folder_names, d.disabled
            FROM domains d JOIN organizations o USING (organization_id)
            WHERE (%(org)s::text IS NULL OR o.name = %(org)s) AND (%(name)s::text IS NULL OR d.name = %(name)s)
            ORDER BY d.name
            """,
            {"org": organization, "name": name},
        ),
        name and f"There is no domain {name}; see: imapd domain list",
    )


def users(database: Database, domain: str | None = None, of: Address | None = None) -> list[User]:
    """Those with a mailbox in `domain`; the one whose address or alias is `of`; all."""
    return _made(
        User,
        database.rows(
            """
            WITH boxes AS (
                SELECT m.organization_id, m.user_id, m.mailbox_id, d.name AS domain,
                       m.local_part || '@' || d.name AS address
                FROM mailboxes m JOIN domains d USING (domain_id) WHERE m.user_id IS NOT NULL
            )
            SELECT coalesce(max(b.address) FILTER (WHERE b.mailbox_id = u.primary_mailbox_id),
                            min(b.address)) AS address,
                   u.display_name, o.name, array_agg(b.address ORDER BY b.mailbox_id), u.namespace_mode,
                   u.password_hash IS NOT NULL, u.disabled
            FROM users u
            JOIN organizations o USING (organization_id)
            JOIN boxes b ON b.organization_id = u.organization_id AND b.user_id = u.user_id
            WHERE %(address)s::text IS NULL
               OR EXISTS (SELECT FROM boxes x WHERE x.organization_id = u.organization_id AND x.user_id = u.user_id
                             AND x.address = %(address)s)
               OR EXISTS (SELECT FROM boxes x
                            JOIN aliases a ON a.organization_id = x.organization_id AND a.mailbox_id = x.mailbox_id
                            JOIN domains d ON d.domain_id = a.domain_id
                           WHERE x.organization_id = u.organization_id AND x.user_id = u.user_id
                             AND a.local_part || '@' || d.name = %(address)s)
            GROUP BY u.organization_id, u.user_id, o.name
            HAVING %(domain)s::text IS NULL OR bool_or(b.domain = %(domain)s)
            ORDER BY address
            """,
            {"domain": domain, "address": str(of) if of else None},
        ),
        of and f"There is no user {of}; see: imapd user list",
    )


def mailboxes(database: Database, domain: str | None = None, of: Address | None = None) -> list[Mailbox]:
    """Those in `domain`; the one whose address or alias is `of`; all."""
    return _made(
        Mailbox,
        database.rows(
            """
            SELECT m.local_part || '@' || d.name AS address, p.local_part || '@' || pd.name, o.name,
                   (SELECT count(*) FROM folders f
                     WHERE f.organization_id = m.organization_id AND f.mailbox_id = m.mailbox_id),
                   q.messages_used, q.storage_used, m.seen, m.disabled
            FROM mailboxes m
            JOIN domains d USING (domain_id)
            JOIN organizations o ON o.organization_id = m.organization_id
            JOIN quotas q ON q.organization_id = m.organization_id AND q.mailbox_id = m.mailbox_id
            LEFT JOIN users u ON u.organization_id = m.organization_id AND u.user_id = m.user_id
            LEFT JOIN mailboxes p ON p.organization_id = u.organization_id AND p.mailbox_id = u.primary_mailbox_id
            LEFT JOIN domains pd ON pd.domain_id = p.domain_id
            WHERE (%(domain)s::text IS NULL OR d.name = %(domain)s) AND """
            + IS_ASKED_FOR
            + " ORDER BY address",
            {"domain": domain, "of": str(of) if of else None},
        ),
        of and f"There is no mailbox {of}; see: imapd mailbox list",
    )


def folders(database: Database, of: Address) -> list[Folder]:
    return _made(
        Folder,
        database.rows(
            """
            SELECT f.name, f.special_use, f.messages, f.unseen, f.size, g.uid_validity, g.uid_next
            FROM mailboxes m
            JOIN folders f ON f.organization_id = m.organization_id AND f.mailbox_id = m.mailbox_id
            JOIN folder_groups g ON g.organization_id = f.organization_id AND g.group_id = f.group_id
            WHERE """
            + IS_ASKED_FOR
            + " ORDER BY f.name <> 'INBOX', f.name",
            {"of": str(of)},
        ),
    )


def aliases(database: Database, domain: str | None = None, of: Address | None = None) -> list[Alias]:
    return _made(
        Alias,
        database.rows(
            """
            SELECT a.local_part || '@' || d.name AS address, m.local_part || '@' || md.name
            FROM aliases a
            JOIN domains d USING (domain_id)
            JOIN mailboxes m ON m.organization_id = a.organization_id AND m.mailbox_id = a.mailbox_id
            JOIN domains md ON md.domain_id = m.domain_id
            WHERE (%(domain)s::text IS NULL OR d.name = %(domain)s)
              AND (%(name)s::text IS NULL OR a.local_part || '@' || d.name = %(name)s)
            ORDER BY address
            """,
            {"domain": domain, "name": str(of) if of else None},
        ),
        of and f"There is no alias {of}; see: imapd alias list",
    )


def shares(database: Database, of: Address | None = None) -> list[Share]:
    """In one mailbox, or everywhere."""
    return _made(
        Share,
        database.rows(
            """
            SELECT m.local_part || '@' || d.name AS address, f.name,
                   CASE left(s.grantee, 1) WHEN 'g' THEN 'group:' || substr(s.grantee, 2)
                        WHEN 'u' THEN coalesce(p.local_part || '@' || pd.name, s.grantee) ELSE s.grantee END,
                   s.rights
            FROM shared_mailbox_access s
            JOIN mailboxes m ON m.organization_id = s.organization_id AND m.mailbox_id = s.mailbox_id
            JOIN domains d ON d.domain_id = m.domain_id
            LEFT JOIN folders f ON f.organization_id = s.organization_id AND f.folder_id = s.folder_id
            LEFT JOIN users u ON u.organization_id = s.organization_id
                AND u.user_id = CASE left(s.grantee, 1) WHEN 'u' THEN substr(s.grantee, 2)::bigint END
            LEFT JOIN mailboxes p ON p.organization_id = u.organization_id AND p.mailbox_id = u.primary_mailbox_id
            LEFT JOIN domains pd ON pd.domain_id = p.domain_id
            WHERE """
            + IS_ASKED_FOR
            + " ORDER BY address, f.name NULLS FIRST, 3",
            {"of": str(of) if of else None},
        ),
    )


def groups(database: Database, organization: str | None = None, name: str | None = None) -> list[Group]:
    return _made(
        Group,
        database.rows(
            """
            SELECT g.name, o.name,
                   ARRAY(SELECT coalesce(p.local_part || '@' || d.name, u.display_name)
                           FROM user_group_members m
                           JOIN users u ON u.organization_id = m.organization_id AND u.user_id = m.user_id
                           LEFT JOIN mailboxes p ON p.organization_id = u.organization_id
                                AND p.mailbox_id = u.primary_mailbox_id
                           LEFT JOIN domains d ON d.domain_id = p.domain_id
                          WHERE m.organization_id = g.organization_id AND m.name = g.name ORDER BY 1)
            FROM user_groups g JOIN organizations o USING (organization_id)
            WHERE (%(org)s::text IS NULL OR o.name = %(org)s) AND (%(name)s::text IS NULL OR g.name = %(name)s)
            ORDER BY g.name, o.name
            """,
            {"org": organization, "name": name},
        ),
        name and f"There is no group {name}; see: imapd group list",
    )


def group(database: Database, organization: str | None, name: str) -> Group:
    """Raises errors.NotFound, or as refuse_several()."""
    found = groups(database, organization, name)
    refuse_several(name, found)
    return found[0]


def refuse_several(name: str, found: Sequence[Any]) -> None:
    """Raises errors.Cannot where more groups than one were found by a name, which then does not say enough."""
    if len(found) > 1:
        raise Cannot(f"Several organisations have a group {name}: say which with --org.")


def _made(kind: Any, rows: Sequence[Sequence[Any]], missing: str | None = None) -> list[Any]:
    """`missing` is what to say where one was asked for and there is none."""
    if not rows and missing:
        raise NotFound(missing)
    return [kind(*row) for row in rows]
