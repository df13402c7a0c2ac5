# SPDX-License-Identifier: MIT
"""A mailbox as one session has it selected: what its client may do, and doing it.

What the client has been told of it is in mail/tracker.py. Rights are checked here, once, where the deed is done.
Positions are indexes into the session's view, from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from imapd import errors
from imapd.mail import flags, resync, rights, search, sort, thread
from imapd.mail.body import Body
from imapd.mail.index import Index
from imapd.mail.quota import refusals_noted
from imapd.mail.snapshot import Snapshot, runs
from imapd.mail.sort import Criterion
from imapd.mail.thread import Threads
from imapd.mail.tracker import NOTHING, Told, Tracker
from imapd.storage import contents, messages
from imapd.storage.connection import Running
from imapd.storage.messages import FlagChange, View

if TYPE_CHECKING:
    from imapd.mail.account import Account, Appended, Draft

SYSTEM_FLAGS = list(flags.BITS)

ASIDE_FROM = 5000
"""Messages from which putting them in order would hold up the other sessions, and is done off the hub."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class StoredFlags:
    """positions: what was asked for and is there; modified: UIDs that UNCHANGEDSINCE refused."""

    positions: list[range]
    modified: list[int]
    modseq: int | None


@dataclass(frozen=True, slots=True)
class Copied:
    """UIDs, pairwise: source[i] became target[i]."""

    uid_validity: int
    source: list[int]
    target: Sequence[int]


