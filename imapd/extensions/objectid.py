# SPDX-License-Identifier: MIT
"""OBJECTID (RFC 8474): names of mailboxes, messages and threads that outlive renaming and moving."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imapd.commands.fetch_items import Item, index_item, register
from imapd.commands.mailboxes import CREATED
from imapd.commands.search_keys import KEYS, Reader, SearchKeys
from imapd.commands.select import CODES
from imapd.commands.status import ITEMS
from imapd.errors import MailError
from imapd.mail.criteria import All, Content, Not, Thread
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax
from imapd.wire.responses import Ok

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"OBJECTID", rfc=8474, states=AUTHENTICATED_UP),)

_OBJECTID = re.compile(rb"[A-Za-z0-9_-]{1,255}(?![A-Za-z0-9_-])")
_NUMBERED = re.compile(rb"[A-Z]([1-9][0-9]{0,18})")
LARGEST = (1 << 63) - 1

NOTHING = Not(All())


def mailboxid(mailbox_id: str) -> bytes:
    """ "(" objectid ")" """
    return b"(%b)" % mailbox_id.encode("ascii")


def selected(session: Session, mailbox: Mailbox) -> Ok:
    """ "MAILBOXID" SP "(" objectid ")", as SELECT tells it"""
    return Ok("Name of the mailbox for ever.", b"MAILBOXID " + mailboxid(mailbox.mailbox_id))


def created(session: Session, name: str) -> bytes | None:
    """The same of a new mailbox; not of one that the user may make and not read."""
    try:
        return b"MAILBOXID " + mailboxid(session.account.status(name).mailbox_id)
    except MailError:
        return None


def objectid(keys: SearchKeys) -> bytes:
    """SP objectid"""
    keys.cursor.sp()
    found = keys.cursor.scan(_OBJECTID)
    if found is None:
        raise BadSyntax("Expected an object id.")
    return found[0]


def numbered(letter: bytes, kind: type[Content | Thread]) -> Reader:
    """A key that looks for an id of ours; what is none of them is found nowhere."""

    def read(keys: SearchKeys) -> Content | Thread | Not:
        """("EMAILID" / "THREADID") SP objectid"""
        id = objectid(keys)
        found = _NUMBERED.fullmatch(id) if id.startswith(letter) else None
        return kind(int(found[1])) if found and int(found[1]) <= LARGEST else NOTHING

    return read


ITEMS[b"MAILBOXID"] = lambda session, numbers: mailboxid(numbers.mailbox_id)
CODES.append(selected)
CREATED.append(created)
KEYS[b"EMAILID"] = numbered(b"M", Content)
KEYS[b"THREADID"] = numbered(b"T", Thread)
register(index_item(b"EMAILID", "content_ids", b"EMAILID (M%d)"))
register(Item(b"THREADID", b"THREADID (T%d)", lambda chunk: chunk.contents("thread_id"), ("thread_id",)))
