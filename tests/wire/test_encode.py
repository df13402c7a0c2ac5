# SPDX-License-Identifier: MIT
"""Everything that is written can be read again, and nothing that a client chose can end a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.wire import encode
from imapd.wire.framing import requests
from imapd.wire.grammar import Cursor
from imapd.wire.responses import (
    Bye,
    Capability,
    Continue,
    Delimiter,
    Enabled,
    Exists,
    Expunge,
    FetchFlags,
    Flags,
    Identity,
    List,
    Lsub,
    Namespace,
    No,
    Ok,
    Recent,
    Search,
    Status,
)  # fmt: skip


def read(octets, method):
    """What a strict reader makes of a string that stands between two words, as a client would."""
    (request,) = requests(b"x x " + octets + b"\r\n")
    cursor = Cursor(request.text, request.literals, 4)
    value = getattr(cursor, method)()
    cursor.end()
    return value


@given(st.binary(max_size=200).filter(lambda octets: b"\0" not in octets))
def test_a_string_comes_back(octets):
    assert read(encode.string(octets), "string") == octets
    assert read(encode.astring(octets), "astring") == octets
    assert read(encode.nstring(octets), "nstring") == octets


@given(st.binary(max_size=200))
def test_nul_never_leaves(octets):
    for written in (encode.string(octets), encode.quoted(octets), encode.astring(octets)):
        assert b"\0" not in written


def test_strings():
    assert encode.nstring(None) == b"NIL"
    assert encode.string(b"") == b'""'
    assert encode.string(b'a"b\\c') == b'"a\\"b\\\\c"'
    assert encode.string(b"a\r\nb") == b"{4}\r\na\r\nb"
    assert encode.string(b"\xc3\xa4") == b"{2}\r\n\xc3\xa4"
    assert encode.string(b"x" * 5000).startswith(b"{5000}\r\n")
    assert encode.astring(b"INBOX") == b"INBOX"
    assert encode.astring(b"NIL") == b'"NIL"'
    assert encode.astring(b"a b") == b'"a b"'
    assert encode.astring(b"") == b'""'
    assert encode.literal8(b"\0") == b"~{1}\r\n\0"
    assert encode.mailbox("Entwürfe") == b'"Entw&APw-rfe"'
    assert encode.mailbox("Entwürfe", utf8=True) == '"Entwürfe"'.encode()
    assert encode.flags(["\\Seen", "$x"]) == b"(\\Seen $x)"


LINES = [
    (Exists(23), b"* 23 EXISTS\r\n"),
    (Recent(5), b"* 5 RECENT\r\n"),
    (Expunge(44), b"* 44 EXPUNGE\r\n"),
    (FetchFlags(14, b"(\\Seen)"), b"* 14 FETCH (FLAGS (\\Seen))\r\n"),
    (Flags(["\\Answered", "\\Seen"]), b"* FLAGS (\\Answered \\Seen)\r\n"),
    (List("Sent", [b"\\HasNoChildren", b"\\Sent"]), b'* LIST (\\HasNoChildren \\Sent) "/" "Sent"\r\n'),
    (List("a", (), b'("CHILDINFO" ("SUBSCRIBED"))'), b'* LIST () "/" "a" ("CHILDINFO" ("SUBSCRIBED"))\r\n'),
    (List('a"b\\c)'), b'* LIST () "/" "a\\"b\\\\c)"\r\n'),
    (Lsub("Sent"), b'* LSUB () "/" "Sent"\r\n'),
    (Delimiter(), b'* LIST (\\Noselect) "/" ""\r\n'),
    (Status("blurdybloop", [(b"MESSAGES", 231), (b"UIDNEXT", 44292)]), b'* STATUS "blurdybloop" (MESSAGES 231 UIDNEXT 44292)\r\n'),
    (Status("a", [(b"MAILBOXID", b"(F1)")]), b'* STATUS "a" (MAILBOXID (F1))\r\n'),
    (Search([2, 3, 6]), b"* SEARCH 2 3 6\r\n"),
    (Search([]), b"* SEARCH\r\n"),
    (
        Namespace(["", "example.com/"], [], ["Shared/"]),
        b'* NAMESPACE (("" "/")("example.com/" "/")) NIL (("Shared/" "/"))\r\n',
    ),
    (Capability([b"IMAP4rev1", b"IDLE"]), b"* CAPABILITY IMAP4rev1 IDLE\r\n"),
    (Enabled([b"CONDSTORE"]), b"* ENABLED CONDSTORE\r\n"),
    (Enabled([]), b"* ENABLED\r\n"),
    (Identity([("name", "imapd")]), b'* ID ("name" "imapd")\r\n'),
    (Identity([]), b"* ID NIL\r\n"),
    (Ok("Hello"), b"* OK Hello\r\n"),
    (Ok("UIDs valid", b"UIDVALIDITY 3857529045"), b"* OK [UIDVALIDITY 3857529045] UIDs valid\r\n"),
    (No("Disk is 98% full"), b"* NO Disk is 98% full\r\n"),
    (Bye("Logging out"), b"* BYE Logging out\r\n"),
    (Continue("idling"), b"+ idling\r\n"),
    (Continue(""), b"+ \r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("response", "line"), LINES)
def test_what_a_server_says(response, line):
    assert response.encode() == line


@given(st.text(max_size=50), st.booleans())
def test_no_text_ends_its_line(text, utf8):
    hostile = text + "\r\n* 3 EXISTS\r\n\0"
    for response in (Ok(hostile), List(hostile), Status(hostile, [(b"MESSAGES", 1)]), Namespace([hostile], [], [])):
        octets = response.encode(utf8)
        assert octets.endswith(b"\r\n")
        assert not set(octets[:-2]) & {0, 10, 13}
