# SPDX-License-Identifier: MIT
"""A message that the organisation has already: neither parsed nor written nor sent to the database once more."""

from collections.abc import Iterator
from typing import Any

import pytest

from imapd import errors
from imapd.mail import delivery
from imapd.mail.account import Account, Draft
from imapd.mail.delivery import Held
from imapd.storage import provision, quotas
from imapd.storage.addresses import address
from imapd.storage.quotas import Limits
from tests.running.store import Store

SMALL = b"From: ann@example.com\r\nSubject: small\r\n\r\nbody\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * 20_000


@pytest.fixture
def node(store: Store) -> Any:
    return store.node()


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The digests of what was parsed."""
    found: list[bytes] = []
    real = delivery.parse

    def parse(octets: Any, *, sha256: bytes) -> Any:
        found.append(sha256)
        return real(octets, sha256=sha256)

    monkeypatch.setattr(delivery, "parse", parse)
    return found


@pytest.fixture(params=[SMALL, LARGE], ids=["in memory", "spooled"])
def message(request: pytest.FixtureRequest) -> bytes:
    octets: bytes = request.param
    return octets


@pytest.fixture
def draft(node: Any, message: bytes) -> Iterator[Any]:
    """Makes drafts of the message, as a session that gives up what was not kept."""
    spools = []

    def make(*flags: str) -> Draft:
        if message is SMALL:
            return Draft(Held(message), flags)
        spool = node.blobs.spool()
        spools.append(spool)
        spool.write(message)
        spool.finish()
        return Draft(Held(spool=spool), flags)

    yield make
    for spool in spools:
        spool.close()


def bodies(account: Account, name: str) -> list[tuple[int, bytes, tuple[str, ...]]]:
    """UID, octets and flags of each message."""
    mailbox = account.open(name, read_only=True)
    view = mailbox.view
    found = [
        (uid, mailbox.body(content).read(), tuple(sorted(mailbox.flags_at(number).decode()[1:-1].split())))
        for number, (uid, content) in enumerate(zip(view.uids, view.content_ids, strict=True))
    ]
    mailbox.close()
    return found


def contents(store: Store) -> list[tuple[Any, ...]]:
    return store.database.rows("SELECT organization_id, size FROM contents ORDER BY content_id")


def test_it_is_stored_by_what_there_is(store: Store, node: Any, draft: Any, message: bytes, parsed: list[bytes]) -> None:
    account = store.account(node)
    account.append("INBOX", [draft()])
    assert len(parsed) == 1
    store.database.execute("UPDATE contents SET last_used_at = now() - interval '1 year'")
    before = store.database.statements
    appended = account.append("Drafts", [draft("\\Seen", "word")])
    assert store.database.statements - before == 1
    assert list(appended.uids) == [1]
    assert len(parsed) == len(contents(store)) == 1
    assert bodies(account, "Drafts") == [(1, message, ("\\Recent", "\\Seen", "word"))]
    assert store.database.row("SELECT last_used_at > now() - interval '1 minute' FROM contents") == (True,)
    status = account.status("Drafts")
    assert (status.messages, status.size) == (1, len(message))


def test_where_only_the_body_is_left_it_is_parsed(
    store: Store, node: Any, draft: Any, message: bytes, parsed: list[bytes]
) -> None:
    """As after a transaction that failed, or where the collector has taken the row and not yet the body."""
    account = store.account(node)
    account.append("INBOX", [draft()])
    store.database.execute("DELETE FROM messages")
    store.database.execute("DELETE FROM contents")
    account.append("Drafts", [draft()])
    assert len(parsed) == 2
    assert bodies(account, "Drafts") == [(1, message, ("\\Recent",))]


def test_where_the_body_is_lost_it_comes_back(
    store: Store, node: Any, draft: Any, message: bytes, parsed: list[bytes]
) -> None:
    account = store.account(node)
    account.append("INBOX", [draft()])
    node.blobs.remove(1, parsed[0])
    with pytest.raises(errors.Corrupt):
        bodies(account, "INBOX")
    account.append("Drafts", [draft()])
    assert bodies(account, "INBOX") == bodies(account, "Drafts") == [(1, message, ("\\Recent",))]
    assert len(contents(store)) == 1


def test_another_organisation_has_one_of_its_own(store: Store, node: Any, draft: Any, parsed: list[bytes]) -> None:
    provision.add_organization(store.database, "Other")
    provision.add_domain(store.database, "Other", "other.example")
    provision.add_user(store.database, address("ann@other.example"), "Ann", None)
    store.account(node).append("INBOX", [draft()])
    store.account(node, "ann@other.example").append("INBOX", [draft()])
    assert len(parsed) == 2
    assert [organization for organization, _ in contents(store)] == [1, 2]


def test_a_quota_holds(store: Store, node: Any, draft: Any, message: bytes) -> None:
    account = store.account(node)
    account.append("INBOX", [draft()])
    ((mailbox_id,),) = store.database.rows("SELECT mailbox_id FROM folders WHERE messages > 0")
    quotas.set_limits(store.database, 1, f"m{mailbox_id}", Limits(storage=2 * len(message)))
    account.append("INBOX", [draft()])
    with pytest.raises(errors.OverQuota) as refused:
        account.append("INBOX", [draft()])
    assert refused.value.root == f"m{mailbox_id}"
    assert len(bodies(account, "INBOX")) == 2


def test_it_replaces_a_message(store: Store, node: Any, draft: Any, parsed: list[bytes]) -> None:
    account = store.account(node)
    account.append("INBOX", [draft(), draft()])
    mailbox = account.open("INBOX")
    before = len(parsed)
    assert list(mailbox.replace(0, "INBOX", draft("\\Flagged")).uids) == [3]
    assert len(parsed) == before
    mailbox.close()
    assert [(uid, flags) for uid, _, flags in bodies(account, "INBOX")] == [(2, ()), (3, ("\\Flagged",))]
    with pytest.raises(errors.NoTarget):
        account.append("Nowhere", [draft()])


def test_it_is_seen_by_who_brings_it_alone(store: Store, node: Any, draft: Any, parsed: list[bytes]) -> None:
    owner = store.account(node, "colleague@example.com")
    owner.append("INBOX", [draft()])
    provision.set_mailbox(store.database, address("colleague@example.com"), seen="per_reader")
    user = store.account(node)
    user.append("Shared/colleague@example.com/INBOX", [draft("\\Seen")])
    assert len(parsed) == 1
    assert [flags for _, _, flags in bodies(user, "Shared/colleague@example.com/INBOX")][-1] == ("\\Recent", "\\Seen")
    assert "\\Seen" not in bodies(owner, "INBOX")[-1][2]
