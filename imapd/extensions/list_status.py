# SPDX-License-Identifier: MIT
"""LIST-STATUS (RFC 5819): LIST tells the STATUS of each mailbox, from what it has read already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from imapd.commands.listing import RETURN, Return
from imapd.commands.status import answer, status_items
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import Cursor
from imapd.wire.responses import Output

if TYPE_CHECKING:
    from imapd.mail.account import Listed
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"LIST-STATUS", rfc=5819, states=AUTHENTICATED_UP),)


def parse_status_option(cursor: Cursor) -> Sequence[bytes]:
    """status-option = "STATUS" SP "(" status-att *(SP status-att) ")" """
    cursor.sp()
    return status_items(cursor)


def follow(session: Session, row: Listed, items: Sequence[bytes]) -> Iterator[Output]:
    """Nothing for what cannot be selected (RFC 5819 section 2)."""
    if row.selectable:
        yield answer(session, session.account.status_of(row), row.name, items)


RETURN[b"STATUS"] = Return(read=parse_status_option, follow=follow)
