# SPDX-License-Identifier: MIT
"""COPY, with the COPYUID of UIDPLUS. Which mailbox may give and which may take is decided in mail/."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd.protocol.registry import Done, command
from imapd.protocol.states import SELECTED
from imapd.wire.grammar import Cursor
from imapd.wire.responses import Output
from imapd.wire.sequence import SequenceSet, compact

if TYPE_CHECKING:
    from imapd.mail.mailbox import Copied
    from imapd.protocol.session import Session


@dataclass(frozen=True, slots=True)
class Copy:
    messages: SequenceSet
    by_uid: bool
    to: str


def parse_copy(cursor: Cursor) -> Copy:
    """copy = "COPY" SP sequence-set SP mailbox"""
    cursor.sp()
    messages = cursor.sequence_set()
    cursor.sp()
    to = cursor.mailbox()
    return Copy(messages, cursor.by_uid, to)


@command("COPY", parse_copy, states=SELECTED, uid=True, reports_progress=True)
def copy(session: Session, args: Copy) -> Generator[Output, None, Done | None]:
    positions = args.messages.positions(session.selected.view.uids, args.by_uid)
    copied = session.selected.copy(positions, args.to)
    yield from ()
    return Done(code=copyuid(copied))


def copyuid(copied: Copied) -> bytes | None:
    """resp-code-copy = "COPYUID" SP nz-number SP uid-set SP uid-set; nothing where nothing was copied"""
    if not copied.source:
        return None
    return b"COPYUID %d %b %b" % (copied.uid_validity, compact(copied.source), compact(copied.target))
