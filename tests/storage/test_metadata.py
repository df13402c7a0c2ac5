# SPDX-License-Identifier: MIT
"""Annotations in a real store: whose they are, what becomes of them with their mailbox, limits, rights."""

from dataclasses import replace
from typing import Any

import pytest

from imapd import errors
from imapd.mail.account import Account
from imapd.mail.metadata import NAMESPACE_MODE
from imapd.storage import grants
from imapd.storage.addresses import address
from tests.running.store import Store

MINE, OURS = "/private/comment", "/shared/comment"
SHARED_INBOX = "Shared/colleague@example.com/INBOX"


@pytest.fixture
def node(store: Store) -> Any:
    return store.node()


@pytest.fixture
def user(store: Store, node: Any) -> Account:
    return store.account(node)


@pytest.fixture
def colleague(store: Store, node: Any) -> Account:
    return store.account(node, "colleague@example.com")


def values(account: Account, name: str, *entries: str, depth: int = 0, most: int | None = None) -> dict[str, bytes]:
    return account.metadata(name, entries or (MINE, OURS), depth, most).values


def test_set_replaced_removed(user: Account) -> None:
    user.change_metadata("INBOX", {MINE: b"one", OURS: b"\x00\xff"})
    assert values(user, "INBOX") == {MINE: b"one", OURS: b"\x00\xff"}
    user.change_metadata("INBOX", {MINE: b"two", OURS: None})
    assert values(user, "INBOX") == {MINE: b"two"}
    assert values(user, "Sent") == {}


def test_private_is_one_persons_and_shared_everybodys(user: Account, colleague: Account) -> None:
    user.change_metadata(SHARED_INBOX, {MINE: b"user's", OURS: b"ours"})
    colleague.change_metadata("INBOX", {MINE: b"colleague's"})
    assert values(user, SHARED_INBOX) == {MINE: b"user's", OURS: b"ours"}
    assert values(colleague, "INBOX") == {MINE: b"colleague's", OURS: b"ours"}


@pytest.mark.parametrize(
    ("held", "read", "mine", "ours"),
    [("l", False, False, False), ("lr", True, True, False), ("lrw", True, True, True), ("lw", True, True, True)],
)
def test_rights(store: Store, user: Account, held: str, read: bool, mine: bool, ours: bool) -> None:
    grants.grant(store.database, address("colleague@example.com"), "INBOX", address("user@example.com"), held)
    for allowed, deed in (
        (read, lambda: values(user, SHARED_INBOX)),
        (mine, lambda: user.change_metadata(SHARED_INBOX, {MINE: b"x"})),
        (ours, lambda: user.change_metadata(SHARED_INBOX, {MINE: b"y", OURS: b"y"})),
    ):
        if allowed:
            deed()
        else:
            with pytest.raises(errors.NoPermission):
                deed()
    if read and not ours:
        assert values(user, SHARED_INBOX) == {MINE: b"x"}  # nothing of what is refused is done


def test_what_is_foreign_looks_like_what_is_missing(user: Account) -> None:
    for name in ("nowhere", "Shared/colleague@example.com/Sent", "Shared/nobody@example.com/INBOX"):
        with pytest.raises(errors.NotFound):
            values(user, name)
        with pytest.raises(errors.NotFound):
            user.change_metadata(name, {MINE: b"x"})


def test_it_goes_with_the_mailbox(user: Account) -> None:
    user.create("a")
    user.change_metadata("a", {MINE: b"kept"})
    user.rename("a", "b/c")
    assert values(user, "b/c") == {MINE: b"kept"}
    user.rename("b", "company.org/b")
    assert values(user, "company.org/b/c") == {MINE: b"kept"}
    user.delete("company.org/b/c")
    user.create("company.org/b/c")
    assert values(user, "company.org/b/c") == {}


def test_rename_of_inbox_copies(user: Account) -> None:
    user.change_metadata("INBOX", {MINE: b"both", OURS: b"both"})
    user.rename("INBOX", "old")
    assert values(user, "INBOX") == values(user, "old") == {MINE: b"both", OURS: b"both"}


def test_depth_and_size(user: Account) -> None:
    root = "/private/filters"
    user.change_metadata("INBOX", {root: b"0", root + "/a": b"11", root + "/a/b": b"222", "/private/filtersx": b"no"})
    assert list(values(user, "INBOX", root)) == [root]
    assert list(values(user, "INBOX", root, depth=1)) == [root, root + "/a"]
    assert list(values(user, "INBOX", root, depth=2)) == [root, root + "/a", root + "/a/b"]
    assert list(values(user, "INBOX", "/private", depth=2)) == [root, root + "/a", root + "/a/b", "/private/filtersx"]
    found = user.metadata("INBOX", [root], 2, 1)
    assert (list(found.values), found.too_long) == ([root], {root + "/a": 2, root + "/a/b": 3})


