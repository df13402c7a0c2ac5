# SPDX-License-Identifier: MIT
"""REPLACE: both or neither, in a full mailbox, into another one, without the rights, and many at once."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from imapd import errors
from imapd.mail.account import Account, Draft
from tests.running.store import Store


def draft(text: str, size: int = 0) -> Draft:
    octets = f"Subject: {text}\r\n\r\n".encode()
    octets += b"x" * (size - len(octets))
    return Draft(SimpleNamespace(data=octets, spool=None, size=len(octets)))


def account_with(store: Store, *drafts: Draft, node: Any = None) -> Account:
    account = store.account(node or store.node())
    account.append("INBOX", list(drafts))
    return account


def uids(account: Account, name: str = "INBOX") -> list[int]:
    mailbox = account.open(name, read_only=True)
    found = list(mailbox.view.uids)
    mailbox.close()
    return found


def counted(store: Store) -> None:
    """Counters equal a recount."""
    rows = store.database.rows(
        "SELECT f.messages, f.size, count(m.uid), coalesce(sum(m.size), 0) FROM folders f"
        " LEFT JOIN messages m ON m.organization_id = f.organization_id AND m.folder_id = f.folder_id"
        " GROUP BY f.organization_id, f.folder_id"
    )
    assert all(row[:2] == row[2:] for row in rows)
    rows = store.database.rows(
        "SELECT q.messages_used, q.storage_used, coalesce(sum(f.messages), 0), coalesce(sum(f.size), 0)"
        " FROM quotas q LEFT JOIN folders f USING (organization_id, mailbox_id) GROUP BY q.organization_id, q.mailbox_id"
    )
    assert all(row[:2] == row[2:] for row in rows)


def test_here(store: Store) -> None:
    account = account_with(store, draft("1"), draft("2"), draft("3"))
    mailbox = account.open("INBOX")
    appended = mailbox.replace(1, "INBOX", draft("new"))
    assert list(appended.uids) == [4]
    told = mailbox.pending(may_expunge=True)
    assert (told.expunged, list(mailbox.view.uids)) == ([2], [1, 3, 4])
    counted(store)


def test_elsewhere(store: Store) -> None:
    account = account_with(store, draft("1"))
    mailbox = account.open("INBOX")
    mailbox.replace(0, "company.org/INBOX", draft("new"))
    assert (uids(account), uids(account, "company.org/Drafts")) == ([], [])
    assert len(uids(account, "company.org/INBOX")) == 1
    counted(store)


def test_in_a_full_mailbox(store: Store) -> None:
    account = account_with(store, draft("1", 1000), draft("2", 1000))
    store.database.execute("UPDATE quotas SET storage_limit = 2100")
    mailbox = account.open("INBOX")
    mailbox.replace(0, "Drafts", draft("new", 1050))
    mailbox.pending(may_expunge=True)
    with pytest.raises(errors.OverQuota):
        mailbox.replace(0, "INBOX", draft("too large", 1100))
    assert uids(account) == [2]
    counted(store)


def test_nowhere(store: Store) -> None:
    account = account_with(store, draft("1"))
    mailbox = account.open("INBOX")
    with pytest.raises(errors.NoTarget):
        mailbox.replace(0, "Nowhere", draft("new"))
    assert uids(account) == [1]


def test_what_is_gone(store: Store) -> None:
    node = store.node()
    account = account_with(store, draft("1"), node=node)
    mailbox, other = account.open("INBOX"), store.account(store.node()).open("INBOX")
    other.store([range(1)], "+", ["\\Deleted"])
    other.expunge()
    with pytest.raises(errors.Expunged):
        mailbox.replace(0, "INBOX", draft("new"))
    assert uids(account) == []
    counted(store)


def test_rights(store: Store) -> None:
    colleague = store.account(store.node(), "colleague@example.com")
    colleague.append("INBOX", [draft("theirs")])
    account = store.account(store.node())
    shared = account.open("Shared/colleague@example.com/INBOX")
    with pytest.raises(errors.NoPermission):
        shared.replace(0, "INBOX", draft("mine now"))
    account.append("INBOX", [draft("mine")])
    with pytest.raises(errors.NoPermission):
        account.open("INBOX", read_only=True).replace(0, "INBOX", draft("new"))
    assert uids(account) == uids(colleague) == [1]


def test_many_at_once(store: Store) -> None:
    """Of those that replace the same message one does; and two that replace to and fro do not wait for each other."""
    node = store.node()
    account = account_with(store, *[draft(str(n)) for n in range(8)], node=node)
    account.append("Drafts", [draft(f"d{n}") for n in range(8)])
    outcomes: list[str] = []

    def replace(number: int) -> None:
        source, target = ("INBOX", "Drafts") if number % 2 else ("Drafts", "INBOX")
        mine = store.account(store.node())
        for at in range(8):
            mailbox = mine.open(source)
            try:
                mailbox.replace(mailbox.view.uids.index(at + 1), target, draft(f"{number} {at}"))
                outcomes.append("replaced")
            except (errors.Expunged, ValueError):
                outcomes.append("gone")
            except BaseException as error:
                outcomes.append(repr(error))
            finally:
                mailbox.close()

    at_work = [threading.Thread(target=replace, args=(number,)) for number in range(4)]
    for one in at_work:
        one.start()
    for one in at_work:
        one.join()
    assert set(outcomes) == {"replaced", "gone"}
    assert outcomes.count("replaced") == 16
    assert len(uids(account)) + len(uids(account, "Drafts")) == 16
    counted(store)
