# SPDX-License-Identifier: MIT
"""LIST and LSUB: which names are shown, with which attributes."""

import time

import pytest

from imapd.settings import Limits, Settings
from tests.commands.fake_mail import Account, Client, Row

FOLDERS = [
    Row("INBOX", has_children=True, subscribed=True),
    Row("INBOX/old"),
    Row("Sent", special_use="\\Sent"),
    Row("foo", has_children=True, selectable=False, nonexistent=True),
    Row("foo/bar", subscribed=True),
    Row("foo/bar/baz", subscribed=True),
    Row('with "quotes" \\ )'),
    Row("Entwürfe"),
    Row("example.com", has_children=True, selectable=False, nonexistent=True, apart=True),
    Row("example.com/INBOX", apart=True),
]


@pytest.fixture
def client():
    return Client(Account(rows=FOLDERS))


def names(lines):
    return [line.split('"/" ', 1)[1].strip('"') for line in lines]


@pytest.mark.parametrize("reference", ['""', "foo", "#news.comp.mail.misc", "/usr/staff/jones"])
def test_delimiter(client, reference):
    untagged, tagged = client.do(f'LIST {reference} ""')
    assert untagged == ['* LIST (\\Noselect) "/" ""']
    assert tagged == "OK LIST completed."
    assert not client.account.calls


def test_attributes_and_quoting(client):
    assert client.do('LIST "" *')[0] == [
        '* LIST (\\HasChildren) "/" "INBOX"',
        '* LIST (\\HasNoChildren) "/" "INBOX/old"',
        '* LIST (\\HasNoChildren \\Sent) "/" "Sent"',
        '* LIST (\\Noselect \\HasChildren) "/" "foo"',
        '* LIST (\\HasNoChildren) "/" "foo/bar"',
        '* LIST (\\HasNoChildren) "/" "foo/bar/baz"',
        '* LIST (\\HasNoChildren) "/" "with \\"quotes\\" \\\\ )"',
        '* LIST (\\HasNoChildren) "/" "Entw&APw-rfe"',
    ]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ('"" %', ["INBOX", "Sent", "foo", 'with \\"quotes\\" \\\\ )', "Entw&APw-rfe"]),
        ('"" inbox', ["INBOX"]),
        ('"" iNB%', ["INBOX"]),
        ('"" "INBOX/%"', ["INBOX/old"]),
        ('"" %/%', ["INBOX/old", "foo/bar"]),
        ("foo/ %", ["foo/bar"]),
        ("foo/ *", ["foo/bar", "foo/bar/baz"]),
        ("foo %", ["foo"]),
        ('"" foo*', ["foo", "foo/bar", "foo/bar/baz"]),
        ('"" *baz', ["foo/bar/baz"]),
        ('"" Entw&APw-%', ["Entw&APw-rfe"]),
        ('"" {5+}\r\nfoo/%', ["foo/bar"]),
        ('"" nothing', []),
        # A view of what is shown already under another name, only for who names it.
        ('"" example.com/%', ["example.com/INBOX"]),
        ("example.com/ *", ["example.com/INBOX"]),
        ('"" example.com', ["example.com"]),
        ('"" example.*', []),
        ('"" *.com/*', []),
    ],
)
def test_patterns(client, arguments, found):
    assert names(client.do(f"LIST {arguments}")[0]) == found


def test_many_stars_take_no_time(client):
    begun = time.process_time()
    client.account.rows = [Row("a" * 61) for _ in range(100)]
    client.do('LIST "" "*a*a*a*a*a*a*a*a*b"')
    client.do('LIST "" "' + "%" * 10000 + '"')
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        '""',
        '"" "" x',
        '"" (a b',
        '(NOSUCH) "" *',
        '"" * RETURN',
        '"" * RETURN (NOSUCH)',
        '"" * RETURN NOSUCH',
        '"" * STATUS ()',
        '"" "a\0"',
        "(RECURSIVEMATCH",
        '"" ()',
    ],
)
def test_bad(client, arguments):
    assert client.do(f"LIST {arguments}")[1].startswith("BAD ")


def test_ten_thousand_patterns(client):
    patterns = " ".join(f"p{n}" for n in range(10000))
    begun = time.process_time()
    untagged, _ = client.do(f'LIST "" ({patterns} Sent)')
    assert names(untagged) == ["Sent"]
    assert time.process_time() - begun < 0.5


def test_so_many_names_are_matched_off_the_hub():
    client = Client(Account(rows=[Row(f"folder/{number:03}/" + "x" * 100) for number in range(300)]))
    aside = []
    client.session.node.offload = lambda work: aside.append(work) or work()
    assert len(client.do('LIST "" "f*1*x*"')[0]) == 138
    assert len(client.do('LIST "" "%/%1/*"')[0]) == 30
    assert len(aside) == 2
    assert len(client.do('LIST "" "*"')[0]) == 300
    assert len(client.do(f'LIST "" folder/007/{"x" * 100}')[0]) == 1
    assert len(aside) == 2


@pytest.mark.parametrize("arguments", ['LIST "" (%s)', "LIST () INBOX (%s)"])
def test_too_many_patterns_for_as_many_mailboxes(arguments):
    client = Client(Account(rows=[Row(f"{number:05}/" + "x" * 190) for number in range(1000)]))
    patterns = " ".join(f"*x*x*{number}" for number in range(4000))
    assert client.do(arguments % patterns) == ([], "NO [LIMIT] Those are too many patterns for as many mailboxes.")


def test_too_many_characters_of_patterns(client):
    client.session.settings = Settings(limits=Limits(line_octets=1 << 20))
    client.session.framer.line_octets = 1 << 20
    answer = ([], "NO [LIMIT] Those are too many patterns.")
    assert client.do('LIST "" ("' + '" "'.join(f"{number}*" for number in range(20000)) + '")') == answer


def test_special_use_is_selected(client):
    assert client.do('LIST (SPECIAL-USE) "" *')[0] == ['* LIST (\\HasNoChildren \\Sent) "/" "Sent"']
    assert '* LIST (\\HasNoChildren \\Sent) "/" "Sent"' in client.do('LIST "" % RETURN (SPECIAL-USE)')[0]


def test_who_asks_with_the_extended_syntax_knows_nonexistent(client):
    assert client.do('LIST () "" foo')[0] == ['* LIST (\\NonExistent \\HasChildren) "/" "foo"']


def test_lsub(client):
    client.account.gone = [Row("gone/for/good", nonexistent=True, selectable=False)]
    assert client.do('LSUB "" *')[0] == [
        '* LSUB () "/" "INBOX"',
        '* LSUB () "/" "foo/bar"',
        '* LSUB () "/" "foo/bar/baz"',
        '* LSUB () "/" "gone/for/good"',
    ]
    assert client.account.calls == [("list_folders", True)]


def test_lsub_shows_parents_for_percent(client):
    client.account.gone = [Row("gone/for/good")]
    assert client.do('LSUB "" %')[0] == [
        '* LSUB () "/" "INBOX"',
        '* LSUB (\\Noselect) "/" "foo"',
        '* LSUB (\\Noselect) "/" "gone"',
    ]
    assert client.do('LSUB "gone/" %')[0] == ['* LSUB (\\Noselect) "/" "gone/for"']
    assert client.do('LSUB "" foo/%')[0] == ['* LSUB () "/" "foo/bar"']
    assert client.do('LSUB "" foo')[0] == []


def test_lsub_delimiter(client):
    assert client.do('LSUB "" ""')[0] == ['* LSUB (\\Noselect) "/" ""']
