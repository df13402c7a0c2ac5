# SPDX-License-Identifier: MIT
"""A view of messages at one moment, and the chain that such moments form. Asks nobody.

Snapshots never change. Each session stands at the snapshot that its client has been told of and walks on along the
steps; a snapshot that nobody stands at any more is bridged, or garbage. So sessions share one copy, need no locks, and
sequence numbers are each session's own.
"""

import weakref
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from heapq import merge
from itertools import compress

from imapd.mail import flags
from imapd.mail.columns import Column

COLUMNS = {
    "uids": "I", "flag_numbers": "I", "modseqs": "Q", "content_ids": "Q", "sizes": "Q", "dates": "q", "zones": "h",
}  # fmt: skip
"""By their name, the type of their numbers."""


class FlagSets(dict[tuple[int, str], int]):
    """The distinct sets of flags of an index, each a mask and keywords, numbered: a message's flags are one small
    number. Who asks for the number of a new one gives it one."""

    __slots__ = ("rendered", "sets")

    def __init__(self) -> None:
        self.sets: list[tuple[int, str]] = []
        self.rendered: list[bytes] = []

    def __missing__(self, key: tuple[int, str]) -> int:
        self.rendered.append(b"(%b)" % flags.written(*key).encode())
        self.sets.append(key)
        self[key] = number = len(self.sets) - 1
        return number


class Snapshot:
    """A view at one modseq: columns in order of UID. `step` leads to the next one, once there is one.

    Whoever comes to stand here counts in `standing`, and calls leave() as he goes on.
    """

    _KNOWS = (*COLUMNS, "flag_bytes", "flag_sets", "keywords", "modseq", "uid_next")
    __slots__ = (*_KNOWS, "__weakref__", "former", "standing", "step")

    uids: Column
    flag_numbers: Column
    modseqs: Column
    content_ids: Column
    sizes: Column
    dates: Column
    zones: Column

    def __init__(self, modseq: int, uid_next: int, keywords: list[str], sets: FlagSets, columns: dict[str, Column]):
        self.modseq = modseq
        self.uid_next = uid_next
        self.keywords = keywords
        self.flag_sets = sets.sets
        self.flag_bytes = sets.rendered
        self.step: Step | None = None
        self.former: weakref.ref[Snapshot] | None = None  # whose step leads here
        self.standing = 0
        for name in COLUMNS:
            setattr(self, name, columns[name])

    def leave(self) -> None:
        self.standing -= 1
        self.bridge()

    def bridge(self) -> None:
        """Where nobody stands here, but somebody at an earlier snapshot, the step to this one becomes a step past it:
        however far a session lags behind, the snapshots between are not kept for it. Only what it may be told now and
        what has to wait for an expunge stay two steps."""
        former = self.former() if self.former else None
        if self.standing or self.step is None or former is None or former.step is None:
            return
        if former.step.expunged or not self.step.expunged:
            former.step.join(self.step, len(former.uids))
            self.step.snapshot.former = self.former

    def copy(self) -> "Snapshot":
        """One that is in no chain."""
        made = Snapshot.__new__(Snapshot)
        for name in self._KNOWS:
            setattr(made, name, getattr(self, name))
        return made

    def part(self, positions: Iterable[int]) -> "Snapshot":
        """One that is in no chain and has these messages alone."""
        chosen, made = list(positions), self.copy()
        for name, typecode in COLUMNS.items():
            setattr(made, name, array(typecode, map(getattr(self, name).__getitem__, chosen)))
        return made

    def changed_since(self, modseq: int) -> list[int]:
        """Positions of the messages with a higher modseq: the new ones, and those whose flags have changed."""
        return list(compress(range(len(self.uids)), map(modseq.__lt__, self.modseqs)))

    def columns(self) -> dict[str, Column]:
        return {name: getattr(self, name) for name in COLUMNS}

    def position(self, uid: int) -> int | None:
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else None

    def span(self, uids: range) -> range:
        """The positions of a range of UIDs."""
        low = bisect_left(self.uids, uids.start)
        return range(low, bisect_left(self.uids, uids.stop, low))


class Step:
    """From one snapshot to the next. expunged: positions in the former, ascending; flagged: UIDs by the modseq of the
    change; added: how many came."""

    __slots__ = ("_weight", "added", "expunged", "flagged", "snapshot")

    def __init__(self, expunged: list[int], flagged: list[tuple[int, list[int]]], added: int, snapshot: Snapshot):
        self.expunged = expunged
        self.flagged = flagged
        self.added = added
        self.snapshot = snapshot
        self._weight = sum(len(uids) for _, uids in flagged)

    def join(self, follower: "Step", count: int) -> None:
        """Becomes this step and the one after it. count: how many messages there are where this one begins."""
        gone = self.expunged
        old = bisect_left(follower.expunged, count - len(gone))  # the others that it expunges have come with this one
        if old:
            shifted = [at - number for number, at in enumerate(gone)]
            self.expunged = list(merge(gone, (at + bisect_right(shifted, at) for at in follower.expunged[:old])))
        self.added += follower.added - (len(follower.expunged) - old)
        self.snapshot = there = follower.snapshot
        self.flagged.extend(follower.flagged)
        self._weight += follower._weight
        if self._weight > 2 * len(there.uids) + 1000:  # whose change each was is forgotten
            every = {uid for _, uids in self.flagged for uid in uids}
            self.flagged = [(0, [uid for uid in there.uids if uid in every])]
            self._weight = len(self.flagged[0][1])


def runs(numbers: Iterable[int]) -> list[range]:
    """Ascending numbers as ranges."""
    found: list[range] = []
    low = high = -2
    for number in numbers:
        if number == high + 1:
            high = number
            continue
        if high >= 0:
            found.append(range(low, high + 1))
        low = high = number
    if high >= 0:
        found.append(range(low, high + 1))
    return found
