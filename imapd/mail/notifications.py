# SPDX-License-Identifier: MIT
"""What one session is told of mailboxes other than the one it has selected (RFC 5465).

A wake-up says that something has happened, and in which folder group; what it is, is found out by comparing the store
with what the client was told last. At rest there is only this picture, and one watch for each owner of mailboxes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from imapd import errors
from imapd.mail.events import OF_ANNOTATIONS, OF_MESSAGES, Event, EventGroup, events_of
from imapd.mail.listing import Listed
from imapd.mail.status import numbers_of
from imapd.mail.watched import Annotations, Change, Name, Numbers, Picture, Watched, names_changed, picture, renamed
from imapd.storage import folders, metadata

if TYPE_CHECKING:
    from imapd.mail.account import Account
    from imapd.mail.mailbox import Mailbox

MOST_WATCHED = 10_000
"""Mailboxes of one session."""

SERVER = 0
"""The place of the server's annotations, as the store has it."""


class Notifications:
    """`wake` is called when there may be something to tell, and look() gives it. caused: names of mailboxes, and pairs
    of a name and an entry, which this session itself has changed, so that its client knows; own_changes: of messages,
    how many in a folder group."""

    def __init__(self, account: Account, groups: Sequence[EventGroup], wake: Callable[[], None]):
        self.caused: set[str | tuple[str, str]] = set()
        self.own_changes: Counter[int] = Counter()
        self._account = account
        self._groups = groups
        self._wake = wake
        self._reaches_shared = any(group.reaches_shared for group in groups)
        self._reads_annotations = any(group.events & OF_ANNOTATIONS for group in groups)
        self._watches: dict[str, Any] = {}
        self._picture: Picture = {}
        self._group_ids: set[int] = set()  # whose messages are of interest
        self._annotations: set[tuple[int, str, str]] = set()  # place, entry, digest of the value
        self._annotated: set[int] = set()  # places
        self._is_looking = False
        self._names_stale = False
        self._annotations_stale = False
        self._groups_stale: set[int] = set()

    def begin(self, selected: Mailbox | None) -> tuple[list[Numbers], list[Name]]:
        """Watches from now on. Gives the numbers of every mailbox whose messages are of interest, and those of which
        the user may only know that they are there. Raises errors.LimitReached."""
        self._watch(self._account.owner)
        rows = self._read_names()
        self._read_annotations()
        status_of = self._account.status_of
        found = [
            Numbers(row.name, status_of(row), watched.events)
            for row in rows
            if (watched := self._picture.get(row.name)) and watched.events & OF_MESSAGES and not _is(selected, watched)
        ]
        return found, [
            Name(row.name, row)
            for row in rows
            if row.folders and not row.selectable and events_of(self._groups, row) & OF_MESSAGES
        ]

    def close(self) -> None:
        for watch in self._watches.values():
            self._account.node.wakeups.unwatch(watch)
        self._watches.clear()

    def look(self, selected: Mailbox | None) -> list[Change]:
        """What is new since it was asked last; asks nothing where nobody has said that anything is. Raises MailError,
        and tells the same the next time; errors.LimitReached where it has become too much to watch."""
        changes: list[Change] = []
        if self._names_stale or self._shared_stale():
            changes += self._look_at_names(selected)
        elif self._groups_stale:
            changes += self._look_at_numbers(selected)
        if self._annotations_stale:
            try:
                changes += self._look_at_annotations()
            except errors.MailError:
                if not changes:
                    raise
                self._wake()  # what is known is told first
        self.caused.clear()
        self.own_changes.clear()
        return changes

    def _shared_stale(self) -> bool:
        """Something happened in a mailbox of somebody else: what this user may still know of it is looked at, too."""
        return bool(self._groups_stale) and any(
            it.shared and it.group_id in self._groups_stale for it in self._picture.values()
        )

    def look_everywhere(self) -> None:
        """Anything may have happened."""
        self._heard("")

    def _watch(self, owner: str) -> None:
        wakeups = self._account.node.wakeups
        self._watches[owner] = wakeups.watch_owner(self._account.organization_id, owner, self._heard)

    def _heard(self, what: str) -> None:
        if what.isdigit():
            # While the list of mailboxes is on its way, nobody knows which groups will be in it.
            if int(what) not in self._group_ids and not self._is_looking:
                return
            self._groups_stale.add(int(what))
        elif what == "annotations":
            if not self._reads_annotations:
                return
            self._annotations_stale = True
        else:
            self._names_stale = True
        self._wake()

    # Names

    def _read_names(self) -> list[Listed]:
        self._names_stale, self._is_looking = False, True
        self._groups_stale.clear()
        try:
            rows = self._account.list_folders(shared_too=self._reaches_shared)
        except BaseException:
            self._names_stale = True
            raise
        finally:
            self._is_looking = False
        self._picture = picture(rows, self._groups, self._account.status_of)
        of_interest = [it for it in self._picture.values() if it.events]
        if len(of_interest) > MOST_WATCHED:
            raise errors.LimitReached("So many mailboxes cannot be watched.")
        self._group_ids = {it.group_id for it in of_interest if it.events & OF_MESSAGES}
        self._groups_stale &= self._group_ids
        self._watch_owners(rows)
        return rows

    def _watch_owners(self, rows: Sequence[Listed]) -> None:
        owners = {folder.owner for row in rows for folder in row.folders} | {self._account.owner}
        for owner in self._watches.keys() - owners:
            self._account.node.wakeups.unwatch(self._watches.pop(owner))
        for owner in owners - self._watches.keys():
            self._watch(owner)
            self._names_stale = True  # what happened between the list and the watch

    def _look_at_names(self, selected: Mailbox | None) -> Iterator[Change]:
        old = self._picture
        rows = {row.name: row for row in self._read_names()}
        if self._reads_annotations and self._places() != self._annotated:
            self._annotations_stale = True
        names = renamed(old, self._picture)
        caused = {name for name in self.caused if isinstance(name, str)}
        yield from names_changed(old, self._picture, rows, names, caused)
        for name, watched in self._picture.items():
            before = old.get(names.get(name, name))
            if before is None:
                is_told = bool(watched.events & OF_MESSAGES and watched.numbers[0])
            else:
                status = self._account.status_of(rows[name])
                watched.numbers, watched.modseq = before.numbers, before.modseq
                is_told = watched.moves_on(status, self.own_changes[watched.group_id])
            if is_told and not _is(selected, watched):
                yield Numbers(name, self._account.status_of(rows[name]), watched.events)

    # Messages

    def _look_at_numbers(self, selected: Mailbox | None) -> Iterator[Change]:
        stale, self._groups_stale = self._groups_stale, set()
        watched = {name: it for name, it in self._picture.items() if it.group_id in stale and it.events & OF_MESSAGES}
        ids = sorted({folder_id for it in watched.values() for folder_id in it.folder_ids})
        account = self._account
        try:
            found = folders.visible_of_groups(
                account.database, account.organization_id, account.user_id, sorted(stale), ids
            )  # fmt: skip
        except BaseException:
            self._groups_stale |= stale
            raise
        rows = {row.folder_id: row for row in found}
        for name, it in watched.items():
            there = [rows[folder_id] for folder_id in it.folder_ids if folder_id in rows]
            # What is gone is told as a name.
            if not there:
                continue
            status = numbers_of(there, it.merged)
            if it.moves_on(status, self.own_changes[it.group_id]) and not _is(selected, it):
                yield Numbers(name, status, it.events)

    # Annotations

    def _places(self) -> set[int]:
        """Whose annotations are of interest."""
        found = {
            folder_id
            for it in self._picture.values()
            if Event.MAILBOX_METADATA_CHANGE in it.events
            for folder_id in it.folder_ids
        }
        if any(Event.SERVER_METADATA_CHANGE in group.events for group in self._groups):
            found.add(SERVER)
        return found

    def _read_annotations(self) -> set[tuple[int, str]]:
        """Place and entry of those that have changed."""
        account, places = self._account, self._places()
        self._annotations_stale = False
        try:
            found = metadata.digests(account.database, account.organization_id, account.user_id, sorted(places))
        except BaseException:
            self._annotations_stale = True
            raise
        changed = {(place, entry) for place, entry, _ in found ^ self._annotations if place in self._annotated & places}
        self._annotations, self._annotated = found, places
        return changed

    def _look_at_annotations(self) -> Iterator[Change]:
        changed = self._read_annotations()
        for name, places in self._annotated_names():
            entries = sorted(
                {entry for place, entry in changed if place in places and (name, entry) not in self.caused}
            )
            if entries:
                yield Annotations(name, entries)

    def _annotated_names(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield "", (SERVER,)
        for name, it in self._picture.items():
            if Event.MAILBOX_METADATA_CHANGE in it.events:
                yield name, it.folder_ids


def _is(selected: Mailbox | None, watched: Watched) -> bool:
    """Whether that is the mailbox which the session has selected, under whatever name."""
    return selected is not None and selected.stands_for(watched.group_id, watched.folder_id)
