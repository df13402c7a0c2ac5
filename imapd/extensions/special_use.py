# SPDX-License-Identifier: MIT
"""SPECIAL-USE and CREATE-SPECIAL-USE (RFC 6154): what a mailbox is for. LIST tells it in every answer."""

from __future__ import annotations

import re

from imapd.commands.listing import RETURN, SELECTION, Return, Selection
from imapd.commands.mailboxes import CREATE_PARAMETERS
from imapd.protocol.answers import Refused
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax, Cursor

CAPABILITIES = (
    Capability(b"SPECIAL-USE", rfc=6154, states=AUTHENTICATED_UP),
    Capability(b"CREATE-SPECIAL-USE", rfc=6154, states=AUTHENTICATED_UP),
)

# Not \All and \Flagged: they would be views of other mailboxes' messages.
USES = {use.upper(): use for use in ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")}

_USE_ATTR = re.compile(rb"\\[A-Za-z0-9-]{1,32}(?=[ )])")


def parse_use(cursor: Cursor) -> str | None:
    r"""use-param = "USE" SP "(" [use-attr *(SP use-attr)] ")"; a mailbox here is for one thing"""
    cursor.sp()
    if cursor.take(b"()"):
        return None
    asked = set(cursor.listed(lambda: use_attr(cursor)))
    if len(asked) > 1 or not asked <= USES.keys():
        raise Refused(b"USEATTR", "A mailbox cannot be made for that use.")
    return USES[asked.pop()]


def use_attr(cursor: Cursor) -> str:
    r"""use-attr = "\All" / "\Archive" / "\Drafts" / "\Flagged" / "\Junk" / "\Sent" / "\Trash" / "\" atom"""
    found = cursor.scan(_USE_ATTR)
    if found is None:
        raise BadSyntax("Expected a special use.")
    return found[0].decode("ascii").upper()


SELECTION[b"SPECIAL-USE"] = Selection(test=lambda row: bool(row.special_use), base=True)
RETURN[b"SPECIAL-USE"] = Return()  # LIST tells the use of a mailbox unasked.
CREATE_PARAMETERS[b"USE"] = parse_use
