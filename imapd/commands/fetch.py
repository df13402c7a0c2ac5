# SPDX-License-Identifier: MIT
"""FETCH and UID FETCH. What can be asked for is in fetch_items.py and fetch_sections.py; rendering in fetch_plan.py.

Modifiers (RFC 4466) come from the table MODIFIERS, which extensions fill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imapd.commands import fetch_sections as fetch_sections  # fills the table of items
from imapd.commands.fetch_items import FLAGS, MACROS, MODSEQ, UID, Item, fetch_att
from imapd.commands.fetch_plan import compiled
from imapd.protocol.registry import command
from imapd.protocol.session import CONDSTORE, QRESYNC
from imapd.protocol.states import SELECTED
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Output
from imapd.wire.sequence import SequenceSet

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox
    from imapd.protocol.session import Session

MOST_ITEMS = 100


@dataclass(frozen=True, slots=True)
class Modifier:
    """A modifier of FETCH. `read` takes its value from the command; `first` tells something before the messages, or
    raises; `narrow` chooses among the positions, first that of the lowest `rank`; `items` are told beside those asked
    for."""

    read: Callable[[Cursor], Any] | None = None
    first: Callable[[Session, Fetch], Iterable[Output]] | None = None
    narrow: Callable[[Mailbox, Sequence[range], Any], Sequence[range]] | None = None
    items: tuple[Item, ...] = ()
    rank: int = 1


MODIFIERS: dict[bytes, Modifier] = {}


@dataclass(frozen=True, slots=True)
class Fetch:
    messages: SequenceSet
    by_uid: bool
    items: Sequence[Item]
    modifiers: Mapping[bytes, Any] = field(default_factory=dict)


def parse_fetch(cursor: Cursor) -> Fetch:
    """fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")")
    [SP "(" fetch-modifier *(SP fetch-modifier) ")"]"""
    cursor.sp()
    messages = cursor.sequence_set()
    cursor.sp()
    items = fetch_atts(cursor)
    modifiers: dict[bytes, Any] = {}
    if cursor.take(b" "):
        given = cursor.listed(lambda: fetch_modifier(cursor))
        modifiers = dict(given)
        if len(modifiers) < len(given):
            raise BadSyntax("A modifier is given twice.")
    return Fetch(messages, cursor.by_uid, items, modifiers)


def fetch_atts(cursor: Cursor) -> Sequence[Item]:
    """A macro, one item, or a list of items."""
    if cursor.peek(b"("):
        items = cursor.listed(lambda: fetch_att(cursor))
        if len({item.name for item in items}) > MOST_ITEMS:
            raise BadSyntax("Too many items.")
        return items
    begin = cursor.position
    macro = MACROS.get(cursor.atom().upper())
    if macro:
        return macro
    cursor.position = begin
    return [fetch_att(cursor)]


def fetch_modifier(cursor: Cursor) -> tuple[bytes, Any]:
    """fetch-modifier = fetch-modifier-name [SP fetch-modif-params]"""
    name = cursor.word()
    if name not in MODIFIERS:
        raise BadSyntax("Unknown modifier of FETCH.")
    read = MODIFIERS[name].read
    return name, read(cursor) if read else True


@command("FETCH", parse_fetch, states=SELECTED, sends_expunge=False, uid=True)
def fetch(session: Session, args: Fetch) -> Iterator[Output]:
    mailbox = session.selected
    runs: Sequence[range] = args.messages.positions(mailbox.view.uids, args.by_uid)
    items = [UID, *args.items] if args.by_uid else list(args.items)
    for modifier, value in sorted(
        ((MODIFIERS[name], value) for name, value in args.modifiers.items()), key=lambda given: given[0].rank
    ):
        if modifier.first:
            yield from modifier.first(session, args)
        if modifier.narrow:
            runs = modifier.narrow(mailbox, runs, value)
        items += modifier.items
    for item in items:
        if item.enables:
            session.enable(item.enables)
    if any(item.marks_seen for item in items) and mailbox.mark_seen(runs):
        items[:0] = change_items(session, args.by_uid)
        # The view has moved on to what others did meanwhile: their keywords must be known before a FETCH shows them.
        yield from session.news(may_expunge=False)
    yield from compiled(items).rendered(mailbox, runs)


def change_items(session: Session, by_uid: bool, silent: bool = False) -> Iterator[Item]:
    """What is told of a message whose flags a command has changed; silent: without its flags (RFC 7162 3.1.3)."""
    if by_uid or QRESYNC in session.enabled:
        yield UID
    if not silent:
        yield FLAGS
    if CONDSTORE in session.enabled:
        yield MODSEQ
