# SPDX-License-Identifier: MIT
"""What the operator calls things by: domains and addresses, and the rows that they lead to, locked for the transaction.

Errors name what the operator typed; no client of the server ever sees them.
"""

import re
from typing import NamedTuple

from imapd.errors import AlreadyExists, Cannot, NotFound
from imapd.storage.pool import Transaction

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
# dot-string of RFC 5321 without "/", "%" and "*": an address stands in mailbox names (Shared/<address>/…).
_LOCAL_PART = re.compile(r"[a-z0-9!#$&'+=?^_`{|}~-]+(\.[a-z0-9!#$&'+=?^_`{|}~-]+)*")


LONGEST_NAME = 200
GROUP_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

# The mailbox m that an address of `asked` leads to, be it its own or an alias, with its domain d and organisation o.
MAILBOX_OF_ASKED = """
    JOIN domains d ON d.name = asked.domain
    JOIN organizations o ON o.organization_id = d.organization_id
    JOIN LATERAL (
        SELECT mailbox_id FROM mailboxes
        WHERE organization_id = d.organization_id AND domain_id = d.domain_id AND local_part = asked.local_part
        UNION ALL
        SELECT mailbox_id FROM aliases
        WHERE organization_id = d.organization_id AND domain_id = d.domain_id AND local_part = asked.local_part
    ) address ON true
    JOIN mailboxes m ON m.organization_id = d.organization_id AND m.mailbox_id = address.mailbox_id
"""


class Address(NamedTuple):
    """local-part@domain, in lower case."""

    local_part: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"


class Place(NamedTuple):
    """A mailbox and whose it is."""

    organization_id: int
    mailbox_id: int
    user_id: int | None


def in_tables(text: str) -> str:
    """An address or a part of one as it stands in the tables: ASCII in lower case, the rest as it is."""
    return "".join(each.lower() if each.isascii() else each for each in text)


def domain_name(text: str) -> str:
    """Raises Cannot where it is none."""
    name = text.lower().rstrip(".")
    if not _DOMAIN.fullmatch(name) or len(name) > 253:
        raise Cannot(f"{text!r} is not a domain name.")
    return name


def address(text: str) -> Address:
    """Raises Cannot where it is none."""
    local_part, at, domain = text.lower().rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local_part) or len(local_part) > 64:
        raise Cannot(f"{text!r} is not a mail address.")
    return Address(local_part, domain_name(domain))


def group_name(text: str) -> str:
    """Of a group of users. Raises Cannot where it can be none."""
    name = text.lower()
    if not GROUP_NAME.fullmatch(name):
        raise Cannot(f"{text!r} is no name of a group: letters, digits, '.', '_' and '-', 64 at most.")
    return name


def person_name(text: str) -> str:
    """What a person is called, if anything. Raises Cannot where that can be no name."""
    if len(text) > LONGEST_NAME:
        raise Cannot(f"A name has {LONGEST_NAME} characters at most, and that one {len(text)}.")
    if not text.isprintable():
        raise Cannot(f"{text!r} is no name: it holds characters that cannot be printed, or is not UTF-8.")
    return text


def organization_name(text: str) -> str:
    """Raises Cannot where it can be none."""
    if not text.strip():
        raise Cannot("The name of an organisation cannot be empty.")
    return person_name(text)


def locked_domain(tx: Transaction, name: str) -> tuple[int, int]:
    """organization_id and domain_id. Locked, so that two new addresses cannot both pass the check for one."""
    row = tx.row("SELECT organization_id, domain_id FROM domains WHERE name = %s FOR NO KEY UPDATE", (name,))
    if row is None:
        raise NotFound(f"There is no domain {name}; make it with: imapd domain add {name} --org …")
    return row[0], row[1]


def locked_mailbox(tx: Transaction, of: Address) -> Place:
    """The mailbox that an address, or an alias, belongs to; its row is locked."""
    row = tx.row(
        """
        SELECT m.organization_id, m.mailbox_id, m.user_id
        FROM domains d
        JOIN mailboxes m ON m.organization_id = d.organization_id
        WHERE d.name = %(domain)s
          AND (m.domain_id = d.domain_id AND m.local_part = %(local_part)s
               OR m.mailbox_id = (SELECT a.mailbox_id FROM aliases a WHERE a.organization_id = d.organization_id
                                   AND a.domain_id = d.domain_id AND a.local_part = %(local_part)s))
        FOR NO KEY UPDATE OF m
        """,
        of._asdict(),
    )
    if row is None:
        raise NotFound(f"There is no mailbox {of}; see: imapd mailbox list")
    return Place(*row)


def locked_user(tx: Transaction, of: Address) -> tuple[int, int]:
    place = locked_mailbox(tx, of)
    if place.user_id is None:
        raise NotFound(f"{of} is a mailbox without a user.")
    return place.organization_id, place.user_id


def refuse_taken(tx: Transaction, organization_id: int, domain_id: int, new: Address) -> None:
    taken = tx.row(
        """
        SELECT EXISTS (SELECT FROM mailboxes
                        WHERE organization_id = %(org)s AND domain_id = %(domain)s AND local_part = %(name)s)
            OR EXISTS (SELECT FROM aliases
                        WHERE organization_id = %(org)s AND domain_id = %(domain)s AND local_part = %(name)s)
        """,
        {"org": organization_id, "domain": domain_id, "name": new.local_part},
    )
    if taken and taken[0]:
        raise AlreadyExists(f"The address {new} exists already.")
