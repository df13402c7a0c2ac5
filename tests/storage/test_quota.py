# SPDX-License-Identifier: MIT
"""What quotas bind and what they count, on a real store: mailboxes, users, domains, folders; warnings; recounts."""

from typing import Any

import pytest

from imapd import errors
from imapd.mail import delivery
from imapd.mail.account import Account, Draft
from imapd.storage import provision, quota_roots, quotas, recount
from imapd.storage.addresses import address
from imapd.storage.quotas import UNLIMITED, Limits
from tests.running.store import Store
from workers.demo_accounts import Octets

USER = address("user@example.com")
WORK = address("user@company.org")
COLLEAGUE = address("colleague@example.com")


def letter(size: int = 1000, number: int = 0) -> Draft:
    head = b"Subject: %d\r\n\r\n" % number
    return Draft(Octets(head + b"x" * (size - len(head)), size))


def limit(store: Store, target: Any, user: bool = False, **limits: int) -> None:
    quota_roots.set_limits(store.database, target, Limits(**limits), user=user, keep=())


def used(store: Store, target: Any, user: bool = False) -> tuple[int, int]:
    at = quota_roots.named(store.database, target, user=user)
    found = quotas.of_root(store.database, *at)
    assert found
    return found.storage_used, found.messages_used


def drift(store: Store) -> list[Any]:
    return [one for found in recount.all_drift(store.database) for one in found]


def events(store: Store) -> list[tuple[str, int]]:
    return [(root[0], threshold) for root, threshold in store.database.rows(
        "SELECT root, threshold FROM quota_events ORDER BY event_id"
    )]  # fmt: skip


@pytest.fixture
def user(store: Store) -> Account:
    return store.account(store.node())


@pytest.fixture(autouse=True)
def no_drift(store: Store) -> Any:
    yield
    assert drift(store) == []


@pytest.mark.parametrize("target", [(USER, False), (USER, True), ("example.com", False)])
def test_a_limit_of_storage_is_exact(store: Store, user: Account, target: Any) -> None:
    user.append("INBOX", [letter()])
    limit(store, target[0], target[1], storage=3000)
    user.append("INBOX", [letter(), letter(999)])
    assert used(store, *target) == (2999, 3)
    with pytest.raises(errors.OverQuota):
        user.append("Drafts", [letter(20)])
    mailbox = user.open("INBOX")
    with pytest.raises(errors.OverQuota):
        mailbox.copy([range(0, 1)], "Sent")
    assert used(store, *target) == (2999, 3)


@pytest.mark.parametrize("target", [(USER, False), (USER, True), ("example.com", False)])
def test_a_limit_of_messages_is_exact(store: Store, user: Account, target: Any) -> None:
    limit(store, target[0], target[1], messages=3)
    user.append("INBOX", [letter(), letter()])
    with pytest.raises(errors.OverQuota) as refused:
        user.append("INBOX", [letter(), letter()])
    assert refused.value.root[0] == {USER: "mu"[target[1]], "example.com": "d"}[target[0]]
    user.append("Sent", [letter()])
    with pytest.raises(errors.OverQuota):
        user.append("Sent", [letter()])
    assert used(store, *target) == (3000, 3)


def test_a_user_s_limit_binds_all_mailboxes_and_a_domain_s_all_users(store: Store, user: Account) -> None:
    colleague = store.account(store.node(), str(COLLEAGUE))
    limit(store, USER, user=True, storage=3000)
    limit(store, "example.com", storage=4000)
    user.append("company.org/INBOX", [letter()])
    user.append("INBOX", [letter(), letter()])
    for full in ("INBOX", "company.org/INBOX"):
        with pytest.raises(errors.OverQuota, match="of this user together"):
            user.append(full, [letter()])
    colleague.append("INBOX", [letter(), letter()])
    with pytest.raises(errors.OverQuota, match="domain"):
        colleague.append("INBOX", [letter()])
    assert used(store, "example.com") == (4000, 4)


def test_a_move_within_a_root_needs_no_room(store: Store, user: Account) -> None:
    user.append("INBOX", [letter(number=n) for n in range(4)])
    limit(store, USER, storage=4000, messages=4)
    limit(store, USER, user=True, storage=4000, messages=4)
    inbox = user.open("INBOX")
    assert len(inbox.move([range(0, 2)], "Archive").source) == 2
    inbox.pending(True)
    assert len(inbox.move([range(0, 2)], "company.org/Archive").source) == 2
    assert used(store, USER, user=True) == (4000, 4)
    # Also where the root is over a limit that was lowered meanwhile.
    limit(store, USER, user=True, storage=1000, messages=1)
    limit(store, USER, storage=1, messages=1)
    archive = user.open("Archive")
    archive.move([range(0, 1)], "Trash")
    archive.pending(True)
    archive.move([range(0, 1)], "company.org/INBOX")
    with pytest.raises(errors.OverQuota):
        user.open("company.org/INBOX").copy([range(0, 1)], "company.org/Trash")


