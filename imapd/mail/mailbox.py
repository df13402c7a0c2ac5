# SPDX-License-Identifier: MIT
"""A mailbox as one session has it selected: what its client has been told, what it may do, and doing it.

Rights are checked here, once, where the deed is done. Positions are indexes into the session's view, from 0.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imapd import errors
from imapd.mail import flags, resync, rights, search, sort, thread
from imapd.mail.body import Body
from imapd.mail.index import Index, Snapshot, runs
from imapd.mail.quota import refusals_noted
from imapd.mail.sort import Criterion
from imapd.mail.thread import Threads
from imapd.storage import contents, messages
from imapd.storage.messages import View

if TYPE_CHECKING:
    from imapd.mail.account import Account, Appended, Draft

SYSTEM_FLAGS = list(flags.BITS)


@dataclass(slots=True)
class Told:
    """What a session has to tell its client, in this order. expunged: sequence numbers, each as it is when it is told;
    vanished: the same messages by UID; flags_changed: positions."""

    expunged: list[int] = field(default_factory=list)
    vanished: list[int] = field(default_factory=list)
    exists: int | None = None
    recent: int | None = None
    keywords_changed: bool = False  # or what can be set here
    flags_changed: list[int] = field(default_factory=list)


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
        "_account",
        "_at",
        "_counts_recent",
        "_flagged",
        "_index",
        "_keywords_told",
        "_mine",
        "_owed",
        "_read_only_asked",
        "_rights_changed",
        "_told_messages",
        "_which",
        "is_ahead",
        "mailbox_id",
        "name",
        "progress",
        "quota_warned",
        "read_only",
        "recent_uids",
        "rights",
        "shared",
        "uid_validity",
        "view",
    )

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
        self._read_only_asked = read_only
        self.change_rights(held)
        self._rights_changed = False
        self.shared = False  # somebody else's
        self.quota_warned = 0  # the highest threshold, in percent, that a quota of it had reached when it was opened
        self.recent_uids: set[int] = set()
        self._counts_recent = counts_recent
        self.progress: tuple[int | None, int | None] = search.NO_PROGRESS  # of a long search: done, of how many
        self.is_ahead = False  # some modseqs of the view are above its own: an expunge that came before is not yet told
        self._told_messages = 0  # how many messages the client believes to be here
        self._mine: set[int] = set()  # modseqs of this session's own STOREs, until the view has passed them
        self._owed: Told | None = None
        self._flagged: set[int] = set()
        self._index: Index = account.node.indexes.acquire(which, uid_validity)
        try:
            self._open(recent, newest_modseq)
        except BaseException:
            account.node.indexes.release(which, uid_validity)
            raise

    def _open(self, recent: int, newest_modseq: int) -> None:
        index = self._index
        recent = recent if self._counts_recent else 0
        if index.known != newest_modseq or recent:
            index.stale = True
            index.refresh(claiming=bool(recent) and not self.read_only)
        elif index.sessions == 1:
            index.stale = False  # nothing has happened since it was idle
        if index.newest is None:
            raise errors.NotFound
        self._at: Snapshot = index.newest  # where the session stands in the chain
        self._at.standing += 1
        self.view: Snapshot = self._at  # the same, or a copy of it with flags of its own
        self._keywords_told = len(self.view.keywords)
        self._told_messages = len(self.view.uids)
        if self.read_only:
            # EXAMINE shows them and takes them from nobody. What nobody has seen are the last ones.
            self.recent_uids = set(self.view.uids[-recent:]) if recent else set()
        elif index.unclaimed and self._counts_recent:
            # Some of them may have been expunged before anybody saw them.
            self.recent_uids, index.unclaimed = index.unclaimed.intersection(self.view.uids), set()

    def change_rights(self, held: str) -> None:
        """The user's rights here are others now: so is what can be done, and pending() tells what can be set."""
        self.rights = held
        # RFC 4314 section 5.2: what one sets for oneself alone does not count, though it can be set.
        counting = "swtei" if self._which.reader is None else "wtei"
        self.read_only = self._read_only_asked or not set(held) & set(counting)
        self._rights_changed = True

    @property
    def folder_id(self) -> int | None:
        """The folder that is open; None where it is a merged one."""
        return self._which.folder_id

    @property
    def per_reader(self) -> bool:
        r"""Whether this session shows the \Seen of its own user, in a mailbox of somebody else."""
        return self._which.reader is not None

    @property
    def uid_next(self) -> int:
        return self.view.uid_next

    @property
    def modseq(self) -> int:
        return self.view.modseq

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
        mask = self._may_mask()
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
        self._index.refresh(received_at, claiming=self._counts_recent and not self.read_only)

    def pending(self, may_expunge: bool) -> Told:
        """What the client has to be told now; the view moves on past it."""
        if rights.READ not in self.rights:
            return NOTHING
        if self._index.stale:
            with suppress(errors.MailError):  # what was asked for is done; this is told when the store is there again
                self.refresh()
        if self._at.step is None and self._owed is None and not self._rights_changed:
            return NOTHING
        self._walk(may_expunge)
        told, self._owed = self._owed or Told(), None
        told.exists = len(self.view.uids) if len(self.view.uids) != self._told_messages else None
        told.recent = len(self.recent_uids) if told.exists is not None else None
        self._told_messages = len(self.view.uids)
        told.flags_changed = sorted(at for uid in self._flagged if (at := self.view.position(uid)) is not None)
        self._flagged = set()
        # More than at any time before: a view with flags of its own is ahead of the snapshots that follow it.
        if len(self.view.keywords) > self._keywords_told or self._rights_changed:
            self._keywords_told = len(self.view.keywords)
            self._rights_changed = False
            told.keywords_changed = True
        return told

    def _walk(self, may_expunge: bool) -> None:
        """Goes along the chain as far as the client may be told, and gathers what it will be told."""
        told = self._owed = self._owed or Told()
        while (step := self._at.step) is not None:
            if step.expunged and not may_expunge:
                return
            for at in reversed(step.expunged):
                uid = self.view.uids[at]
                self.recent_uids.discard(uid)
                # What came and went since the client was told anything it never hears of.
                if at < self._told_messages:
                    told.expunged.append(at + 1)
                    told.vanished.append(uid)
            self._told_messages -= bisect_left(step.expunged, self._told_messages)
            flagged = (uid for modseq, uids in step.flagged if modseq not in self._mine for uid in uids)
            if self._which.reader is not None:
                # Most are what other readers have seen, which is nothing to this one.
                flagged = (uid for uid in flagged if not _same_flags(self.view, step.snapshot, uid))
            self._flagged.update(flagged)
            left, self._at = self._at, step.snapshot
            self.view = self._at
            self._at.standing += 1
            left.leave()
            self.is_ahead = False
            if step.added:
                self._take_recent(step.added)
        self._mine.clear()

    def _take_recent(self, added: int) -> None:
        unclaimed = self._index.unclaimed
        if unclaimed and self._counts_recent and not self.read_only:
            taken = unclaimed.intersection(self.view.uids[-added:])
            unclaimed -= taken
            self.recent_uids |= taken

    # Flags

    def flags_at(self, position: int) -> bytes:
        r"""The flags of a message as a list in parentheses, \Recent among them."""
        rendered = self.view.flag_bytes[self.view.flag_numbers[position]]
        if self.recent_uids and self.view.uids[position] in self.recent_uids:
            return b"(\\Recent)" if rendered == b"()" else b"(\\Recent " + rendered[1:]
        return rendered

    def store(
        self,
        positions: Sequence[range],
        op: str,
        names: Iterable[str],
        silent: bool = False,
        unchanged_since: int | None = None,
    ) -> StoredFlags:
        """STORE. What the user may not set is passed over; raises errors.NoPermission where that is all of it."""
        if self._read_only_asked:
            raise errors.NoPermission("The mailbox is selected read-only.")
        mask, words = flags.split(names)
        may_mask, may_words = self._may_mask(), rights.WRITE in self.rights
        if (not may_mask and not may_words) or (not mask & may_mask and not (words and may_words) and (mask or words)):
            raise errors.NoPermission
        mask &= may_mask
        words = words if may_words else []
        index = self._index
        if self._which.reader is not None:
            return self._store_as_reader(positions, op, mask, words, may_mask, may_words, unchanged_since)
        asked = self._uids(positions)
        stored = messages.store_flags(
            self._account.database, self._which, asked, op, mask, words, may_mask, may_words, unchanged_since,
            index.known,
        )  # fmt: skip
        spelling = {word.lower(): word for word in stored.news.keywords or ()}
        words = sorted(spelling.get(word.lower(), word) for word in words)
        index.learn_stored(stored, asked, lambda old, held: _changed(op, mask, words, may_mask, may_words, old, held))
        if stored.modseq is not None:
            self._mine.add(stored.modseq)
            self._announce()
        return self._stored(positions, stored.modseq, stored.refused, unchanged_since)

    def _store_as_reader(
        self, positions: Sequence[range], op: str, mask: int, words: list[str], may_mask: int, may_words: bool,
        unchanged_since: int | None,
    ) -> StoredFlags:  # fmt: skip
        r"""With a \Seen of one's own; what that has changed is asked for, and not told by the change itself."""
        modseq, refused = messages.store_flags_as(
            self._account.database, self._which, self._uids(positions), op, mask, words, may_mask, may_words,
            unchanged_since,
        )  # fmt: skip
        if modseq is not None:
            self._mine.add(modseq)
            self._account.announce(self._which.group_id)
        self._index.stale = True
        self.refresh()
        return self._stored(positions, modseq, refused, unchanged_since)

    def _stored(
        self, positions: Sequence[range], modseq: int | None, refused: Sequence[range], unchanged_since: int | None
    ) -> StoredFlags:
        self._show_flags(positions)
        modified = [uid for span in refused for uid in span]
        if unchanged_since is not None:
            modified = sorted({*modified, *self._gone(positions)})
        return StoredFlags(list(positions), modified, modseq)

    def _gone(self, positions: Sequence[range]) -> list[int]:
        """UIDs of those positions whose message is no more, which the client has not been told yet."""
        newest = self._index.newest
        if self._at.step is None or newest is None:
            return []
        uids = self.view.uids
        return [uids[at] for span in positions for at in span if newest.position(uids[at]) is None]

    def mark_seen(self, positions: Sequence[range]) -> None:
        r"""What FETCH of a body does: sets \Seen where the user may and it is not set."""
        if self._read_only_asked or rights.SEEN not in self.rights:
            return
        unseen = [not mask & flags.SEEN for mask, _ in self.view.flag_sets]
        numbers = self.view.flag_numbers
        if any(unseen[number] for span in positions for number in numbers[span.start : span.stop]):
            self.store(positions, "+", ["\\Seen"], silent=True)

    def _may_mask(self) -> int:
        mask = flags.ANSWERED | flags.FLAGGED | flags.DRAFT if rights.WRITE in self.rights else 0
        mask |= flags.SEEN if rights.SEEN in self.rights else 0
        return mask | (flags.DELETED if rights.DELETE in self.rights else 0)

    def _show_flags(self, positions: Sequence[range]) -> None:
        """Brings the flags that the view shows up to date, even where an expunge that may not be told yet stands in the
        way: then the view gets flags of its own."""
        self._walk(may_expunge=False)
        newest = self._index.newest
        if self._at.step is None or newest is None:
            return
        view = self.view.copy()
        view.flag_numbers, view.modseqs = view.flag_numbers[:], view.modseqs[:]
        view.keywords = newest.keywords
        self._index.renumber(view)
        for span in positions:
            for at in span:
                there = newest.position(view.uids[at])
                if there is not None:
                    view.flag_numbers[at] = newest.flag_numbers[there]
                    view.modseqs[at] = newest.modseqs[there]
        self.view = view
        self.is_ahead = True

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
            self._account.announce(self._which.group_id)
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
                self._account.database, self._which, self._uids(positions), target.folder_id,
                target.keep_mask, target.keep_words, moving, self._index.known, target.reader,
            )  # fmt: skip
        if self._which.reader is not None:
            self._index.stale = True
        elif done.news.modseq is not None:
            self._index.learn(done.news)
        if done.source:
            if moving and done.target_group != self._which.group_id:
                self._announce()
            stale = self._index.stale
            self._account.announce(done.target_group)
            if self._which.folder_id not in (None, target.folder_id):
                self._index.stale = stale  # what came lies beside this view
        first = done.first_uid or 0
        return Copied(done.uid_validity, done.source, range(first, first + len(done.source)))

    def search(self, criterion: Any) -> list[int]:
        """Positions of the messages that meet a criterion of mail/search.py."""
        return search.search(self, criterion)

    def sort(self, criterion: Any, by: Sequence[Criterion]) -> list[int]:
        """The same positions, in an order of mail/sort.py."""
        return sort.sort(self, self.search(criterion), by)

    def threads(self, criterion: Any, algorithm: str) -> tuple[list[int], Threads]:
        """The same positions, and their threads, whose nodes are indexes into them."""
        positions = self.search(criterion)
        return positions, thread.threads(self, positions, algorithm)

    def saved_at(self, positions: Iterable[int]) -> list[int | None]:
        """When messages came into this mailbox, in seconds since 1970; None where they are gone."""
        uids = [self.view.uids[at] for at in positions]
        known = messages.saved_at(self._account.database, self._which, runs(uids)) if uids else {}
        return [known.get(uid) for uid in uids]

    def matching(self, content_ids: Iterable[int], tests: list[tuple[str, ...]]) -> list[tuple[Any, ...]]:
        self._need_read()
        return contents.matching(self._account.database, self._which.organization_id, list(content_ids), tests)

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
        self._at.leave()
        self._account.closed(self)
        self._account.node.indexes.release(self._which, self.uid_validity)

    def _uids(self, positions: Sequence[range]) -> list[range]:
        uids = self.view.uids
        return [range(uids[span.start], uids[span.stop - 1] + 1) for span in positions if len(span)]

    def _announce(self) -> None:
        """Tells the others; this worker has learnt it already."""
        index = self._index
        stale = index.stale
        self._account.announce(self._which.group_id)
        index.stale = stale


NOTHING = Told()


def _same_flags(old: Snapshot, new: Snapshot, uid: int) -> bool:
    was, there = old.position(uid), new.position(uid)
    if was is None or there is None:
        return False
    return old.flag_sets[old.flag_numbers[was]] == new.flag_sets[new.flag_numbers[there]]


def _changed(
    op: str, mask: int, words: list[str], may_mask: int, may_words: bool, old: int, held: str
) -> tuple[int, str]:
    """The new flags where these were held: what flags_after() and store_flags() of migrations/ do to a row."""
    if op == "+":
        return old | mask, " ".join(sorted({*held.split(), *words})) if words else held
    if op == "-":
        gone = {word.lower() for word in words}
        return old & ~mask, " ".join(word for word in held.split() if word.lower() not in gone) if words else held
    return (old & ~may_mask) | mask, " ".join(words) if may_words else held
