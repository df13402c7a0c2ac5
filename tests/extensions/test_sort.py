# SPDX-License-Identifier: MIT
"""SORT (RFC 5256), SORT=DISPLAY (RFC 5957), ESORT (RFC 5267): what is read and told. The order is tested in tests/mail."""

import pytest

from imapd.errors import Unavailable
from imapd.mail.criteria import All, HasFlag, Text
from imapd.mail.sort import Criterion
from tests.commands.fake_mail import Client, Mailbox


class Sorted(Mailbox):
    def sort(self, criteria, by):
        self.calls.append(("sort", criteria, by))
        return self.found


@pytest.fixture
def client():
    mailbox = Sorted("INBOX", [10, 20, 30, 31, 32, 50])
    mailbox.found = [3, 1, 2, 5]
    return Client().selected(mailbox)


@pytest.mark.parametrize(
    ("arguments", "by", "criteria"),
    [
        ("(DATE) US-ASCII ALL", (Criterion("date"),), All()),
        ('(SUBJECT REVERSE date) "UTF-8" SEEN', (Criterion("subject"), Criterion("date", True)), HasFlag("\\Seen")),
        ("(reverse displayfrom) utf-8 SUBJECT é", (Criterion("displayfrom", True),), Text("subject", "é")),
        (
            "(ARRIVAL CC DISPLAYTO FROM SIZE TO) UTF-8 ALL",
            tuple(map(Criterion, ("arrival", "cc", "displayto", "from", "size", "to"))),
            All(),
        ),
    ],
)
def test_read(client, arguments, by, criteria):
    if "é" in arguments:
        arguments = arguments.replace("é", "{2+}\r\né")
    assert client.do(f"SORT {arguments}") == (["* SORT 4 2 3 6"], "OK SORT completed.")
    assert client.session.selected.calls == [("sort", criteria, by)]


def test_uids(client):
    assert client.do("UID SORT (SIZE) UTF-8 ALL")[0] == ["* SORT 31 20 30 50"]


def test_nothing(client):
    client.session.selected.found = []
    assert client.do("SORT (SIZE) UTF-8 ALL")[0] == ["* SORT"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("()", "ALL 4,2:3,6"),
        ("(MIN)", "MIN 4"),
        ("(MAX)", "MAX 6"),
        ("(COUNT MIN MAX)", "COUNT 4 MIN 4 MAX 6"),
    ],
)
def test_return(client, options, told):
    assert client.do(f"SORT RETURN {options} (DATE) UTF-8 ALL")[0] == [f'* ESEARCH (TAG "a1") {told}']


def test_modseq(client):
    client.session.selected.view.modseqs = [1, 5, 3, 4, 9, 2]
    assert client.do("SORT (DATE) UTF-8 MODSEQ 2")[0][0] == "* SORT 4 2 3 6 (MODSEQ 5)"
    assert client.do("SORT RETURN (MIN) (DATE) UTF-8 MODSEQ 2")[0][0].endswith(" MIN 4 MODSEQ 4")


def test_plain_also_in_imap4rev2(client):
    client.session.enable(b"IMAP4rev2")
    assert client.do("SORT (DATE) UTF-8 ALL")[0] == ["* SORT 4 2 3 6"]


def test_saved(client):
    assert client.do("SORT RETURN (SAVE) (DATE) UTF-8 ALL")[0] == []
    client.do("COPY $ other")
    assert client.session.selected.calls[-1] == ("copy", [range(1, 4), range(5, 6)], "other")
    assert client.do("SORT RETURN (SAVE) (DATE) X-NOPE ALL")[1].startswith("NO [BADCHARSET ")
    client.do("COPY $ other")
    assert client.session.selected.calls[-1] == ("copy", [], "other")


def test_charset(client):
    assert client.do("SORT (DATE) X-NOPE ALL")[1].startswith("NO [BADCHARSET (UTF-8 US-ASCII)] ")
    assert client.session.selected.calls == []


def test_failure(client):
    def fails(criteria, by):
        raise Unavailable

    client.session.selected.__class__ = type("Broken", (Sorted,), {"sort": lambda self, criteria, by: fails(0, 0)})
    assert client.do("SORT (DATE) UTF-8 ALL")[1].startswith("NO [UNAVAILABLE] ")


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "(DATE)",
        "(DATE) UTF-8",
        "(DATE) ALL",
        "() UTF-8 ALL",
        "DATE UTF-8 ALL",
        "(NOSUCH) UTF-8 ALL",
        "(REVERSE) UTF-8 ALL",
        "(REVERSE REVERSE DATE) UTF-8 ALL",
        "(DATE  SIZE) UTF-8 ALL",
        "((DATE)) UTF-8 ALL",
        "(" + "DATE " * 9999 + "DATE) UTF-8 ALL",
        "RETURN (DATE) UTF-8 ALL",
    ],
)
def test_bad(client, arguments):
    assert client.do(f"SORT {arguments}".rstrip())[1].startswith("BAD ")
