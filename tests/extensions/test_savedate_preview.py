# SPDX-License-Identifier: MIT
"""SAVEDATE (RFC 8514) and PREVIEW (RFC 8970)."""

import datetime
from array import array

import pytest

from imapd.mail.criteria import All, SavedDate
from tests.commands.fake_mail import Client, Mailbox


class Dated(Mailbox):
    def saved_at(self, positions):
        return [[0, 1_000_000_000, None][at] for at in positions]

    def contents(self, ids, columns):
        assert columns == ("preview",)
        return {id: ({5: "Hello, you", 6: "", 7: 'Grüße "an" dich'}[id],) for id in ids}


@pytest.fixture
def client():
    mailbox = Dated("INBOX", [10, 20, 30])
    mailbox.view.content_ids = array("Q", [5, 6, 7])
    mailbox.view.sizes = [100] * 3
    return Client().selected(mailbox)


def test_savedate(client):
    assert client.do("FETCH 1:3 (SAVEDATE)")[0] == [
        '* 1 FETCH (SAVEDATE " 1-Jan-1970 00:00:00 +0000")',
        '* 2 FETCH (SAVEDATE " 9-Sep-2001 01:46:40 +0000")',
        "* 3 FETCH (SAVEDATE NIL)",
    ]


@pytest.mark.parametrize(
    ("keys", "criteria"),
    [
        ("SAVEDBEFORE 1-Feb-2020", SavedDate("<", datetime.date(2020, 2, 1))),
        ('savedon "1-Feb-2020"', SavedDate("=", datetime.date(2020, 2, 1))),
        ("SAVEDSINCE 01-Feb-2020", SavedDate(">=", datetime.date(2020, 2, 1))),
        ("SAVEDATESUPPORTED", All()),
    ],
)
def test_search(client, keys, criteria):
    client.do(f"SEARCH {keys}")
    assert client.session.selected.calls == [("search", criteria)]


@pytest.mark.parametrize("item", ["PREVIEW", "(PREVIEW)", "PREVIEW (LAZY)", "(preview (lazy))", "(UID PREVIEW (LAZY))"])
def test_preview(client, item):
    lines = client.do(f"FETCH 1:3 {item}")[0]
    assert [line.partition("PREVIEW ")[2] for line in lines if "PREVIEW" in line] == ['"Hello, you")', '"")', "{17}"]
    assert 'Grüße "an" dich)' in lines


@pytest.mark.parametrize(
    "item", ["PREVIEW (EAGER)", "(PREVIEW (LAZY EAGER))", "PREVIEW ()", "PREVIEW LAZY", "PREVIEW(LAZY)"]
)
def test_bad(client, item):
    assert client.do(f"FETCH 1:3 {item}")[1].startswith("BAD ")
