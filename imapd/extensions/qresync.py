# SPDX-License-Identifier: MIT
"""QRESYNC (RFC 7162 section 3.2): a client that comes back is told in one round trip what changed and what is gone.

What the session tells in other words once it is enabled (VANISHED, UIDs) is in protocol/session.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd.commands.fetch import MODIFIERS, Fetch, Modifier
from imapd.commands.fetch_items import FLAGS, MODSEQ, UID
from imapd.commands.fetch_plan import compiled
from imapd.commands.select import PARAMETERS, Parameter
from imapd.extensions.condstore import mod_sequence_value
from imapd.mail.resync import agreed_to
from imapd.protocol.registry import Capability
from imapd.protocol.session import CONDSTORE, QRESYNC
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Output, Vanished
from imapd.wire.sequence import LARGEST, STAR, SequenceSet

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox
    from imapd.protocol.session import Session

CAPABILITIES = (
    Capability(QRESYNC, rfc=7162, states=AUTHENTICATED_UP, enable=lambda session: session.enable(CONDSTORE)),
)

RANGES_A_LINE = 500


@dataclass(frozen=True, slots=True)
class Known:
    """What the client remembers: uids (None: all), and some sequence numbers with their UIDs."""

    uid_validity: int
    modseq: int
    uids: list[range] | None
    numbers: list[range]
    numbered_uids: list[range]


def parse_known(cursor: Cursor) -> Known:
    """SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")" """
    cursor.sp()
    cursor.expect(b"(")
    uid_validity = cursor.nz_number()
    modseq = mod_sequence_value(cursor)
    uids, numbers, numbered_uids = None, [], []
    if cursor.peek(b" ") and not cursor.peek(b" ("):
        cursor.sp()
        uids = without_star(cursor)
    if cursor.take(b" ("):
        numbers = without_star(cursor)
        cursor.sp()
        numbered_uids = without_star(cursor)
        cursor.expect(b")")
        if sum(map(len, numbers)) != sum(map(len, numbered_uids)):
            raise BadSyntax("There must be as many sequence numbers as UIDs.")
    cursor.expect(b")")
    return Known(uid_validity, modseq, uids, numbers, numbered_uids)


def without_star(cursor: Cursor) -> list[range]:
    """sequence-set in which "*" is not allowed"""
    if cursor.peek(b"$"):
        raise BadSyntax("Expected numbers.")
    found = cursor.sequence_set().ranges
    if any(high == STAR for _, high in found):
        raise BadSyntax('"*" is not allowed here.')
    return [range(low, high + 1) for low, high in found]


def need_enabled(session: Session, value: object) -> None:
    if QRESYNC not in session.enabled:
        raise BadSyntax("QRESYNC has not been enabled.")


def resynchronized(session: Session, known: Known) -> Iterator[Output]:
    """What a UID FETCH of the known UIDs with CHANGEDSINCE and VANISHED would tell (RFC 7162 3.2.5.1)."""
    mailbox = session.selected
    if known.uid_validity != mailbox.uid_validity:
        return
    # A modseq that is still to come is that of another time: what the client knows by it says nothing.
    since = known.modseq if known.modseq <= mailbox.modseq else 0
    agreed = agreed_to(mailbox.view.uids, known.numbers, known.numbered_uids)
    uids = known.uids if known.uids is not None else [range(1, LARGEST + 1)]
    unsure = [range(max(span.start, agreed + 1), span.stop) for span in uids if span.stop > agreed + 1]
    yield from vanished(mailbox, since, unsure)
    changed = mailbox.changed_since([mailbox.view.span(span) for span in uids], since)
    yield from compiled([UID, FLAGS, MODSEQ]).rendered(mailbox, changed)


def vanished(mailbox: Mailbox, since: int, uids: Iterable[range]) -> Iterator[Vanished]:
    """expunged-resp = "VANISHED" SP "(EARLIER)" SP known-uids, in lines that a client can hold"""
    gone = [(span.start, span.stop - 1) for span in mailbox.vanished_since(since, uids)]
    for begin in range(0, len(gone), RANGES_A_LINE):
        yield Vanished(bytes(SequenceSet(gone[begin : begin + RANGES_A_LINE])), earlier=True)


def fetch_vanished(session: Session, args: Fetch) -> Iterator[Output]:
    """rexpunges-fetch-mod = "VANISHED": before the messages (RFC 7162 3.2.6)"""
    need_enabled(session, None)
    if not args.by_uid or b"CHANGEDSINCE" not in args.modifiers:
        raise BadSyntax("VANISHED belongs to UID FETCH with CHANGEDSINCE.")
    mailbox = session.selected
    uids = [range(low, high + 1) for low, high in args.messages.resolved(max(1, mailbox.uid_next - 1))]
    yield from vanished(mailbox, args.modifiers[b"CHANGEDSINCE"], uids)


PARAMETERS[QRESYNC] = Parameter(parse_known, before=need_enabled, after=resynchronized)
MODIFIERS[b"VANISHED"] = Modifier(first=fetch_vanished)
