# SPDX-License-Identifier: MIT
"""Several messages in one APPEND: what is prepared of them, and what the statement holds, has a bound."""

import pytest

from imapd import errors
from imapd.mail.account import Draft
from tests.running.store import Store
from workers.demo_accounts import Octets


def many_parts(number: int) -> Draft:
    """100 KB, and twenty times as much once it is prepared."""
    octets = b"Subject: %d\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" % number + b"--b\r\n\r\nx\r\n" * 9990
    return Draft(Octets(octets, len(octets)))


def test_what_is_prepared_of_several_messages_is_bounded(store: Store) -> None:
    account = store.account(store.node())
    before = account.status("Drafts").messages
    with pytest.raises(errors.LimitReached):
        account.append("Drafts", [many_parts(number) for number in range(30)])
    assert account.status("Drafts").messages == before
    account.append("Drafts", [many_parts(0), many_parts(1)])
    assert account.status("Drafts").messages == before + 2
