# SPDX-License-Identifier: MIT
"""Many sessions write at once below the same quotas: usage ends as what is there, and no limit is ever passed."""

import random
import time
from collections import Counter
from typing import Any

import pytest

from imapd import errors
from imapd.mail.account import Account
from imapd.storage import grants, provision, quota_roots
from imapd.storage.addresses import Address, address
from imapd.storage.pool import Database
from imapd.storage.quotas import Limits
from tests.running.store import Store
from tests.running.together import together
from tests.storage.test_quota import drift, letter

DOMAINS = ("example.com", "company.org")
PEOPLE = 4
SESSIONS = 10
FOLDERS = ("INBOX", "Sent", "Trash", "Work", "Work/2024", "company.org/INBOX", "company.org/Trash", "company.org/Work",
           "Shared/p0@example.com/INBOX", "Shared/p0@example.com/Trash")  # fmt: skip


def over(store: Store) -> list[tuple[Any, ...]]:
    """Roots above a limit, as one statement sees them."""
    return store.database.rows(
        "SELECT root, storage_used, storage_limit, messages_used, message_limit FROM quota_usage"
        " WHERE storage_used > storage_limit OR messages_used > message_limit OR storage_used < 0 OR messages_used < 0"
    )


class Writer:
    """A session that does whatever changes usage, at random, until the time is over."""

    def __init__(self, store: Store, user: Address, seed: str, until: float):
        self.account: Account = store.account(store.node(), str(user))
        self.chance = random.Random(seed)
        self.until = until
        self.done: Counter[str] = Counter()

    def __call__(self) -> None:
        deeds = [self.append] * 5 + [self.copy, self.move, self.move, self.expunge, self.expunge, self.replace]
        deeds += [self.rename, self.delete]
        while time.monotonic() < self.until:
            deed = self.chance.choice(deeds)
            try:
                deed()
                self.done[deed.__name__] += 1
            except errors.OverQuota:
                self.done["over quota"] += 1
            except (errors.NotFound, errors.NoTarget, errors.AlreadyExists, errors.Cannot, errors.Expunged):
                pass
            except errors.InUse:  # a deadlock with other renames that several attempts did not get past
                self.done["in use"] += 1

    def folder(self) -> str:
        return self.chance.choice(FOLDERS)

    def append(self) -> None:
        number = self.chance.choice([1, 1, 1, 4])
        sizes = [self.chance.choice([50, 500, 1000, 5000]) for _ in range(number)]
        self.account.append(self.folder(), [letter(size, self.chance.randrange(50)) for size in sizes])

    def copy(self) -> None:
        self._transfer("copy")

    def move(self) -> None:
        self._transfer("move")

    def _transfer(self, verb: str) -> None:
        mailbox = self.account.open(self.folder())
        try:
            count = min(len(mailbox.view.uids), self.chance.choice([1, 2, 10]))
            if count:
                getattr(mailbox, verb)([range(0, count)], self.folder())
        finally:
            mailbox.close()

    def replace(self) -> None:
        mailbox = self.account.open(self.folder())
        try:
            if mailbox.view.uids:
                mailbox.replace(0, self.folder(), letter(self.chance.choice([50, 2000]), self.chance.randrange(50)))
        finally:
            mailbox.close()

    def expunge(self) -> None:
        mailbox = self.account.open(self.folder())
        try:
            count = min(len(mailbox.view.uids), self.chance.choice([1, 5]))
            if count:
                mailbox.store([range(0, count)], "+", ["\\Deleted", "\\Seen"])
                mailbox.expunge()
        finally:
            mailbox.close()

    def rename(self) -> None:
        work = ["Work", "company.org/Work"]
        self.chance.shuffle(work)
        self.account.rename(*work)

    def delete(self) -> None:
        self.account.delete("Work/2024")
        self.account.create("Work/2024")


@pytest.fixture
def people(store: Store) -> list[Address]:
    """Each with a mailbox in both domains, some with limits of their own, some of them merged; the first one's is shared
    with the others."""
    made = []
    for number in range(PEOPLE):
        one = address(f"p{number}@example.com")
        limits = Limits(60_000 if number % 2 else None, 60 if number == 3 else None)
        provision.add_user(store.database, one, "", None, limits=limits)
        provision.add_mailbox(store.database, address(f"p{number}@company.org"), one, limits)
        account = store.account(store.node(), str(one))
        account.create("Work")
        account.create("Work/2024")
        if number >= PEOPLE // 2:
            account.set_namespace_mode("unified")
        if made:
            grants.grant(store.database, made[0], None, one, "lrswipkxtea")
        made.append(one)
    return made


