# SPDX-License-Identifier: MIT
"""UTF8=ACCEPT (RFC 6855): what ENABLE changes, and the UTF8 data of APPEND."""

import pytest

from tests.commands.fake_mail import Client, Row

LETTER = "Subject: Grüße\r\n\r\nßßß\r\n".encode()


@pytest.fixture
def client():
    client = Client()
    client.account.rows = [Row("Entwürfe")]
    return client


@pytest.fixture
def enabled(client):
    assert client.do("ENABLE UTF8=ACCEPT") == (["* ENABLED UTF8=ACCEPT"], "OK ENABLE completed.")
    return client


def appended(client):
    calls = [call for call in client.account.calls if call[0] == "append"]
    return [(name, [draft.literal.data for draft in drafts]) for _, name, drafts in calls]


def test_names(client):
    assert client.do('LIST "" *')[0] == ['* LIST (\\HasNoChildren) "/" "Entw&APw-rfe"']
    client.do("ENABLE UTF8=ACCEPT")
    assert client.do('LIST "" *')[0] == ['* LIST (\\HasNoChildren) "/" "Entwürfe"']
    client.do('CREATE "Größe"')
    client.do("CREATE Gr&APYA3w-e")
    assert [call[1] for call in client.account.calls if call[0] == "create"] == ["Größe", "Gr&APYA3w-e"]


@pytest.mark.parametrize("name", [b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"a\xc2\x85"'])
def test_names_that_are_no_utf8(enabled, name):
    assert enabled.say(b"a CREATE " + name + b"\r\n")[0].startswith("a NO [CANNOT]")


def literal(octets, form=b"~{%d+}\r\n"):
    return form % len(octets) + octets


def test_append(enabled):
    data = b"UTF8 (" + literal(LETTER) + b")"
    said = enabled.say(b"a APPEND INBOX (\\Seen) utf8 (" + literal(LETTER) + b") " + data + b"\r\n")
    assert said == ["a OK [APPENDUID 38505 3955:3956] APPEND completed."]
    assert appended(enabled) == [("INBOX", [LETTER, LETTER])]


def test_append_synchronizing(enabled):
    said = enabled.say(b"a APPEND INBOX UTF8 (~{%d}\r\n" % len(LETTER), LETTER + b")\r\n")
    assert said == ["+ OK", "a OK [APPENDUID 38505 3955] APPEND completed."]


def test_append_large(enabled):
    large = LETTER + b"x" * 100_000
    assert enabled.say(b"a APPEND INBOX UTF8 (" + literal(large) + b")\r\n")[0].startswith("a OK")
    assert enabled.spools[0].octets == large


@pytest.mark.parametrize(
    "data",
    [
        b"UTF8 (" + literal(LETTER, b"{%d+}\r\n") + b")",
        b"UTF8 (" + literal(LETTER),
        b"UTF8 " + literal(LETTER),
        b"UTF8(" + literal(LETTER) + b")",
        b"UTF8 (" + literal(LETTER) + b" " + literal(LETTER) + b")",
        b"UTF8 ()",
        b"UTF8",
        b"UTF9 (" + literal(LETTER) + b")",
    ],
)
def test_append_that_is_wrong(enabled, data):
    assert enabled.say(b"a APPEND INBOX " + data + b"\r\n")[-1].startswith("a BAD")
    assert not appended(enabled)


def test_append_without_enable(client):
    assert client.say(b"a APPEND INBOX UTF8 (" + literal(LETTER) + b")\r\n")[0].startswith("a BAD Enable UTF8=ACCEPT")
    assert client.say(b"a APPEND INBOX " + literal(LETTER, b"{%d+}\r\n") + b"\r\n")[0].startswith("a OK")
