# SPDX-License-Identifier: MIT
"""FETCH and UID FETCH. What can be asked for is in fetch_items.py and fetch_sections.py; rendering in fetch_plan.py.

Modifiers (RFC 4466) come from the table MODIFIERS, which extensions fill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imapd.commands import fetch_sections as fetch_sections  # fills the table of items
from imapd.commands.fetch_items import FLAGS, MACROS, UID, Item, fetch_att
from imapd.commands.fetch_plan import compiled
from imapd.protocol.registry import command
from imapd.protocol.states import SELECTED
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Output
from imapd.wire.sequence import SequenceSet

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox
    from imapd.protocol.session import Session

MOST_ITEMS = 100

MODIFIERS: dict[bytes, Callable[[Cursor], Any]] = {}


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
        modifiers = dict(cursor.listed(lambda: fetch_modifier(cursor)))
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
    return name, MODIFIERS[name](cursor)


@command("FETCH", parse_fetch, states=SELECTED, sends_expunge=False, uid=True)
def fetch(session: Session, args: Fetch) -> Iterator[Output]:
    mailbox = session.selected
    runs = args.messages.positions(mailbox.view.uids, args.by_uid)
    items = [UID, *args.items] if args.by_uid else list(args.items)
    if any(item.marks_seen for item in items) and mark_seen(mailbox, runs):
        items.insert(1 if args.by_uid else 0, FLAGS)
        # The view has moved on to what others did meanwhile: their keywords must be known before a FETCH shows them.
        yield from session.news(may_expunge=False)
    yield from compiled(items).rendered(mailbox, runs)


def mark_seen(mailbox: Mailbox, runs: Sequence[range]) -> bool:
    r"""Sets \Seen on those that lack it, and says whether the client's knowledge of flags has become old by that."""
    unseen = [b"\\Seen" not in rendered for rendered in mailbox.view.flag_bytes]
    numbers = mailbox.view.flag_numbers
    if not any(unseen[number] for run in runs for number in numbers[run.start : run.stop]):
        return False
    mailbox.mark_seen(runs)
    return mailbox.view.flag_numbers is not numbers
