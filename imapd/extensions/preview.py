# SPDX-License-Identifier: MIT
"""PREVIEW (RFC 8970): the beginning of a message's text. It was made as the message arrived, so LAZY gets it, too."""

import re

from imapd.commands.fetch_items import ITEMS, Item, content_item
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire import encode
from imapd.wire.grammar import Cursor

CAPABILITIES = (Capability(b"PREVIEW", rfc=8970, states=AUTHENTICATED_UP),)

# What else stands in parentheses after it are modifiers of FETCH.
_MODIFIERS = re.compile(rb" \(LAZY(?: LAZY)*\)", re.IGNORECASE)

PREVIEW = content_item(b"PREVIEW", "preview", lambda text: encode.string(text.encode()))


def preview(cursor: Cursor) -> Item:
    """ "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]; preview-mod = "LAZY" """
    cursor.scan(_MODIFIERS)
    return PREVIEW


ITEMS[b"PREVIEW"] = preview