class Mailbox:
    """One session's selected mailbox. `view` is what the client has been told; pending() moves it on."""

    __slots__ = (
        "_account", "_counts_recent", "_index", "_read_only_asked", "_running", "_tracker", "_which", "mailbox_id",
        "name", "owner", "progress", "quota_warned", "read_only", "rights", "shared", "uid_validity",
    )  # fmt: skip

    def __init__(
        self,
        account: Account,
        name: str,
        which: View,
        mailbox_id: str,
        uid_validity: int,
        held: str,
        read_only: bool,
        recent: int,
        newest_modseq: int,
        counts_recent: bool = True,
    ):
        self._account = account
        self._which = which
        self.name = name
        self.mailbox_id = mailbox_id
        self.uid_validity = uid_validity
        self.rights = held
        self._read_only_asked = read_only
        self.read_only = self._is_read_only()
        self.shared = False  # somebody else's
        self.owner = account.owner
        self.quota_warned = 0  # the highest threshold, in percent, that a quota of it had reached when it was opened
        self._counts_recent = counts_recent
        self.progress: tuple[int | None, int | None] = search.NO_PROGRESS  # of a long search: done, of how many
        self._running: Running | None = None  # a search
        self._index: Index = account.node.indexes.acquire(which, uid_validity)
        try:
            self._tracker = self._opened(recent if counts_recent else 0, newest_modseq)
        except BaseException:
            account.node.indexes.release(which, uid_validity)
            raise

    def _opened(self, recent: int, newest_modseq: int) -> Tracker:
        index = self._index
        if index.newest is None or index.known != newest_modseq or recent:
            index.stale = True
            index.refresh(claiming=bool(recent) and not self.read_only)
        if index.newest is None:
            raise errors.NotFound
        tracker = Tracker(index, index.newest, claims=self._claims, own_seen=self.per_reader)
        if self.read_only and recent:
            # EXAMINE shows them and takes them from nobody. What nobody has seen are the last ones.
            tracker.recent_uids = set(tracker.view.uids[-recent:])
        return tracker

    @property
    def _claims(self) -> bool:
        return self._counts_recent and not self.read_only

    def _is_read_only(self) -> bool:
        # RFC 4314 section 5.2: what one sets for oneself alone does not count, though it can be set.
        counting = "wtei" if self.per_reader else "swtei"
        return self._read_only_asked or not set(self.rights) & set(counting)

    def change_rights(self, held: str) -> None:
        """The user's rights here are others now: so is what can be done, and pending() tells what can be set."""
        self.rights = held
        self.read_only = self._is_read_only()
        self._tracker.claims = self._claims
        self._tracker.owes_flags = True

    @property
    def folder_id(self) -> int | None:
        """The folder that is open; None where it is a merged one."""
        return self._which.folder_id

    @property
    def per_reader(self) -> bool:
        r"""Whether this session shows the \Seen of its own user, in a mailbox of somebody else."""
        return self._which.reader is not None

    @property
    def view(self) -> Snapshot:
        """What the client has been told."""
        return self._tracker.view

    @property
    def is_ahead(self) -> bool:
        """Some modseqs of the view are above its own: an expunge that came before is not yet told."""
        return self._tracker.is_ahead

    @property
    def uid_next(self) -> int:
        return self.view.uid_next

    @property
    def modseq(self) -> int:
        return self.view.modseq

    @property
    def recent_uids(self) -> set[int]:
        return self._tracker.recent_uids

    @property
    def recent(self) -> int:
        return len(self.recent_uids)

    @property
    def flags(self) -> list[str]:
        return SYSTEM_FLAGS + self.view.keywords

    @property
    def permanent_flags(self) -> list[str]:
        r"""What can be set here; '\*' where new keywords can be made."""
        if self._read_only_asked:
            return []
        mask = rights.settable(self.rights)
        found = [name for name, bit in flags.BITS.items() if mask & bit]
        return [*found, *self.view.keywords, "\\*"] if rights.WRITE in self.rights else found

    @property
    def first_unseen(self) -> int | None:
        r"""Sequence number of the first message without \Seen."""
        seen = [bool(mask & flags.SEEN) for mask, _ in self.view.flag_sets]
        for position, number in enumerate(self.view.flag_numbers):
            if not seen[number]:
                return position + 1
        return None

    @property
    def may_expunge(self) -> bool:
        return not self.read_only and rights.EXPUNGE in self.rights

    # What happens in the mailbox

    def watch(self, wake: Callable[[], None]) -> None:
        """From now on `wake` is called when something may have happened."""
        self._index.watchers[self] = wake

    def unwatch(self) -> None:
        """`wake` is not called any more."""
        self._index.watchers.pop(self, None)

    def wake(self) -> None:
        """Whoever waits for something to happen shall look."""
        if wake := self._index.watchers.get(self):
            wake()

    def refresh(self, received_at: float | None = None) -> None:
        """Asks what is new, unless a check that began after received_at has ended. None: only after a wake-up."""
        self._index.refresh(received_at, claiming=self._claims)

    @property
    def owes_news(self) -> bool:
        """A command has taken the view further than the client has been told."""
        return self._tracker.owes

    def brought(self, group_id: int, uids: range) -> None:
        """This session has put messages into a folder group: perhaps this one."""
        if group_id == self._which.group_id:
            self._tracker.brought(uids)

    def stands_for(self, group_id: int, folder_id: int | None) -> bool:
        """Whether it is a folder of that group, or with None all of it."""
        return (group_id, folder_id) == (self._which.group_id, self._which.folder_id)

    def pending(self, may_expunge: bool, past_expunges: bool = False) -> Told:
        """What the client has to be told now; the view moves on past it. past_expunges: as far as it may without the
        expunges."""
        if rights.READ not in self.rights:
            return NOTHING
        if self._index.stale:
            with suppress(errors.MailError):  # what was asked for is done; this is told when the store is there again
                self.refresh()
        return self._tracker.pending(may_expunge, past_expunges)

    # Flags

    def flags_at(self, position: int) -> bytes:
        r"""The flags of a message as a list in parentheses, \Recent among them."""
        return self._tracker.flags_at(position)

    def store(
        self,
        positions: Sequence[range],
        op: str,
        names: Iterable[str],
        unchanged_since: int | None = None,
    ) -> StoredFlags:
        """STORE. What the user may not set is passed over; raises errors.NoPermission where that is all of it."""
        change = self._permitted(op, names)
        if self._which.reader is not None:
            return self._store_as_reader(positions, change, unchanged_since)
        asked, index = self._uids(positions), self._index
        stored = messages.store_flags(
            self._account.database, self._which, asked, change, unchanged_since, index.known
        )  # fmt: skip
        index.learn_stored(stored, asked, change.spelled(stored.news.keywords or ()).after)
        if stored.modseq is not None:
            self._tracker.stored(stored.modseq)
            self._announce(own_changes=1)
        return self._stored(positions, stored.modseq, stored.refused, unchanged_since)

    def _permitted(self, op: str, names: Iterable[str]) -> FlagChange:
        if self._read_only_asked:
            raise errors.NoPermission("The mailbox is selected read-only.")
        mask, words = flags.split(names)
        may_mask, may_words = rights.settable(self.rights), rights.WRITE in self.rights
        if (not may_mask and not may_words) or (not mask & may_mask and not (words and may_words) and (mask or words)):
            raise errors.NoPermission
        return FlagChange(op, mask & may_mask, words if may_words else [], may_mask, may_words)

    def _store_as_reader(
        self, positions: Sequence[range], change: FlagChange, unchanged_since: int | None
    ) -> StoredFlags:
        r"""With a \Seen of one's own; what that has changed is asked for, and not told by the change itself."""
        modseq, refused = messages.store_flags_as(
            self._account.database, self._which, self._uids(positions), change, unchanged_since
        )
        if modseq is not None:
            self._tracker.stored(modseq)
            self._account.announce(self._which.group_id, self.owner, own_changes=1)
        self._index.stale = True
        self.refresh()
        return self._stored(positions, modseq, refused, unchanged_since)

    def _stored(
        self, positions: Sequence[range], modseq: int | None, refused: Sequence[range], unchanged_since: int | None
    ) -> StoredFlags:
        self._tracker.show_flags(positions)
        modified = [uid for span in refused for uid in span]
        if unchanged_since is not None:
            modified = sorted({*modified, *self._tracker.gone(positions)})
        return StoredFlags(list(positions), modified, modseq)

    def mark_seen(self, positions: Sequence[range]) -> bool:
        r"""What FETCH of a body does: sets \Seen where the user may and it is not set. Whether the view has become
        another one by that."""
        if self._read_only_asked or rights.SEEN not in self.rights:
            return False
        unseen = [not mask & flags.SEEN for mask, _ in self.view.flag_sets]
        numbers = self.view.flag_numbers
        if not any(unseen[number] for span in positions for number in numbers[span.start : span.stop]):
            return False
        self.store(positions, "+", ["\\Seen"])
        return self.view.flag_numbers is not numbers

    # What a client remembers from an earlier session

    def changed_since(self, positions: Iterable[range], modseq: int) -> list[range]:
        """Those of the positions whose message has changed after the modseq."""
        return resync.changed(self.view, positions, modseq) if modseq < self.modseq or self.is_ahead else []

    def vanished_since(self, modseq: int, known: Iterable[range] | None = None) -> list[range]:
        """The UIDs of `known` (ascending; None: all) that were expunged after the modseq, as ascending ranges; some of
        them may never have been here. What the client is still to be told of is not among them."""
        if modseq >= self.modseq:
            return []
        expunged = messages.expunged_since(self._account.database, self._which, modseq, self.modseq)
        return resync.vanished(self.view, expunged, known)

    # Messages

    def expunge(self, uids: Iterable[range] | None = None) -> None:
        r"""Removes what is \Deleted, of these UIDs only where given. pending() tells."""
        if not self.may_expunge:
            raise errors.NoPermission
        before = self._index.known
        news = messages.expunge(self._account.database, self._which, uids, before)
        if self._which.reader is not None:
            self._account.announce(self._which.group_id, self.owner)
            self._index.stale = True
            return
        self._index.learn(news)
        if self._index.known != before:
            self._announce()

    def replace(self, position: int, to: str, draft: Draft) -> Appended:
        """REPLACE: a new message in a mailbox of any namespace, and this one is gone; both or neither. pending() tells.
        Raises errors.NoPermission, NoTarget, OverQuota, Expunged."""
        if self.read_only or not {rights.DELETE, rights.EXPUNGE} <= set(self.rights):
            raise errors.NoPermission
        appended = self._account.append(to, [draft], (self._which, self.view.uids[position]))
        self._announce()
        self._index.stale = True
        self.refresh()
        return appended

    def copy(self, positions: Sequence[range], to: str) -> Copied:
        """COPY into a mailbox of any namespace. Raises errors.NoTarget, NoPermission, OverQuota."""
        return self._transfer(positions, to, moving=False)

    def move(self, positions: Sequence[range], to: str) -> Copied:
        """MOVE: all or nothing, never a copy without the removal. pending() tells the removal."""
        if self.read_only or not {rights.DELETE, rights.EXPUNGE} <= set(self.rights):
            raise errors.NoPermission
        return self._transfer(positions, to, moving=True)

    def _transfer(self, positions: Sequence[range], to: str, moving: bool) -> Copied:
        self._need_read()
        target = self._account.target(to)
        if not positions:
            return Copied(target.uid_validity, [], [])
        with refusals_noted(self._account.database, self._which.organization_id):
            done = messages.copy(
                self._account.database, self._which, self._uids(positions), target.folder,
                target.keep_mask, target.keep_words, moving, self._index.known, target.reader,
            )  # fmt: skip
        if self._which.reader is not None:
            self._index.stale = True
        elif done.news.modseq is not None:
            self._index.learn(done.news)
        first = done.first_uid or 0
        copies = range(first, first + len(done.source))
        if done.source:
            if moving and done.target_group != self._which.group_id:
                self._announce()
            stale = self._index.stale
            self._account.brought(done.target_group, copies)
            self._account.announce(done.target_group, target.owner, own_changes=1)
            if self._which.folder_id not in (None, target.folder):
                self._index.stale = stale  # what came lies beside this view
        return Copied(done.uid_validity, done.source, copies)

    def search(self, criterion: Any) -> list[int]:
        """Positions of the messages that meet a criterion of mail/search.py."""
        return search.search(self, criterion)

    def sort(self, criterion: Any, by: Sequence[Criterion]) -> list[int]:
        """The same positions, in an order of mail/sort.py."""
        return self.sorted(self.search(criterion), by)

    def sorted(self, positions: Sequence[int], by: Sequence[Criterion]) -> list[int]:
        """These positions (ascending) in an order of mail/sort.py."""
        return sort.sort(self, positions, by)

    def threads(self, criterion: Any, algorithm: str) -> tuple[list[int], Threads]:
        """The same positions, and their threads, whose nodes are indexes into them."""
        positions = self.search(criterion)
        return positions, thread.threads(self, positions, algorithm)

    def aside(self, work: Callable[[T], R], given: T, messages: int) -> R:
        """Does what needs nothing but memory; off the hub where that many messages would hold up other sessions, and in
        turn with what else the user searches."""
        if messages < ASIDE_FROM:
            return work(given)
        node = self._account.node
        with node.searches.turn(self._account.user_id):
            return node.offload(work, given)

    def saved_at(self, positions: Iterable[int]) -> list[int | None]:
        """When messages came into this mailbox, in seconds since 1970; None where they are gone."""
        uids = [self.view.uids[at] for at in positions]
        known = messages.saved_at(self._account.database, self._which, runs(uids)) if uids else {}
        return [known.get(uid) for uid in uids]

    def matching(self, content_ids: Iterable[int], tests: list[tuple[str, ...]]) -> list[tuple[Any, ...]]:
        """storage.contents.matching(), in turn with what else the user searches. Raises also errors.InUse where it was
        called off."""
        self._need_read()
        account = self._account
        self._running = running = Running()
        try:
            with account.node.searches.turn(account.user_id):
                if running.is_called_off:
                    raise errors.InUse
                return contents.matching(
                    account.database, self._which.organization_id, list(content_ids), tests, running
                )  # fmt: skip
        finally:
            self._running = None

    def call_off(self) -> None:
        """Nobody waits any more for what is being searched."""
        if self._running is not None and not self._running.is_called_off:
            with suppress(errors.MailError):  # then it goes on to its end, in vain
                self._running.call_off(self._account.database)

    def contents(self, content_ids: Iterable[int], columns: Sequence[str]) -> dict[int, tuple[Any, ...]]:
        """Columns of `contents` by content id; asks the store for those only that nobody has asked for lately. Raises
        errors.NoPermission where the right to read has been taken meanwhile."""
        self._need_read()
        database, organization_id, names = self._account.database, self._which.organization_id, tuple(columns)

        def load(ids: list[int]) -> dict[int, tuple[Any, ...]]:
            return contents.columns(database, organization_id, ids, names)

        return self._account.node.indexes.content_rows.get(organization_id, names, list(content_ids), load)

    def bodies(self, content_ids: Iterable[int]) -> dict[int, Body]:
        """The octets of messages, by content id: one statement for all of them."""
        organization_id = self._which.organization_id
        rows = self.contents(content_ids, ("sha256", "size"))
        store = self._account.node.blobs
        return {key: Body(store, organization_id, sha256, size) for key, (sha256, size) in rows.items()}

    def body(self, content_id: int) -> Body:
        """The octets of one message. Raises errors.Corrupt where it is not there."""
        try:
            return self.bodies([content_id])[content_id]
        except KeyError:
            raise errors.Corrupt from None

    def _need_read(self) -> None:
        if rights.READ not in self.rights:
            raise errors.NoPermission

    def close(self) -> None:
        self.unwatch()
        self._tracker.leave()
        self._account.closed(self)
        self._account.node.indexes.release(self._which, self.uid_validity)

    def _uids(self, positions: Sequence[range]) -> list[range]:
        uids = self.view.uids
        return [range(uids[span.start], uids[span.stop - 1] + 1) for span in positions if len(span)]

    def _announce(self, own_changes: int = 0) -> None:
        """Tells the others; this worker has learnt it already."""
        index = self._index
        stale = index.stale
        self._account.announce(self._which.group_id, self.owner, own_changes=own_changes)
        index.stale = stale
