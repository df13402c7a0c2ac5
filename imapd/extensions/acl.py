# SPDX-License-Identifier: MIT
"""ACL (RFC 4314): who else may do what in a mailbox. What that means to each command is decided in mail/."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd.commands.mailboxes import Name, parse_name
from imapd.mail import rights
from imapd.protocol.registry import Capability, command
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Acl, ListRights, MyRights, Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (
    Capability(b"ACL", rfc=4314, states=AUTHENTICATED_UP),
    Capability(b"RIGHTS", rfc=4314, states=AUTHENTICATED_UP, value=lambda session: b"texk"),
)

LONGEST_IDENTIFIER = 320


@dataclass(frozen=True, slots=True)
class SetAcl:
    name: str
    identifier: str
    op: str  # "=", "+" or "-"
    rights: str


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    identifier: str


def parse_setacl(cursor: Cursor) -> SetAcl:
    """setacl = "SETACL" SP mailbox SP identifier SP mod-rights"""
    entry = parse_entry(cursor)
    cursor.sp()
    op, letters = mod_rights(cursor)
    return SetAcl(entry.name, entry.identifier, op, letters)


def parse_entry(cursor: Cursor) -> Entry:
    """SP mailbox SP identifier"""
    cursor.sp()
    name = cursor.mailbox()
    cursor.sp()
    return Entry(name, identifier(cursor))


def identifier(cursor: Cursor) -> str:
    """identifier = astring, in UTF-8; what SASLprep forbids, or leaves nothing of, is none (RFC 4314 section 3)"""
    try:
        text = cursor.astring().decode()
    except UnicodeDecodeError:
        raise BadSyntax("An identifier is written in UTF-8.") from None
    if not text.strip() or len(text) > LONGEST_IDENTIFIER or any(unicodedata.category(c)[0] == "C" for c in text):
        raise BadSyntax("That is no identifier.")
    return text


def mod_rights(cursor: Cursor) -> tuple[str, str]:
    """mod-rights = astring: rights to set, or after "+" to add, or after "-" to take"""
    text = cursor.astring().decode("ascii", "replace")
    op, letters = (text[0], text[1:]) if text[:1] in ("+", "-") else ("=", text)
    for letter in letters:
        if letter.isascii() and letter.isupper():
            raise BadSyntax("Rights are written in lower case.")
        if letter not in rights.ALL and letter not in rights.VIRTUAL:
            raise BadSyntax("That right is not supported.")
    return op, rights.expanded(letters)


@command("SETACL", parse_setacl, states=AUTHENTICATED_UP, rfc=4314, capability="ACL")
def setacl(session: Session, args: SetAcl) -> Iterator[Output]:
    session.account.change_acl(args.name, args.identifier, args.op, args.rights)
    yield from ()


@command("DELETEACL", parse_entry, states=AUTHENTICATED_UP, rfc=4314, capability="ACL")
def deleteacl(session: Session, args: Entry) -> Iterator[Output]:
    """deleteacl = "DELETEACL" SP mailbox SP identifier"""
    session.account.change_acl(args.name, args.identifier, "=", "")
    yield from ()


@command("GETACL", parse_name, states=AUTHENTICATED_UP, rfc=4314, capability="ACL")
def getacl(session: Session, args: Name) -> Iterator[Output]:
    """getacl = "GETACL" SP mailbox"""
    entries = session.account.acl(args.name)
    yield Acl(args.name, [(who, rights.shown(held)) for who, held in entries])


@command("LISTRIGHTS", parse_entry, states=AUTHENTICATED_UP, rfc=4314, capability="ACL")
def listrights(session: Session, args: Entry) -> Iterator[Output]:
    """listrights = "LISTRIGHTS" SP mailbox SP identifier"""
    required, optional = session.account.grantable(args.name, args.identifier)
    # No right is tied to another here, so the virtual ones stand by themselves (section 2.1.1).
    virtual = list(rights.VIRTUAL) if optional else []
    yield ListRights(args.name, args.identifier, rights.shown(required), [*optional, *virtual])


@command("MYRIGHTS", parse_name, states=AUTHENTICATED_UP, rfc=4314, capability="ACL")
def myrights(session: Session, args: Name) -> Iterator[Output]:
    """myrights = "MYRIGHTS" SP mailbox"""
    yield MyRights(args.name, rights.shown(session.account.my_rights(args.name)))
