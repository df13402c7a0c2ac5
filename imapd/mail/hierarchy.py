# SPDX-License-Identifier: MIT
"""The names of mailboxes as a user arranges them: made, deleted, renamed.

Which folders stand behind a name is asked of the account; what becomes of their UIDs is decided by the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapd import errors
from imapd.mail import rights
from imapd.mail.namespaces import DELIMITER, SHARED, Tree, check_new, parents, shared_parts
from imapd.mail.quota import refusals_noted
from imapd.storage import accounts, folders

if TYPE_CHECKING:
    from imapd.mail.account import Account


def create(account: Account, name: str, special_use: str | None = None) -> None:
    """Raises errors.AlreadyExists, Cannot, UseTaken, LimitReached, OverQuota, NoPermission."""
    tree, path = _new(account, name)
    if special_use and name.startswith(SHARED):
        raise errors.UseTaken  # it would be for the owner, who has not asked
    limits = account.node.settings.limits
    owner = folders.create(
        account.database, account.organization_id, tree.mailbox_ids[0], path, special_use, limits.folders_per_mailbox
    )
    account.announce_names(owner, tree.prefix + path)


def may_create(account: Account, name: str) -> bool:
    """Of a name below Shared/."""
    try:
        _new_shared(account, name)
    except errors.MailError:
        return False
    return True


def delete(account: Account, name: str) -> None:
    """In a unified namespace: the folder of every domain. Raises errors.NotFound, HasChildren, Cannot."""
    try:
        place = account.need(account.find(name), rights.DELETE_MAILBOX)
    except errors.NotFound:
        if any(row.name.startswith(name + DELIMITER) for row in account.list_folders()):
            raise errors.HasChildren from None
        raise
    if place.path == "INBOX":
        raise errors.Cannot("INBOX cannot be deleted.")
    ids = [folder.folder_id for folder in place.folders]
    for group in folders.delete(account.database, account.organization_id, ids):
        account.announce(group, place.owner)
    account.announce_names(place.owner, place.name)
    account.record("folder deleted", folder=place.name, messages=sum(folder.messages for folder in place.folders))


def rename(account: Account, old: str, new: str) -> None:
    """With all inferior names. INBOX's messages move and INBOX stays. What is merged is renamed in every domain,
    all of it or nothing. Raises as create and delete."""
    tree, path, boxes, owner = _renamed(account, old)
    target, new_path = _new(account, new)
    if target != tree and not {*target.mailbox_ids, *boxes} <= account.layout.mailbox_ids:
        raise errors.Cannot("A mailbox stays with its owner; copy the messages instead.")
    # What is in one of the target's mailboxes stays in it.
    targets = [box if box in target.mailbox_ids else target.mailbox_ids[0] for box in boxes]
    if boxes == targets and new_path.startswith(path + DELIMITER) and path != "INBOX":
        raise errors.Cannot("A mailbox cannot become its own inferior.")
    # One name can be written in two ways, and need not be a folder of its own: it is there all the same.
    if (boxes == targets and new_path == path) or _exists(account, target, new_path):
        raise errors.AlreadyExists
    if len(set(targets)) < len(boxes):
        raise errors.Cannot("It holds mail of several domains, each of which has to be renamed by itself.")
    with refusals_noted(account.database, account.organization_id):
        touched = _rename(account, path, boxes, targets, new_path)
    for group in set(touched):
        account.announce(group, owner)
    account.announce_names(owner, tree.prefix + path, target.prefix + new_path)
    account.record("folder renamed", folder=old, to=new)


def _rename(account: Account, path: str, boxes: list[int], targets: list[int], new_path: str) -> list[int]:
    database, organization_id = account.database, account.organization_id
    most = account.node.settings.limits.folders_per_mailbox
    if path == "INBOX":
        return folders.rename_inboxes(database, organization_id, boxes, targets, new_path, most)
    if len(boxes) > 1:
        return folders.rename_merged(database, organization_id, boxes, path, new_path)
    return folders.rename(database, organization_id, boxes[0], path, targets[0], new_path, most)


def _renamed(account: Account, old: str) -> tuple[Tree, str, list[int], str]:
    """The tree and path of what is to be renamed, the mailboxes that have it or an inferior of it, and their owner."""
    try:
        place = account.need(account.find(old), rights.DELETE_MAILBOX)
        if len(place.tree.mailbox_ids) == 1 or place.path == "INBOX":
            return place.tree, place.path, [folder.mailbox_id for folder in place.folders], place.owner
        tree, path = place.tree, place.path
    except errors.NotFound:
        if old.startswith(SHARED):
            raise
        tree, path = account.layout.resolve(old)
    rows = folders.of_mailboxes(account.database, account.organization_id, tree.mailbox_ids)
    there = {row.mailbox_id for row in rows if row.name == path or row.name.startswith(path + DELIMITER)}
    boxes = [box for box in tree.mailbox_ids if box in there]
    if not path or not boxes:
        raise errors.NotFound
    return tree, path, boxes, account.owner


def _new(account: Account, name: str) -> tuple[Tree, str]:
    """Where a new folder of this name would lie; raises where there can be none."""
    if name.startswith(SHARED):
        return _new_shared(account, name)
    tree, path = account.layout.resolve(name)
    if not path or (tree.prefix == "" and account.layout.is_prefix(path)):
        raise errors.Cannot("That name is the prefix of a namespace.")
    check_new(path, account.node.settings.limits.name_octets)
    if path == "INBOX" or (len(tree.mailbox_ids) > 1 and _exists(account, tree, path)):
        raise errors.AlreadyExists
    return tree, path


def _exists(account: Account, tree: Tree, path: str) -> bool:
    return bool(folders.named(account.database, account.organization_id, tree.mailbox_ids, path))


def _new_shared(account: Account, name: str) -> tuple[Tree, str]:
    """A folder in somebody else's mailbox needs the right to create on the nearest folder above it, or else on the
    whole mailbox."""
    address, path = shared_parts(name)
    grants = accounts.grants(account.database, account.organization_id, account.user_id, address)
    if not grants:
        raise errors.NotFound
    tree = Tree(SHARED + address + DELIMITER, (grants[0].mailbox_id,))
    above = list(parents(path))
    nearest = folders.nearest(account.database, account.organization_id, tree.mailbox_ids[0], above) if above else None
    if rights.CREATE not in rights.held(grants, nearest or 0):
        seen = any(rights.LOOKUP in grant.rights for grant in grants)
        raise errors.NoPermission if seen else errors.NotFound
    check_new(path, account.node.settings.limits.name_octets)
    return tree, path
