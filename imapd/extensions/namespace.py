# SPDX-License-Identifier: MIT
"""NAMESPACE (RFC 2342): under which prefixes a user finds their own, other people's and shared mailboxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imapd.protocol.registry import Capability, command
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire import responses
from imapd.wire.responses import Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"NAMESPACE", rfc=2342, states=AUTHENTICATED_UP),)


@command("NAMESPACE", states=AUTHENTICATED_UP, rfc=2342, capability="NAMESPACE")
def namespace(session: Session, args: None) -> Iterator[Output]:
    """namespace = "NAMESPACE" """
    found = session.account.namespaces()
    yield responses.Namespace(found.personal, found.other, found.shared)
