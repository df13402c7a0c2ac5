# SPDX-License-Identifier: MIT
"""Logging in: by any address, with the right password, and in the same time for all who may not."""

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg2
import pytest

from imapd.audit import Audit
from imapd.auth.authenticate import Authenticator, Identity
from imapd.auth.passwords import Passwords
from imapd.cluster.counters import LocalCounters
from imapd.errors import AuthenticationFailed, Unavailable
from imapd.settings import Auth
from imapd.storage import audit_log, provision
from imapd.storage.addresses import address
from imapd.storage.pool import Database
from tests.auth.conftest import FAST

Make = Callable[..., Authenticator]


class Hashings:
    """Counts what would be hashed."""

    def __init__(self) -> None:
        self.count = 0

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.count += 1
        return function(*arguments)


@pytest.fixture
def hashings() -> Hashings:
    return Hashings()


@pytest.fixture
def make(database: Database, hashings: Hashings) -> Make:
    def authenticator(limits: Auth = FAST, **more: Any) -> Authenticator:
        options = {"run": hashings.run, "sleep": lambda seconds: None} | more
        return Authenticator(database, LocalCounters(), limits, **options)

    return authenticator


def login(authenticator: Authenticator, user: str | bytes, password: str | bytes, ip: str = "192.0.2.1") -> Identity:
    return authenticator.verify(user, password, ip, "s1")


@pytest.mark.parametrize("user", ["user@example.com", "user@company.org", "alias@company.org", "User@EXAMPLE.com"])
def test_every_address_opens_the_same_account(make: Make, user: str) -> None:
    identity = login(make(), user, "right")
    assert identity.user_id == login(make(), "user@example.com", "right").user_id
    assert identity.address == user.lower()


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("user@example.com", "wrong"),
        ("user@example.com", ""),
        ("user@example.com", "right\0"),
        ("user@example.com", b"\xff"),
        ("user@example.com", "x" * 100_000),
        ("nobody@example.com", "right"),
        ("unknown@example.com", "right"),
        ("user@unknown.example", "right"),
        ("user", "right"),
        ("@", ""),
        ("", "right"),
        ("user@", "right"),
        ("@example.com", "right"),
        ("user@example.com\0", "right"),
        (b"user\xff@example.com", "right"),
        ("user\udc80@example.com", "right"),
        ("x" * 100_000 + "@example.com", "right"),
        ("\u212aser@example.com", "right"),
        ("%{user}%9999999999u", "{0.__class__}"),
        ("user@example.com' OR '1'='1", "right"),
        ("us_r@example.com", "right"),
        ("%@example.com", "right"),
        (" user@example.com", "right"),
    ],
)
def test_all_who_may_not_get_the_same_answer_for_one_hashing(
    make: Make, hashings: Hashings, user: str | bytes, password: str | bytes
) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        login(make(), user, password)
    assert str(caught.value) == "Authentication failed."
    assert hashings.count == 1


def test_a_password_verified_a_moment_ago_costs_no_hashing(make: Make, hashings: Hashings) -> None:
    authenticator = make()
    login(authenticator, "user@example.com", "right")
    login(authenticator, "alias@company.org", "right")
    assert hashings.count == 1
    with pytest.raises(AuthenticationFailed):
        login(authenticator, "user@example.com", "wrong")
    with pytest.raises(AuthenticationFailed):
        login(authenticator, "user@example.com", "wrong")
    assert hashings.count == 3, "a wrong one is never remembered"


def test_the_memory_of_a_password_expires(make: Make, hashings: Hashings) -> None:
    now = [0.0]
    authenticator = make(clock=lambda: now[0])
    login(authenticator, "user@example.com", "right")
    now[0] = FAST.cache_seconds + 1
    login(authenticator, "user@example.com", "right")
    assert hashings.count == 2


def test_without_a_cache_each_login_is_hashed(make: Make, hashings: Hashings) -> None:
    authenticator = make(replace(FAST, cache_seconds=0))
    login(authenticator, "user@example.com", "right")
    login(authenticator, "user@example.com", "right")
    assert hashings.count == 2


