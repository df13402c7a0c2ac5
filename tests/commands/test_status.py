# SPDX-License-Identifier: MIT
"""STATUS: items in the order asked for, each once."""

import pytest

from imapd import errors
from tests.commands.fake_mail import Client


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        # RFC 3501, section 6.3.10
        ("STATUS blurdybloop (UIDNEXT MESSAGES)", '* STATUS "blurdybloop" (UIDNEXT 44292 MESSAGES 231)'),
        (
            "status inbox (messages recent uidnext uidvalidity unseen)",
            '* STATUS "INBOX" (MESSAGES 231 RECENT 1 UIDNEXT 44292 UIDVALIDITY 3857529045 UNSEEN 12)',
        ),
        ("STATUS a (UNSEEN UNSEEN unseen)", '* STATUS "a" (UNSEEN 12)'),
        ('STATUS "a \\" b" (UNSEEN)', '* STATUS "a \\" b" (UNSEEN 12)'),
        ("STATUS Entw&APw-rfe (UNSEEN)", '* STATUS "Entw&APw-rfe" (UNSEEN 12)'),
    ],
)
def test_status(command, answer):
    assert Client().do(command) == ([answer], "OK STATUS completed.")


@pytest.mark.parametrize(
    "rest",
    ["", " INBOX", " INBOX ()", " INBOX UNSEEN", " INBOX (NOSUCH)", " INBOX (UNSEEN", " INBOX (UNSEEN) x", " (UNSEEN)"],
)
def test_bad(rest):
    assert Client().do("STATUS" + rest)[1].startswith("BAD ")


def test_missing():
    client = Client()
    client.account.fails = errors.NotFound()
    assert client.do("STATUS nowhere (UNSEEN)") == ([], "NO [NONEXISTENT] No such mailbox.")
