# SPDX-License-Identifier: MIT
"""Folders that come, go and change their names while others look at them or do the same."""

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from imapd import errors
from imapd.mail.account import Account, Draft
from imapd.mail.namespaces import UNIFIED
from imapd.storage import provision, quota_roots
from imapd.storage.addresses import address
from imapd.storage.quotas import UNLIMITED, Limits
from tests.running.store import Store


def draft(text: str) -> Draft:
    octets = f"Subject: {text}\r\n\r\n{text}\r\n".encode()
    return Draft(SimpleNamespace(data=octets, spool=None, size=len(octets)))


def unified(store: Store) -> Account:
    account = store.account(store.node())
    account.set_namespace_mode(UNIFIED)
    return account


def test_who_has_a_deleted_folder_selected_does_not_touch_the_one_made_anew(store: Store) -> None:
    old, new = unified(store), unified(store)
    old.create("Work")
    old.append("Work", [draft("old")])
    selected = old.open("Work")
    new.delete("Work")
    new.create("Work")
    new.append("Work", [draft("new")])
    selected.store([range(1)], "+", ["\\Deleted"])
    selected.pending(may_expunge=False)
    selected.expunge([range(1, 2)])
    assert new.status("Work").messages == 1
    assert new.status("Work").deleted == 0


def test_a_folder_made_while_another_gets_its_name_shares_its_uids(store: Store) -> None:
    account = unified(store)
    separate = store.account(store.node())
    separate.set_namespace_mode("domain_separated")
    separate.create("example.com/Plan")
    separate.create("example.com/Plan 2")  # its group is there, and nobody in it
    separate.delete("example.com/Plan 2")
    box = dict(account.prefixes())
    other = next(box[name] for name in box if name != "example.com")
    with store.database.transaction() as tx:
        tx.row("SELECT create_folder(%s, %s, 'Plan 2', NULL, 100)", (account.organization_id, other))
        renaming = threading.Thread(target=separate.rename, args=("example.com/Plan", "example.com/Plan 2"))
        renaming.start()
        time.sleep(0.5)
    renaming.join(10)
    groups = store.database.rows("SELECT DISTINCT group_id, g.name FROM folders f JOIN folder_groups g USING (group_id)"
                                 " WHERE f.name = 'Plan 2'")  # fmt: skip
    assert [name for _, name in groups] == ["Plan 2"]


@pytest.mark.parametrize("deed", ["append", "copy", "move"])
def test_what_comes_into_a_folder_that_is_being_deleted_waits_and_then_finds_it_gone(store: Store, deed: str) -> None:
    account = store.account(store.node())
    account.create("Going")
    account.append("INBOX", [draft("stays")])
    folder, inbox = account.find("Going").folders[0], account.open("INBOX")
    outcome: list[type[BaseException]] = []

    def come() -> None:
        try:
            if deed == "append":
                account.append("Going", [draft("comes")])
            else:
                getattr(inbox, deed)([range(1)], "Going")
        except errors.MailError as error:
            outcome.append(type(error))

    before = deadlocks(store)
    with store.database.transaction() as tx:
        tx.row("SELECT FROM folder_groups WHERE group_id = %s FOR NO KEY UPDATE", (folder.group_id,))
        coming = threading.Thread(target=come)
        coming.start()
        time.sleep(0.3)
        tx.execute("SET LOCAL lock_timeout = 200")
        tx.execute("SELECT delete_folder(%s, %s)", (account.organization_id, folder.folder_id))
    coming.join(10)
    assert outcome == [errors.NoTarget]
    assert len(inbox.view.uids) == account.status("INBOX").messages
    assert deadlocks(store) == before


@pytest.mark.parametrize("name", ["example.com/Work", "second@example.com/Other", "company.org/Other"])
@pytest.mark.parametrize("whole", [False, True], ids=["mailbox", "user"])
def test_who_writes_while_a_mailbox_is_removed_comes_first_and_the_removal_after_it(
    store: Store, name: str, whole: bool
) -> None:
    user, second = address("user@example.com"), address("second@example.com")
    provision.add_mailbox(store.database, second, user, UNLIMITED)
    provision.set_user(store.database, user, primary=address("user@company.org"))
    quota_roots.set_limits(store.database, user, Limits(10**9, 1000), user=True, keep=())
    account = store.account(store.node())
    account.create(name)
    for inbox in ("example.com/INBOX", "company.org/INBOX"):
        account.append(inbox, [draft("the quota changes")])
    folder = account.find(name).folders[0]
    failed: list[BaseException] = []

    def remove() -> None:
        try:
            (provision.remove_user if whole else provision.remove_mailbox)(store.database, user)
        except errors.MailError as error:
            failed.append(error)

    removing = threading.Thread(target=remove)
    with store.database.transaction() as tx:
        tx.row("SELECT FROM folder_groups WHERE group_id = %s FOR NO KEY UPDATE", (folder.group_id,))
        removing.start()
        time.sleep(0.3)
        tx.execute("SET LOCAL lock_timeout = 200")
        tx.execute("SELECT charge(%s, %s, 1, 10, 0, 0, 0)", (account.organization_id, folder.folder_id))
        tx.execute("SELECT charge(%s, %s, -1, -10, 0, 0, 0)", (account.organization_id, folder.folder_id))
    removing.join(10)
    assert not failed and not removing.is_alive()
    with pytest.raises(errors.NotFound):
        provision.remove_mailbox(store.database, user)


def deadlocks(store: Store) -> int:
    rows = store.database.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(rows[0][0])


def test_a_rename_into_an_occupied_name_wakes_those_who_look_at_it(store: Store) -> None:
    account = unified(store)
    account.create("company.org/Plan")
    account.create("example.com/Draft of it")
    account.append("example.com/Draft of it", [draft("one")])
    looking = account.open("Plan")
    woken: list[bool] = []
    looking.watch(lambda: woken.append(True))
    account.rename("example.com/Draft of it", "example.com/Plan")
    assert woken
    assert looking.pending(may_expunge=True).exists == 1


def test_names_that_are_subscribed_have_a_bound_also_where_their_folders_are_gone(store: Store) -> None:
    account = store.account(store.node())
    there = len(account.list_folders(subscribed_only=True))
    limits = replace(account.node.settings.limits, subscriptions_per_user=there + 3)
    account.node.settings = replace(account.node.settings, limits=limits)
    for number in range(3):
        account.create(f"Gone {number}")
        account.subscribe(f"Gone {number}")
        account.delete(f"Gone {number}")
    account.create("Work")
    with pytest.raises(errors.LimitReached):
        account.subscribe("Work")
    account.subscribe("INBOX")  # what is subscribed already adds nothing
    with pytest.raises(errors.NotFound):
        account.subscribe("Nothing")
    account.unsubscribe("Gone 1")
    account.subscribe("Work")
    store.account(account.node, "colleague@example.com").subscribe("INBOX")
