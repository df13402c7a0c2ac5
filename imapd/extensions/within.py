# SPDX-License-Identifier: MIT
"""WITHIN (RFC 5032): SEARCH by how many seconds ago a message arrived."""

from __future__ import annotations

import time

from imapd.commands.search_keys import KEYS, Reader, SearchKeys
from imapd.mail.criteria import Arrived
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP

CAPABILITIES = (Capability(b"WITHIN", rfc=5032, states=AUTHENTICATED_UP),)


def _within(op: str) -> Reader:
    def read(keys: SearchKeys) -> Arrived:
        """("OLDER" / "YOUNGER") SP nz-number"""
        keys.cursor.sp()
        return Arrived(op, int(time.time()) - keys.cursor.nz_number())

    return read


KEYS[b"OLDER"] = _within("<=")
KEYS[b"YOUNGER"] = _within(">=")
