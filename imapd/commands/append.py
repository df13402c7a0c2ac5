# SPDX-License-Identifier: MIT
"""APPEND, of one message or of several at once (RFC 3502). Large literals have been spooled before the handler runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from imapd.errors import TooBig
from imapd.mail.account import Appended, Draft
from imapd.mail.delivery import Held
from imapd.protocol.answers import Refused
from imapd.protocol.registry import Done, command
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Output
from imapd.wire.sequence import compact

if TYPE_CHECKING:
    from imapd.protocol.session import Session


DATA: dict[bytes, Callable[[Cursor], Any]] = {}
"""Other forms of append-data than a literal, by the word they begin with. They give a Literal, or what is Composed."""


@dataclass(frozen=True, slots=True)
class Composed(ABC):
    """A message whose octets are yet to be put together."""

    binary: bool

    @abstractmethod
    def held(self, session: Session, made: ExitStack) -> Held:
        """All of it; what is made for it goes when `made` ends. Raises MailError and Refused."""


@dataclass(frozen=True, slots=True)
class Append:
    name: str
    messages: Sequence[Draft]


def parse_append(cursor: Cursor) -> Append:
    """append = "APPEND" SP mailbox 1*append-message"""
    cursor.sp()
    name = cursor.mailbox()
    messages = [append_message(cursor)]
    while not cursor.at_end():
        messages.append(append_message(cursor))
    return Append(name, tuple(messages))


def append_message(cursor: Cursor) -> Draft:
    """append-message = [SP flag-list] [SP date-time] SP append-data"""
    flags, seconds, zone = append_opts(cursor)
    literal = append_data(cursor)
    return Draft(literal, flags, seconds, zone, literal.binary)


def append_data(cursor: Cursor) -> Any:
    """append-data = literal / literal8 / append-data-ext"""
    if cursor.peek(b"{") or cursor.peek(b"~"):
        return cursor.literal()
    return DATA[cursor.word(*DATA)](cursor)


def append_opts(cursor: Cursor) -> tuple[list[str], int | None, int]:
    """append-opts SP = [SP flag-list] [SP date-time] SP"""
    flags: list[str] = []
    seconds, zone = None, 0
    cursor.sp()
    if cursor.peek(b"("):
        flags = cursor.flag_list()
        cursor.sp()
    if cursor.peek(b'"'):
        seconds, zone = cursor.date_time()
        cursor.sp()
    return flags, seconds, zone


def announce(session: Session, cursor: Cursor, size: int) -> None:
    """Asked before a literal is taken: a message that will be refused need not cross the wire."""
    try:
        cursor.sp()
        name = cursor.mailbox()
    except BadSyntax:
        # The literal is the name itself, or the command is wrong and will be answered so.
        if size > session.settings.limits.literal_octets:
            raise TooBig from None
        return
    session.account.check_append(name, size, cursor.octets_of_literals)


@command("APPEND", parse_append, states=AUTHENTICATED_UP, spools=True, announce=announce)
def append(session: Session, args: Append) -> Generator[Output, None, Done | None]:
    with ExitStack() as made:
        messages = composed(session, args.name, args.messages, made)
        need_octets(messages)
        appended = session.account.append(args.name, messages)
    yield from ()
    return Done(code=appenduid(appended))


def composed(session: Session, name: str, messages: Sequence[Draft], made: ExitStack) -> list[Draft]:
    """The messages with all their octets. Where they are to go is asked before any is put together."""
    if not any(isinstance(message.literal, Composed) for message in messages):
        return list(messages)
    session.account.check_append(name, 0)
    return [
        replace(draft, literal=draft.literal.held(session, made)) if isinstance(draft.literal, Composed) else draft
        for draft in messages
    ]


def need_octets(messages: Sequence[Draft]) -> None:
    """RFC 3502 section 6.3.11: an empty message is how a client takes back what it has begun."""
    if not all(message.literal.size for message in messages):
        raise Refused(None, "An empty message cannot be stored.")


def appenduid(appended: Appended) -> bytes:
    """resp-code-apnd = "APPENDUID" SP nz-number SP append-uid"""
    return b"APPENDUID %d %b" % (appended.uid_validity, compact(appended.uids))