def test_one_login_is_one_statement(make: Make, database: Database) -> None:
    authenticator = make()
    for _ in range(2):
        before = database.statements
        login(authenticator, "user@example.com", "right")
        assert database.statements == before + 1


def test_a_changed_password_counts_at_once(make: Make, database: Database, new_user: str) -> None:
    authenticator = make()
    login(authenticator, new_user, "right")
    provision.set_password(database, address(new_user), Passwords(FAST).hash("new"))
    with pytest.raises(AuthenticationFailed):
        login(authenticator, new_user, "right")
    login(authenticator, new_user, "new")
    provision.set_password(database, address(new_user), None)
    with pytest.raises(AuthenticationFailed):
        login(authenticator, new_user, "new")


def test_the_disabled_cannot_log_in_not_even_from_memory(make: Make, database: Database, new_user: str) -> None:
    authenticator = make(replace(FAST, lockout_after_failures=100, block_after_failures=100))
    switches: list[Callable[[bool], None]] = [
        lambda off: provision.set_user(database, address(new_user), disabled=off),
        lambda off: provision.set_mailbox(database, address(new_user), disabled=off),
        lambda off: provision.set_domain(database, "example.com", disabled=off),
        lambda off: provision.set_organization(database, "Example", disabled=off),
    ]
    for switch in switches:
        login(authenticator, new_user, "right")
        switch(True)
        try:
            with pytest.raises(AuthenticationFailed):
                login(authenticator, new_user, "right")
        finally:
            switch(False)
    login(authenticator, new_user, "right")


def test_a_disabled_domain_leaves_the_users_other_addresses(make: Make, database: Database) -> None:
    provision.set_domain(database, "company.org", disabled=True)
    try:
        login(make(), "user@example.com", "right")
        with pytest.raises(AuthenticationFailed):
            login(make(), "alias@company.org", "right")
    finally:
        provision.set_domain(database, "company.org", disabled=False)


def test_a_hash_of_yesterday_is_renewed_and_the_session_stays(make: Make, database: Database, new_user: str) -> None:
    old = Passwords(Auth(argon2_memory_kib=32, argon2_iterations=1)).hash("right")
    provision.set_password(database, address(new_user), old)
    first = login(make(), new_user, "right")
    row = database.row("SELECT password_hash FROM users WHERE user_id = %s", (first.user_id,))
    assert row
    assert row[0].startswith("$argon2id$v=19$m=64,")
    assert login(make(), new_user, "right") == first


def test_a_locked_account_answers_as_if_the_password_were_wrong(
    make: Make, database: Database, hashings: Hashings, new_user: str
) -> None:
    audit = Audit(database)
    authenticator = make(audit=audit)
    user = login(authenticator, new_user, "right", "198.51.100.1")
    for number in range(5):
        with pytest.raises(AuthenticationFailed):
            login(authenticator, new_user, f"wrong{number}", f"192.0.2.{number}")
    hashings.count = 0
    with pytest.raises(AuthenticationFailed):
        login(authenticator, new_user, "right", "192.0.2.77")
    assert hashings.count == 1
    login(authenticator, new_user, "right", "198.51.100.1")
    audit.flush()
    told = [(event, outcome, detail.get("reason")) for _, event, outcome, user_id, _, _, detail
            in audit_log.latest(database, user.organization_id, 9) if user_id == user.user_id]  # fmt: skip
    assert told == [
        ("login", "ok", None),
        ("login", "fail", "locked"),
        ("user locked", "ok", None),
        *[("login", "fail", "wrong password")] * 5,
        ("login", "ok", None),
    ]


def test_a_blocked_address_is_not_even_looked_at(make: Make, database: Database, hashings: Hashings) -> None:
    authenticator = make()
    for number in range(12):
        with pytest.raises(AuthenticationFailed):
            login(authenticator, f"user{number}@example.com", "guess")
    before = database.statements, hashings.count
    with pytest.raises(AuthenticationFailed) as caught:
        login(authenticator, "user@example.com", "right")
    assert type(caught.value) is AuthenticationFailed
    assert (database.statements, hashings.count) == before
    login(authenticator, "user@example.com", "right", "192.0.2.2")


