# SPDX-License-Identifier: MIT
"""What a worker knows of a view of messages: loaded once, packed, shared by its sessions, kept current by modseq.

Knowledge is a chain of snapshots, see snapshot.py. Here its newest link is made; a session finds its own way along it.
"""

import threading
import time
import weakref
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import compress
from operator import ne
from typing import Any

from imapd.mail.columns import Column, grown, writable
from imapd.mail.content_rows import ContentRows
from imapd.mail.snapshot import COLUMNS, FlagSets, Snapshot, Step, runs
from imapd.storage import messages
from imapd.storage.messages import News, Stored, View, ranges

MOST_FLAG_SETS = 1000
"""From here on sets of flags that no message has any more are forgotten: else a client could make ever new ones."""


class Index:
    """The newest snapshot of a view, and how it is brought up to date."""

    def __init__(self, database: Any, view: View):
        self.view = view
        self.newest: Snapshot | None = None
        self.gone = False  # the folder is no more
        self.sessions = 0  # that have it selected
        self.watch: Any = None  # what the wake-ups know it by
        self.stale = False  # somebody said that something happened
        self.unclaimed: set[int] = set()  # \Recent here, and no session of this worker has taken it yet
        self.watchers: dict[Any, Callable[[], None]] = {}
        self._sets = FlagSets()
        self._database = database
        self._checked_at = 0.0
        self._claimed_to = 0
        self._lock = threading.Lock()

    @property
    def known(self) -> int:
        return self.newest.modseq if self.newest else 0

    def woken(self) -> None:
        """Something happened in the group: whoever waits shall look."""
        self.stale = True
        for wake in list(self.watchers.values()):
            wake()

    def refresh(self, since: float | None = None, claiming: bool = False) -> None:
        """Asks what is new. since: not if a check that began later has ended; None: only where a wake-up came.

        One check serves all who asked before it began. claiming: new messages are \\Recent for this worker's sessions.
        """
        if since is None and not self.stale and not self._lock.locked():
            return
        asked = since if since is not None else time.monotonic()
        with self._lock:
            # Whoever held the lock has looked after the wake-up that we came for: what they have learnt is the answer.
            if since is None and not self.stale:
                return
            if self.newest is not None and self._checked_at > asked:
                return
            began = time.monotonic()
            self.stale = False
            try:
                claimed_to = self._claimed_to if claiming else None
                news, recent = messages.news_since(self._database, self.view, self.known, claimed_to)
            except BaseException:
                self.stale = True
                raise
            self.learn(news)
            if recent is not None:
                self._claimed_to = news.uid_next
                self.unclaimed.update(recent)
            self._checked_at = began

    def learn(self, news: News) -> None:
        """Takes news that began at a modseq known here, in whatever order several of them arrive."""
        old = self.newest
        if news.modseq is None:
            self.gone = True
            if old is not None and len(old.uids):
                every = list(range(len(old.uids)))
                self._advance(every, [], 0, old.modseq, old.uid_next, old.keywords, self._columns())
        elif old is None:
            columns = self._columns()
            self._extend(columns, news, 0)
            self.newest = Snapshot(news.modseq, news.uid_next, news.keywords, self._sets, columns)
        elif news.modseq > old.modseq:
            self._merge(old, news)

    def learn_stored(
        self, stored: Stored, asked: Iterable[range], changed: Callable[[int, str], tuple[int, str]]
    ) -> None:
        """Takes a STORE of this worker on the UIDs `asked`. Where nothing else happened in between, `changed` tells the
        new flags of each old set, and no row had to travel."""
        old = self.newest
        if stored.news.whole is not None or stored.modseq is None or old is None:
            self.learn(stored.news)
        elif old.modseq == stored.modseq - 1:
            table: dict[int, int] = {}
            columns = old.columns()
            columns["flag_numbers"] = numbers = writable(old.flag_numbers)
            columns["modseqs"] = modseqs = writable(old.modseqs)
            flagged: list[int] = []
            for span in map(old.span, ranges(stored.changed) if stored.refused else asked):
                part = old.flag_numbers[span.start : span.stop]
                there = set(part)
                for number in there.difference(table):
                    table[number] = self._sets[changed(*old.flag_sets[number])]
                new = array("I", map(table.__getitem__, part))
                numbers[span.start : span.stop] = new
                if all(number != table[number] for number in there):  # of every message: no need to look at each
                    modseqs[span.start : span.stop] = array("Q", [stored.modseq]) * len(span)
                    flagged += old.uids[span.start : span.stop]
                    continue
                for at in compress(span, map(ne, part, new)):
                    modseqs[at] = stored.modseq
                    flagged.append(old.uids[at])
            news = stored.news
            self._advance([], [(stored.modseq, flagged)], 0, stored.modseq, news.uid_next, news.keywords, columns)

    def _merge(self, old: Snapshot, news: News) -> None:
        columns = old.columns()
        uids = news.uids or []
        first_new = bisect_left(uids, old.uid_next)
        if news.whole:
            there = set(uids)
            expunged = [at for at, uid in enumerate(old.uids) if uid not in there]
        else:
            expunged = [at for span in map(old.span, ranges(news.expunged)) for at in span]
        changed = self._rewrite(old, columns, news, first_new) if first_new else []
        if expunged:
            _cut(columns, expunged)
        added = len(uids) - first_new
        if added:
            self._extend(columns, news, first_new)
        # Where it is not known which change did what, all is told: 0 is no modseq of a session's own.
        flagged = [(0, changed)] if news.whole else _flagged(old, news)
        self._advance(expunged, flagged, added, news.modseq or 0, news.uid_next, news.keywords, columns)

    def _rewrite(self, old: Snapshot, columns: dict[str, Column], news: News, count: int) -> list[int]:
        """Puts the first `count` rows of the news in their places; returns the UIDs with a modseq newer than known."""
        assert news.uids and news.flags and news.words and news.modseqs
        changed = []
        columns["flag_numbers"] = numbers = writable(old.flag_numbers)
        columns["modseqs"] = modseqs = writable(old.modseqs)
        rows = zip(news.uids[:count], news.flags, news.words, news.modseqs, strict=False)
        for uid, mask, words, modseq in rows:
            at = old.position(uid)
            if at is not None:
                numbers[at] = self._sets[mask, words]
                modseqs[at] = modseq
                if modseq > old.modseq:
                    changed.append(uid)
        return changed

    def _extend(self, columns: dict[str, Column], news: News, first: int) -> None:
        if not news.uids:
            return
        assert news.flags and news.words and news.modseqs and news.content_ids
        assert news.sizes and news.dates and news.zones
        sets = zip(news.flags[first:], news.words[first:], strict=True)
        more = {
            "uids": news.uids[first:], "flag_numbers": array("I", map(self._sets.__getitem__, sets)),
            "modseqs": news.modseqs[first:], "content_ids": news.content_ids[first:], "sizes": news.sizes[first:],
            "dates": news.dates[first:], "zones": news.zones[first:],
        }  # fmt: skip
        for name in COLUMNS:
            columns[name] = grown(columns[name], more[name])

    def _columns(self) -> dict[str, Column]:
        return {name: array(typecode) for name, typecode in COLUMNS.items()}

    def _advance(
        self,
        expunged: list[int],
        flagged: list[tuple[int, list[int]]],
        added: int,
        modseq: int,
        uid_next: int,
        keywords: list[str],
        columns: dict[str, Column],
    ) -> None:
        assert self.newest is not None
        if len(self._sets.sets) > MOST_FLAG_SETS:
            self._forget_flag_sets(columns)
        old, self.newest = self.newest, Snapshot(modseq, uid_next, keywords, self._sets, columns)
        old.step = Step(expunged, flagged, added, self.newest)
        self.newest.former = weakref.ref(old)
        old.bridge()

    def _forget_flag_sets(self, columns: dict[str, Column]) -> None:
        """Numbers the sets of flags anew from the next snapshot on, where few of them are still in use."""
        used = set(columns["flag_numbers"])
        if 2 * len(used) <= len(self._sets.sets):
            former, self._sets = self._sets, FlagSets()
            table = {number: self._sets[former.sets[number]] for number in used}
            columns["flag_numbers"] = array("I", map(table.__getitem__, columns["flag_numbers"]))

    def renumber(self, view: Snapshot) -> None:
        """Gives a copy of an older snapshot the numbers of the newest one for its sets of flags."""
        if view.flag_sets is not self._sets.sets:
            table = {number: self._sets[view.flag_sets[number]] for number in set(view.flag_numbers)}
            view.flag_numbers = array("I", map(table.__getitem__, view.flag_numbers))
            view.flag_sets, view.flag_bytes = self._sets.sets, self._sets.rendered


