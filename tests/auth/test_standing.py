# SPDX-License-Identifier: MIT
"""Sessions end when their user may no longer have them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from imapd.auth.authenticate import Authenticator
from imapd.auth.passwords import Passwords
from imapd.auth.standing import Recheck
from imapd.cluster.counters import LocalCounters
from imapd.errors import Unavailable
from imapd.storage import provision
from imapd.storage.addresses import address
from imapd.storage.grants import UNLIMITED
from imapd.storage.pool import Database
from tests.auth.conftest import FAST
from tests.cluster.conftest import spawn, until


@dataclass
class Session:
    standing: Any
    ended: list[str] = field(default_factory=list)

    def end(self, reason: str) -> None:
        self.ended.append(reason)


def session(database: Database, user: str) -> Session:
    identity = Authenticator(database, LocalCounters(), FAST).verify(user, "right", "192.0.2.1", "s1")
    return Session(identity.standing)


@pytest.mark.parametrize(
    "deed",
    [
        lambda database, user: provision.set_user(database, user, disabled=True),
        lambda database, user: provision.set_password(database, user, Passwords(FAST).hash("new")),
        lambda database, user: provision.remove_user(database, user),
    ],
    ids=["disabled", "password", "removed"],
)
def test_who_may_no_longer_be_there_goes_and_others_stay(
    database: Database, deed: Callable[..., None], request: pytest.FixtureRequest
) -> None:
    name = f"standing-{request.node.callspec.id}@example.com"
    provision.add_user(database, address(name), "", Passwords(FAST).hash("right"))
    goes, stays = [session(database, name) for _ in range(2)], session(database, "user@example.com")
    recheck = Recheck(database, lambda: [*goes, stays], seconds=60)
    assert recheck.check() == 0
    deed(database, address(name))
    assert recheck.check() == 2
    assert all(each.ended for each in goes)
    assert not stays.ended


def test_a_disabled_domain_ends_the_sessions_that_logged_in_by_it(database: Database) -> None:
    goes, stays = session(database, "alias@company.org"), session(database, "user@example.com")
    provision.set_domain(database, "company.org", disabled=True)
    try:
        Recheck(database, lambda: [goes, stays], seconds=60).check()
    finally:
        provision.set_domain(database, "company.org", disabled=False)
    assert goes.ended
    assert not stays.ended


@pytest.mark.parametrize(
    "deed",
    [
        lambda database, box, alias: provision.set_mailbox(database, box, disabled=True),
        lambda database, box, alias: provision.remove_alias(database, alias),
        lambda database, box, alias: provision.set_alias(database, alias, address("user@example.com")),
    ],
    ids=["mailbox-disabled", "alias-removed", "alias-of-another"],
)
def test_an_address_that_is_no_more_ends_the_sessions_that_logged_in_by_it(
    database: Database, deed: Callable[..., None], request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id
    first, second, alias = (address(f"{part}-{name}@example.com") for part in ("first", "second", "alias"))
    provision.add_user(database, first, "", Passwords(FAST).hash("right"))
    provision.add_mailbox(database, second, first, UNLIMITED)
    provision.add_alias(database, alias, second)
    goes, stays = session(database, str(alias)), session(database, str(first))
    deed(database, second, alias)
    assert Recheck(database, lambda: [goes, stays], seconds=60).check() == 1
    assert goes.ended and not stays.ended


def test_it_is_looked_at_on_a_message_and_now_and_then(database: Database, new_user: str) -> None:
    first, second = session(database, new_user), session(database, new_user)
    told = Recheck(database, lambda: [first], seconds=60)
    untold = Recheck(database, lambda: [second], seconds=1)
    told.start(spawn)
    untold.start(spawn)
    provision.set_user(database, address(new_user), disabled=True)
    told.ask_soon("1.2")
    until(lambda: first.ended)
    until(lambda: second.ended)
    told.stop()
    untold.stop()


def test_without_postgresql_nobody_is_ended(database: Database) -> None:
    stays = session(database, "user@example.com")
    recheck = Recheck(Database("host=/nonexistent dbname=imapd", 1), lambda: [stays], seconds=0.05)
    with pytest.raises(Unavailable):
        recheck.check()
    assert not stays.ended
