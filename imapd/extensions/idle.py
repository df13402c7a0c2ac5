# SPDX-License-Identifier: MIT
"""IDLE (RFC 2177): the client listens and hears of changes as they happen. No database connection is held meanwhile."""

from __future__ import annotations

from collections.abc import Generator
from time import monotonic
from typing import TYPE_CHECKING

from imapd.errors import MailError
from imapd.protocol.registry import Capability, Done, command
from imapd.protocol.session import AGAIN_SECONDS
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.errors import BadSyntax
from imapd.wire.responses import Continue, Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"IDLE", rfc=2177),)


@command("IDLE", states=AUTHENTICATED_UP, rfc=2177, capability="IDLE")
def idle(session: Session, args: None) -> Generator[Output, None, Done]:
    """idle = "IDLE" CRLF "DONE" """
    connection, mailbox = session.connection, session.selected
    yield Continue("idling")
    if mailbox is not None:
        mailbox.watch(connection.wake)
    try:
        # The first look comes after the watch began, and asks in any case, so that nothing between the two is missed.
        asked: float | None = monotonic()
        while (line := session.framer.next_line()) is None:
            patience = None
            try:
                yield from session.happened(may_expunge=True, received_at=asked)
                asked = None
            except MailError:  # a NO would cross the client's DONE, which is no command then
                patience = AGAIN_SECONDS
            # Somebody who only listens does not hold up a server that shuts down.
            connection.in_command = False
            if session.wait(patience):
                session.receive()
    finally:
        connection.in_command = True
        if mailbox is not None:
            mailbox.unwatch()
    if line.upper() != b"DONE":
        raise BadSyntax("Expected DONE.")
    return Done("IDLE terminated.")
