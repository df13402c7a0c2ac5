# SPDX-License-Identifier: MIT
"""LIST-MYRIGHTS (RFC 8440): LIST tells the user's rights in each mailbox, from what it has read already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from imapd.commands.listing import RETURN, Return
from imapd.mail import rights
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.responses import MyRights, Output

if TYPE_CHECKING:
    from imapd.mail.account import Listed
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"LIST-MYRIGHTS", rfc=8440, states=AUTHENTICATED_UP),)


def follow(session: Session, row: Listed, value: Any) -> Iterator[Output]:
    """Nothing for names that are no mailbox: nobody has a right in them."""
    if not row.nonexistent:
        yield MyRights(row.name, rights.shown(row.rights))


RETURN[b"MYRIGHTS"] = Return(follow=follow)
