# SPDX-License-Identifier: MIT
"""REPLACE (RFC 8508): a message takes the place of another one, as drafts do, in one step that happens or does not."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd.commands.append import append_message, appenduid, composed, need_octets
from imapd.errors import Expunged
from imapd.mail.account import Draft
from imapd.protocol.registry import Capability, Done, command
from imapd.protocol.states import AUTHENTICATED_UP, SELECTED
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Ok, Output
from imapd.wire.sequence import STAR, SequenceSet

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"REPLACE", rfc=8508, states=AUTHENTICATED_UP),)


@dataclass(frozen=True, slots=True)
class Replace:
    replaced: SequenceSet
    by_uid: bool
    name: str
    message: Draft


def parse_replace(cursor: Cursor) -> Replace:
    """replace = "REPLACE" SP seq-number SP mailbox append-message; uid-replace = "UID" SP "REPLACE" SP uniqueid …"""
    cursor.sp()
    replaced = seq_number(cursor)
    cursor.sp()
    name = cursor.mailbox()
    return Replace(replaced, cursor.by_uid, name, append_message(cursor))


def seq_number(cursor: Cursor) -> SequenceSet:
    """seq-number = nz-number / "*"; uniqueid = nz-number"""
    number = STAR if not cursor.by_uid and cursor.take(b"*") else cursor.nz_number()
    return SequenceSet([(number, number)])


def announce(session: Session, cursor: Cursor, size: int) -> None:
    """Whether the message will be taken. How much room there is then, nobody knows before the other one is gone."""
    with suppress(BadSyntax):
        cursor.sp()
        seq_number(cursor)
        cursor.sp()
        name = cursor.mailbox()
        session.account.check_append(name, size, before=-size)


@command(
    "REPLACE", parse_replace, states=SELECTED, uid=True, spools=True, announce=announce, rfc=8508, capability="REPLACE"
)
def replace(session: Session, args: Replace) -> Generator[Output, None, Done | None]:
    mailbox = session.selected
    modseq = mailbox.modseq
    positions = args.replaced.positions(mailbox.view.uids, args.by_uid)
    if not positions:
        raise Expunged("The message to be replaced is not there.")
    with ExitStack() as made:
        messages = composed(session, args.name, [args.message], made)
        need_octets(messages)
        replacement = mailbox.replace(positions[0].start, args.name, messages[0])
    yield Ok("The message to take its place is here.", appenduid(replacement))
    return (yield from session.removed(modseq))
