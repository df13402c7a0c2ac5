# SPDX-License-Identifier: MIT
"""METADATA (RFC 5464): how the two commands are read, and what they answer. What is kept is tested in tests/storage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.metadata import parse_getmetadata, parse_setmetadata
from imapd.mail.metadata import Entries
from imapd.settings import Limits
from imapd.wire.errors import BadSyntax
from imapd.wire.framing import requests
from imapd.wire.grammar import Cursor
from tests.commands.fake_mail import Account, Client


class Annotated(Account):
    values = {"/private/comment": b"mine", "/shared/comment": b"two\r\nlines"}

    def metadata(self, name, entries, depth=0, most=None):
        self._called("metadata", name, entries, depth, most)
        return Entries({entry: self.values[entry] for entry in entries if entry in self.values}, {"/shared/long": 2199})

    def change_metadata(self, name, values):
        self._called("change_metadata", name, dict(values))


@pytest.fixture
def client():
    return Client(Annotated())


@pytest.mark.parametrize(
    ("command", "asked", "depth", "most"),
    [
        ('"" /shared/comment', ["/shared/comment"], 0, None),
        ('"" (/shared/comment /Private/COMMENT)', ["/shared/comment", "/private/comment"], 0, None),
        ('"" "/shared/a b"', ["/shared/a b"], 0, None),
        ('"" (MAXSIZE 1024) (/shared/comment)', ["/shared/comment"], 0, 1024),
        ('(MAXSIZE 1024) "" (/shared/comment)', ["/shared/comment"], 0, 1024),
        ('(depth infinity maxsize 0) "" /private', ["/private"], 2, 0),
        ('"" (DEPTH 1) (/private/filters/values)', ["/private/filters/values"], 1, None),
        ('"" /private/comment /shared/comment', ["/private/comment", "/shared/comment"], 0, None),
    ],
)
def test_getmetadata_is_read(client, command, asked, depth, most):
    assert client.do("GETMETADATA " + command)[1].startswith("OK")
    assert client.account.calls == [("metadata", "", asked, depth, most)]


def test_values_and_what_is_not_there(client):
    untagged, tagged = client.do('GETMETADATA INBOX ("/Private/Comment" /shared/comment /private/none)')
    assert untagged == [
        '* METADATA "INBOX" (/Private/Comment "mine" /shared/comment {10}', "two", 'lines /private/none NIL)'
    ]  # fmt: skip
    assert tagged == "OK [METADATA LONGENTRIES 2199] GETMETADATA completed."
    assert client.do("GETMETADATA INBOX (DEPTH 1) /private/none")[0] == []
    assert client.do("GETMETADATA INBOX (MAXSIZE 5) /shared/long")[0] == []


@pytest.mark.parametrize(
    ("values", "meant"),
    [
        ('(/private/comment "My new comment")', {"/private/comment": b"My new comment"}),
        ("(/private/comment NIL)", {"/private/comment": None}),
        ("(/private/comment nil /shared/comment {3+}\r\na\rb)", {"/private/comment": None, "/shared/comment": b"a\rb"}),
        ("(/private/comment ~{3+}\r\na\0b)", {"/private/comment": b"a\0b"}),
        ('(/private/comment "")', {"/private/comment": b""}),
    ],
)
def test_setmetadata_is_read(client, values, meant):
    assert client.do("SETMETADATA INBOX " + values) == ([], "OK SETMETADATA completed.")
    assert client.account.calls == [("change_metadata", "INBOX", meant)]


@pytest.mark.parametrize(
    "command",
    [
        *("GETMETADATA", "GETMETADATA INBOX", "GETMETADATA INBOX ()", "GETMETADATA INBOX comment"),
        *("GETMETADATA INBOX /other/x", "GETMETADATA INBOX /private/", "GETMETADATA INBOX /private//x"),
        *("GETMETADATA INBOX /private/../x", "GETMETADATA INBOX /private/x/..", "GETMETADATA INBOX /privatex"),
        *('GETMETADATA INBOX "/private/*"', 'GETMETADATA INBOX "/private/%"', 'GETMETADATA INBOX "/private/\x01"'),
        *("GETMETADATA INBOX (DEPTH 2) /private/x", "GETMETADATA INBOX (DEPTH 1 DEPTH 1) /private/x"),
        *("GETMETADATA INBOX (MAXSIZE -1) /private/x", "GETMETADATA (MAXSIZE 1) INBOX (MAXSIZE 1) /private/x"),
        *("SETMETADATA INBOX", "SETMETADATA INBOX ()", "SETMETADATA INBOX (/private/x)", 'SETMETADATA INBOX /private/x "y"'),
        *('SETMETADATA INBOX (/private "y")', 'SETMETADATA INBOX (/private/x "1" /PRIVATE/X "2")'),
        *("SETMETADATA INBOX (/private/x y)", "GETMETADATA INBOX /private/" + "x" * 600),
        "GETMETADATA INBOX (" + " ".join(f"/private/{n}" for n in range(501)) + ")",
        'SETMETADATA INBOX ("/private/\u00e9" "y")',
    ],
)
def test_what_is_wrong(client, command):
    assert client.do(command)[1].startswith("BAD")
    assert client.account.calls == []


def test_n07_a_name_that_is_none(client):
    assert client.say(b'a GETMETADATA "\xff*" (/private/comment)\r\n')[-1].startswith("a NO [CANNOT]")


def test_n15_a_value_too_long_is_refused_before_it_comes(client):
    client = Client(Annotated(), limits=Limits(metadata_octets=2000))
    refused = "a NO [METADATA MAXSIZE 2000] That value is too long."
    assert client.say("a SETMETADATA INBOX (/private/comment {10000000}\r\n") == [refused]
    long = "x" * 100000
    assert client.say(f"a SETMETADATA INBOX (/private/comment {{100000+}}\r\n{long})\r\nb NOOP\r\n")[0] == refused
    assert client.say(f'a SETMETADATA INBOX (/private/comment "{"x" * 2001}")\r\n') == [refused]
    assert client.account.calls == []
    assert client.say(f'a SETMETADATA INBOX (/private/comment "{"x" * 2000}")\r\n') == ["a OK SETMETADATA completed."]


LEVELS = st.text([chr(code) for code in range(0x21, 0x7F) if chr(code) not in '/%*\\"(){}.'], min_size=1)


@given(st.lists(LEVELS, min_size=1, max_size=5).map(lambda levels: "/private/" + "/".join(levels)), st.binary(max_size=200))
def test_what_is_set_is_read(entry, value):
    line = b"a SETMETADATA x (\"%b\" ~{%d+}\r\n%b)\r\n" % (entry.encode(), len(value), value)
    (request,) = requests(line)
    parsed = parse_setmetadata(Cursor(request.text, request.literals, 13))
    assert parsed.values == {entry.lower(): value}


@given(st.binary(max_size=60))
def test_anything_is_read_or_refused(octets):
    for parse in (parse_getmetadata, parse_setmetadata):
        try:
            parse(Cursor(b" INBOX " + octets))
        except BadSyntax:
            pass
