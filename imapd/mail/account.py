# SPDX-License-Identifier: MIT
"""A logged-in user: every mailbox of theirs and every one shared with them, by the names that the user sees.

Names are resolved and rights checked here; what a selected mailbox does is in mail/mailbox.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imapd import errors
from imapd.mail import access, delivery, flags, hierarchy, metadata, rights
from imapd.mail.delivery import Draft as Draft
from imapd.mail.listing import Listed as Listed
from imapd.mail.listing import listed, owned, shared
from imapd.mail.mailbox import Mailbox
from imapd.mail.metadata import Entries
from imapd.mail.namespaces import DELIMITER, SHARED, Layout, Namespaces, Tree, shared_parts
from imapd.mail.quota import Quotas, refusals_noted
from imapd.mail.status import Status as Status
from imapd.mail.status import numbers_of
from imapd.storage import accounts, folders, quotas
from imapd.storage.accounts import User
from imapd.storage.folders import Folder, Named
from imapd.storage.messages import View

if TYPE_CHECKING:
    from imapd.mail.notifications import Notifications
    from imapd.node import Node


@dataclass(frozen=True, slots=True)
class Appended:
    uid_validity: int
    uids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Target:
    r"""Where messages go, and what of their flags the user's rights there let through. reader: the user, where \Seen is
    each reader's own there."""

    folder: int
    uid_validity: int
    keep_mask: int
    keep_words: bool
    reader: int | None
    owner: str


