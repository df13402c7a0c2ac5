# SPDX-License-Identifier: MIT
"""APPENDLIMIT (RFC 7889): how large a message may be. The limit is that of the server, the same for every mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapd.commands.status import ITEMS
from imapd.protocol.registry import Capability

if TYPE_CHECKING:
    from imapd.protocol.session import Session


def limit(session: Session) -> int:
    """In octets."""
    return session.settings.limits.message_octets


CAPABILITIES = (Capability(b"APPENDLIMIT", rfc=7889, value=lambda session: b"%d" % limit(session)),)

ITEMS[b"APPENDLIMIT"] = lambda session, numbers: limit(session)
