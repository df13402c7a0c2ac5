# SPDX-License-Identifier: MIT
"""CAPABILITY, NOOP, LOGOUT: the commands of every state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imapd.protocol.capability import advertised
from imapd.protocol.registry import Capability, command
from imapd.protocol.states import ANY, State
from imapd.wire import responses
from imapd.wire.responses import Bye, Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"IMAP4rev1", rfc=3501, always=True),)


@command("CAPABILITY", states=ANY)
def capability(session: Session, args: None) -> Iterator[Output]:
    yield responses.Capability(advertised(session))


@command("NOOP", states=ANY)
def noop(session: Session, args: None) -> Iterator[Output]:
    # Commands that came in one segment share one look at the store: it was made after all of them had been sent.
    if session.selected is not None:
        session.selected.refresh(session.connection.received_at)
    yield from ()


@command("LOGOUT", states=ANY)
def logout(session: Session, args: None) -> Iterator[Output]:
    session.unselect()
    session.state = State.LOGOUT
    yield Bye("Logging out.")
