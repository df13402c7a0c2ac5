# SPDX-License-Identifier: MIT
"""SAVEDATE (RFC 8514): when a message came into its mailbox; every mailbox keeps that. Its dates are those of UTC."""

from __future__ import annotations

from imapd.commands.fetch_chunk import Chunk, Rendered
from imapd.commands.fetch_items import Item, register
from imapd.commands.search_keys import KEYS, Reader, SearchKeys
from imapd.mail.criteria import All, SavedDate
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.dates import date_time

CAPABILITIES = (Capability(b"SAVEDATE", rfc=8514, states=AUTHENTICATED_UP),)


def dates(chunk: Chunk) -> Rendered:
    """date-time / nil"""
    return [b"NIL" if at is None else date_time(at, 0) for at in chunk.mailbox.saved_at(chunk.positions)]


def _saved(op: str) -> Reader:
    def read(keys: SearchKeys) -> SavedDate:
        """("SAVEDBEFORE" / "SAVEDON" / "SAVEDSINCE") SP date"""
        keys.cursor.sp()
        return SavedDate(op, keys.cursor.date())

    return read


register(Item(b"SAVEDATE", b"SAVEDATE %b", dates))
KEYS[b"SAVEDBEFORE"] = _saved("<")
KEYS[b"SAVEDON"] = _saved("=")
KEYS[b"SAVEDSINCE"] = _saved(">=")
KEYS[b"SAVEDATESUPPORTED"] = lambda keys: All()
