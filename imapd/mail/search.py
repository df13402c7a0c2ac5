# SPDX-License-Identifier: MIT
"""Which messages of a view meet the criteria of mail/criteria.py. Reads no bodies: content was prepared on arrival.

A criterion is evaluated to a mask: an int with one octet per message, 1 or 0, so that AND, OR and NOT of a hundred
thousand messages are one operation each. All criteria that look into contents are answered by one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import compress
from typing import TYPE_CHECKING, Any, TypeVar

from imapd.errors import LimitReached
from imapd.mail.criteria import (
    DAY_SECONDS,
    EPOCH,
    All,
    And,
    Arrived,
    Content,
    HasFlag,
    Header,
    InternalDate,
    Keyword,
    Larger,
    ModSeq,
    Not,
    Or,
    Recent,
    SavedDate,
    SentDate,
    Sequence,
    Smaller,
    Text,
    Thread,
    all_leaves,
    content_leaves,
    test,
)
from imapd.mail.flags import BITS

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox
    from imapd.mail.snapshot import Snapshot

R = TypeVar("R")

AT_ONCE = 100_000
"""So many contents are looked into by one statement; of more, a client can be told how far it is."""
ANSWERS_AT_ONCE = 1_000_000
"""So many answers come back from it at most: ten search keys of 100,000 contents."""
MOST_ANSWERS = 20_000_000
"""An octet each, as long as the search lasts."""
NO, YES, UNDATED = range(3)
"""What is known of a content: the last, that it has no date to compare with."""
NO_PROGRESS = (None, None)

LOOKS_OF_A_MESSAGE = 40
"""So many looks at messages are counted as the work for one, where it is asked whether others would wait for it."""

COMPARE: dict[str, Callable[[int, int], bool]] = {
    "<": int.__lt__,
    "<=": int.__le__,
    "=": int.__eq__,
    ">=": int.__ge__,
}


def search(mailbox: Mailbox, criterion: Any) -> list[int]:
    """Positions of the messages that meet the criterion, ascending. One statement for 100,000 contents, and one
    for save dates."""
    evaluation = Evaluation(mailbox, mailbox.view)
    evaluation.look_at_save_dates(criterion)
    evaluation.look_into_contents(criterion)
    return evaluation.aside(evaluation.positions, criterion)


def among(mailbox: Mailbox, criterion: Any, positions: list[int]) -> list[int]:
    """search() of these positions (ascending) alone, by a criterion that is_of_each(). One statement."""
    if not positions:
        return []
    evaluation = Evaluation(mailbox, mailbox.view.part(positions))
    evaluation.look_into_contents(criterion)
    return list(compress(positions, evaluation.aside(evaluation.mask, criterion).to_bytes(len(positions), "little")))


class Evaluation:
    """One search over one view."""

    def __init__(self, mailbox: Mailbox, view: Snapshot):
        self.mailbox = mailbox
        self.view = view
        self.all = int.from_bytes(b"\x01" * len(view.uids), "little")
        self.saved_days: list[int | None] = []
        self.hits: dict[Any, bytearray] = {}  # leaf -> an octet for each content asked for: NO, YES or UNDATED
        self.places: list[int] = []  # for each message, where the octet of its content is

    def aside(self, work: Callable[[Any], R], criterion: Any) -> R:
        """Does what looks at each message as often as the criterion has parts; and for a day that takes ten times as
        long as for a flag."""
        looks = len(self.view.uids) * sum(1 for _ in all_leaves(criterion))
        return self.mailbox.aside(work, criterion, looks // LOOKS_OF_A_MESSAGE)

    def positions(self, criterion: Any) -> list[int]:
        """Of the view."""
        count = len(self.view.uids)
        return list(compress(range(count), self.mask(criterion).to_bytes(count, "little"))) if count else []

    def look_at_save_dates(self, criterion: Any) -> None:
        """Asks the store for them, where a criterion speaks of them."""
        if any(isinstance(leaf, SavedDate) for leaf in all_leaves(criterion)):
            seconds = self.mailbox.saved_at(range(len(self.view.uids)))
            self.saved_days = [None if at is None else at // DAY_SECONDS for at in seconds]

    def look_into_contents(self, criterion: Any) -> None:
        """Asks the store for all leaves that need content, of those messages only that can still match. Raises
        LimitReached where that would be too many answers."""
        leaves = list(dict.fromkeys(content_leaves(criterion)))
        if not leaves:
            return
        candidates = self.aside(self._candidates, criterion)
        ids = sorted(set(compress(self.view.content_ids, candidates.to_bytes(len(self.view.uids), "little"))))
        if len(ids) * len(leaves) > MOST_ANSWERS:
            raise LimitReached("Those are too many search keys for as many messages.")
        place_of = dict(zip(ids, range(len(ids)), strict=True))
        self.places = [place_of.get(content_id, len(ids)) for content_id in self.view.content_ids]
        self.hits = {leaf: bytearray(len(ids) + 1) for leaf in leaves}  # the last one: not asked for
        tests = [test(leaf) for leaf in leaves]
        at_once = min(AT_ONCE, ANSWERS_AT_ONCE // len(leaves))
        try:
            for start in range(0, len(ids), at_once):
                if len(ids) > at_once:
                    self.mailbox.progress = (start, len(ids))
                self._ask(ids[start : start + at_once], place_of, tests)
        finally:
            self.mailbox.progress = NO_PROGRESS

    def _candidates(self, criterion: Any) -> int:
        """Messages that may meet the criterion, as far as that is known without their contents."""
        candidates = self.all
        for part in criterion.criteria if isinstance(criterion, And) else ():
            if not any(content_leaves(part)):
                candidates &= self.mask(part)
        return candidates

    def _ask(self, ids: list[int], place_of: dict[int, int], tests: list[tuple[str, ...]]) -> None:
        hits = list(self.hits.values())
        for content_id, *answers in self.mailbox.matching(ids, tests):
            place = place_of[content_id]
            for octets, answer in zip(hits, answers, strict=True):
                if answer is not False:
                    octets[place] = YES if answer else UNDATED

    def mask(self, criterion: Any) -> int:
        return MASKS[type(criterion)](self, criterion)

    def of(self, octets: bytes | bytearray) -> int:
        return int.from_bytes(octets, "little")

    def _and(self, criterion: And) -> int:
        found = self.all
        for part in criterion.criteria:
            found &= self.mask(part)
        return found

    def _or(self, criterion: Or) -> int:
        return self.mask(criterion.first) | self.mask(criterion.second)

    def _not(self, criterion: Not) -> int:
        return self.all ^ self.mask(criterion.criterion)

    def _sequence(self, criterion: Sequence) -> int:
        octets = bytearray(len(self.view.uids))
        for positions in criterion.messages.positions(self.view.uids, criterion.by_uid):
            octets[positions.start : positions.stop] = b"\x01" * len(positions)
        return self.of(octets)

    def _flag(self, criterion: HasFlag) -> int:
        bit = BITS[criterion.flag]
        return self._by_flags([bool(mask & bit) for mask, _ in self.view.flag_sets])

    def _keyword(self, criterion: Keyword) -> int:
        word = criterion.keyword.lower()
        return self._by_flags([word in words.lower().split(" ") for _, words in self.view.flag_sets])

    def _by_flags(self, table: list[bool]) -> int:
        return self.of(bytes(map(table.__getitem__, self.view.flag_numbers)))

    def _recent(self, criterion: Recent) -> int:
        recent = self.mailbox.recent_uids
        return self.of(bytes(map(recent.__contains__, self.view.uids))) if recent else 0

    def _internal_date(self, criterion: InternalDate) -> int:
        compare, day = COMPARE[criterion.op], criterion.date.toordinal() - EPOCH
        return self.of(bytes(compare(d, day) for d in self._days()))

    def _days(self) -> Iterator[int]:
        """The date of each message in its own zone, in days since 1970."""
        return ((at + zone * 60) // DAY_SECONDS for at, zone in zip(self.view.dates, self.view.zones, strict=False))

    def _arrived(self, criterion: Arrived) -> int:
        compare, seconds = COMPARE[criterion.op], criterion.seconds
        return self.of(bytes(compare(at, seconds) for at in self.view.dates))

    def _saved(self, criterion: SavedDate) -> int:
        compare, day = COMPARE[criterion.op], criterion.date.toordinal() - EPOCH
        return self.of(bytes(d is not None and compare(d, day) for d in self.saved_days))

    def _sent(self, criterion: SentDate) -> int:
        hits = self.hits[criterion]
        octets = bytearray(map(hits.__getitem__, self.places))
        if UNDATED in hits:
            compare, day = COMPARE[criterion.op], criterion.date.toordinal() - EPOCH
            for position, internal in enumerate(self._days()):
                if octets[position] == UNDATED:
                    octets[position] = compare(internal, day)
        return self.of(octets)

    def _content(self, criterion: Text | Header | Thread) -> int:
        return self.of(bytes(map(self.hits[criterion].__getitem__, self.places)))

    def _content_id(self, criterion: Content) -> int:
        return self.of(bytes(map(criterion.content_id.__eq__, self.view.content_ids)))

    def _larger(self, criterion: Larger) -> int:
        return self.of(bytes(map(criterion.octets.__lt__, self.view.sizes)))

    def _smaller(self, criterion: Smaller) -> int:
        return self.of(bytes(map(criterion.octets.__gt__, self.view.sizes)))

    def _modseq(self, criterion: ModSeq) -> int:
        return self.of(bytes(map(criterion.modseq.__le__, self.view.modseqs)))


MASKS: dict[type, Callable[[Evaluation, Any], int]] = {
    All: lambda evaluation, criterion: evaluation.all,
    And: Evaluation._and,
    Or: Evaluation._or,
    Not: Evaluation._not,
    Sequence: Evaluation._sequence,
    HasFlag: Evaluation._flag,
    Keyword: Evaluation._keyword,
    Recent: Evaluation._recent,
    InternalDate: Evaluation._internal_date,
    Arrived: Evaluation._arrived,
    SavedDate: Evaluation._saved,
    SentDate: Evaluation._sent,
    Larger: Evaluation._larger,
    Smaller: Evaluation._smaller,
    ModSeq: Evaluation._modseq,
    Text: Evaluation._content,
    Header: Evaluation._content,
    Content: Evaluation._content_id,
    Thread: Evaluation._content,
}
