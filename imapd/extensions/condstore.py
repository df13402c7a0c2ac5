# SPDX-License-Identifier: MIT
"""CONDSTORE (RFC 7162 section 3.1): every message has a modseq, and STORE can be told to change only what is unchanged.

The store keeps modseqs for every mailbox, so NOMODSEQ is never said. QRESYNC is in qresync.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from imapd.commands import fetch, store
from imapd.commands.fetch_items import MODSEQ, register
from imapd.commands.search_keys import KEYS, SearchKeys
from imapd.commands.select import CODES, PARAMETERS, Parameter
from imapd.commands.status import ITEMS
from imapd.mail.criteria import ModSeq
from imapd.protocol.registry import Capability
from imapd.protocol.session import CONDSTORE
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Ok

if TYPE_CHECKING:
    from imapd.mail.account import Status
    from imapd.mail.mailbox import Mailbox
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(CONDSTORE, rfc=7162, states=AUTHENTICATED_UP, enable=lambda session: None),)

_ENTRY_NAME = re.compile(rb'"/flags/(?:[^"\\]|\\["\\])+" ', re.IGNORECASE)


def mod_sequence_value(cursor: Cursor) -> int:
    """SP mod-sequence-value: above 0 and of 63 bits"""
    cursor.sp()
    modseq = cursor.number64()
    if not modseq:
        raise BadSyntax("A modseq is larger than 0.")
    return modseq


def mod_sequence_valzer(cursor: Cursor) -> int:
    """SP mod-sequence-valzer = "0" / mod-sequence-value"""
    cursor.sp()
    return cursor.number64()


def modseq_key(keys: SearchKeys) -> ModSeq:
    """ "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer

    There is one modseq for all of a message, so a single flag's is that.
    """
    cursor = keys.cursor
    cursor.sp()
    if cursor.peek(b'"'):
        if not cursor.scan(_ENTRY_NAME):
            raise BadSyntax("Expected the name of a flag's entry.")
        cursor.word(b"PRIV", b"SHARED", b"ALL")
        cursor.sp()
    return ModSeq(cursor.number64())


def highest_modseq(session: Session, numbers: Status) -> int:
    """STATUS HIGHESTMODSEQ is a CONDSTORE enabling command."""
    session.enable(CONDSTORE)
    return numbers.modseq


def selected(session: Session, mailbox: Mailbox) -> Ok:
    """resp-text-code =/ "HIGHESTMODSEQ" SP mod-sequence-value"""
    return Ok("Highest modseq.", b"HIGHESTMODSEQ %d" % mailbox.modseq)


def changed_since(mailbox: Mailbox, positions: Sequence[range], modseq: int) -> list[range]:
    return mailbox.changed_since(positions, modseq)


register(MODSEQ)
KEYS[b"MODSEQ"] = modseq_key
ITEMS[b"HIGHESTMODSEQ"] = highest_modseq
CODES.insert(0, selected)
PARAMETERS[CONDSTORE] = Parameter(before=lambda session, _: session.enable(CONDSTORE))
fetch.MODIFIERS[b"CHANGEDSINCE"] = fetch.Modifier(mod_sequence_value, narrow=changed_since, items=(MODSEQ,))
store.MODIFIERS[b"UNCHANGEDSINCE"] = mod_sequence_valzer
