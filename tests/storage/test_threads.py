# SPDX-License-Identifier: MIT
"""Which thread a message comes into as it arrives, also when many arrive at once."""

import threading
from types import SimpleNamespace
from typing import Any

from imapd.mail.account import Account, Draft
from tests.running.store import Store


def message(id: str, references: str = "", text: str = "") -> Draft:
    fields = f"Message-ID: <{id}>\r\n" if id else ""
    if references:
        fields += "References: " + " ".join(f"<{each}>" for each in references.split()) + "\r\n"
    octets = f"{fields}\r\n{text}\r\n".encode()
    return Draft(SimpleNamespace(data=octets, spool=None, size=len(octets)))


def threads(account: Account) -> list[int]:
    """The thread ids of INBOX, in its order, as small numbers."""
    mailbox = account.open("INBOX")
    ids = mailbox.view.content_ids
    rows = mailbox.contents(set(ids), ("thread_id",))
    mailbox.close()
    found = [rows[id][0] for id in ids]
    return [sorted(set(found), key=found.index).index(thread) for thread in found]


def test_answers_join(store: Store) -> None:
    account = store.account(store.node())
    account.append("INBOX", [message("a"), message("b", "a"), message("c", "a b"), message("other")])
    assert threads(account) == [0, 0, 0, 1]


def test_answers_to_what_never_came(store: Store) -> None:
    account = store.account(store.node())
    account.append("INBOX", [message("c", "root near"), message("d", "near")])
    account.append("INBOX", [message("e", "root far"), message("near", "root")])
    assert threads(account) == [0, 0, 0, 0]


def test_what_has_no_id_is_alone(store: Store) -> None:
    account = store.account(store.node())
    account.append("INBOX", [message("", text="1"), message("", text="2"), message("", "a", text="3"), message("a")])
    assert threads(account) == [0, 1, 2, 2]


def test_a_thread_is_never_given_up(store: Store) -> None:
    """What brings two threads together comes too late for both: it joins the nearest."""
    account = store.account(store.node())
    account.append("INBOX", [message("a"), message("b"), message("c", "a b"), message("d", "a")])
    assert threads(account) == [0, 1, 1, 0]


def test_organisations_are_apart(store: Store) -> None:
    row = store.database.row("SELECT thread_of(1, 'x@y', ''), thread_of(2, 'x@y', ''), thread_of(1, 'z', 'x@y')")
    assert row
    first, other, again = row
    assert first == again != other


def test_all_at_once(store: Store) -> None:
    node = store.node()
    errors: list[Any] = []

    def deliver(number: int) -> None:
        try:
            account = store.account(node)
            for step in range(10):
                order = ["near root", "root near"][number % 2]
                account.append(
                    "INBOX", [message(f"{number}.{step}", f"{step} {order}"), message(f"r{number}.{step}", order)]
                )
        except Exception as error:
            errors.append(error)

    deliverers = [threading.Thread(target=deliver, args=(number,)) for number in range(6)]
    for one in deliverers:
        one.start()
    for one in deliverers:
        one.join()
    assert not errors
    assert len(set(threads(store.account(node)))) <= 2