def test_a_move_between_two_mailboxes_of_a_full_domain(store: Store, user: Account) -> None:
    second = address("second@example.com")
    provision.add_mailbox(store.database, second, USER, UNLIMITED)
    user.reload()
    user.append("INBOX", [letter(number=n) for n in range(3)])
    limit(store, "example.com", storage=3000, messages=3)
    moved = user.open("INBOX").move([range(0, 3)], "second@example.com/INBOX")
    assert len(moved.source) == 3
    assert (used(store, "example.com"), used(store, second)) == ((3000, 3), (3000, 3))


def test_a_replacement_needs_room_for_what_it_is_larger_and_where_it_goes(store: Store, user: Account) -> None:
    user.append("INBOX", [letter(3000)])
    limit(store, "example.com", storage=4000, messages=1)
    limit(store, USER, user=True, storage=4000, messages=1)
    limit(store, USER, storage=4000, messages=1)
    inbox = user.open("INBOX")
    with pytest.raises(errors.OverQuota):
        inbox.replace(0, "INBOX", letter(4001))
    inbox.replace(0, "INBOX", letter(3500))
    inbox.pending(True)
    # It is not one message more, and goes where there are too many of them.
    limit(store, USER, storage=4000, messages=0)
    inbox.replace(0, "Drafts", letter(4000))
    # Into another domain, where the former one would not fit.
    drafts = user.open("Drafts")
    limit(store, "company.org", storage=1000)
    with pytest.raises(errors.OverQuota):
        drafts.replace(0, "company.org/INBOX", letter(1001))
    drafts.replace(0, "company.org/INBOX", letter(1000))
    assert (used(store, "example.com"), used(store, "company.org")) == ((0, 0), (1000, 1))
    assert used(store, USER, user=True) == (1000, 1)


def test_a_move_into_another_domain_needs_room_there(store: Store, user: Account) -> None:
    user.append("INBOX", [letter(number=n) for n in range(3)])
    limit(store, "company.org", storage=2500)
    limit(store, "example.com", storage=3000)
    inbox = user.open("INBOX")
    with pytest.raises(errors.OverQuota):
        inbox.move([range(0, 3)], "company.org/INBOX")
    inbox.move([range(0, 2)], "company.org/INBOX")
    assert (used(store, "example.com"), used(store, "company.org")) == ((1000, 1), (2000, 2))


def test_a_rename_takes_usage_along(store: Store, user: Account) -> None:
    user.create("Work")
    user.create("Work/2024")
    user.append("Work", [letter()])
    user.append("Work/2024", [letter()])
    limit(store, "company.org", storage=1500)
    with pytest.raises(errors.OverQuota):
        user.rename("Work", "company.org/Work")
    limit(store, "company.org", storage=2000)
    limit(store, "example.com", storage=2000)
    limit(store, USER, user=True, storage=2000)
    user.rename("Work", "company.org/Work")
    assert (used(store, "example.com"), used(store, "company.org")) == ((0, 0), (2000, 2))


def test_all_of_a_multiappend_or_none(store: Store, user: Account) -> None:
    limit(store, "example.com", storage=2500)
    with pytest.raises(errors.OverQuota):
        user.append("INBOX", [letter(), letter(), letter()])
    assert used(store, "example.com") == (0, 0)


def test_room_is_asked_for_before_the_octets_come(store: Store, user: Account) -> None:
    limit(store, "example.com", storage=200_000)
    user.check_append("INBOX", 150_000)
    user.check_append("INBOX", 100_000, 100_000)
    with pytest.raises(errors.OverQuota):
        user.check_append("INBOX", 100_000, 100_001)
    with pytest.raises(errors.OverQuota):
        user.check_append("INBOX", 200_001)


def test_a_limit_of_folders(store: Store, user: Account) -> None:
    limit(store, USER, folders=7)
    user.create("Seventh")
    with pytest.raises(errors.OverQuota):
        user.create("Eighth")
    with pytest.raises(errors.AlreadyExists):
        user.create("Seventh")
    user.create("company.org/One")
    with pytest.raises(errors.OverQuota):
        user.rename("company.org/One", "Eighth")
    user.delete("Seventh")
    user.rename("company.org/One", "Eighth")
    assert user.quotas.root("example.com").folders_used == 7


