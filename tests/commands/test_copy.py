# SPDX-License-Identifier: MIT
"""COPY and MOVE: COPYUID, and the order in which MOVE says things."""

import pytest

from tests.commands.fake_mail import Client, Mailbox


@pytest.fixture
def client():
    return Client().selected(Mailbox("INBOX", [304, 319, 320, 321]))


def test_copy(client):
    assert client.do("COPY 1:3 meeting") == ([], "OK [COPYUID 38505 304,319:320 3956:3958] COPY completed.")
    assert client.session.selected.calls == [("copy", [range(3)], "meeting")]


def test_uid_copy(client):
    assert client.do('UID COPY 319,321 "company.org/Archive"') == (
        [],
        "OK [COPYUID 38505 319,321 3956:3957] UID COPY completed.",
    )


def test_nothing_to_copy(client):
    assert client.do("UID COPY 1:5 meeting") == ([], "OK UID COPY completed.")


def test_move(client):
    assert client.do("MOVE 1,3:4 foo") == (
        ["* OK [COPYUID 38505 304,320:321 3956:3958] Moved.", "* 4 EXPUNGE", "* 3 EXPUNGE", "* 1 EXPUNGE"],
        "OK MOVE completed.",
    )
    assert list(client.session.selected.view.uids) == [319]


def test_uid_move(client):
    assert client.do("UID MOVE 319 foo") == (
        ["* OK [COPYUID 38505 319 3956] Moved.", "* 2 EXPUNGE"],
        "OK UID MOVE completed.",
    )


def test_nothing_to_move(client):
    assert client.do("UID MOVE 1:5 foo") == ([], "OK UID MOVE completed.")


@pytest.mark.parametrize("verb", ["COPY", "UID COPY", "MOVE", "UID MOVE"])
def test_no_target(client, verb):
    assert client.do(f"{verb} * Nowhere") == ([], "NO [TRYCREATE] No such mailbox.")


@pytest.mark.parametrize("verb", ["COPY", "UID COPY", "MOVE", "UID MOVE"])
@pytest.mark.parametrize("rest", ["", " 1", " 1 ", " 0 a", " x a", " 1 a b", " a 1", " 1,,2 a"])
def test_bad(client, verb, rest):
    assert client.do(verb + rest)[1].startswith("BAD ")
    assert not client.session.selected.calls


@pytest.mark.parametrize("verb", ["COPY", "MOVE"])
def test_number_beyond_the_mailbox(client, verb):
    assert client.do(verb + " 4:5 a")[1].startswith("BAD ")
