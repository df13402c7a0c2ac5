# SPDX-License-Identifier: MIT
"""STORE. The flags of a whole range change in one statement of mail/; the answers are rendered in one piece each.

Modifiers (RFC 4466) come from the table MODIFIERS, which CONDSTORE fills.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imapd.commands.fetch import change_items
from imapd.commands.fetch_plan import compiled
from imapd.protocol.registry import Done, command
from imapd.protocol.session import CONDSTORE
from imapd.protocol.states import SELECTED
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Output
from imapd.wire.sequence import SequenceSet, compact

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox, StoredFlags
    from imapd.protocol.session import Session

MODIFIERS: dict[bytes, Callable[[Cursor], Any]] = {}

CHUNK = 1000
"""Answers that are put into one piece of output: fewer and larger writes, and a bound on each."""


@dataclass(frozen=True, slots=True)
class Store:
    messages: SequenceSet
    by_uid: bool
    op: str  # "=", "+" or "-"
    flags: Sequence[str]
    silent: bool = False
    modifiers: Mapping[bytes, Any] = field(default_factory=dict)


def parse_store(cursor: Cursor) -> Store:
    """store = "STORE" SP sequence-set [SP "(" store-modifier *(SP store-modifier) ")"] SP store-att-flags"""
    cursor.sp()
    messages = cursor.sequence_set()
    cursor.sp()
    modifiers: dict[bytes, Any] = {}
    if cursor.peek(b"("):
        modifiers = dict(cursor.listed(lambda: store_modifier(cursor)))
        cursor.sp()
    op, silent, flags = store_att_flags(cursor)
    return Store(messages, cursor.by_uid, op, flags, silent, modifiers)


def store_modifier(cursor: Cursor) -> tuple[bytes, Any]:
    """store-modifier = store-modifier-name [SP store-modif-params]"""
    name = cursor.word()
    if name not in MODIFIERS:
        raise BadSyntax("Unknown modifier of STORE.")
    return name, MODIFIERS[name](cursor)


def store_att_flags(cursor: Cursor) -> tuple[str, bool, list[str]]:
    """store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))"""
    op = "+" if cursor.take(b"+") else "-" if cursor.take(b"-") else "="
    silent = cursor.word(b"FLAGS", b"FLAGS.SILENT") == b"FLAGS.SILENT"
    cursor.sp()
    return op, silent, cursor.flags()


@command("STORE", parse_store, states=SELECTED, sends_expunge=False, uid=True)
def store(session: Session, args: Store) -> Generator[Output, None, Done]:
    mailbox = session.selected
    positions = args.messages.positions(mailbox.view.uids, args.by_uid)
    unchanged_since = args.modifiers.get(b"UNCHANGEDSINCE")
    if unchanged_since is not None:
        session.enable(CONDSTORE)
    stored = mailbox.store(positions, args.op, args.flags, unchanged_since)
    # A keyword that this has made must be in FLAGS before a FETCH shows it; no number may shift before that.
    yield from session.news(may_expunge=False)
    if CONDSTORE in session.enabled:
        yield from changes_told(session, args, stored)
    elif not args.silent:
        yield from flags_told(mailbox, stored.positions, args.by_uid)
    return Done(code=modified(mailbox, stored, args.by_uid))


def changes_told(session: Session, args: Store, stored: StoredFlags) -> Iterator[bytes]:
    """The untagged FETCH for who keeps modseqs: with .SILENT, too, of all that a condition let pass, else of what has
    changed (RFC 7162 3.1.3)."""
    mailbox = session.selected
    positions: Sequence[range] = stored.positions
    if stored.modified:
        refused = set(stored.modified)
        uids = mailbox.view.uids
        positions = [range(at, at + 1) for span in positions for at in span if uids[at] not in refused]
    elif args.silent and not args.modifiers:
        positions = [] if stored.modseq is None else mailbox.changed_since(positions, stored.modseq - 1)
    yield from compiled(change_items(session, args.by_uid, args.silent)).rendered(mailbox, positions)


def modified(mailbox: Mailbox, stored: StoredFlags, by_uid: bool) -> bytes | None:
    """ "MODIFIED" SP sequence-set; nothing where no message was refused"""
    if not stored.modified:
        return None
    uids = mailbox.view.uids
    numbers = stored.modified if by_uid else [bisect_left(uids, uid) + 1 for uid in stored.modified]
    return b"MODIFIED " + compact(numbers)


def flags_told(mailbox: Mailbox, positions: Sequence[range], by_uid: bool) -> Iterator[bytes]:
    """The untagged FETCH with the flags of each message."""
    template = b"* %d FETCH (UID %d FLAGS %b)\r\n" if by_uid else b"* %d FETCH (FLAGS %b)\r\n"
    uids = mailbox.view.uids
    for run in positions:
        for begin in range(run.start, run.stop, CHUNK):
            end = min(begin + CHUNK, run.stop)
            numbers, flags = range(begin + 1, end + 1), flag_lists(mailbox, begin, end)
            rows = (numbers, uids[begin:end], flags) if by_uid else (numbers, flags)
            yield b"".join(map(template.__mod__, zip(*rows, strict=True)))


def flag_lists(mailbox: Mailbox, begin: int, end: int) -> Iterable[bytes]:
    """The flags of neighbouring messages, ready to be sent."""
    if mailbox.recent_uids:
        return map(mailbox.flags_at, range(begin, end))
    view = mailbox.view
    return map(view.flag_bytes.__getitem__, view.flag_numbers[begin:end])
