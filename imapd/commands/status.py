# SPDX-License-Identifier: MIT
"""STATUS: numbers of a mailbox that is not selected. ITEMS is the table; an extension's item is a line of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from imapd.protocol.registry import command
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire import responses
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Output

if TYPE_CHECKING:
    from imapd.mail.account import Status as Numbers
    from imapd.protocol.session import Session

ITEMS: dict[bytes, Callable[[Numbers], int | bytes]] = {
    b"MESSAGES": attrgetter("messages"),
    b"RECENT": attrgetter("recent"),
    b"UIDNEXT": attrgetter("uid_next"),
    b"UIDVALIDITY": attrgetter("uid_validity"),
    b"UNSEEN": attrgetter("unseen"),
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
    yield answer(session.account.status(args.name), args.name, args.items)


def answer(numbers: Numbers, name: str, items: Sequence[bytes]) -> responses.Status:
    """The untagged STATUS of these items, in the order asked for."""
    return responses.Status(name, [(item, ITEMS[item](numbers)) for item in items])