def test_a_new_mailbox_has_its_standard_folders_whatever_it_may_have(store: Store, user: Account) -> None:
    provision.add_mailbox(store.database, address("second@example.com"), USER, Limits(1000, 5, 2))
    user.reload()
    root = user.quotas.root("second@example.com")
    assert (root.storage_limit, root.message_limit, root.folders_used, root.folder_limit) == (1000, 5, 6, 2)
    with pytest.raises(errors.OverQuota):
        user.create("second@example.com/More")


def test_roots_come_and_go_under_mail(store: Store, user: Account) -> None:
    user.append("INBOX", [letter()])
    limit(store, "example.com", messages=10)
    assert used(store, "example.com") == (1000, 1)
    limit(store, "example.com")
    assert quotas.of_root(store.database, *quota_roots.named(store.database, "example.com")) is None
    user.append("INBOX", [letter()])
    limit(store, "example.com", messages=2)
    with pytest.raises(errors.OverQuota):
        user.append("INBOX", [letter()])


def test_mailboxes_come_go_and_pass_to_others(store: Store, user: Account) -> None:
    limit(store, "example.com", storage=10_000)
    limit(store, USER, user=True, storage=5000)
    limit(store, COLLEAGUE, user=True, storage=5000)
    second = address("second@example.com")
    provision.add_mailbox(store.database, second, USER, UNLIMITED)
    user.reload()
    user.append("second@example.com/INBOX", [letter()])
    user.append("company.org/INBOX", [letter()])
    assert (used(store, "example.com"), used(store, USER, user=True)) == ((1000, 1), (2000, 2))
    store.database.execute(
        "UPDATE mailboxes SET user_id = (SELECT user_id FROM mailboxes WHERE local_part = 'colleague')"
        " WHERE local_part = 'second'"
    )
    assert (used(store, COLLEAGUE, user=True), used(store, USER, user=True)) == ((1000, 1), (1000, 1))
    assert drift(store) == []
    provision.remove_mailbox(store.database, second)
    assert (used(store, "example.com"), used(store, COLLEAGUE, user=True)) == ((0, 0), (0, 0))
    provision.remove_user(store.database, USER)
    assert store.database.rows("SELECT root FROM quota_roots WHERE root LIKE 'u%'") != []
    provision.remove_user(store.database, COLLEAGUE)
    assert store.database.rows("SELECT root FROM quota_roots WHERE root LIKE 'u%'") == []


# Names and rights


def test_the_names_of_roots(store: Store, user: Account) -> None:
    def names(name: str, of: Account = user) -> list[str]:
        return [root.name for root in of.quotas.of_mailbox(name)]

    assert names("INBOX") == names("example.com/INBOX") == ["example.com"]
    assert names("company.org/INBOX") == ["company.org"]
    assert names("Shared/colleague@example.com/INBOX") == ["Shared/colleague@example.com"]
    limit(store, USER, user=True, storage=5000)
    limit(store, "example.com", storage=5000)
    assert names("INBOX") == ["example.com", "user", "domain/example.com"]
    assert names("company.org/INBOX") == ["company.org", "user"]
    assert names("Shared/colleague@example.com/INBOX") == ["Shared/colleague@example.com", "domain/example.com"]
    second = address("second@example.com")
    provision.add_mailbox(store.database, second, USER, UNLIMITED)
    user.reload()
    assert names("second@example.com/INBOX") == ["second@example.com", "user", "domain/example.com"]
    for root in ("example.com", "company.org", "second@example.com", "user", "domain/example.com", "Shared/colleague@example.com"):
        assert user.quotas.root(root).name == root


def test_roots_that_would_bind_a_mailbox_if_it_were_made(store: Store, user: Account) -> None:
    # RFC 9208, section 4.1.2
    limit(store, "company.org", storage=5000)

    def names(name: str) -> list[str]:
        return [root.name for root in user.quotas.of_mailbox(name)]

    assert names("New/Folder") == names("example.com/New") == ["example.com"]
    assert names("company.org/New") == ["company.org", "domain/company.org"]
    user.create("Parent/Child")
    assert names("Parent") == ["example.com"]
    with pytest.raises(errors.NotFound):
        names("Shared/colleague@example.com/New")
    user.set_namespace_mode("unified")
    assert names("New") == ["example.com"]
    assert names("INBOX") == ["example.com", "company.org", "domain/company.org"]
    assert names("company.org/New") == ["company.org", "domain/company.org"]


