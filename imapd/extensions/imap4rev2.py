# SPDX-License-Identifier: MIT
"""IMAP4rev2 (RFC 9051) beside IMAP4rev1: what ENABLE switches on. docs/imap4rev2.md has every difference and its place.

Most of it are extensions that are here anyway; the rest is asked of `session.enabled` where it is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapd.commands.status import ITEMS
from imapd.protocol.registry import Capability
from imapd.protocol.session import IMAP4REV2

if TYPE_CHECKING:
    from imapd.protocol.session import Session


def enable(session: Session) -> None:
    """Names of mailboxes and texts are UTF-8 from here on, both ways."""
    session.utf8 = True


CAPABILITIES = (Capability(IMAP4REV2, rfc=9051, enable=enable),)

ITEMS[b"DELETED"] = lambda session, numbers: numbers.deleted
