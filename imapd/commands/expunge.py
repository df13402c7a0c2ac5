# SPDX-License-Identifier: MIT
"""EXPUNGE. Its UID form belongs to UIDPLUS, CLOSE to SELECT; the untagged EXPUNGEs are told by the session."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from imapd.protocol.registry import Done, command
from imapd.protocol.states import SELECTED
from imapd.wire.responses import Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session


@command("EXPUNGE", states=SELECTED)
def expunge(session: Session, args: None) -> Generator[Output, None, Done | None]:
    modseq = session.selected.modseq
    session.selected.expunge(None)
    return (yield from session.removed(modseq))