def test_connections_that_come_together_share_one_hashing(make: Make, hashings: Hashings) -> None:
    begin = threading.Event()

    def slow(function: Callable[..., Any], *arguments: Any) -> Any:
        begin.wait(5)
        return hashings.run(function, *arguments)

    authenticator = make(run=slow)
    identities: list[Identity] = []
    threads = [
        threading.Thread(target=lambda: identities.append(login(authenticator, "user@example.com", "right")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    begin.set()
    for thread in threads:
        thread.join()
    assert len(identities) == 4
    assert hashings.count == 1


def test_too_many_hashings_are_refused_as_unavailable(make: Make) -> None:
    def full(*_: Any) -> Any:
        raise Unavailable

    authenticator = make(run=full)
    for _ in range(2):
        with pytest.raises(Unavailable):
            login(authenticator, "user@example.com", "right")


def test_without_postgresql_nobody_knows(hashings: Hashings) -> None:
    gone = Database("host=/nonexistent dbname=imapd", 1)
    authenticator = Authenticator(gone, LocalCounters(), FAST, run=hashings.run)
    with pytest.raises(Unavailable):
        login(authenticator, "user@example.com", "right")


def test_no_password_comes_into_audit_or_log(
    make: Make, database: Database, capsys: pytest.CaptureFixture[str], new_user: str
) -> None:
    audit = Audit(database)
    authenticator = make(audit=audit)
    with pytest.raises(AuthenticationFailed):
        login(authenticator, new_user, "hunter2hunter2")
    with pytest.raises(AuthenticationFailed):
        login(authenticator, "evil\r\n* 3 EXISTS\x1b[2J@example.com", "hunter2hunter2")
    login(authenticator, new_user, "right")
    audit.flush()
    rows = database.rows("SELECT audit_log::text FROM audit_log")
    written = capsys.readouterr().err + repr(rows)
    assert "hunter2" not in written
    assert "\x1b" not in written
    assert not any(line.startswith("* 3") for line in written.splitlines())


def test_the_hash_that_is_renewed_may_not_be_written_and_the_login_goes_on(
    database: Database, hashings: Hashings, new_user: str, services: Any
) -> None:
    old = Passwords(Auth(argon2_memory_kib=32, argon2_iterations=1)).hash("right")
    provision.set_password(database, address(new_user), old)
    stubborn = Database(services.dsn, 1, lock_timeout_seconds=0.1)
    holder = psycopg2.connect(services.dsn)
    holder.cursor().execute("SELECT 1 FROM users FOR UPDATE")
    authenticator = Authenticator(stubborn, LocalCounters(), FAST, run=hashings.run)
    assert login(authenticator, new_user, "right")
    holder.close()
    stubborn.close()


def test_a_wrong_user_takes_as_long_as_a_wrong_password(database: Database, new_user: str) -> None:
    """Medians of interleaved tries. The hashing is made short, so that all the rest weighs more than it ever will."""
    limits = replace(
        FAST, argon2_memory_kib=4096, cache_seconds=0, lockout_after_failures=10**6, block_after_failures=10**6
    )
    provision.set_password(database, address(new_user), Passwords(limits).hash("right"))
    authenticator = Authenticator(database, LocalCounters(), limits, sleep=lambda seconds: None)
    seconds: dict[str, list[float]] = {new_user: [], "no" + new_user: []}
    for number in range(150):
        for user, taken in seconds.items():
            begun = time.perf_counter()
            with pytest.raises(AuthenticationFailed):
                login(authenticator, user, f"wrong{number}")
            taken.append(time.perf_counter() - begun)
    known, unknown = (statistics.median(taken) for taken in seconds.values())
    assert abs(known - unknown) < 0.15 * known
