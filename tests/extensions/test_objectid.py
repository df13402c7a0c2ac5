# SPDX-License-Identifier: MIT
"""OBJECTID (RFC 8474): in CREATE, SELECT, STATUS, FETCH and SEARCH."""

from array import array

import pytest

from imapd import errors
from imapd.extensions.objectid import NOTHING
from imapd.mail.criteria import Content, Thread
from tests.commands.fake_mail import Account, Client, Mailbox


def test_create():
    assert Client().do("CREATE foo/")[1] == "OK [MAILBOXID (F7)] CREATE completed."


def test_create_of_what_may_not_be_read():
    client = Client()
    client.account.status = lambda name: (_ for _ in ()).throw(errors.NoPermission())
    assert client.do("CREATE foo")[1] == "OK CREATE completed."


@pytest.mark.parametrize("verb", ["SELECT", "EXAMINE"])
def test_select(verb):
    client = Client(Account(mailboxes={"foo": Mailbox("foo")}))
    assert "* OK [MAILBOXID (F7)] Name of the mailbox for ever." in client.do(f"{verb} foo")[0]


def test_status():
    assert Client().do("STATUS foo (MAILBOXID)")[0] == ['* STATUS "foo" (MAILBOXID (F7))']


def test_fetch():
    mailbox = Mailbox("foo", [7, 8])
    mailbox.view.content_ids = array("q", [17, 1 << 40])
    mailbox.view.sizes = [100, 100]
    mailbox.contents = lambda ids, columns: {17: (5,), 1 << 40: ((1 << 53) + 1,)}
    client = Client().selected(mailbox)
    assert client.do("FETCH 1:* (EMAILID THREADID)")[0] == [
        "* 1 FETCH (EMAILID (M17) THREADID (T5))",
        "* 2 FETCH (EMAILID (M1099511627776) THREADID (T9007199254740993))",
    ]


@pytest.mark.parametrize(
    ("keys", "criteria"),
    [
        ("EMAILID M17", Content(17)),
        ("emailid m17", NOTHING),
        ("EMAILID M017", NOTHING),
        ("EMAILID T17", NOTHING),
        ("EMAILID M" + "9" * 254, NOTHING),
        ("EMAILID M9223372036854775808", NOTHING),
        ("THREADID T64b478a75b7ea9", NOTHING),
        ("THREADID T12", Thread(12)),
        ("THREADID M12", NOTHING),
        ("THREADID T9223372036854775807", Thread(9223372036854775807)),
    ],
)
def test_search(keys, criteria):
    client = Client().selected(Mailbox("foo"))
    client.do("SEARCH " + keys)
    assert client.session.selected.calls == [("search", criteria)]


@pytest.mark.parametrize(
    "keys", ["EMAILID", "EMAILID ", 'EMAILID "M1"', "EMAILID M.1", "THREADID " + "x" * 256, "EMAILID M1]"]
)
def test_bad(keys):
    client = Client().selected(Mailbox("foo"))
    assert client.do("SEARCH " + keys)[1].startswith("BAD ")