def test_what_a_user_has_elsewhere_is_not_for_the_administrator_of_one_domain(store: Store, user: Account) -> None:
    administrator = store.account(store.node(), str(COLLEAGUE))
    limit(store, USER, user=True, storage=5000)
    provision.set_domain(store.database, "example.com", administrators=([COLLEAGUE], []))
    assert administrator.quotas.root("user@example.com").folders_used == 6
    with pytest.raises(errors.NotFound):
        administrator.quotas.root("user@example.com/user")
    provision.set_domain(store.database, "company.org", administrators=([COLLEAGUE], []))
    assert administrator.quotas.root("user@example.com/user").storage_limit == 5000
    assert administrator.quotas.set("user@company.org/user", Limits(6000)).storage_limit == 6000


@pytest.mark.parametrize(
    "name",
    ["", "nobody", "domain/company.org", "domain/nowhere.org", "colleague@example.com", "Shared/nobody@example.com",
     "Shared/colleague@example.com/user", "user@example.com/user", "domain/", "Shared/"],
)  # fmt: skip
def test_roots_that_are_none_of_the_user_s_business(user: Account, name: str) -> None:
    with pytest.raises(errors.NotFound):
        user.quotas.root(name)
    with pytest.raises((errors.NotFound, errors.NoPermission)):
        user.quotas.set(name, Limits())


def test_only_an_administrator_of_the_domain_sets_quotas(store: Store, user: Account) -> None:
    for name in ("example.com", "user"):
        with pytest.raises(errors.NoPermission):
            user.quotas.set(name, Limits(storage=1))
    provision.set_domain(store.database, "example.com", administrators=([USER], []))
    assert user.quotas.set("example.com", Limits(5000, 50, 20)).storage_limit == 5000
    assert user.quotas.set("colleague@example.com", Limits(6000)).storage_limit == 6000
    assert user.quotas.set("domain/example.com", Limits(7000)).storage_limit == 7000
    assert user.quotas.set("domain/example.com", Limits()).storage_limit is None
    with pytest.raises(errors.Cannot):
        user.quotas.set("domain/example.com", Limits(folders=3))
    with pytest.raises(errors.Cannot):
        user.quotas.set("example.com", Limits(1 << 62))
    for name in ("company.org", "user"):  # the user has a mailbox in a domain that others administer
        with pytest.raises(errors.NoPermission):
            user.quotas.set(name, Limits(storage=1))
    provision.set_domain(store.database, "company.org", administrators=([USER], []))
    assert user.quotas.set("user", Limits(8000)).storage_limit == 8000
    provision.set_domain(store.database, "example.com", administrators=([], [USER]))
    with pytest.raises(errors.NoPermission):
        user.quotas.set("example.com", Limits(storage=1))


def test_a_changed_limit_holds_at_once_everywhere(store: Store, user: Account) -> None:
    elsewhere = store.account(store.node())
    limit(store, USER, storage=1000)
    with pytest.raises(errors.OverQuota):
        elsewhere.append("INBOX", [letter(1001)])
    limit(store, USER, storage=2000)
    elsewhere.append("INBOX", [letter(1001)])


# Warnings


@pytest.mark.parametrize(("target", "kind"), [((USER, False), "m"), ((USER, True), "u"), (("example.com", False), "d")])
def test_a_threshold_is_noted_once_and_again_after_usage_has_fallen_below_it(
    store: Store, user: Account, target: Any, kind: str
) -> None:
    limit(store, target[0], target[1], storage=10_000)
    user.append("INBOX", [letter(number=n) for n in range(7)])
    assert events(store) == []
    user.append("INBOX", [letter()])
    user.append("INBOX", [letter()])
    assert events(store) == [(kind, 80)]
    inbox = user.open("INBOX")
    inbox.store([range(0, 3)], "+", ["\\Deleted"])
    inbox.expunge()
    quotas.rearm(store.database)
    inbox.pending(True)
    inbox.copy([range(0, 4)], "Sent")  # by whatever it is crossed
    assert events(store) == [(kind, 80), (kind, 100)]


