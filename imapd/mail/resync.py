# SPDX-License-Identifier: MIT
"""What a client that remembers a modseq has missed (RFC 7162). Pure: what the change log says comes in, UIDs go out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from imapd.mail.snapshot import runs

if TYPE_CHECKING:
    from imapd.mail.snapshot import Snapshot

MOST_RANGES = 1000
"""From here on ranges of UIDs that have no message between them are told as one."""


def changed(view: Snapshot, positions: Iterable[range], modseq: int) -> list[range]:
    """Those of the positions whose message has changed after the modseq."""
    modseqs = view.modseqs
    return runs(
        at
        for span in positions
        for at, changed_at in enumerate(modseqs[span.start : span.stop], span.start)
        if changed_at > modseq
    )


def vanished(view: Snapshot, expunged: Sequence[range] | None, known: Iterable[range] | None) -> list[range]:
    """Which UIDs of `known` (None: of all) a client must forget. expunged: those that the change log names, ascending;
    None where it does not reach back so far: then it is all that the view has not.

    Where the log names many, what lies between them and was never here, or not since long ago, goes with them.
    """
    if expunged is None:
        expunged = list(gaps(view))
    elif len(expunged) > MOST_RANGES:
        expunged = _widened(view, expunged)
    return list(expunged) if known is None else list(common(expunged, known))


def gaps(view: Snapshot) -> Iterator[range]:
    """The UIDs below UIDNEXT that no message of the view has."""
    low = 1
    for run in runs(view.uids):
        if low < run.start:
            yield range(low, run.start)
        low = run.stop
    if low < view.uid_next:
        yield range(low, view.uid_next)


def _widened(view: Snapshot, expunged: Iterable[range]) -> list[range]:
    """Each gap that an expunged UID lies in: no more of them than there are messages, and one."""
    found: list[range] = []
    uids = view.uids
    for span in expunged:
        if found and span.start < found[-1].stop:
            continue
        at = bisect_left(uids, span.start)
        low = uids[at - 1] + 1 if at else 1
        found.append(range(low, uids[at] if at < len(uids) else view.uid_next))
    return found


def common(some: Iterable[range], others: Iterable[range]) -> Iterator[range]:
    """What two ascending lists of ranges have in common."""
    rest = iter(others)
    other = next(rest, None)
    for span in some:
        while other is not None and other.start < span.stop:
            low, high = max(span.start, other.start), min(span.stop, other.stop)
            if low < high:
                yield range(low, high)
            if other.stop > span.stop:
                break
            other = next(rest, None)


def agreed_to(uids: Sequence[int], numbers: Iterable[range], known: Iterable[range]) -> int:
    """The last UID at which a client's sequence numbers are still right; 0 where none is. Both have equally many.

    A message that has kept its number has lost none before it, so all up to there are as the client knows them.
    """
    agreed = 0
    for number, uid, count in _pairs(numbers, known):
        # The UIDs of the view grow at least as fast as the client's: the last that is not larger is equal, or none is.
        low, high = 0, min(count, len(uids) - number + 1)
        while low < high:
            middle = (low + high) // 2
            if uids[number + middle - 1] <= uid + middle:
                low = middle + 1
            else:
                high = middle
        if low and uids[number + low - 2] == uid + low - 1:
            agreed = max(agreed, uid + low - 1)
    return agreed


def _pairs(numbers: Iterable[range], uids: Iterable[range]) -> Iterator[tuple[int, int, int]]:
    """Where both count on side by side: the first number, the first UID, and how many."""
    rest = iter(uids)
    uid = range(0)
    for number in numbers:
        while number:
            uid = uid or next(rest, range(0))
            if not uid:
                return
            count = min(len(number), len(uid))
            yield number.start, uid.start, count
            number, uid = number[count:], uid[count:]
