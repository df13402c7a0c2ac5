# SPDX-License-Identifier: MIT
"""SPECIAL-USE (RFC 6154): LIST by what a mailbox is for. The attribute itself is in every answer of LIST."""

from __future__ import annotations

from imapd.commands.listing import RETURN, SELECTION, Return, Selection
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP

CAPABILITIES = (Capability(b"SPECIAL-USE", rfc=6154, states=AUTHENTICATED_UP),)

SELECTION[b"SPECIAL-USE"] = Selection(test=lambda row: bool(row.special_use), base=True)
RETURN[b"SPECIAL-USE"] = Return()
