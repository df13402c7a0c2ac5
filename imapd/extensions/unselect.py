# SPDX-License-Identifier: MIT
"""UNSELECT (RFC 3691): CLOSE that removes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imapd.protocol.registry import Capability, command
from imapd.protocol.states import AUTHENTICATED_UP, SELECTED
from imapd.wire.responses import Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"UNSELECT", rfc=3691, states=AUTHENTICATED_UP),)


@command("UNSELECT", states=SELECTED, rfc=3691, capability="UNSELECT")
def unselect(session: Session, args: None) -> Iterator[Output]:
    session.unselect()
    yield from ()
