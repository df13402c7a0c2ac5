# SPDX-License-Identifier: MIT
"""UTF8=ACCEPT (RFC 6855): names of mailboxes in UTF-8, and messages with UTF-8 in their headers.

Octets of messages are never changed, for whomever they are. So an APPEND of an old message with 8-bit headers is taken
without ENABLE, too, against section 4: whoever moves mail from another server could not bring it else. And a SEARCH
that names its charset is answered, where section 3 would have it refused: in IMAP4rev2, which brings UTF-8 as well, it
is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapd.commands.append import DATA
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax, Cursor, Literal

if TYPE_CHECKING:
    from imapd.protocol.session import Session


def enable(session: Session) -> None:
    """Names of mailboxes and texts are UTF-8 from here on, both ways."""
    session.utf8 = True


CAPABILITIES = (Capability(b"UTF8=ACCEPT", rfc=6855, states=AUTHENTICATED_UP, enable=enable),)


def utf8_literal(cursor: Cursor) -> Literal:
    """utf8-literal = "UTF8" SP "(" literal8 ")" """
    if not cursor.utf8:
        raise BadSyntax("Enable UTF8=ACCEPT first.")
    cursor.sp()
    cursor.expect(b"(")
    literal = cursor.literal()
    if not literal.binary:
        raise BadSyntax("Expected a literal8.")
    cursor.expect(b")")
    return literal


DATA[b"UTF8"] = utf8_literal
