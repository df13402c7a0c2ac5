# SPDX-License-Identifier: MIT
"""UNAUTHENTICATE (RFC 8437): the client is nobody again, on the same connection; TLS stays, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imapd.protocol.registry import Capability, command
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax
from imapd.wire.responses import Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session


def is_offered(session: Session) -> bool:
    """A compressed stream has no end that commands in clear could follow, so there must not be one."""
    return not session.connection.is_compressed


CAPABILITIES = (Capability(b"UNAUTHENTICATE", rfc=8437, states=AUTHENTICATED_UP, when=is_offered),)


@command("UNAUTHENTICATE", states=AUTHENTICATED_UP, rfc=8437, capability="UNAUTHENTICATE")
def unauthenticate(session: Session, args: None) -> Iterator[Output]:
    if not is_offered(session):
        raise BadSyntax("Compression is active; only a new connection can be without it.")
    session.unauthenticate()
    yield from ()
