# SPDX-License-Identifier: MIT
"""What one client has been told of its mailbox, and what it still has to be told. Asks nobody: mail/index.py knows.

A client stands at one snapshot of the chain, and goes on only as it is told. What it may do is in mail/mailbox.py.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from imapd.mail.columns import grown, writable
from imapd.mail.index import Index
from imapd.mail.snapshot import COLUMNS, Snapshot


@dataclass(slots=True)
class Told:
    """What a session has to tell its client, in this order. expunged: sequence numbers, each as it is when it is told;
    vanished: the same messages by UID; flags_changed: positions; arrived: those of what others have brought."""

    expunged: list[int] = field(default_factory=list)
    vanished: list[int] = field(default_factory=list)
    exists: int | None = None
    recent: int | None = None
    keywords_changed: bool = False  # or what can be set here
    flags_changed: list[int] = field(default_factory=list)
    arrived: list[int] = field(default_factory=list)


NOTHING = Told()


class Tracker:
    r"""`view` is what the client has been told; pending() moves it on.

    claims: new messages are \Recent to this session, which takes them from all others. own_seen: it shows the \Seen of
    its own user, so that what other readers have seen is nothing to it.
    """

    __slots__ = (
        "_at", "_brought", "_early", "_flagged", "_index", "_keywords_told", "_mine", "_owed", "_own_seen", "_shown",
        "_told_messages", "claims", "is_ahead", "owes_flags", "recent_uids", "view",
    )  # fmt: skip

    def __init__(self, index: Index, at: Snapshot, *, claims: bool, own_seen: bool):
        self._index = index
        self._at = at  # where the client stands in the chain
        self._at.standing += 1
        self.view: Snapshot = at  # the same, or a copy of it with flags of its own
        self._shown = at.modseq  # the view has what has come and changed up to here
        self.is_ahead = False  # some modseqs of the view are above its own: an expunge that came before is not yet told
        self.claims = claims
        self.owes_flags = False  # what can be set here is something else since
        self.recent_uids: set[int] = set()
        self._own_seen = own_seen
        self._keywords_told = len(at.keywords)
        self._told_messages = len(at.uids)  # how many messages the client believes to be here
        self._early = 0  # so many messages at the end of the view the snapshot does not have yet
        self._brought: list[range] = []  # UIDs of messages that this session itself has put here
        self._mine: set[int] = set()  # modseqs of this session's own STOREs, until the view has passed them
        self._owed: Told | None = None
        self._flagged: set[int] = set()
        if index.unclaimed and claims:
            # Some of them may have been expunged before anybody saw them.
            self.recent_uids = {uid for uid in index.unclaimed if at.position(uid) is not None}
            index.unclaimed = set()

    def leave(self) -> None:
        """The client has gone."""
        self._at.leave()

    def stored(self, modseq: int) -> None:
        """The flags that this modseq has changed are told by the command that has changed them."""
        self._mine.add(modseq)

    def brought(self, uids: range) -> None:
        """This session itself has put these messages here."""
        self._brought.append(uids)

    @property
    def owes(self) -> bool:
        """The view is ahead of what the client has been told of it."""
        return self._owed is not None or self.owes_flags

    def pending(self, may_expunge: bool, past_expunges: bool = False) -> Told:
        """What the client has to be told now; the view moves on past it. past_expunges: what has come and what has
        changed is told also where an expunge before it may not be told yet."""
        if self._at.step is None and self._owed is None and not self.owes_flags:
            return NOTHING
        self._walk(may_expunge)
        if past_expunges and self._at.step is not None:
            self._show_newest()
        told, self._owed = self._owed or Told(), None
        told.arrived = self._arrived()
        told.exists = len(self.view.uids) if len(self.view.uids) != self._told_messages else None
        told.recent = len(self.recent_uids) if told.exists is not None else None
        self._told_messages = len(self.view.uids)
        told.flags_changed = sorted(at for uid in self._flagged if (at := self.view.position(uid)) is not None)
        self._flagged = set()
        # More than at any time before: a view with flags of its own is ahead of the snapshots that follow it.
        if len(self.view.keywords) > self._keywords_told or self.owes_flags:
            self._keywords_told = len(self.view.keywords)
            self.owes_flags = False
            told.keywords_changed = True
        return told

    def _arrived(self) -> list[int]:
        brought, self._brought = self._brought, []
        arrived = range(self._told_messages, len(self.view.uids))
        return [at for at in arrived if not any(self.view.uids[at] in uids for uids in brought)]

    def _walk(self, may_expunge: bool) -> None:
        """Goes along the chain as far as the client may be told, and gathers what it will be told."""
        told = self._owed = self._owed or Told()
        early = self._take_early() if may_expunge else []
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
            if self._own_seen:
                # Most are what other readers have seen, which is nothing to this one.
                flagged = (uid for uid in flagged if not _same_flags(self.view, step.snapshot, uid))
            self._flagged.update(flagged)
            left, self._at = self._at, step.snapshot
            self.view = self._at
            self._at.standing += 1
            left.leave()
            self.is_ahead = False
            self._shown = self._at.modseq
            if step.added:
                self._take_recent(step.added)
        self._mine.clear()
        for at, uid in reversed(list(enumerate(early, self._told_messages))):
            if self.view.position(uid) is None:
                self.recent_uids.discard(uid)
                told.expunged.append(at + 1)
                told.vanished.append(uid)
            else:
                self._told_messages += 1

    def _take_early(self) -> list[int]:
        """The UIDs of those that the client was told of before their turn. In the chain, they are still to come."""
        early = list(self.view.uids[len(self.view.uids) - self._early :])
        self._told_messages -= len(early)
        self._early = 0
        return early

    def _show_newest(self) -> None:
        """Where an expunge that may not be told yet stands in the way: the view gets what has come and what has changed
        after it, and keeps what is gone."""
        newest, since = self._index.newest, self._shown
        if newest is None or newest.modseq == since:
            return
        view = self._view_with_own_flags()
        for there in newest.changed_since(since):
            uid, number, modseq = newest.uids[there], newest.flag_numbers[there], newest.modseqs[there]
            if (at := view.position(uid)) is not None:
                if modseq not in self._mine and not (self._own_seen and view.flag_numbers[at] == number):
                    self._flagged.add(uid)
                view.flag_numbers[at], view.modseqs[at] = number, modseq
        first = bisect_left(newest.uids, view.uid_next)
        for name in COLUMNS:
            setattr(view, name, grown(getattr(view, name), getattr(newest, name)[first:]))
        self._early += len(newest.uids) - first
        view.keywords, view.uid_next = newest.keywords, newest.uid_next
        self.view, self.is_ahead, self._shown = view, True, newest.modseq
        self._take_recent(len(newest.uids) - first)

    def _view_with_own_flags(self) -> Snapshot:
        """A copy of the view; its flags can be changed, and have the numbers of the newest snapshot."""
        view = self.view.copy()
        view.flag_numbers, view.modseqs = writable(view.flag_numbers), writable(view.modseqs)
        self._index.renumber(view)
        return view

    def _take_recent(self, added: int) -> None:
        unclaimed = self._index.unclaimed
        if unclaimed and self.claims and added:
            taken = unclaimed.intersection(self.view.uids[-added:])
            unclaimed -= taken
            self.recent_uids |= taken

    def gone(self, positions: Sequence[range]) -> list[int]:
        """UIDs of those positions whose message is no more, which the client has not been told yet."""
        newest = self._index.newest
        if self._at.step is None or newest is None:
            return []
        uids = self.view.uids
        return [uids[at] for span in positions for at in span if newest.position(uids[at]) is None]

    def show_flags(self, positions: Sequence[range]) -> None:
        """Brings the flags that the view shows up to date, even where an expunge that may not be told yet stands in the
        way: then the view gets flags of its own."""
        self._walk(may_expunge=False)
        newest = self._index.newest
        if self._at.step is None or newest is None:
            return
        view = self._view_with_own_flags()
        view.keywords = newest.keywords
        for span in positions:
            for at in span:
                there = newest.position(view.uids[at])
                if there is not None:
                    view.flag_numbers[at] = newest.flag_numbers[there]
                    view.modseqs[at] = newest.modseqs[there]
        self.view = view
        self.is_ahead = True

    def flags_at(self, position: int) -> bytes:
        r"""The flags of a message as a list in parentheses, \Recent among them."""
        rendered = self.view.flag_bytes[self.view.flag_numbers[position]]
        if self.recent_uids and self.view.uids[position] in self.recent_uids:
            return b"(\\Recent)" if rendered == b"()" else b"(\\Recent " + rendered[1:]
        return rendered


def _same_flags(old: Snapshot, new: Snapshot, uid: int) -> bool:
    was, there = old.position(uid), new.position(uid)
    if was is None or there is None:
        return False
    return old.flag_sets[old.flag_numbers[was]] == new.flag_sets[new.flag_numbers[there]]
