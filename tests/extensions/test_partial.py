# SPDX-License-Identifier: MIT
"""PARTIAL (RFC 9394): pages of SEARCH and FETCH, from both ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.partial import Page, partial_range
from imapd.wire.grammar import Cursor
from tests.commands.fake_mail import Client, Mailbox


@pytest.fixture
def client():
    mailbox = Mailbox("INBOX", [10, 20, 30, 31, 32, 50])
    mailbox.found = [1, 2, 3, 5]
    return Client().selected(mailbox)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("1:2", "(1:2 2:3)"),
        ("2:1", "(1:2 2:3)"),
        ("3:3", "(3:3 4)"),
        ("3:100", "(3:100 4,6)"),
        ("5:9", "(5:9 NIL)"),
        ("-1:-2", "(-1:-2 4,6)"),
        ("-2:-1", "(-1:-2 4,6)"),
        ("-4:-9", "(-4:-9 2)"),
        ("-5:-9", "(-5:-9 NIL)"),
        ("4294967295:4294967295", "(4294967295:4294967295 NIL)"),
        ("-1:-4294967295", "(-1:-4294967295 2:4,6)"),
    ],
)
def test_search(client, asked, told):
    assert client.do(f"SEARCH RETURN (PARTIAL {asked}) ALL")[0] == [f'* ESEARCH (TAG "a1") PARTIAL {told}']


def test_uid_search_with_others(client):
    told = client.do("UID SEARCH RETURN (PARTIAL -1:-1 COUNT MIN) ALL")[0]
    assert told == ['* ESEARCH (TAG "a1") UID PARTIAL (-1:-1 50) COUNT 4 MIN 20']


@pytest.mark.parametrize(
    "options",
    [
        "PARTIAL",
        "PARTIAL 1",
        "PARTIAL 0:5",
        "PARTIAL 1:*",
        "PARTIAL *:1",
        "PARTIAL 1:-5",
        "PARTIAL -1:5",
        "PARTIAL -0:-1",
        "PARTIAL 1:4294967296",
        "PARTIAL -1:-4294967296",
        "PARTIAL 1:99999999999",
        'PARTIAL "1:5"',
        "PARTIAL 1:5,7:9",
        "PARTIAL 1:5 PARTIAL 1:5",
        "PARTIAL 1:5 ALL",
        "ALL PARTIAL 1:5",
    ],
)
def test_bad(client, options):
    assert client.do(f"SEARCH RETURN ({options}) ALL")[1].startswith("BAD ")


@pytest.mark.parametrize(
    ("options", "saved"),
    [
        ("SAVE PARTIAL 2:3", [2, 3]),
        ("SAVE PARTIAL 2:3 MAX", [2, 3, 5]),
        ("PARTIAL 9:9 SAVE", []),
        ("SAVE PARTIAL 9:9 MIN", [1]),
        ("SAVE PARTIAL 2:3 COUNT", [1, 2, 3, 5]),
    ],
)
def test_saved(client, options, saved):
    client.do(f"SEARCH RETURN ({options}) ALL")
    client.do("UID COPY $ other")
    assert [at for span in client.session.selected.calls[-1][1] for at in span] == saved


def fetched(client, command):
    lines, status = client.do(command)
    assert status.startswith("OK ")
    return [int(line.split()[1]) for line in lines]


def test_fetch(client):
    assert fetched(client, "UID FETCH 1:* (FLAGS) (PARTIAL 2:3)") == [2, 3]
    assert fetched(client, "UID FETCH 1:* (FLAGS) (PARTIAL -1:-2)") == [5, 6]
    assert fetched(client, "UID FETCH 10,30:32 FLAGS (PARTIAL 1:2)") == [1, 3]
    assert fetched(client, "FETCH 2:5 UID (PARTIAL -2:-3)") == [3, 4]
    assert fetched(client, "UID FETCH 1:* FLAGS (PARTIAL 7:9)") == []


@pytest.mark.parametrize("modifiers", ["PARTIAL", "PARTIAL 1", "PARTIAL 1:2 PARTIAL 3:4", "PARTIAL 1:*"])
def test_bad_fetch(client, modifiers):
    assert client.do(f"UID FETCH 1:* FLAGS ({modifiers})")[1].startswith("BAD ")


numbers = st.integers(1, 12)


@given(st.lists(st.integers(), max_size=10), numbers, numbers, st.booleans())
def test_pages(found, one, other, backwards):
    minus = b"-" if backwards else b""
    page = partial_range(Cursor(b" %b%d:%b%d" % (minus, one, minus, other)))
    assert page == Page(min(one, other), max(one, other), backwards)
    ordered = found[::-1] if backwards else found
    expected = ordered[min(one, other) - 1 : max(one, other)]
    assert page.of(found) == (expected[::-1] if backwards else expected)
