# SPDX-License-Identifier: MIT
"""SEARCH HEADER of any length: what is too long for a regular expression is found otherwise, and means the same."""

import pytest

from imapd.mail.account import Draft
from imapd.mail.criteria import Header
from tests.running.store import Store
from workers.demo_accounts import Octets

LONG = "[x] (y) \\ a.b*c " * 60
MESSAGES = (
    b"X-Long: begin %b end\r\nSubject: short\r\n\r\n" % LONG.encode(),
    b"X-Long: %b\r\nSubject: %b\r\n\r\n" % (LONG[:300].encode(), LONG.encode()),
    b"Subject: x-long: %b\r\n\r\n" % LONG.encode(),
)


@pytest.mark.parametrize(
    ("name", "needle", "found"),
    [
        ("X-LONG", LONG.upper(), [0]),
        ("x-long", LONG + " end", [0]),
        ("x-long", "begin " + LONG, [0]),
        ("x-long", LONG + "x", []),
        ("subject", LONG.strip(), [1, 2]),
        ("x", LONG.strip(), []),
        ("x" * 60_000, "", []),
        ("subject", "x" * 60_000, []),
        ("subject", "*" * 120_000, []),
        ("x-long", LONG[:300], [0, 1]),
    ],
)
def test_long_and_short(store: Store, name: str, needle: str, found: list[int]) -> None:
    account = store.account(store.node())
    account.append("Drafts", [Draft(Octets(octets, len(octets))) for octets in MESSAGES])
    mailbox = account.open("Drafts")
    first = len(mailbox.view.uids) - len(MESSAGES)
    assert [at - first for at in mailbox.search(Header(name, needle)) if at >= first] == found
