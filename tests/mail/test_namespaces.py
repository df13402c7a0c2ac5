# SPDX-License-Identifier: MIT
"""Names and trees: what users see, and names that nobody can have."""

import pytest

from imapd import errors
from imapd.mail.namespaces import SEPARATED, UNIFIED, Layout, check_new, inbox_folded
from imapd.storage.accounts import OwnMailbox

HOME = OwnMailbox(1, "example.com", "user@example.com")
WORK = OwnMailbox(2, "company.org", "user@company.org")
SECOND = OwnMailbox(3, "example.com", "sales@example.com", is_second=True)


def test_each_domain_is_a_namespace_and_the_primary_is_also_unprefixed() -> None:
    layout = Layout(SEPARATED, [HOME, WORK], 1, False)
    found = layout.namespaces()
    assert (found.personal, found.other, found.shared) == (["", "example.com/", "company.org/"], [], ["Shared/"])
    assert layout.resolve("INBOX")[0].mailbox_ids == (1,)
    assert layout.resolve("example.com/Sent")[0].mailbox_ids == (1,)
    assert layout.resolve("company.org/Sent")[0].mailbox_ids == (2,)


def test_unified_merges_and_keeps_the_domains_reachable() -> None:
    layout = Layout(UNIFIED, [HOME, WORK], 2, False)
    found = layout.namespaces()
    assert (found.personal, found.other) == ([""], ["company.org/", "example.com/"])
    assert layout.resolve("INBOX")[0].mailbox_ids == (2, 1)  # the primary first: it takes what is new
    assert layout.resolve("example.com/INBOX")[0].mailbox_ids == (1,)


def test_a_second_mailbox_in_a_domain_has_its_address_as_prefix() -> None:
    layout = Layout(SEPARATED, [HOME, SECOND, WORK], None, False)
    assert [tree.prefix for tree in layout.trees] == ["", "example.com/", "sales@example.com/", "company.org/"]


def test_a_prefix_stays_whichever_mailbox_is_the_primary_one_and_while_another_is_closed() -> None:
    layout = Layout(SEPARATED, [HOME, SECOND, WORK], 3, False)
    assert [tree.prefix for tree in layout.trees] == ["", "sales@example.com/", "example.com/", "company.org/"]
    assert layout.resolve("INBOX")[0].mailbox_ids == (3,)
    assert [tree.prefix for tree in Layout(SEPARATED, [SECOND, WORK], 1, False).trees[1:]] == [
        "sales@example.com/",
        "company.org/",
    ]


def test_the_second_name_of_the_primary_can_be_hidden_and_stays_reachable() -> None:
    layout = Layout(SEPARATED, [HOME, WORK], 1, True)
    assert layout.namespaces().personal == ["", "company.org/"]
    tree, path = layout.resolve("example.com/Sent")
    assert (tree.apart, tree.mailbox_ids, path) == (True, (1,), "Sent")


def test_an_unknown_primary_falls_back_to_the_oldest_mailbox() -> None:
    assert Layout(SEPARATED, [HOME, WORK], 99, False).trees[0].mailbox_ids == (1,)


@pytest.mark.parametrize("name", ["inbox", "Inbox", "INBOX"])
def test_inbox_in_any_case(name: str) -> None:
    layout = Layout(SEPARATED, [HOME, WORK], 1, False)
    assert layout.resolve(name)[1] == "INBOX"
    assert layout.resolve(f"company.org/{name}")[1] == "INBOX"
    assert layout.resolve(f"{name}/below")[1] == "INBOX/below"


@pytest.mark.parametrize("name", ["ınbox", "ſent", "inboxes", "INBO\u212a"])
def test_only_ascii_letters_fold(name: str) -> None:
    assert inbox_folded(name) == name


@pytest.mark.parametrize(
    "path",
    ["", "../x", "a/../b", ".", "/abs", "a//b", "~root", "a/", "a%b", "a*b", "a\x00b", "a\nb", "x" * 201, "é/" * 400,
     "\ud800"],
)  # fmt: skip
def test_paths_that_no_folder_can_have(path: str) -> None:
    with pytest.raises(errors.Cannot):
        check_new(path, 1000)


@pytest.mark.parametrize("path", ["a", "Work/2024", "Entwürfe", "x" * 200, ".hidden", "a~b", "q&a", "日本語"])
def test_paths_that_a_folder_can_have(path: str) -> None:
    check_new(path, 1000)
