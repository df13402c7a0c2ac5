# SPDX-License-Identifier: MIT
"""A new message is parsed and written to the disk while its row is made: it is there once all that is, or not at all."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from imapd import errors
from imapd.mail import delivery
from imapd.mail.account import Account, Draft
from imapd.mail.delivery import Held
from imapd.settings import Settings
from imapd.storage import quotas
from imapd.storage.blobs import Begun, BlobStore
from imapd.storage.pool import Transaction
from imapd.storage.quotas import Limits
from tests.running.server import eventually
from tests.running.store import Store

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
LETTER = b"From: ann@example.com\r\nSubject: %d\r\n\r\nbody\r\n"


class Disk:
    """Writes when it is waited for. before: what happens first. late: for whoever waits no longer than that."""

    def __init__(self) -> None:
        self.before: Callable[[], object] = lambda: None
        self.late = 0.0
        self.waited: list[float] = []

    def begin(self, function: Callable[..., Any], *arguments: Any) -> Begun:
        return _Writing(self, partial(function, *arguments))


class _Writing:
    def __init__(self, disk: Disk, write: Callable[[], Any]):
        self._disk, self._write = disk, write

    def has_ended(self, seconds: float) -> bool:
        self._disk.waited.append(seconds)
        return seconds >= self._disk.late

    def result(self) -> Any:
        self._disk.before()
        return self._write()


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def account(store: Store, disk: Disk) -> Account:
    node = store.node()
    node.blobs = BlobStore(store.blobs, disk.begin)
    return store.account(node)


def letter(number: int = 1) -> Draft:
    return Draft(Held(LETTER % number))


def messages(store: Store) -> int:
    """As another worker sees it."""
    status = store.account(store.node()).status("INBOX")
    return status.messages


def test_the_row_waits_for_the_disk(store: Store, account: Account, disk: Disk) -> None:
    seen: list[int] = []
    disk.before = lambda: seen.append(messages(store))
    assert list(account.append("INBOX", [letter()]).uids) == [1]
    assert (seen, messages(store)) == ([0], 1)


def test_a_full_disk_takes_no_row_and_no_uid(store: Store, account: Account, disk: Disk) -> None:
    def full() -> None:
        raise errors.Unavailable

    disk.before = full
    before = usage(store)
    with pytest.raises(errors.Unavailable):
        account.append("INBOX", [letter()])
    assert store.database.rows("SELECT FROM contents") == []
    assert (messages(store), usage(store)) == (0, before)
    disk.before = lambda: None
    assert list(account.append("INBOX", [letter()]).uids) == [1]


def test_who_is_refused_does_not_wait_for_the_disk(store: Store, account: Account, disk: Disk) -> None:
    ((mailbox_id,),) = store.database.rows("SELECT mailbox_id FROM folders WHERE name = 'INBOX' ORDER BY 1 LIMIT 1")
    quotas.set_limits(store.database, 1, f"m{mailbox_id}", Limits(messages=0))
    written: list[int] = []
    disk.before = lambda: written.append(1)
    with pytest.raises(errors.OverQuota):
        account.append("INBOX", [letter()])
    with pytest.raises(errors.NoTarget):
        account.append("Nowhere", [letter(2)])
    assert (disk.waited, written) == ([], [])


def test_a_slow_disk_keeps_nobody_waiting(
    store: Store, account: Account, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings().database.lock_timeout_seconds > 10 * delivery.HELD_SECONDS
    monkeypatch.setattr(delivery, "HELD_SECONDS", 30.0)  # also on a busy machine something is left to wait
    free: list[bool] = []
    disk.before = lambda: free.append(is_free(store))
    disk.late = 60
    assert list(account.append("INBOX", [letter()]).uids) == [1]
    assert free[0] and messages(store) == 1
    assert 0 < disk.waited[0] < 30


def test_several_are_on_the_disk_before_their_rows(store: Store, account: Account, disk: Disk) -> None:
    """Else the folder would be locked for as long as it takes to write them all."""
    free: list[bool] = []
    disk.before = lambda: free.append(is_free(store))
    account.append("INBOX", [letter(1), letter(2)])
    account.append("INBOX", [letter(3)])
    assert free == [True, False]


def test_one_that_somebody_else_brings_meanwhile(
    store: Store, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    colleague = store.account(store.node(), "colleague@example.com")
    parse = delivery.content_of
    parsed: list[bytes] = []

    def with_another(node: Any, literal: Any, digest: bytes) -> Any:
        parsed.append(digest)
        if len(parsed) == 1:
            colleague.append("INBOX", [letter()])
        return parse(node, literal, digest)

    monkeypatch.setattr(delivery, "content_of", with_another)
    assert list(account.append("INBOX", [letter()]).uids) == [1]
    assert len(parsed) == 2, "once by each"
    assert store.database.row("SELECT count(*), count(DISTINCT content_id) FROM messages") == (2, 1)
    assert store.database.row("SELECT count(*) FROM contents") == (1,)


MET = """
    CREATE SEQUENCE met;
    CREATE FUNCTION meets() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('met') = 1 THEN
            RAISE EXCEPTION 'x' USING ERRCODE = '40P01';
        END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON contents DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION meets()
"""


def test_what_meets_another_one_is_tried_again(
    store: Store, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse, parsed = delivery.content_of, []
    monkeypatch.setattr(delivery, "content_of", lambda *given: parsed.append(1) or parse(*given))
    store.database.execute(MET)
    assert list(account.append("INBOX", [letter()]).uids) == [1]
    assert (messages(store), len(parsed), store.database.row("SELECT last_value FROM met")) == (1, 1, (2,))
    assert [messages for _, messages in usage(store) if messages] == [1]


def test_it_is_parsed_while_its_place_is_made(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, given = Transaction.rows, []

    def noting(self: Transaction, *asked: Any, **how: Any) -> Any:
        given.append(how.get("meanwhile"))
        return rows(self, *asked, **how)

    monkeypatch.setattr(Transaction, "rows", noting)
    account.append("INBOX", [letter()])
    parsed, *later = given
    assert parsed().size == letter().literal.size
    assert not any(later)


def test_two_that_wait_for_each_other(store: Store, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is new takes the folder first and the thread last, several together the other way round."""
    parse = delivery.content_of
    answer = Draft(Held(b"Message-ID: <2@x>\r\nReferences: <1@x>\r\n\r\nanswer\r\n"))
    others: list[Future[Any]] = []

    def with_another(node: Any, literal: Any, digest: bytes) -> Any:
        if not others and threading.current_thread() is threading.main_thread():
            others.append(together.submit(store.account(store.node()).append, "INBOX", [answer, letter()]))
            assert eventually(lambda: store.database.row(WAITING) == (1,), 5)
        return parse(node, literal, digest)

    monkeypatch.setattr(delivery, "content_of", with_another)
    with ThreadPoolExecutor() as together:
        first = Draft(Held(b"Message-ID: <1@x>\r\n\r\nquestion\r\n"))
        uids = {*account.append("INBOX", [first]).uids, *others[0].result().uids}
    assert len(uids) == 3 and messages(store) == 3
    assert store.database.row("SELECT count(DISTINCT thread_id) FROM contents") == (2,)


def usage(store: Store) -> list[tuple[Any, ...]]:
    return store.database.rows("SELECT storage_used, messages_used FROM quotas ORDER BY mailbox_id")


def is_free(store: Store) -> bool:
    """Whether nobody has locked a folder group."""
    free = store.database.rows("SELECT FROM folder_groups FOR UPDATE SKIP LOCKED")
    return store.database.row("SELECT count(*) FROM folder_groups") == (len(free),)
