# SPDX-License-Identifier: MIT
"""Search criteria as values, and which messages of a view meet them. Reads no bodies: content was prepared on arrival.

A criterion is evaluated to a mask: an int with one octet per message, 1 or 0, so that AND, OR and NOT of a hundred
thousand messages are one operation each. All criteria that look into contents are answered by one statement.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

from imapd.mail.flags import BITS
from imapd.mail.folding import fold

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox
    from imapd.mail.snapshot import Snapshot

EPOCH = datetime.date(1970, 1, 1).toordinal()
DAY_SECONDS = 86400


@dataclass(frozen=True, slots=True)
class All:
    pass


@dataclass(frozen=True, slots=True)
class And:
    criteria: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Or:
    first: Any
    second: Any


@dataclass(frozen=True, slots=True)
class Not:
    criterion: Any


@dataclass(frozen=True, slots=True)
class Sequence:
    """messages.positions(uids, by_uid) gives ascending ranges of positions."""

    messages: Any
    by_uid: bool


@dataclass(frozen=True, slots=True)
class HasFlag:
    r"""flag: '\Seen' …"""

    flag: str


@dataclass(frozen=True, slots=True)
class Keyword:
    keyword: str


@dataclass(frozen=True, slots=True)
class Recent:
    pass


@dataclass(frozen=True, slots=True)
class InternalDate:
    """op: '<', '=' or '>='; time and zone of the message are disregarded (RFC 3501 section 6.4.4)."""

    op: str
    date: datetime.date


@dataclass(frozen=True, slots=True)
class Arrived:
    """RFC 5032: op '>=' (YOUNGER) or '<=' (OLDER) than an instant, in seconds since 1970."""

    op: str
    seconds: int


@dataclass(frozen=True, slots=True)
class SavedDate:
    """RFC 8514: by when the message came into the mailbox, in UTC."""

    op: str
    date: datetime.date


@dataclass(frozen=True, slots=True)
class SentDate:
    """By the Date: field; a message without a readable one is taken at its internal date."""

    op: str
    date: datetime.date


@dataclass(frozen=True, slots=True)
class Larger:
    octets: int


@dataclass(frozen=True, slots=True)
class Smaller:
    octets: int


@dataclass(frozen=True, slots=True)
class ModSeq:
    """RFC 7162: changed at or after this modseq."""

    modseq: int


@dataclass(frozen=True, slots=True)
class Text:
    """field: subject, from, to, cc, bcc, body or text (header and body)."""

    field: str
    needle: str


@dataclass(frozen=True, slots=True)
class Header:
    """A needle within a named field; an empty one asks whether the field is there."""

    name: str
    needle: str


@dataclass(frozen=True, slots=True)
class Content:
    """RFC 8474: the message whose content has this id."""

    content_id: int


@dataclass(frozen=True, slots=True)
class Thread:
    """RFC 8474: the messages of a thread."""

    thread_id: int


AT_ONCE = 100_000
"""So many contents are looked into by one statement; of more, a client can be told how far it is."""
NO_PROGRESS = (None, None)

COMPARE: dict[str, Callable[[int, int], bool]] = {
    "<": int.__lt__,
    "<=": int.__le__,
    "=": int.__eq__,
    ">=": int.__ge__,
}


def search(mailbox: Mailbox, criterion: Any) -> list[int]:
    """Positions of the messages that meet the criterion, ascending. One statement for 100,000 contents, and one
    for save dates."""
    view = mailbox.view
    count = len(view.uids)
    evaluation = Evaluation(mailbox, view)
    evaluation.look_into_contents(criterion)
    return list(compress(range(count), evaluation.mask(criterion).to_bytes(count, "little"))) if count else []


OF_THE_WHOLE = (Sequence, Arrived, SavedDate)
"""What may become true or false of a message that has not changed, or needs the whole view to be answered."""


def is_of_each(criterion: Any) -> bool:
    """Whether a message that has not changed meets the criterion as it did before."""
    return not any(isinstance(leaf, OF_THE_WHOLE) for leaf in all_leaves(criterion))


def among(mailbox: Mailbox, criterion: Any, positions: list[int]) -> list[int]:
    """search() of these positions (ascending) alone, by a criterion that is_of_each(). One statement."""
    if not positions:
        return []
    evaluation = Evaluation(mailbox, mailbox.view.part(positions))
    evaluation.look_into_contents(criterion)
    return list(compress(positions, evaluation.mask(criterion).to_bytes(len(positions), "little")))


class Evaluation:
    """One search over one view."""

    def __init__(self, mailbox: Mailbox, view: Snapshot):
        self.mailbox = mailbox
        self.view = view
        self.all = int.from_bytes(b"\x01" * len(view.uids), "little")
        self.saved_days: list[int | None] | None = None
        self.hits: dict[Any, dict[int, bool | None]] = {}  # leaf -> content id -> does it match; None: it has no date

    def look_into_contents(self, criterion: Any) -> None:
        """Asks the store for all leaves that need content, of those messages only that can still match."""
        leaves = list(dict.fromkeys(content_leaves(criterion)))
        if not leaves:
            return
        candidates = self.all
        for part in criterion.criteria if isinstance(criterion, And) else ():
            if not any(content_leaves(part)):
                candidates &= self.mask(part)
        tests = [test(leaf) for leaf in leaves]
        self.hits = {leaf: {} for leaf in leaves}
        ids = sorted(set(compress(self.view.content_ids, candidates.to_bytes(len(self.view.uids), "little"))))
        try:
            for start in range(0, len(ids), AT_ONCE):
                if len(ids) > AT_ONCE:
                    self.mailbox.progress = (start, len(ids))
                self._ask(ids[start : start + AT_ONCE], leaves, tests)
        finally:
            self.mailbox.progress = NO_PROGRESS

    def _ask(self, ids: list[int], leaves: list[Any], tests: list[tuple[str, ...]]) -> None:
        for content_id, *answers in self.mailbox.matching(ids, tests):
            for leaf, answer in zip(leaves, answers, strict=True):
                if answer is not False:
                    self.hits[leaf][content_id] = answer

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
        if self.saved_days is None:
            seconds = self.mailbox.saved_at(range(len(self.view.uids)))
            self.saved_days = [None if at is None else at // DAY_SECONDS for at in seconds]
        compare, day = COMPARE[criterion.op], criterion.date.toordinal() - EPOCH
        return self.of(bytes(d is not None and compare(d, day) for d in self.saved_days))

    def _sent(self, criterion: SentDate) -> int:
        compare, day = COMPARE[criterion.op], criterion.date.toordinal() - EPOCH
        hits = self.hits[criterion]
        octets = bytearray(map(bool, map(hits.get, self.view.content_ids)))
        if None in hits.values():
            for position, (content_id, internal) in enumerate(zip(self.view.content_ids, self._days(), strict=False)):
                if content_id in hits and hits[content_id] is None:
                    octets[position] = compare(internal, day)
        return self.of(octets)

    def _content(self, criterion: Text | Header | Thread) -> int:
        return self.of(bytes(map(self.hits[criterion].__contains__, self.view.content_ids)))

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


def all_leaves(criterion: Any) -> Iterator[Any]:
    """The criteria below this one that ask something of a message. Depth is bounded by the parser."""
    match criterion:
        case And(criteria):
            for part in criteria:
                yield from all_leaves(part)
        case Or(first, second):
            yield from all_leaves(first)
            yield from all_leaves(second)
        case Not(inner):
            yield from all_leaves(inner)
        case _:
            yield criterion


def content_leaves(criterion: Any) -> Iterator[Any]:
    """Those of them that only contents can answer."""
    return (leaf for leaf in all_leaves(criterion) if isinstance(leaf, (Text, Header, SentDate, Thread)))


def test(leaf: Text | Header | SentDate | Thread) -> tuple[str, ...]:
    """A leaf as storage.contents.matching() takes it: the kind of test and what it compares with."""
    match leaf:
        case Text(field, needle):
            return (field, fold(needle))
        case Header(name, needle):
            return ("header", fold(name), fold(needle))
        case SentDate(op, date):
            return ("sent", op, str(date.toordinal() - EPOCH))
        case Thread(thread_id):
            return ("thread", str(thread_id))
    raise TypeError(leaf)
