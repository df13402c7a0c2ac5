# SPDX-License-Identifier: MIT
"""MOVE (RFC 6851): COPY and removal in one step. COPYUID is told untagged, before the messages vanish."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from imapd.commands.copy import Copy, copyuid, parse_copy
from imapd.protocol.registry import Capability, Done, command
from imapd.protocol.states import AUTHENTICATED_UP, SELECTED
from imapd.wire.responses import Ok, Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"MOVE", rfc=6851, states=AUTHENTICATED_UP),)


@command("MOVE", parse_copy, states=SELECTED, uid=True, rfc=6851, capability="MOVE", reports_progress=True)
def move(session: Session, args: Copy) -> Generator[Output, None, Done | None]:
    """move = "MOVE" SP sequence-set SP mailbox"""
    modseq = session.selected.modseq
    positions = args.messages.positions(session.selected.view.uids, args.by_uid)
    moved = session.selected.move(positions, args.to)
    if code := copyuid(moved):
        yield Ok("Moved.", code)
    return (yield from session.removed(modseq))
