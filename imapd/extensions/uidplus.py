# SPDX-License-Identifier: MIT
"""UIDPLUS (RFC 4315): UID EXPUNGE. APPENDUID and COPYUID are said where APPEND and COPY are."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd.protocol.registry import Capability, Done, command
from imapd.protocol.states import AUTHENTICATED_UP, SELECTED
from imapd.wire.grammar import Cursor
from imapd.wire.responses import Output
from imapd.wire.sequence import SequenceSet

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"UIDPLUS", rfc=4315, states=AUTHENTICATED_UP),)


@dataclass(frozen=True, slots=True)
class UidExpunge:
    messages: SequenceSet


def parse_uid_expunge(cursor: Cursor) -> UidExpunge:
    """uid-expunge = "UID" SP "EXPUNGE" SP sequence-set"""
    cursor.sp()
    return UidExpunge(cursor.sequence_set())


@command("UID EXPUNGE", parse_uid_expunge, states=SELECTED, rfc=4315, capability="UIDPLUS")
def uid_expunge(session: Session, args: UidExpunge) -> Generator[Output, None, Done | None]:
    uids, modseq = session.selected.view.uids, session.selected.modseq
    found = args.messages.positions(uids, by_uid=True)
    if found:
        session.selected.expunge([range(uids[run[0]], uids[run[-1]] + 1) for run in found])
    return (yield from session.removed(modseq))
