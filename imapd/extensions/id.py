# SPDX-License-Identifier: MIT
"""ID (RFC 2971): client and server tell each other their names. Nothing is decided by what a client says here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd import log
from imapd.protocol.registry import Capability, command
from imapd.protocol.states import ANY
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Identity, Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"ID", rfc=2971),)

# RFC 2971, section 3.3
PAIRS, FIELD_OCTETS, VALUE_OCTETS = 30, 30, 1024
_AGENT_CHARACTERS = 100
_NIL = re.compile(rb"NIL\Z", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Id:
    fields: dict[str, str]


def parse_id(cursor: Cursor) -> Id:
    """id = "ID" SP id-params-list; id-params-list = "(" *(string SP nstring) ")" / nil"""
    cursor.sp()
    if cursor.matches(_NIL):
        cursor.nstring()
        return Id({})
    if cursor.take(b"()"):
        return Id({})
    pairs = cursor.listed(lambda: _pair(cursor))
    if len(pairs) > PAIRS:
        raise BadSyntax("Too many fields.")
    if len({name for name, _ in pairs}) < len(pairs):
        raise BadSyntax("A field is given twice.")
    return Id({name: value for name, value in pairs if value is not None})


def _pair(cursor: Cursor) -> tuple[str, str | None]:
    name = cursor.string()
    cursor.sp()
    value = cursor.nstring()
    if len(name) > FIELD_OCTETS or len(value or b"") > VALUE_OCTETS:
        raise BadSyntax("A field is too long.")
    if _CONTROL.search(name) or _CONTROL.search(value or b""):
        raise BadSyntax("A field holds control characters.")
    return name.decode("utf-8", "replace").lower(), None if value is None else value.decode("utf-8", "replace")


@command("ID", parse_id, states=ANY, rfc=2971, capability="ID")
def identify(session: Session, args: Id) -> Iterator[Output]:
    told = (args.fields.get("name"), args.fields.get("version"))
    session.user_agent = " ".join(filter(None, told))[:_AGENT_CHARACTERS]
    log.debug("client identified", session=session.id, client=session.user_agent)
    yield Identity(tuple(session.settings.imap.id.items()))
