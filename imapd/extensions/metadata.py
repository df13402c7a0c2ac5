# SPDX-License-Identifier: MIT
"""METADATA (RFC 5464): annotations of mailboxes and of the server, one's own and shared ones.

Who may see and set which is decided in mail/metadata.py. Changes by others are not told: a client asks when it wants to
know.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd.errors import LimitReached
from imapd.protocol.answers import Refused
from imapd.protocol.registry import Capability, Done, command
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Metadata, Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"METADATA", rfc=5464, states=AUTHENTICATED_UP),)

LONGEST_ENTRY = 500
MOST_ENTRIES = 500
"""In one command."""
DEPTHS = {b"0": 0, b"1": 1, b"INFINITY": 2}

_OPTIONS = re.compile(rb"\((?:MAXSIZE|DEPTH) ", re.IGNORECASE)
_NIL = re.compile(rb"NIL(?=[ )])", re.IGNORECASE)
_ENTRY = re.compile(rb"/(?:private|shared)(?:/[\x20-\x24\x26-\x29\x2b-\x2e\x30-\x7e]+)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GetMetadata:
    """asked: entries in lower case, each as the client has spelled it."""

    name: str
    asked: Mapping[str, bytes]
    depth: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class SetMetadata:
    name: str
    values: Mapping[str, bytes | None]


def parse_getmetadata(cursor: Cursor) -> GetMetadata:
    """getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries

    The examples of the RFC have the options behind the mailbox, and clients follow those.
    """
    cursor.sp()
    options = getmetadata_options(cursor) if cursor.peek(b"(") else {}
    name = cursor.mailbox()
    cursor.sp()
    if not options and cursor.matches(_OPTIONS):
        options = getmetadata_options(cursor)
    return GetMetadata(name, entries(cursor), options.get(b"DEPTH") or 0, options.get(b"MAXSIZE"))


def getmetadata_options(cursor: Cursor) -> dict[bytes, int]:
    """getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")" and the SP behind it

    maxsize-opt = "MAXSIZE" SP number; scope-opt = "DEPTH" SP ("0" / "1" / "infinity")
    """
    options: dict[bytes, int] = {}

    def option() -> None:
        word = cursor.word(b"MAXSIZE", b"DEPTH")
        if word in options:
            raise BadSyntax("An option stands there twice.")
        cursor.sp()
        options[word] = cursor.number() if word == b"MAXSIZE" else DEPTHS[cursor.word(*DEPTHS)]

    cursor.listed(option)
    cursor.sp()
    return options


def entries(cursor: Cursor) -> dict[str, bytes]:
    """entries = entry / "(" entry *(SP entry) ")"; some examples leave the parentheses out"""
    if cursor.peek(b"("):
        found = cursor.listed(lambda: entry(cursor))
    else:
        found = [entry(cursor)]
        while cursor.take(b" "):
            found.append(entry(cursor))
    if len(found) > MOST_ENTRIES:
        raise BadSyntax("So many entries cannot be asked for at once.")
    return {spelled.decode("ascii").lower(): spelled for spelled in found}


def entry(cursor: Cursor) -> bytes:
    """entry = astring: slash-separated, no "*" or "%", nothing but ASCII, no empty level; /private or /shared"""
    spelled = cursor.astring()
    if len(spelled) > LONGEST_ENTRY or not _ENTRY.fullmatch(spelled) or b".." in spelled.split(b"/"):
        raise BadSyntax("That is not the name of an entry.")
    return spelled


def parse_setmetadata(cursor: Cursor) -> SetMetadata:
    """setmetadata = "SETMETADATA" SP mailbox SP entry-values

    entry-values = "(" entry-value *(SP entry-value) ")"
    """
    cursor.sp()
    name = cursor.mailbox()
    cursor.sp()
    pairs = cursor.listed(lambda: entry_value(cursor))
    values = dict(pairs)
    if len(values) < len(pairs) or len(values) > MOST_ENTRIES:
        raise BadSyntax("An entry is set twice, or too many are set at once.")
    return SetMetadata(name, values)


def entry_value(cursor: Cursor) -> tuple[str, bytes | None]:
    """entry-value = entry SP (nstring / literal8)"""
    name = entry(cursor).decode("ascii").lower()
    if name.count("/") < 2:
        raise BadSyntax("That is not the name of an entry.")
    cursor.sp()
    if cursor.peek(b"~{"):
        return name, cursor.literal().data
    if cursor.scan(_NIL):
        return name, None
    return name, cursor.string()


def announce(session: Session, cursor: Cursor, size: int) -> None:
    """A value that will be refused need not cross the wire."""
    need_size(session, size)


def need_size(session: Session, size: int) -> None:
    most = session.settings.limits.metadata_octets
    if size > most:
        raise Refused(b"METADATA MAXSIZE %d" % most, "That value is too long.")


@command("GETMETADATA", parse_getmetadata, states=AUTHENTICATED_UP, rfc=5464, capability="METADATA")
def getmetadata(session: Session, args: GetMetadata) -> Generator[Output, None, Done | None]:
    """Where only the entries themselves are asked for, NIL stands for each that is not there."""
    found = session.account.metadata(args.name, list(args.asked), args.depth, args.most)
    pairs: list[tuple[bytes, bytes | None]]
    if args.depth == 0:
        wanted = [(name, spelled) for name, spelled in args.asked.items() if name not in found.too_long]
        pairs = [(spelled, found.values.get(name)) for name, spelled in wanted]
    else:
        pairs = [(args.asked.get(name, name.encode("ascii")), value) for name, value in found.values.items()]
    if pairs:
        yield Metadata(args.name, pairs)
    longest = max(found.too_long.values(), default=0)
    return Done(code=b"METADATA LONGENTRIES %d" % longest) if longest else None


@command(
    "SETMETADATA", parse_setmetadata, states=AUTHENTICATED_UP, announce=announce, rfc=5464, capability="METADATA"
)  # fmt: skip
def setmetadata(session: Session, args: SetMetadata) -> Generator[Output, None, None]:
    for value in args.values.values():
        need_size(session, len(value or b""))
    try:
        session.account.change_metadata(args.name, args.values)
    except LimitReached:
        raise Refused(b"METADATA TOOMANY", "There are as many annotations as there may be.") from None
    yield from ()