@pytest.mark.parametrize("seed", range(2))
def test_any_interleaving_ends_with_usage_as_counted_and_never_above_a_limit(
    store: Store, people: list[Address], seed: int
) -> None:
    """Two sessions and more of each of four people, whose quotas are three deep and nearly full all the time."""
    store.database.close()
    store.database = Database(store.dsn, SESSIONS + 3)
    for holder, by_user, limits in (
        (people[0], True, Limits(80_000, 90)), (people[1], True, Limits(None, 60)),
        ("example.com", False, Limits(110_000)), ("company.org", False, Limits(150_000, 150)),
    ):  # fmt: skip
        quota_roots.set_limits(store.database, holder, limits, user=by_user, keep=())
    until = time.monotonic() + 6
    writers = [Writer(store, people[n % PEOPLE], f"{seed} {n}", until) for n in range(SESSIONS)]
    seen: list[Any] = []
    counted: list[bool] = []

    def watch() -> None:
        while time.monotonic() < until:
            seen.extend(over(store))
            time.sleep(0.02)

    def recount() -> None:
        """Finds nothing, and puts nothing wrong, while others write."""
        while time.monotonic() < until:
            try:
                seen.extend(quota_roots.mend(store.database, None))
                counted.append(True)
            except errors.InUse:
                pass

    together(*writers, watch, recount)
    assert seen == [] and over(store) == []
    assert len(counted) >= 3
    assert drift(store) == []
    done = sum((writer.done for writer in writers), Counter())
    assert all(done[deed] for deed in ("append", "copy", "move", "expunge", "replace", "over quota")), done


@pytest.mark.parametrize("holder", ["example.com", "user", "mailbox"])
def test_who_writes_at_the_same_time_fills_a_quota_to_the_last_message_and_no_further(
    store: Store, people: list[Address], holder: str
) -> None:
    """Ten sessions, room for 100 messages of 1000 octets: 100 are taken, whoever brings them."""
    store.database.close()
    store.database = Database(store.dsn, SESSIONS + 2)
    who = people[:1] if holder != "example.com" else people
    target: Any = "example.com" if holder == "example.com" else people[0]
    limits = Limits(storage=100_000, messages=None)
    quota_roots.set_limits(store.database, target, limits, user=holder == "user", keep=())
    taken: list[int] = []

    def fill(number: int) -> None:
        account = store.account(store.node(), str(who[number % len(who)]))
        folder = ("INBOX", "Sent", "Trash")[number % 3]
        refused = 0
        while refused < 3:
            try:
                account.append(folder, [letter(1000, number)])
                taken.append(1)
            except errors.OverQuota:
                refused += 1

    together(*(lambda number=n: fill(number) for n in range(SESSIONS)))  # type: ignore[misc]
    assert len(taken) == 100
    assert drift(store) == []
    crossed = [threshold for (threshold,) in store.database.rows("SELECT threshold FROM quota_events ORDER BY event_id")]
    assert crossed == [80, 95, 100]


def test_limits_that_come_change_and_go_while_others_write(store: Store, people: list[Address]) -> None:
    """A limit that is lowered below what is used holds at once: from then on usage only falls until it is below."""
    store.database.close()
    store.database = Database(store.dsn, SESSIONS + 2)
    until = time.monotonic() + 5
    chance = random.Random(7)
    holders: list[tuple[Any, bool]] = [(domain, False) for domain in DOMAINS]
    holders += [(one, by_user) for one in people[:2] for by_user in (False, True)]
    found: list[Any] = []
    lowered = 0

    def change() -> None:
        nonlocal lowered
        while time.monotonic() < until:
            holder, by_user = chance.choice(holders)
            limits = Limits(chance.choice([None, 20_000, 50_000, 500_000]), chance.choice([None, 20, 50, 500]))
            try:
                quota_roots.set_limits(store.database, holder, limits, user=by_user, keep=())
            except errors.InUse:
                continue
            before = {row[0]: row for row in over(store)}
            lowered += bool(before)
            for _ in range(4):
                time.sleep(0.02)
                now = {row[0]: row for row in over(store)}
                found.extend((before.get(root), row) for root, row in now.items() if has_grown(before.get(root), row))
                before = now

    writers = [Writer(store, people[n % PEOPLE], f"change {n}", until) for n in range(6)]
    together(*writers, change)
    assert found == []
    assert lowered >= 3
    assert drift(store) == []


def has_grown(before: Any, now: Any) -> bool:
    """Whether a root that is above a limit uses more of that than a moment before, when the limit was the same."""
    if before is None:
        return True
    pairs = ((before[1], now[1], now[2]), (before[3], now[3], now[4]))
    return any(limit is not None and used > limit and used > was for was, used, limit in pairs)
