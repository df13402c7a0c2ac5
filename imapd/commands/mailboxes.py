# SPDX-License-Identifier: MIT
"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. Which names are possible is decided in mail/, not here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imapd.protocol.registry import Done, command
from imapd.protocol.session import IMAP4REV2
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.names import DELIMITER
from imapd.wire.responses import List, Output, oldname

if TYPE_CHECKING:
    from imapd.protocol.session import Session

# Parameters of CREATE (RFC 4466 section 2.2): name -> reader of its value. Extensions add theirs.
CREATE_PARAMETERS: dict[bytes, Callable[[Cursor], Any]] = {}

# What CREATE tells of the new mailbox: response codes. The first that is one counts; extensions add theirs.
CREATED: list[Callable[[Session, str], bytes | None]] = []


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    spelled: str = ""  # as the client has written it


@dataclass(frozen=True, slots=True)
class Create:
    name: str
    parameters: Mapping[bytes, Any] = field(default_factory=dict)
    spelled: str = ""  # as the client has written it


@dataclass(frozen=True, slots=True)
class Rename:
    old: str
    new: str
    spelled: str = ""  # the new name as the client has written it


def parse_name(cursor: Cursor) -> Name:
    """delete = "DELETE" SP mailbox; so subscribe and unsubscribe"""
    cursor.sp()
    name, spelled = cursor.spelled_mailbox()
    return Name(name, spelled)


def parse_create(cursor: Cursor) -> Create:
    """create = "CREATE" SP mailbox [SP "(" create-param *(SP create-param) ")"]"""
    cursor.sp()
    name, spelled = cursor.spelled_mailbox()
    parameters = dict(cursor.listed(lambda: create_parameter(cursor))) if cursor.take(b" ") else {}
    return Create(name, parameters, spelled)


def create_parameter(cursor: Cursor) -> tuple[bytes, Any]:
    """create-param = create-param-name [SP create-param-value]"""
    name = cursor.word()
    if name not in CREATE_PARAMETERS:
        raise BadSyntax("Unknown parameter of CREATE.")
    return name, CREATE_PARAMETERS[name](cursor)


def parse_rename(cursor: Cursor) -> Rename:
    """rename = "RENAME" SP mailbox SP mailbox"""
    cursor.sp()
    old = cursor.mailbox()
    cursor.sp()
    new, spelled = cursor.spelled_mailbox()
    return Rename(old, new, spelled)


@command("CREATE", parse_create, states=AUTHENTICATED_UP)
def create(session: Session, args: Create) -> Generator[Output, None, Done]:
    # RFC 3501 6.3.3: a delimiter at the end only declares that names will be made under this one.
    name = args.name.removesuffix(DELIMITER)
    session.account.create(name, special_use=args.parameters.get(b"USE"))
    yield from respelled(session, args.spelled.removesuffix(DELIMITER), name)
    return Done(code=next((code for told in CREATED if (code := told(session, name))), None))


@command("DELETE", parse_name, states=AUTHENTICATED_UP)
def delete(session: Session, args: Name) -> Iterator[Output]:
    session.account.delete(args.name)
    yield from respelled(session, args.spelled, args.name, b"\\NonExistent")


@command("RENAME", parse_rename, states=AUTHENTICATED_UP)
def rename(session: Session, args: Rename) -> Iterator[Output]:
    session.account.rename(args.old, args.new)
    yield from respelled(session, args.spelled, args.new)


def respelled(session: Session, spelled: str, name: str, *attributes: bytes) -> Iterator[Output]:
    """RFC 9051 6.3.9.7: a mailbox that is not called as the client wanted it."""
    if spelled != name and IMAP4REV2 in session.enabled:
        yield List(name, attributes, oldname(spelled, name))


@command("SUBSCRIBE", parse_name, states=AUTHENTICATED_UP)
def subscribe(session: Session, args: Name) -> Iterator[Output]:
    session.account.subscribe(args.name)
    yield from ()


@command("UNSUBSCRIBE", parse_name, states=AUTHENTICATED_UP)
def unsubscribe(session: Session, args: Name) -> Iterator[Output]:
    session.account.unsubscribe(args.name)
    yield from ()
