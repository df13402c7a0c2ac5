# SPDX-License-Identifier: MIT
"""Commands as RFC 3501 shows them in its examples, read from octets to values by the parsers of the registry."""

import pytest

from imapd.errors import MailError
from imapd.protocol.answers import Refused
from imapd.protocol.registry import commands
from imapd.protocol.states import State
from imapd.settings import Limits
from imapd.wire.framing import requests
from imapd.wire.grammar import BadSyntax, Cursor, head

# section of the RFC, octets, attributes of the value (None: the command has no arguments)
LINES = [
    ("6.1.1", b"abcd CAPABILITY\r\n", None),
    ("6.1.2", b"a002 NOOP\r\n", None),
    ("6.1.3", b"A023 LOGOUT\r\n", None),
    ("6.2.1", b"a002 STARTTLS\r\n", None),
    ("6.2.2", b"a001 AUTHENTICATE GSSAPI\r\n", {"mechanism": b"GSSAPI", "initial": None}),
    ("6.2.3", b"a001 LOGIN SMITH SESAME\r\n", {"username": "SMITH", "password": "SESAME"}),
    ("6.2.3", b"A001 LOGIN {11}\r\nFRED FOOBAR {7}\r\nfat man\r\n", {"username": "FRED FOOBAR", "password": "fat man"}),
    ("6.3.1", b"A142 SELECT INBOX\r\n", {"name": "INBOX"}),
    ("6.3.2", b"A932 EXAMINE blurdybloop\r\n", {"name": "blurdybloop"}),
    ("6.3.3", b"A003 CREATE owatagusiam/\r\n", {"name": "owatagusiam/"}),
    ("6.3.4", b"A682 DELETE blurdybloop\r\n", {"name": "blurdybloop"}),
    ("6.3.5", b"Z432 RENAME INBOX old-mail\r\n", {"old": "INBOX", "new": "old-mail"}),
    ("6.3.6", b"A002 SUBSCRIBE #news.comp.mail.mime\r\n", {"name": "#news.comp.mail.mime"}),
    ("6.3.7", b"A002 UNSUBSCRIBE #news.comp.mail.mime\r\n", {"name": "#news.comp.mail.mime"}),
    ("6.3.8", b'A101 LIST "" ""\r\n', {"reference": ""}),
    ("6.3.8", b'A202 LIST ~/Mail/ %\r\n', {"reference": "~/Mail/"}),
    ("6.3.9", b'A002 LSUB "#news." "comp.mail.*"\r\n', {"reference": "#news."}),
    ("6.3.10", b"A042 STATUS blurdybloop (UIDNEXT MESSAGES)\r\n", {"name": "blurdybloop"}),
    ("6.4.1", b"FXXZ CHECK\r\n", None),
    ("6.4.2", b"A341 CLOSE\r\n", None),
    ("6.4.3", b"A202 EXPUNGE\r\n", None),
    ("6.4.4", b'A282 SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"\r\n', {"by_uid": False}),
    ("6.4.4", b'A283 SEARCH TEXT "string not in mailbox"\r\n', {"by_uid": False}),
    ("6.4.4", b"A284 SEARCH CHARSET UTF-8 TEXT {6}\r\nXXXXXX\r\n", {"by_uid": False}),
    ("6.4.6", b"A003 STORE 2:4 +FLAGS (\\Deleted)\r\n", {"op": "+", "flags": ["\\Deleted"], "by_uid": False}),
    ("6.4.7", b"A003 COPY 2:4 MEETING\r\n", {"to": "MEETING", "by_uid": False}),
    ("6.4.8", b"A999 UID COPY 4827313:4828442 x\r\n", {"to": "x", "by_uid": True}),
    ("7", b"a UID STORE 1 FLAGS.SILENT ()\r\n", {"op": "=", "flags": [], "silent": True, "by_uid": True}),
]  # fmt: skip


def read(octets):
    (request,) = requests(octets)
    tag, name, position = head(request.text)
    registered = commands()[name]
    cursor = Cursor(request.text, request.literals, position, by_uid=registered.by_uid, limits=Limits())
    value = registered.parse(cursor) if registered.parse else None
    cursor.end()
    return tag, registered, value


@pytest.mark.parametrize(("section", "octets", "attributes"), LINES)
def test_a_line(section, octets, attributes):
    tag, registered, value = read(octets)
    assert octets.startswith(tag) and State.LOGOUT not in registered.states
    if attributes is None:
        assert value is None
    for name, expected in (attributes or {}).items():
        found = getattr(value, name)
        assert (list(found) if isinstance(expected, list) else found) == expected


@pytest.mark.parametrize(("section", "octets", "attributes"), LINES)
def test_nothing_may_follow_it(section, octets, attributes):
    for junk in (b" \r\n", b")\r\n", b"\0\r\n"):
        with pytest.raises((BadSyntax, KeyError)):  # KeyError: it is no command's name any more
            read(octets[:-2] + junk)


@pytest.mark.parametrize(("section", "octets", "attributes"), LINES)
def test_every_piece_of_it_is_refused_or_read_but_never_a_surprise(section, octets, attributes):
    for cut in range(6, len(octets) - 2):
        try:
            read(octets[:cut] + b"\r\n")
        except (BadSyntax, MailError, Refused, KeyError, ValueError):  # KeyError: no command; ValueError: no request yet
            continue
