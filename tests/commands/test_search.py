# SPDX-License-Identifier: MIT
"""SEARCH: how results are told. The keys are in test_search_keys.py."""

import time

import pytest

from imapd.commands.search_keys import Numbers
from imapd.mail.criteria import And, HasFlag, Not, Sequence, Text
from imapd.wire.sequence import SequenceSet
from tests.commands.fake_mail import Client, Mailbox


@pytest.fixture
def client():
    mailbox = Mailbox("INBOX", [11, 22, 33, 44])
    mailbox.found = [1, 3]
    return Client().selected(mailbox)


def test_search(client):
    assert client.do("SEARCH ALL") == (["* SEARCH 2 4"], "OK SEARCH completed.")
    assert client.do("UID SEARCH ALL") == (["* SEARCH 22 44"], "OK UID SEARCH completed.")


def test_nothing_found(client):
    client.session.selected.found = []
    assert client.do("SEARCH 1:3 NOT SEEN") == (["* SEARCH"], "OK SEARCH completed.")
    (call,) = client.session.selected.calls
    assert call == (
        "search",
        And((Sequence(Numbers(SequenceSet.parse(b"1:3")), by_uid=False), Not(HasFlag("\\Seen")))),
    )


def test_rfc_3501_example(client):
    lines = client.say("A284 SEARCH CHARSET UTF-8 TEXT {6}\r\n", b"\xd0\xbc\xd0\xb8\xd1\x80\r\n")
    assert lines == ["+ OK", "* SEARCH 2 4", "A284 OK SEARCH completed."]
    assert client.session.selected.calls == [("search", Text("text", "мир"))]


def test_charset(client):
    answer = "NO [BADCHARSET (UTF-8 US-ASCII)] That charset is not known here."
    assert client.do("SEARCH CHARSET X-NOPE TEXT a") == ([], answer)
    assert client.do("SEARCH CHARSET " + "X" * 10000 + " TEXT a") == ([], answer)
    assert client.do('SEARCH CHARSET "x\0y" TEXT a')[1].startswith("BAD ")


def test_limits(client):
    assert client.do("SEARCH " + "SEEN " * 2000 + "SEEN")[1].startswith("NO [LIMIT] ")
    assert client.do("SEARCH " + "(" * 60000)[1].startswith("NO [LIMIT] ")
    assert client.do("NOOP")[1].startswith("OK")


def test_expunges_wait(client):
    client.session.selected.told.expunged = [1]
    assert client.do("SEARCH ALL")[0] == ["* SEARCH 2 4"]
    assert client.do("UID SEARCH ALL")[0] == ["* SEARCH 22 44", "* 1 EXPUNGE"]


def test_many():
    mailbox = Mailbox("INBOX", range(1, 100001))
    mailbox.found = range(100000)
    client = Client().selected(mailbox)
    begun = time.process_time()
    (line,), _ = client.do("SEARCH ALL")
    assert time.process_time() - begun < 0.5
    assert line.endswith(" 99999 100000")


def test_sum_of_literals_is_bounded(client):
    needle = "x" * 100000
    said = client.say("a SEARCH" + f" HEADER X {{100000+}}\r\n{needle}" * 20 + "\r\n")
    assert said[-1].startswith("* BYE [TOOBIG]")
