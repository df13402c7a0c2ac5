# SPDX-License-Identifier: MIT
"""REPLACE (RFC 8508): what is read and told. That it is one step is tested in tests/storage."""

import pytest

from imapd.mail.account import Appended
from tests.commands.fake_mail import Client, Mailbox


class Replacing(Mailbox):
    def replace(self, position, to, draft):
        self.calls.append((position, to, bytes(draft.literal.data), draft.flags, draft.seconds))
        self.told.expunged = [position + 1]
        return Appended(38505, range(2000, 2001))


@pytest.fixture
def client():
    return Client().selected(Replacing("Drafts", [10, 20, 30]))


def test_by_number(client):
    lines = client.do("REPLACE 2 Drafts (\\Seen \\Draft) {5+}\r\nhello")
    assert lines == (
        ["* OK [APPENDUID 38505 2000] The message to take its place is here.", "* 2 EXPUNGE"],
        "OK REPLACE completed.",
    )
    assert client.session.selected.calls == [(1, "Drafts", b"hello", ["\\Seen", "\\Draft"], None)]


def test_by_uid(client):
    assert client.do('UID REPLACE 30 Sent " 1-Jan-1970 00:00:09 +0000" ~{2+}\r\nhi')[1] == "OK UID REPLACE completed."
    assert client.session.selected.calls == [(2, "Sent", b"hi", [], 9)]


def test_last(client):
    assert client.do("REPLACE * Drafts {5+}\r\nhello")[1].startswith("OK ")
    assert client.session.selected.calls[0][0] == 2


def test_uid_that_is_not_there(client):
    assert client.do("UID REPLACE 11 Drafts {5+}\r\nhello")[1].startswith("NO [EXPUNGEISSUED] ")


def test_asked_before_the_octets_come(client):
    client.do("REPLACE 2 Drafts {100000+}\r\n" + "x" * 100_000)
    assert client.session.account.calls[0] == ("check_append", "Drafts", 100_000, -100_000)


def test_empty(client):
    assert client.do("REPLACE 1 Drafts {0+}\r\n")[1].startswith("NO ")


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "2",
        "2 Drafts",
        "4 Drafts {1+}\r\nx",
        "0 Drafts {1+}\r\nx",
        "1:2 Drafts {1+}\r\nx",
        "1,2 Drafts {1+}\r\nx",
        "$ Drafts {1+}\r\nx",
        "2 Drafts (\\Seen {1+}\r\nx",
        "2 Drafts {1+}\r\nx {1+}\r\nx",
        "2 Drafts x",
    ],
)
def test_bad(client, arguments):
    assert client.do(f"REPLACE {arguments}".rstrip())[1].startswith("BAD ")


def test_bad_uid(client):
    assert client.do("UID REPLACE * Drafts {1+}\r\nx")[1].startswith("BAD ")
