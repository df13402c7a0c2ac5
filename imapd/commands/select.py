# SPDX-License-Identifier: MIT
"""SELECT, EXAMINE, CLOSE, CHECK. What a selected mailbox is, and what a session sees of it, is in mail/mailbox.py.

Parameters of SELECT (RFC 4466) come from the table PARAMETERS, which extensions fill.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imapd.protocol.registry import Done, command
from imapd.protocol.session import IMAP4REV2
from imapd.protocol.states import AUTHENTICATED_UP, SELECTED
from imapd.wire import encode
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Exists, Flags, List, Ok, Output, Recent, oldname
from imapd.wire.sequence import LARGEST

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox
    from imapd.protocol.session import Session


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of SELECT: how its value is read, what happens before anything else and may still refuse the command,
    what is said when the mailbox is open."""

    read: Callable[[Cursor], Any] | None = None
    before: Callable[[Session, Any], None] | None = None
    after: Callable[[Session, Any], Iterable[Output]] | None = None


PARAMETERS: dict[bytes, Parameter] = {}

# Further response codes of SELECT, in the order they are told: HIGHESTMODSEQ, MAILBOXID …
CODES: list[Callable[[Session, Mailbox], Ok | None]] = []


@dataclass(frozen=True, slots=True)
class Select:
    name: str
    parameters: Mapping[bytes, Any] = field(default_factory=dict)
    spelled: str = ""  # as the client has written it


def parse_select(cursor: Cursor) -> Select:
    """select = "SELECT" SP mailbox [SP "(" select-param *(SP select-param) ")"]"""
    cursor.sp()
    name, spelled = cursor.spelled_mailbox()
    parameters = dict(cursor.listed(lambda: select_parameter(cursor))) if cursor.take(b" ") else {}
    return Select(name, parameters, spelled)


def select_parameter(cursor: Cursor) -> tuple[bytes, Any]:
    """select-param = select-param-name [SP select-param-value]"""
    name = cursor.word()
    if name not in PARAMETERS:
        raise BadSyntax("Unknown parameter of SELECT.")
    read = PARAMETERS[name].read
    return name, read(cursor) if read else True


# What they tell is one moment's: clients count the messages when the command has ended.
@command("SELECT", parse_select, states=AUTHENTICATED_UP, tells_news=False)
def select(session: Session, args: Select) -> Generator[Output, None, Done | None]:
    return (yield from opened(session, args, read_only=False))


@command("EXAMINE", parse_select, states=AUTHENTICATED_UP, tells_news=False)
def examine(session: Session, args: Select) -> Generator[Output, None, Done | None]:
    return (yield from opened(session, args, read_only=True))


def opened(session: Session, args: Select, *, read_only: bool) -> Generator[Output, None, Done | None]:
    """Leaves the mailbox selected before, whatever comes of this, then opens and describes the new one."""
    given = [(PARAMETERS[name], value) for name, value in args.parameters.items()]
    for parameter, value in given:
        if parameter.before:
            parameter.before(session, value)
    if session.selected:
        session.unselect()
        yield Ok("The mailbox selected before is closed.", b"CLOSED")
    is_rev2 = IMAP4REV2 in session.enabled
    mailbox = session.account.open(args.name, read_only=read_only, counts_recent=not is_rev2)
    session.select(mailbox)
    try:
        yield from description(session, mailbox)
        if is_rev2:
            yield List(mailbox.name, extended=oldname(args.spelled, args.name))
        for parameter, value in given:
            if parameter.after:
                yield from parameter.after(session, value)
    except Exception:
        session.unselect()  # a SELECT that fails leaves nothing selected (RFC 3501 section 6.3.1)
        raise
    return Done(code=b"READ-ONLY" if mailbox.read_only else b"READ-WRITE")


def description(session: Session, mailbox: Mailbox) -> Iterator[Output]:
    """What RFC 3501 6.3.1 wants told of a mailbox as it is selected; RFC 9051 has dropped RECENT and UNSEEN."""
    yield Flags(mailbox.flags)
    yield Exists(len(mailbox.view.uids))
    if IMAP4REV2 not in session.enabled:
        yield Recent(mailbox.recent)
        if (first := mailbox.first_unseen) is not None:
            yield Ok("First unseen.", b"UNSEEN %d" % first)
    yield Ok("Flags that can be set here.", b"PERMANENTFLAGS " + encode.flags(mailbox.permanent_flags))
    yield Ok("Predicted next UID.", b"UIDNEXT %d" % min(mailbox.uid_next, LARGEST))
    yield Ok("UIDs valid.", b"UIDVALIDITY %d" % mailbox.uid_validity)
    for code in CODES:
        if told := code(session, mailbox):
            yield told


@command("CLOSE", states=SELECTED)
def close(session: Session, args: None) -> Iterator[Output]:
    """Removes what is marked \\Deleted without a word about each, and unselects."""
    mailbox = session.selected
    if not mailbox.read_only and mailbox.may_expunge:
        mailbox.expunge()
    session.unselect()
    yield from ()


@command("CHECK", states=SELECTED)
def check(session: Session, args: None) -> Iterator[Output]:
    session.selected.refresh(session.connection.received_at)
    yield from ()
