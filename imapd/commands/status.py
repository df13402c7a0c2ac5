# SPDX-License-Identifier: MIT
"""STATUS: numbers of a mailbox that is not selected. ITEMS is the table; an extension's item is a line of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd.protocol.registry import command
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire import responses
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Output
from imapd.wire.sequence import LARGEST

if TYPE_CHECKING:
    from imapd.mail.account import Status as Numbers
    from imapd.protocol.session import Session

Item = Callable[["Session", "Numbers"], int | bytes]

ITEMS: dict[bytes, Item] = {
    b"MESSAGES": lambda session, numbers: numbers.messages,
    b"RECENT": lambda session, numbers: numbers.recent,
    b"UIDNEXT": lambda session, numbers: min(numbers.uid_next, LARGEST),  # 32 bits, though there be none left
    b"UIDVALIDITY": lambda session, numbers: numbers.uid_validity,
    b"UNSEEN": lambda session, numbers: numbers.unseen,
}


@dataclass(frozen=True, slots=True)
class Status:
    name: str
    items: Sequence[bytes]


def parse_status(cursor: Cursor) -> Status:
    """status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" """
    cursor.sp()
    name = cursor.mailbox()
    cursor.sp()
    items = status_items(cursor)
    return Status(name, items)


def status_items(cursor: Cursor) -> tuple[bytes, ...]:
    """ "(" status-att *(SP status-att) ")", each once"""
    items = tuple(dict.fromkeys(cursor.listed(cursor.word)))
    if not all(item in ITEMS for item in items):
        raise BadSyntax("Unknown item of STATUS.")
    return items


@command("STATUS", parse_status, states=AUTHENTICATED_UP)
def status(session: Session, args: Status) -> Iterator[Output]:
    yield answer(session, session.account.status(args.name), args.name, args.items)


def answer(session: Session, numbers: Numbers, name: str, items: Sequence[bytes]) -> responses.Status:
    """The untagged STATUS of these items, in the order asked for."""
    return responses.Status(name, [(item, ITEMS[item](session, numbers)) for item in items])