def _flagged(old: Snapshot, news: News) -> list[tuple[int, list[int]]]:
    """What each change after the known modseq re-flagged, of the messages that were there."""
    changes = zip(news.change_modseqs or (), news.change_flagged or (), strict=True)
    return [
        (modseq, [uid for span in map(old.span, ranges(text)) for uid in old.uids[span.start : span.stop]])
        for modseq, text in changes
        if modseq > old.modseq and text != "{}"
    ]


def _cut(columns: dict[str, Column], positions: list[int]) -> None:
    """Leaves out positions (ascending), run by run."""
    spans = runs(positions)
    for name in COLUMNS:
        columns[name] = column = writable(columns[name])
        for span in reversed(spans):
            del column[span.start : span.stop]


Key = tuple[View, int]
"""A view and its UIDVALIDITY: a folder that was made anew has nothing in common with the former one."""


class Indexes:
    """The indexes of a worker: those in use, and of the others those used last, up to a number of messages; and the
    rows of `contents` that were read last."""

    def __init__(self, database: Any, wakeups: Any, most_idle_messages: int = 500_000):
        self._database = database
        self._wakeups = wakeups
        self._most = most_idle_messages
        self._used: dict[Key, Index] = {}
        self._idle: OrderedDict[Key, Index] = OrderedDict()
        self._idle_weight = 0
        self.content_rows = ContentRows()

    def acquire(self, view: View, uid_validity: int) -> Index:
        """The index of a view for one session, until it is released."""
        key = (view, uid_validity)
        index = self._used.get(key)
        if index is None:
            index = self._idle.pop(key, None)
            if index is None:
                index = Index(self._database, view)
            else:
                self._idle_weight -= weight(index)
            index.stale = False  # true again where something happened that nobody has heard of
            index.watch = self._wakeups.watch(view.organization_id, view.group_id, index.woken)
            self._used[key] = index
        index.sessions += 1
        return index

    def release(self, view: View, uid_validity: int) -> None:
        key = (view, uid_validity)
        index = self._used[key]
        index.sessions -= 1
        if index.sessions:
            return
        del self._used[key]
        self._wakeups.unwatch(index.watch)
        if index.newest is not None and not index.gone:
            self._idle[key] = index
            self._idle_weight += weight(index)
            while self._idle_weight > self._most:
                self._idle_weight -= weight(self._idle.popitem(last=False)[1])


def weight(index: Index) -> int:
    """What an idle index counts for: its messages, and something for being there."""
    return len(index.newest.uids) + 100 if index.newest else 100