def limited(node: Any, **limits: int) -> None:
    node.settings = replace(node.settings, limits=replace(node.settings.limits, **limits))


def test_too_many(user: Account, node: Any) -> None:
    limited(node, metadata_entries=3)
    user.change_metadata("INBOX", {f"/private/{n}": b"x" for n in range(3)})
    user.change_metadata("INBOX", {f"/shared/{n}": b"x" for n in range(3)})
    user.change_metadata("Sent", {"/private/0": b"x"})
    with pytest.raises(errors.LimitReached):
        user.change_metadata("INBOX", {"/private/0": b"changed", "/private/3": b"x"})
    assert values(user, "INBOX", "/private/0") == {"/private/0": b"x"}
    user.change_metadata("INBOX", {"/private/0": None, "/private/3": b"x"})
    limited(node, metadata_entries=1)
    user.change_metadata("INBOX", {"/private/1": b"replaced", "/private/2": None})


def test_all_of_a_user_together(user: Account, colleague: Account, node: Any) -> None:
    limited(node, metadata_total_octets=1000)
    user.change_metadata("INBOX", {MINE: b"x" * 600})
    with pytest.raises(errors.OverQuota):
        user.change_metadata("Sent", {MINE: b"x" * 600})
    with pytest.raises(errors.OverQuota):
        user.change_metadata("", {MINE: b"x" * 600})
    user.change_metadata("INBOX", {OURS: b"x" * 600})
    colleague.change_metadata("INBOX", {MINE: b"x" * 600})
    user.change_metadata("INBOX", {MINE: b"x" * 500})
    limited(node, metadata_total_octets=10)
    user.change_metadata("INBOX", {MINE: b"x" * 100})


def test_the_server_has_ones_own_only(user: Account, colleague: Account) -> None:
    user.change_metadata("", {MINE: b"mine"})
    assert (values(user, ""), values(colleague, ""), values(user, "INBOX")) == ({MINE: b"mine"}, {}, {})
    with pytest.raises(errors.NoPermission):
        user.change_metadata("", {MINE: b"changed", OURS: b"x"})
    assert values(user, "") == {MINE: b"mine"}


def test_the_mode_of_namespaces(user: Account, store: Store, node: Any) -> None:
    user.change_metadata("INBOX", {MINE: b"example"})
    user.change_metadata("company.org/INBOX", {MINE: b"company", OURS: b"company"})
    assert values(user, "", NAMESPACE_MODE) == {NAMESPACE_MODE: b"domain_separated"}
    user.change_metadata("", {NAMESPACE_MODE: b"Unified"})
    assert user.mode == store.account(node).mode == "unified"
    assert values(user, "", "/private", depth=2) == {NAMESPACE_MODE: b"unified"}
    assert values(user, "INBOX") == {MINE: b"example", OURS: b"company"}  # the first folder that has it speaks for all
    user.change_metadata("INBOX", {MINE: b"both", OURS: None})
    with pytest.raises(errors.Cannot):
        user.change_metadata("", {NAMESPACE_MODE: b"other", MINE: b"x"})
    assert values(user, "") == {}
    user.change_metadata("", {NAMESPACE_MODE: None})
    assert user.mode == "domain_separated"
    assert values(user, "INBOX") == values(user, "company.org/INBOX") == {MINE: b"both"}


def test_a_mode_renumbers_nothing(user: Account) -> None:
    before = user.status("INBOX")
    user.set_namespace_mode("unified")
    after = user.status("INBOX")
    assert (before.uid_validity, before.uid_next) == (after.uid_validity, after.uid_next)


def test_special_use_can_be_read(user: Account) -> None:
    assert values(user, "Sent", "/private/specialuse") == {"/private/specialuse": b"\\Sent"}
    with pytest.raises(errors.Cannot):
        user.change_metadata("INBOX", {"/private/specialuse": b"\\Sent"})


def test_statements(store: Store, user: Account) -> None:
    before = store.database.statements
    values(user, "INBOX")
    user.change_metadata("INBOX", {MINE: b"x", OURS: b"y"})
    assert store.database.statements - before == 4