@dataclass(frozen=True, slots=True)
class OwnTarget:
    """A name among the user's own mailboxes. Whether it is there shows when messages are put into it."""

    folder: Named
    owner: str
    keep_mask: int = flags.ALL_BITS
    keep_words: bool = True
    reader: None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A name, resolved: the folders behind it (several in a unified namespace) and the rights held there."""

    name: str
    tree: Tree
    path: str
    folders: list[Folder]
    rights: str
    shared: bool = False

    @property
    def owner(self) -> str:
        """Of the folders behind it."""
        return self.folders[0].owner


class Account:
    """What one session's user can do outside a selected mailbox. One query finds a name, two where it is shared."""

    __slots__ = (
        "_preference",
        "address",
        "database",
        "layout",
        "node",
        "notifications",
        "opened",
        "organization_id",
        "standing",
        "user_id",
    )

    def __init__(self, node: Node, organization_id: int, user_id: int, address: str, standing: Any = None):
        """Raises errors.AuthenticationFailed where the user is no more."""
        self.node = node
        self.database = node.database
        self.organization_id = organization_id
        self.user_id = user_id
        self.address = address
        self.standing = standing  # what must stay true for the session to go on; auth/ knows what it is
        self.opened: tuple[Mailbox, ...] = ()
        self.notifications: Notifications | None = None  # of what happens elsewhere than in a selected mailbox
        self.reload()

    def reload(self) -> None:
        """Reads anew which mailboxes there are, and the preference of namespaces."""
        user = accounts.user(self.database, self.organization_id, self.user_id)
        if user is None:
            raise errors.AuthenticationFailed
        self._preference = user.namespace_mode
        self.layout = self._laid_out(user, user.namespace_mode or self.node.settings.imap.namespace_mode)
        if user.shown_mode != self.mode:
            accounts.set_shown_mode(self.database, self.organization_id, self.user_id, self.mode)

    def _laid_out(self, user: User, mode: str) -> Layout:
        hide_primary = self.node.settings.imap.primary_prefix == "hidden"
        return Layout(mode, user.mailboxes, user.primary_mailbox_id, hide_primary)

    def rearrange(self, user: User) -> bool:
        """Takes in which mailboxes there are now. False where a name of this session would mean something else since,
        or nothing: then it cannot go on."""
        layout = self._laid_out(user, self.mode)
        if user.namespace_mode != self._preference or not layout.keeps(self.layout):
            return False
        before, self.layout = self.layout, layout
        if self.notifications and before.trees != layout.trees:
            self.notifications.look_everywhere()
        return True

    def set_namespace_mode(self, mode: str | None) -> None:
        """What the user prefers from now on, in this session at once; None: what the server is set to. Names change,
        and no number. Other open sessions end, so that their clients come back and see it."""
        accounts.set_namespace_mode(self.database, self.organization_id, self.user_id, mode)
        self.reload()
        if self.notifications:
            self.notifications.look_everywhere()
        self.node.control.publish("user", "")

    @property
    def owner(self) -> str:
        """As the owner of their own mailboxes the user is called so."""
        return f"u{self.user_id}"

    @property
    def namespace_mode(self) -> str | None:
        """The user's preference, None where it is left to the server."""
        return self._preference

    @property
    def mode(self) -> str:
        return self.layout.mode

    def namespaces(self) -> Namespaces:
        return self.layout.namespaces()

    def prefixes(self) -> list[tuple[str, int]]:
        """Each own mailbox by the name of its namespace: a domain, or an address."""
        return [(tree.prefix.removesuffix(DELIMITER), tree.mailbox_ids[0]) for tree in self.layout.trees[1:]]

    def home_of(self, name: str) -> int:
        """The own mailbox that a new folder of this name, which is none below Shared/, would lie in."""
        return self.layout.resolve(name)[0].mailbox_ids[0]

    @property
    def quotas(self) -> Quotas:
        return Quotas(self)

    # Finding

    def find(self, name: str, *, warned: bool = False) -> Place:
        """The place of a name; warned: with quota_warned of its folders. Raises errors.NotFound where there is none, or
        none that the user may know of."""
        if name.startswith(SHARED):
            place = self._find_shared(name)
        else:
            tree, path = self.layout.resolve(name)
            boxes = tree.mailbox_ids
            found = folders.named(self.database, self.organization_id, boxes, path, warned=warned) if path else []
            # The mailbox that takes new folders stands first in its tree, and so its folder here.
            found.sort(key=lambda folder: boxes.index(folder.mailbox_id))
            place = Place(tree.prefix + path, tree, path, found, rights.ALL)
        if not place.folders or not set(rights.KNOWING) & set(place.rights):
            raise errors.NotFound
        return place

    def _find_shared(self, name: str) -> Place:
        address, path = shared_parts(name)
        grants = accounts.grants(self.database, self.organization_id, self.user_id, address)
        if not grants or not path:
            raise errors.NotFound
        tree = Tree(SHARED + address + DELIMITER, (grants[0].mailbox_id,))
        found = folders.named_of_others(self.database, self.organization_id, self.user_id, tree.mailbox_ids[0], path)
        held = rights.held(grants, found.folder_id) if found else ""
        return Place(tree.prefix + path, tree, path, [found] if found else [], held, shared=True)

    def spelled(self, name: str) -> str:
        """A name as it is listed, be it there or not."""
        if name.startswith(SHARED):
            address, path = shared_parts(name)
            return DELIMITER.join(filter(None, (SHARED.removesuffix(DELIMITER), address, path)))
        tree, path = self.layout.resolve(name)
        return (tree.prefix + path).removesuffix(DELIMITER)

    def need(self, place: Place, right: str) -> Place:
        """Raises errors.NoPermission where the right is missing; NotFound where the user cannot even list it."""
        if right not in place.rights:
            raise errors.NoPermission if rights.LOOKUP in place.rights else errors.NotFound
        return place

    def list_folders(self, subscribed_only: bool = False, shared_too: bool = True) -> list[Listed]:
        """Every mailbox the user may know of, parents that are none included; in order of namespace and name.
        subscribed_only: what is subscribed, be it there or not. Four queries at most."""
        subscribed = folders.subscriptions(self.database, self.organization_id, self.user_id)
        grants = accounts.grants(self.database, self.organization_id, self.user_id) if shared_too else []
        boxes = self.layout.mailbox_ids | {grant.mailbox_id for grant in grants if not grant.folder_id}
        single = {grant.folder_id for grant in grants if grant.folder_id}
        rows = folders.visible(self.database, self.organization_id, self.user_id, sorted(boxes), sorted(single))
        found = [*owned(self.layout, rows), *shared(grants, rows)]
        return listed(found, subscribed, subscribed_only)

    # Folders

    def create(self, name: str, special_use: str | None = None) -> None:
        """Raises errors.AlreadyExists, Cannot, UseTaken, LimitReached, OverQuota, NoPermission."""
        hierarchy.create(self, name, special_use)

    def delete(self, name: str) -> None:
        """In a unified namespace: the folder of every domain. Raises errors.NotFound, HasChildren, Cannot."""
        hierarchy.delete(self, name)

    def rename(self, old: str, new: str) -> None:
        """With all inferior names. INBOX's messages move and INBOX stays. What is merged is renamed in every domain,
        all of it or nothing. Raises as create and delete."""
        hierarchy.rename(self, old, new)

    def subscribe(self, name: str) -> None:
        """Raises errors.NotFound: only what is there can be subscribed; LimitReached."""
        place = self.need(self.find(name), rights.LOOKUP)
        most = self.node.settings.limits.subscriptions_per_user
        folders.subscribe(self.database, self.organization_id, self.user_id, place.name, most)
        self.announce_names(self.owner, place.name)

    def unsubscribe(self, name: str) -> None:
        name = self.spelled(name)
        folders.unsubscribe(self.database, self.organization_id, self.user_id, name)
        self.announce_names(self.owner, name)

    def status(self, name: str) -> Status:
        place = self.need(self.find(name), rights.READ)
        return numbers_of(place.folders, place.tree.merged)

    def status_of(self, listed: Listed) -> Status:
        """The same of a mailbox that list_folders() has given; asks nothing."""
        return numbers_of(listed.folders, listed.merged)

    # Messages

    def open(self, name: str, read_only: bool = False, counts_recent: bool = True) -> Mailbox:
        r"""Selects. counts_recent: new messages are \Recent to this session and to no other. Raises errors.NotFound,
        NoPermission."""
        place = self.need(self.find(name, warned=True), rights.READ)
        first = place.folders[0]
        whole = place.tree.merged
        numbers = numbers_of(place.folders, whole)
        reader = self.user_id if first.per_reader else None
        which = View(self.organization_id, first.group_id, None if whole else first.folder_id, reader)
        mailbox = Mailbox(
            self, place.name, which, numbers.mailbox_id, numbers.uid_validity, place.rights, read_only,
            numbers.recent, numbers.modseq, counts_recent,
        )  # fmt: skip
        mailbox.quota_warned = max(folder.quota_warned for folder in place.folders)
        mailbox.shared, mailbox.owner = place.shared, first.owner
        self.opened = (*self.opened, mailbox)
        return mailbox

    def closed(self, mailbox: Mailbox) -> None:
        """It is selected no more."""
        self.opened = tuple(other for other in self.opened if other is not mailbox)

    def target(self, name: str) -> Target:
        """Where COPY, MOVE and APPEND to this name go. Raises errors.NoTarget, NoPermission."""
        place = self._place_for_new(name)
        first, held = place.folders[0], place.rights
        reader = self.user_id if first.per_reader else None
        return Target(
            first.folder_id, first.uid_validity, rights.settable(held), rights.WRITE in held, reader, first.owner
        )

    def _place_for_new(self, name: str) -> Place:
        try:
            return self.need(self.find(name), rights.INSERT)
        except errors.NotFound:
            if name.startswith(SHARED) and not hierarchy.may_create(self, name):
                raise
            raise errors.NoTarget from None

    def check_append(self, name: str, size: int, before: int = 0) -> None:
        """Before the octets are taken, and after `before` of other messages of the same command: raises
        errors.NoTarget, NoPermission, TooBig, OverQuota."""
        if size > self.node.settings.limits.message_octets:
            raise errors.TooBig("That message is larger than this server takes.")
        place = self._place_for_new(name)
        if size + before >= delivery.ASK_QUOTA_FROM:
            with refusals_noted(self.database, self.organization_id):
                self._need_room(place.folders[0].mailbox_id, size + before)

    def _need_room(self, mailbox_id: int, octets: int) -> None:
        if full := quotas.refusing(self.database, self.organization_id, mailbox_id, octets):
            raise errors.OverQuota(root=full)

    def append(self, name: str, drafts: Sequence[Draft], replaced: tuple[View, int] | None = None) -> Appended:
        """All of them or none; durable when it returns. Raises as check_append, though that may have found otherwise:
        much happens while octets are on their way. replaced: a message, by its UID, that goes in the same moment;
        whether it may is checked in mail/mailbox.py."""
        target = self._target_of_append(name)
        done = delivery.append(self.node, self.organization_id, target, drafts, int(time.time()), replaced)
        uids = range(done.first_uid, done.first_uid + len(drafts))
        self.brought(done.group_id, uids)
        self.announce(done.group_id, target.owner, own_changes=1)
        return Appended(done.uid_validity, uids)

    def _target_of_append(self, name: str) -> Target | OwnTarget:
        if name.startswith(SHARED):
            return self.target(name)
        tree, path = self.layout.resolve(name)
        return OwnTarget(Named(tree.mailbox_ids, path), self.owner)

    def brought(self, group_id: int, uids: range) -> None:
        """This session has put messages into a folder group, which may be that of an open mailbox."""
        for mailbox in self.opened:
            mailbox.brought(group_id, uids)

    # Who else

    def my_rights(self, name: str) -> str:
        """Raises errors.NotFound where the user holds no right that lets them know of it."""
        return self.find(name).rights

    def acl(self, name: str) -> list[tuple[str, str]]:
        """Identifiers and their rights. Raises errors.NotFound, NoPermission; so do the next two."""
        return access.entries(self, name)

    def change_acl(self, name: str, identifier: str, op: str, letters: str) -> None:
        """'=' sets the rights of an identifier, '+' adds some, '-' takes some. Raises errors.Cannot for one unknown."""
        access.change(self, name, identifier, op, letters)

    def grantable(self, name: str, identifier: str) -> tuple[str, list[str]]:
        """The rights that an identifier always has, and those it can be given. Raises as change_acl."""
        return access.grantable(self, name, identifier)

    # Annotations

    def metadata(self, name: str, entries: Sequence[str], depth: int = 0, most: int | None = None) -> Entries:
        """Of a mailbox, or of the server where the name is empty. Raises errors.NotFound, NoPermission."""
        return metadata.find(self, name, entries, depth, most)

    def change_metadata(self, name: str, values: Mapping[str, bytes | None]) -> None:
        """All of them or none; None removes. Raises also errors.LimitReached, OverQuota, Cannot."""
        metadata.change(self, name, values)

    def access_changed(self) -> None:
        """Rights were given or taken: sessions that are open look what they may still do."""
        self.node.control.publish("rights", str(self.organization_id))

    def record(self, event: str, **detail: Any) -> None:
        """Into the audit log, as done by this user."""
        self.node.audit.record(
            event, "ok", organization_id=self.organization_id, user_id=self.user_id, address=self.address, **detail
        )

    def announce(self, group_id: int, owner: str, *, own_changes: int = 0) -> None:
        """Tells every session on every node to look. own_changes: so many are certainly this session's, and known to
        its client."""
        if self.notifications:
            self.notifications.own_changes[group_id] += own_changes
        self.node.wakeups.publish(self.organization_id, group_id, owner)

    def announce_names(self, owner: str, *names: str) -> None:
        """The same when names of an owner's mailboxes have changed, or what is said of them. This session's client
        knows it of these names."""
        if self.notifications:
            self.notifications.caused.update(names)
        self.node.wakeups.publish_names(self.organization_id, owner)

    def announce_annotations(self, owner: str, name: str, entries: Iterable[str]) -> None:
        """The same when annotations have changed."""
        if self.notifications:
            self.notifications.caused.update((name, entry) for entry in entries)
        self.node.wakeups.publish_annotations(self.organization_id, owner)