@pytest.mark.parametrize(("target", "kind"), [((USER, False), "m"), ((USER, True), "u"), (("example.com", False), "d")])
def test_what_takes_out_and_puts_in_at_once_crosses_nothing(store: Store, user: Account, target: Any, kind: str) -> None:
    limit(store, target[0], target[1], storage=10_000)
    user.append("INBOX", [letter(9700, 1)])
    with pytest.raises(errors.OverQuota):
        user.append("INBOX", [letter()])
    assert events(store) == [(kind, 95), (kind, 100)]
    user.open("INBOX").move([range(0, 1)], "Archive")
    user.open("Archive").replace(0, "Drafts", letter(9600))
    quotas.rearm(store.database)
    with pytest.raises(errors.OverQuota):
        user.append("INBOX", [letter()])
    assert events(store) == [(kind, 95), (kind, 100)]
    assert user.open("Drafts").quota_warned == 100


@pytest.mark.parametrize(("target", "kind"), [((USER, False), "m"), ((USER, True), "u"), (("example.com", False), "d")])
def test_a_refusal_makes_a_nearly_full_quota_count_as_full(
    store: Store, user: Account, target: Any, kind: str
) -> None:
    limit(store, target[0], target[1], storage=10_000)
    with pytest.raises(errors.OverQuota):
        user.append("INBOX", [letter(20_000)])
    assert events(store) == []  # that message is too large; the quota is not full
    user.append("INBOX", [letter(9600)])
    for _ in range(3):
        with pytest.raises(errors.OverQuota):
            user.append("INBOX", [letter()])
    assert events(store) == [(kind, 95), (kind, 100)]
    assert user.open("INBOX").quota_warned == 100


def test_who_delivers_without_a_session_is_refused_and_that_is_told(store: Store, user: Account) -> None:
    limit(store, USER, storage=10_000)
    user.append("INBOX", [letter(9600)])
    with pytest.raises(errors.OverQuota) as refused:
        delivery.append(user.node, user.organization_id, user.target("INBOX"), [letter()], 0)
    assert refused.value.root[0] == "m"
    assert events(store) == [("m", 95), ("m", 100)]


def test_a_lowered_limit_is_a_crossing_and_a_raised_one_arms_again(store: Store, user: Account) -> None:
    user.append("INBOX", [letter()])
    for target, by_user in ((USER, False), (USER, True), ("example.com", False)):
        limit(store, target, by_user, storage=10_000)
        limit(store, target, by_user, storage=1100)
        limit(store, target, by_user, storage=10_000)
        limit(store, target, by_user, storage=900)
    assert events(store) == [(kind, percent) for kind in "mud" for percent in (80, 100)]


# Recounts


def test_a_recount_finds_and_mends_what_is_wrong(store: Store, user: Account) -> None:
    limit(store, "example.com", storage=10_000)
    limit(store, USER, user=True, storage=10_000)
    user.append("INBOX", [letter(number=n) for n in range(3)])
    store.database.execute("UPDATE folders SET messages = 7, unseen = -1, size = 9 WHERE messages = 3")
    store.database.execute("UPDATE quotas SET storage_used = 1, messages_used = 1 WHERE messages_used = 3")
    found = drift(store)
    assert {one.counter for one in found} == {"messages", "unseen", "size", "storage used", "messages used"}
    assert ("user@example.com/INBOX", "messages", 7, 3) in found
    wrong = quota_roots.mend(store.database, None)
    assert [(one.kind, one.octets, one.messages) for one in wrong if one.kind == "mailbox"] == [("mailbox", -2999, -2)]
    assert drift(store) == []
    assert used(store, USER) == used(store, USER, user=True) == used(store, "example.com") == (3000, 3)
    assert quota_roots.mend(store.database, None) == []


def test_a_mailbox_that_has_lost_its_quota_gets_one(store: Store, user: Account) -> None:
    limit(store, "example.com", storage=10_000)
    user.append("INBOX", [letter()])
    store.database.execute("DELETE FROM quotas WHERE messages_used = 1")
    with pytest.raises(errors.NoTarget):
        user.append("INBOX", [letter()])
    assert drift(store) == [("user@example.com", "quotas", 0, 1)]
    quota_roots.mend(store.database, None)
    user.append("INBOX", [letter()])
    assert used(store, USER) == used(store, "example.com") == (2000, 2)


def test_a_recount_mends_the_root_of_a_domain(store: Store, user: Account) -> None:
    limit(store, "example.com", storage=10_000)
    user.append("INBOX", [letter()])
    store.database.execute("UPDATE quota_stripes SET storage_used = storage_used + 5 WHERE stripe IN (3, 9)")
    assert [(one.counter, one.stored - one.counted) for one in drift(store)] == [("storage used", 10)]
    assert [(one.octets, one.messages) for one in quota_roots.mend(store.database, "example.com")] == [(10, 0)]
