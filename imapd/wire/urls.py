# SPDX-License-Identifier: MIT
"""IMAP URLs (RFC 5092) of messages of this server, and of parts of them. An absolute URL is another server's."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from imapd.wire.errors import BadSyntax
from imapd.wire.names import decode_utf8, folded

# imessagepart = enc-mailbox [uidvalidity] iuid [isection] [ipartial], and what of it may be left out within a mailbox
_MESSAGE = re.compile(
    rb"(?:/(?P<mailbox>[^;?]+?)(?:;UIDVALIDITY=(?P<validity>[1-9][0-9]{0,9}))?/?)?"
    rb"/?;UID=(?P<uid>[1-9][0-9]{0,9})"
    rb"(?:/?;SECTION=(?P<section>[^;?/]+))?"
    rb"(?:/?;PARTIAL=(?P<offset>[0-9]{1,18})(?:\.(?P<length>[1-9][0-9]{0,17}))?)?",
    re.IGNORECASE,
)
_ESCAPED = re.compile(rb"%(?![0-9A-Fa-f]{2})|[^\x21-\x7e]")


@dataclass(frozen=True, slots=True)
class MessageUrl:
    """mailbox None: the selected one; section: as within the brackets of FETCH; length None: to the end."""

    mailbox: str | None
    uid_validity: int | None
    uid: int
    section: bytes
    offset: int
    length: int | None


def message_url(url: bytes) -> MessageUrl:
    """Raises BadSyntax, also where it is the URL of something else."""
    found = None if _ESCAPED.search(url) else _MESSAGE.fullmatch(url)
    if found is None:
        raise BadSyntax("That is not the URL of a message here.")
    try:
        name = folded(decode_utf8(unquote_to_bytes(found["mailbox"]))) if found["mailbox"] else None
    except ValueError:
        raise BadSyntax("That is not the name of a mailbox.") from None
    return MessageUrl(
        name,
        int(found["validity"]) if found["validity"] else None,
        int(found["uid"]),
        unquote_to_bytes(found["section"] or b""),
        int(found["offset"] or 0),
        int(found["length"]) if found["length"] else None,
    )
