# SPDX-License-Identifier: MIT
"""Search criteria as values. Which messages meet them is found in mail/search.py."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from imapd.mail.folding import fold

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


OF_THE_WHOLE = (Sequence, Arrived, SavedDate)
"""What may become true or false of a message that has not changed, or needs the whole view to be answered."""


def is_of_each(criterion: Any) -> bool:
    """Whether a message that has not changed meets the criterion as it did before."""
    return not any(isinstance(leaf, OF_THE_WHOLE) for leaf in all_leaves(criterion))


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
