# SPDX-License-Identifier: MIT
"""NOTIFY (RFC 5465): the client says of which mailboxes it wants to hear what, and hears it at any time.

What has changed elsewhere is found out in mail/notifications.py; the session listens between commands, see its
listen(). There are no annotations of messages, and so no AnnotationChange.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from imapd.commands.fetch import MOST_ITEMS
from imapd.commands.fetch_items import FLAGS, MODSEQ, UID, Item, fetch_att
from imapd.commands.fetch_plan import compiled
from imapd.commands.listing import attributes
from imapd.commands.status import answer
from imapd.errors import Corrupt, Expunged, LimitReached, MailError
from imapd.mail.events import NONE, OF_MESSAGES, SELECTED, Event, EventGroup, Events, Which
from imapd.mail.notifications import Notifications
from imapd.mail.snapshot import runs
from imapd.mail.watched import Annotations, Change, Name, Numbers
from imapd.protocol.answers import Refused
from imapd.protocol.registry import Capability, command
from imapd.protocol.session import CONDSTORE, IMAP4REV2, QRESYNC
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import List, MetadataChanged, Ok, Output, oldname

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"NOTIFY", rfc=5465, states=AUTHENTICATED_UP),)

MOST_NAMES = 1_000
"""In one command."""

BURST = 10
"""So often a client hears at once that something happened; after that once a second, until it has been quiet."""

WHICH = {which.value.upper().encode("ascii"): which for which in Which}
EVENTS = {event.value.upper().encode("ascii"): event for event in Event}
MESSAGE_NEW, MESSAGE_EXPUNGE, FLAG_CHANGE, ANNOTATION_CHANGE = (
    b"MESSAGENEW", b"MESSAGEEXPUNGE", b"FLAGCHANGE", b"ANNOTATIONCHANGE",
)  # fmt: skip
BADEVENT = b"BADEVENT (%b)" % b" ".join(event.value.encode("ascii") for event in Event)
NAMES_FOLLOW = (Which.SUBTREE, Which.MAILBOXES)


@dataclass(frozen=True, slots=True)
class Notify:
    """One event group or more, in the client's order; none for NONE. items: what is told of new messages in the
    selected mailbox; bad: an event that there is not here was asked for."""

    groups: Sequence[EventGroup] = ()
    items: Sequence[Item] = ()
    status: bool = False
    bad: bool = False


def parse_notify(cursor: Cursor) -> Notify:
    """notify = "NOTIFY" SP ("NONE" / "SET" [SP "STATUS"] SP event-group *(SP event-group))"""
    cursor.sp()
    if cursor.word(b"SET", b"NONE") == b"NONE":
        return Notify()
    cursor.sp()
    status = not cursor.peek(b"(") and bool(cursor.word(b"STATUS"))
    if status:
        cursor.sp()
    read = [event_group(cursor)]
    while cursor.take(b" "):
        read.append(event_group(cursor))
    groups = [each.group for each in read]
    if sum(group.which in SELECTED for group in groups) > 1:
        raise BadSyntax("The selected mailbox stands there twice.")
    if sum(len(group.names) for group in groups) > MOST_NAMES or len(groups) > MOST_NAMES:
        raise LimitReached(f"No more than {MOST_NAMES} mailboxes can be named.")
    items = [item for each in read for item in each.items]
    return Notify(groups, items, status, any(each.bad for each in read))


@dataclass(slots=True)
class Reading:
    """An event group as it is read."""

    group: EventGroup
    names: list[bytes] = field(default_factory=list)  # of events
    items: list[Item] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        return any(name not in EVENTS for name in self.names)


def event_group(cursor: Cursor) -> Reading:
    """event-group = "(" filter-mailboxes SP events ")"

    events = ("(" event *(SP event) ")") / "NONE"
    """
    cursor.expect(b"(")
    which = WHICH[cursor.word(*WHICH)]
    names: frozenset[str] = frozenset()
    if which in NAMES_FOLLOW:
        cursor.sp()
        names = frozenset(one_or_more_mailbox(cursor))
    cursor.sp()
    read = Reading(EventGroup(which, NONE, names))
    if cursor.peek(b"("):
        cursor.listed(lambda: event(cursor, read))
        need_whole(read)
    else:
        cursor.word(b"NONE")
    cursor.expect(b")")
    read.group = EventGroup(which, frozenset(EVENTS[name] for name in read.names if name in EVENTS), names)
    return read


def one_or_more_mailbox(cursor: Cursor) -> Sequence[str]:
    """one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")" """
    return cursor.listed(cursor.mailbox) if cursor.peek(b"(") else [cursor.mailbox()]


def event(cursor: Cursor, read: Reading) -> None:
    """event = ("MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"]) / "MessageExpunge" / "FlagChange" /
    "AnnotationChange" / "MailboxName" / "SubscriptionChange" / "MailboxMetadataChange" / "ServerMetadataChange" /
    atom"""
    name = cursor.word()
    read.names.append(name)
    if name == MESSAGE_NEW and cursor.peek(b" ("):
        if read.group.which not in SELECTED:
            raise BadSyntax("Items are told of the selected mailbox alone.")
        cursor.sp()
        read.items += cursor.listed(lambda: fetch_att(cursor))
        if len(read.items) > MOST_ITEMS:
            raise BadSyntax("Too many items.")


def need_whole(read: Reading) -> None:
    """Who counts messages must hear of those that come and of those that go (RFC 5465 section 5)."""
    names = set(read.names)
    if len(names) < len(read.names):
        raise BadSyntax("An event stands there twice.")
    if (MESSAGE_NEW in names) != (MESSAGE_EXPUNGE in names):
        raise BadSyntax("MessageNew and MessageExpunge belong together.")
    if names & {FLAG_CHANGE, ANNOTATION_CHANGE} and MESSAGE_NEW not in names:
        raise BadSyntax("FlagChange needs MessageNew and MessageExpunge.")
    if read.group.which in SELECTED and any(name in EVENTS and EVENTS[name] not in OF_MESSAGES for name in names):
        raise BadSyntax("Of the selected mailbox, only what happens to messages is told.")


class Choice:
    """What one client has chosen to hear, while it holds. of_messages, of_flags: of the selected mailbox."""

    __slots__ = (
        "_credit", "_elsewhere", "_items", "_looked_at", "_owed", "_owed_of", "_session", "expunges_at_once",
        "of_flags", "of_messages",
    )  # fmt: skip

    def __init__(self, session: Session, args: Notify):
        account = session.account
        selected = next((group for group in args.groups if group.which in SELECTED), None)
        groups = [
            EventGroup(group.which, group.events, frozenset(map(account.spelled, group.names)))
            for group in args.groups
            if group is not selected
        ]
        self.of_messages = selected is not None and Event.MESSAGE_NEW in selected.events
        self.of_flags = selected is not None and Event.FLAG_CHANGE in selected.events
        self.expunges_at_once = selected is not None and selected.which is Which.SELECTED
        self._session = session
        self._items = args.items
        self._owed: list[int] = []  # UIDs of new messages whose items are still to be told
        self._owed_of: Mailbox | None = None
        self._elsewhere = Notifications(account, groups, session.connection.wake) if groups else None
        self._credit, self._looked_at = float(BURST), monotonic()

    def begin(self) -> tuple[list[Numbers], list[Name]]:
        """As Notifications.begin()."""
        return self._elsewhere.begin(self._session.selected) if self._elsewhere else ([], [])

    def hold(self) -> None:
        """It counts from now on."""
        self._session.account.notifications = self._elsewhere
        self._session.choose_news(self)

    def close(self) -> None:
        if self._elsewhere:
            self._elsewhere.close()
            if self._session.account.notifications is self._elsewhere:
                self._session.account.notifications = None

    # What is told

    def arrived(self, mailbox: Mailbox, positions: Sequence[int]) -> Iterator[Output]:
        """FETCH of messages that have come into the selected mailbox."""
        if self._items and positions:
            if mailbox is not self._owed_of:
                self._owed, self._owed_of = [], mailbox
            self._owed += [mailbox.view.uids[at] for at in positions]
            with suppress(MailError):  # the command that this follows is done
                yield from self._fetched(mailbox)

    def _fetched(self, mailbox: Mailbox) -> Iterator[Output]:
        enabled, items = self._session.enabled, list(self._items)
        if QRESYNC in enabled or IMAP4REV2 in enabled:
            items.insert(0, UID)
        if CONDSTORE in enabled and FLAGS in items:
            items.append(MODSEQ)
        positions = [at for uid in self._owed if (at := mailbox.view.position(uid)) is not None]
        with suppress(Corrupt, Expunged):  # what can be told is, and a second time would be no other
            yield from compiled(items).rendered(mailbox, runs(positions))
        self._owed.clear()

    def elsewhere(self) -> Iterator[Output]:
        """What happened in other mailboxes. Raises MailError where that cannot be found out now."""
        session = self._session
        if self._owed and self._owed_of is not None and self._owed_of is session.selected:
            yield from self._fetched(self._owed_of)
        if self._elsewhere is None:
            return
        try:
            changes = self._elsewhere.look(session.selected)
        except LimitReached as error:
            Choice(session, Notify()).hold()
            yield Ok(str(error), b"NOTIFICATIONOVERFLOW")
            return
        for change in changes:
            yield told(session, change)

    # How often

    @property
    def deaf_seconds(self) -> float:
        """So long from now on it is not looked what has happened."""
        return 0.0 if self._credit >= 1 else 1.0

    def woken(self) -> None:
        """It is looked again."""
        before, self._looked_at = self._looked_at, monotonic()
        self._credit = min(float(BURST), self._credit + self._looked_at - before) - 1


def told(session: Session, change: Change) -> Output:
    """How a client hears of what has changed."""
    if isinstance(change, Numbers):
        return answer(session, change.status, change.name, items_of(session, change.events))
    if isinstance(change, Annotations):
        return MetadataChanged(change.name, [entry.encode("ascii") for entry in change.entries])
    found = [b"\\NonExistent"]
    if change.row is not None:
        found = attributes(change.row, extended=True)
        if change.row.folders and not change.row.selectable:
            found.insert(0, b"\\NoAccess")
        if change.row.subscribed:
            found.append(b"\\Subscribed")
    return List(change.name, found, oldname(change.old, change.name, session.utf8) if change.old else b"")


def items_of(session: Session, events: Events) -> Sequence[bytes]:
    """What STATUS tells of a mailbox (RFC 5465 sections 3.1 and 5.1 to 5.3)."""
    items = [b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY"]
    if Event.FLAG_CHANGE in events:
        items.append(b"UNSEEN")
    if Event.FLAG_CHANGE in events or CONDSTORE in session.enabled:
        items.append(b"HIGHESTMODSEQ")
    return items


@command("NOTIFY", parse_notify, states=AUTHENTICATED_UP, rfc=5465, capability="NOTIFY")
def notify(session: Session, args: Notify) -> Generator[Output, None, None]:
    """SET tells first what has happened up to here in the selected mailbox, as NOOP does (RFC 5465 section 3.1)."""
    if args.bad:
        raise Refused(BADEVENT, "There is no such event here.")
    choice = Choice(session, args)
    try:
        found, unreadable = choice.begin()
        if args.groups and session.selected is not None:
            session.selected.refresh(session.connection.received_at)
            yield from session.all_news()
    except BaseException:
        choice.close()
        raise
    for item in args.items:
        if item.enables:
            session.enable(item.enables)
    choice.hold()
    if args.status:
        yield from (told(session, numbers) for numbers in found)
        yield from (told(session, name) for name in unreadable)
