# SPDX-License-Identifier: MIT
"""LITERAL- (RFC 7888 section 5): LITERAL+ for short literals only, offered in its place where an operator lists it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapd.protocol.registry import Capability

if TYPE_CHECKING:
    from imapd.protocol.session import Session

STREAMED_OCTETS = 4096


def is_listed(session: Session) -> bool:
    return "LITERAL-" in (name.upper() for name in session.settings.imap.capabilities or ())


CAPABILITIES = (Capability(b"LITERAL-", rfc=7888, when=is_listed, streamed_octets=STREAMED_OCTETS),)
