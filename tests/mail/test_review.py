# SPDX-License-Identifier: MIT
"""Sessions that are open when rights are taken, and when mailboxes, domains and the arrangement of names change."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from imapd.mail.review import REARRANGED, REVOKED, Review
from imapd.storage import grants, provision
from imapd.storage.addresses import address
from tests.running.speaker import Speaker
from tests.running.store import Store

OWNER = "colleague@example.com"
USER = "user@example.com"
INBOX = f"Shared/{OWNER}/INBOX"


class Live:
    """The live sessions of a worker, and what they were ended with."""

    def __init__(self, store: Store):
        self.sessions: list[SimpleNamespace] = []
        self.ended: dict[str, str] = {}
        self.review = Review(store.database, lambda: self.sessions, rights_seconds=60, names_seconds=60)

    def add(self, speaker: Speaker, name: str) -> Speaker:
        def end(reason: str) -> None:
            self.ended[name] = reason

        self.sessions.append(SimpleNamespace(account=speaker.session.account, end=end))
        return speaker

    def rights(self) -> dict[str, str]:
        self.review.check_rights()
        return self.ended

    def names(self) -> dict[str, str]:
        self.review.check_names()
        return self.ended


@pytest.fixture
def live(store: Store) -> Live:
    return Live(store)


@pytest.fixture
def share(store: Store) -> Iterator[Callable[[str], None]]:
    yield lambda rights: grants.grant(store.database, address(OWNER), "INBOX", address(USER), rights)
    store.database.execute("DELETE FROM shared_mailbox_access")


@pytest.fixture(autouse=True)
def everything_as_it_was(store: Store) -> Iterator[None]:
    yield
    store.database.execute("UPDATE domains SET disabled = false")
    store.database.execute("UPDATE mailboxes SET disabled = false")
    store.database.execute("UPDATE users SET namespace_mode = NULL, disabled = false")


def test_rights_that_were_given_and_taken_are_told(store: Store, live: Live, share: Callable[[str], None]) -> None:
    share("lr")
    user = live.add(Speaker(store), "user")
    assert user.say(f"SELECT {INBOX}")[1].startswith("OK [READ-ONLY]")
    share("lrs")
    assert live.rights() == {}
    assert "* OK [PERMANENTFLAGS (\\Seen)] Flags that can be set here." in user.ok("NOOP")
    assert user.ok("NOOP") == [], "told once"
    share("lrwite")
    live.rights()
    user.append(INBOX)
    user.ok("NOOP")
    user.ok("STORE 1:* +FLAGS (\\Deleted)")
    share("lrt")
    live.rights()
    user.no("STORE 1 +FLAGS (\\Flagged)", "NOPERM")
    assert user.say("EXPUNGE")[1].startswith("NO [NOPERM]")
    assert user.say("MOVE 1 INBOX")[1].startswith("NO [NOPERM]")


def test_who_may_not_read_any_more_reads_no_more_and_is_sent_away(store: Store, live: Live, share: Callable[[str], None]) -> None:
    share("lr")
    owner = Speaker(store, OWNER)
    owner.append("INBOX")
    user, other, at_home = (live.add(Speaker(store), name) for name in ("user", "other", "at home"))
    user.ok(f"SELECT {INBOX}")
    other.ok(f"EXAMINE {INBOX}")
    at_home.ok("SELECT INBOX")
    share("l")
    user.no(f"STATUS {INBOX} (MESSAGES)", "NOPERM")  # names are looked at in each command
    assert live.rights() == {"user": REVOKED, "other": REVOKED}
    owner.append("INBOX", "secret")
    assert user.ok("NOOP") == [], "not even that something came"
    for command in ("FETCH 1 BODY[]", "FETCH 1 ENVELOPE", "SEARCH BODY text", "COPY 1 INBOX"):
        assert user.say(command)[1].startswith("NO [NOPERM]"), command
    at_home.ok("NOOP")


def test_a_session_that_has_left_the_mailbox_goes_on(store: Store, live: Live, share: Callable[[str], None]) -> None:
    share("lr")
    user = live.add(Speaker(store), "user")
    user.ok(f"SELECT {INBOX}")
    user.ok("SELECT INBOX")
    grants.revoke(store.database, address(OWNER), None, address(USER))
    assert live.rights() == {}


def test_a_domain_that_was_closed_is_no_more_shared_nor_seen(store: Store, live: Live, share: Callable[[str], None]) -> None:
    share("lr")
    user, elsewhere = live.add(Speaker(store), "user"), live.add(Speaker(store, "colleague@example.com"), "colleague")
    user.ok(f"SELECT {INBOX}")
    assert live.names() == {}
    provision.set_domain(store.database, "company.org", disabled=True)
    assert live.names() == {"user": REARRANGED}
    elsewhere.ok("NOOP")
    assert "company.org" not in str(Speaker(store).ok('LIST "" *'))
    provision.set_domain(store.database, "example.com", disabled=True)
    assert live.rights() == {"user": REVOKED}
    assert live.names() == {"user": REARRANGED, "colleague": REARRANGED}


def test_a_mailbox_that_comes_is_there_and_one_that_goes_ends_the_session(store: Store, live: Live) -> None:
    user = live.add(Speaker(store), "user")
    user.ok("SELECT company.org/INBOX")
    second = address("second@example.com")
    provision.add_mailbox(store.database, second, address(USER), grants.UNLIMITED)
    assert live.names() == {}
    assert '* LIST (\\HasNoChildren) "/" "second@example.com/INBOX"' in user.ok('LIST "" *')
    user.ok("FETCH 1:* FLAGS")
    provision.remove_mailbox(store.database, second)
    assert live.names() == {"user": REARRANGED}


@pytest.mark.parametrize("change", [{"mode": "unified"}, {"primary": address("user@company.org")}])
def test_another_arrangement_ends_the_sessions_of_the_old_one(change: dict, store: Store, live: Live) -> None:
    live.add(Speaker(store), "user")
    live.add(Speaker(store, OWNER), "colleague")
    provision.set_user(store.database, address(USER), **change)
    assert live.names() == {"user": REARRANGED}
    provision.set_user(store.database, address(USER), primary=address(USER))


def test_who_chooses_for_themselves_sees_it_at_once(store: Store, live: Live) -> None:
    user = live.add(Speaker(store), "user")
    live.add(Speaker(store), "other")
    user.session.account.set_namespace_mode("unified")
    assert live.names() == {"other": REARRANGED}
    assert user.ok("NAMESPACE")[0].startswith('* NAMESPACE (("" "/")) (("example.com/" "/")')
    assert Speaker(store).ok("NAMESPACE")[0].startswith('* NAMESPACE (("" "/")) (("example.com/" "/")')
    user.session.account.set_namespace_mode(None)
    assert Speaker(store).session.account.namespace_mode is None


def test_one_question_for_a_thousand_sessions(store: Store, live: Live, share: Callable[[str], None]) -> None:
    share("lr")
    user = Speaker(store)
    user.ok(f"SELECT {INBOX}")
    for number in range(1000):
        live.add(user, str(number))
    before = store.database.statements
    live.rights()
    live.names()
    assert store.database.statements - before == 2
    user.ok("UNSELECT")
    live.rights()
    assert store.database.statements - before == 2, "nothing open, nothing asked"
