# SPDX-License-Identifier: MIT
"""Messages: what is new in a view, and the commands that change messages. Each function is one round trip.

The work is done by the functions of migrations/ 0005 and 0009 to 0011; what may be done is decided in mail/.
"""

import re
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from imapd.storage.pool import Database
from imapd.storage.prepared import Prepared

RANGE = re.compile(r"\[(\d+),(\d+)\)")
LAST_UID = 4294967295
DELETED, SEEN = 4, 8  # as messages.flags has them


class View(NamedTuple):
    r"""A folder group as one looks at it: whole (folder_id None), or one folder of it. reader: whose \Seen it shows,
    where that is not the owner's."""

    organization_id: int
    group_id: int
    folder_id: int | None
    reader: int | None = None

    @property
    def messages(self) -> tuple[int, int, int | None]:
        """Which messages are in it."""
        return self.organization_id, self.group_id, self.folder_id


class News(NamedTuple):
    """Type `news` of the schema. What is empty is None; rows are in order of uid."""

    modseq: int | None
    uid_next: int
    keywords: list[str]
    whole: bool | None
    change_modseqs: list[int] | None
    change_flagged: list[str] | None
    expunged: str | None
    uids: Sequence[int] | None
    modseqs: Sequence[int] | None
    flags: Sequence[int] | None
    words: Sequence[str] | None
    content_ids: Sequence[int] | None
    sizes: Sequence[int] | None
    dates: Sequence[int] | None
    zones: Sequence[int] | None

    @classmethod
    def of(cls, row: Sequence[Any]) -> "News":
        """From the columns as they come from the database. What numbers they hold is typed as in mail/snapshot.py."""
        *changes, uids, modseqs, flags, words, content_ids, sizes, dates, zones = row
        if uids is None:
            return cls._make(row)
        return cls._make((
            *changes, _unpacked("I", uids), _unpacked("Q", modseqs), _unpacked("I", flags), words.split("\n"),
            _unpacked("Q", content_ids), _unpacked("Q", sizes), _unpacked("q", dates), _unpacked("h", zones),
        ))  # fmt: skip


class FlagChange(NamedTuple):
    """What a STORE does to flags. op: '+', '-', or '=' within may_mask and, where may_words, for keywords.

    Masks are bits of messages.flags, words are keywords.
    """

    op: str
    mask: int
    words: list[str]
    may_mask: int
    may_words: bool

    def spelled(self, keywords: Iterable[str]) -> "FlagChange":
        """With keywords as the group spells them."""
        spelling = {word.lower(): word for word in keywords}
        return self._replace(words=sorted(spelling.get(word.lower(), word) for word in self.words))

    def after(self, held: int, held_words: str) -> tuple[int, str]:
        """The flags that it leaves where these were held: what store_flags() of migrations/ does to a row."""
        op, mask, words, may_mask, may_words = self
        if op == "+":
            return held | mask, " ".join(sorted({*held_words.split(), *words})) if words else held_words
        if op == "-":
            gone = {word.lower() for word in words}
            left = (word for word in held_words.split() if word.lower() not in gone)
            return held & ~mask, " ".join(left) if words else held_words
        return (held & ~may_mask) | mask, " ".join(words) if may_words else held_words


class Stored(NamedTuple):
    """modseq is None where nothing changed. refused are UIDs; so is changed, an int8multirange, where some were."""

    modseq: int | None
    refused: list[range]
    changed: str | None
    news: News


class Appended(NamedTuple):
    uid_validity: int
    first_uid: int
    group_id: int


class Copied(NamedTuple):
    """source: UIDs, ascending; the target has as many from first_uid on. news is None after a plain COPY."""

    uid_validity: int
    first_uid: int | None
    source: list[int]
    target_group: int
    news: News


def multirange(uids: Iterable[range]) -> str:
    """Ranges of UIDs as an int8multirange literal."""
    return "{" + ",".join(f"[{r.start},{r.stop})" for r in uids) + "}"


def ranges(text: str | None) -> list[range]:
    """An int8multirange literal as ascending ranges."""
    return [range(int(low), int(high)) for low, high in RANGE.findall(text)] if text else []


def _unpacked(typecode: str, octets: bytes | memoryview) -> "array[int]":
    """Numbers in network byte order."""
    numbers = array(typecode)
    numbers.frombytes(octets)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


_NEWS = (
    "n.*, CASE WHEN n.uid_next > %(claimed_to)s::bigint THEN claim_recent(%(org)s, %(group)s, %(folder)s) END"
    " FROM news_since(%(org)s, %(group)s, %(folder)s, %(known)s) n"
)
NEWS_SINCE = Prepared("SELECT NULL, " + _NEWS)
NEWS_FOR_READER = Prepared("SELECT seen_by(%(org)s, %(folder)s, %(reader)s)::text, " + _NEWS)
STORE_FLAGS_AS = Prepared(
    "SELECT s.stored, s.refused::text, s.changed::text"
    " FROM store_flags_as(%s, %s, %s, %s, %s::int8multirange, %s, %s, %s::text[], %s, %s, %s) s"
)
STORE_FLAGS = Prepared(
    # As text a set of thousands is dear; nobody asks for it but where some were refused.
    "SELECT s.stored, s.refused::text, CASE WHEN s.refused <> '{}' THEN s.changed::text END, (s.news).*"
    " FROM store_flags(%s, %s, %s, %s::int8multirange, %s, %s, %s::text[], %s, %s, %s, %s) s"
)
EXPUNGE = Prepared("SELECT * FROM expunge_messages(%s, %s, %s, %s::int8multirange, true, %s)")
EXPUNGED_SINCE = Prepared(
    "SELECT g.changes_floor, (SELECT range_agg(c.expunged)::text FROM changes c"
    " WHERE c.organization_id = g.organization_id AND c.group_id = g.group_id AND c.modseq > %s AND c.modseq <= %s)"
    " FROM folder_groups g WHERE g.organization_id = %s AND g.group_id = %s"
)
_COPY = (
    "(%(org)s, %(group)s, %(folder)s, %(uids)s::int8multirange, %(target)s, %(mask)s, %(words)s,"
    " prepare_move(%(org)s, %(group)s, %(folder)s, %(uids)s::int8multirange, %(target)s, %(moving)s), %(known)s"
)
COPY = Prepared(
    "SELECT c.validity, c.first, c.source, c.target_group, (c.news).* FROM copy_messages" + _COPY + ") c"
)
COPY_AS = Prepared(
    "SELECT c.validity, c.first, c.source, c.target_group, (c.news).* FROM copy_messages_as"
    + _COPY + ", %(from_reader)s, %(to_reader)s) c"
)
SAVED_AT = Prepared(
    "SELECT array_agg(found.uid), array_agg(floor(extract(epoch FROM found.saved_at))::bigint)"
    " FROM unnest(%s::int8multirange) r CROSS JOIN LATERAL ("
    "   SELECT m.uid, m.saved_at FROM messages m"
    "    WHERE m.organization_id = %s AND m.group_id = %s AND m.uid >= lower(r) AND m.uid < upper(r) OFFSET 0) found"
)


def news_since(
    database: Database, view: View, known: int, claimed_to: int | None = None
) -> tuple[News, list[int] | None]:
    r"""What the view has to learn since a modseq; 0: all of it. Where UIDNEXT is above claimed_to, also the UIDs that
    nobody had been told are \Recent; from now on they count as told."""
    row = database.row(
        NEWS_SINCE if view.reader is None else NEWS_FOR_READER,
        {
            "org": view.organization_id, "group": view.group_id, "folder": view.folder_id, "reader": view.reader,
            "known": known, "claimed_to": claimed_to,
        },
    )  # fmt: skip
    assert row
    news = News.of(row[1:-1])
    return news if view.reader is None else _seen_by_reader(news, row[0]), row[-1]


def _seen_by_reader(news: News, seen_uids: str) -> News:
    r"""With the reader's own \Seen: what changes it changes the modseq of the message, so that it is in the news."""
    if not news.uids or not news.flags:
        return news
    seen = ranges(seen_uids)
    starts = [span.start for span in seen]

    def is_seen(uid: int) -> bool:
        at = bisect_right(starts, uid)
        return bool(at) and uid in seen[at - 1]

    marks = zip(news.uids, news.flags, strict=True)
    return news._replace(flags=[mask | SEEN if is_seen(uid) else mask & ~SEEN for uid, mask in marks])


def store_flags(
    database: Database,
    view: View,
    uids: Iterable[range],
    change: FlagChange,
    unchanged_since: int | None,
    known: int,
) -> Stored:
    """STORE. Raises errors.LimitReached at too many keywords."""
    row = database.row(STORE_FLAGS, (*view.messages, multirange(uids), *change, unchanged_since, known))
    assert row
    return Stored(row[0], ranges(row[1]), row[2], News.of(row[3:]))


def store_flags_as(
    database: Database,
    view: View,
    uids: Iterable[range],
    change: FlagChange,
    unchanged_since: int | None,
) -> tuple[int | None, list[range]]:
    r"""The same of a reader with a \Seen of their own: the modseq, and what was refused. News are to be asked for."""
    row = database.row(STORE_FLAGS_AS, (*view, multirange(uids), *change, unchanged_since))
    assert row
    return row[0], ranges(row[1])


def expunge(database: Database, view: View, uids: Iterable[range] | None, known: int) -> News:
    r"""Removes what is \Deleted, of these UIDs only where given."""
    targets = [range(1, LAST_UID + 1)] if uids is None else uids
    row = database.row(EXPUNGE, (*view.messages, multirange(targets), known))
    assert row
    return News.of(row)


def copy(
    database: Database,
    view: View,
    uids: Iterable[range],
    folder_id: int,
    keep_mask: int,
    keep_words: bool,
    moving: bool,
    known: int,
    to_reader: int | None = None,
) -> Copied:
    r"""COPY or MOVE into a folder of the same organisation. to_reader: whose own \Seen is set there, where that is not
    the owner's. Raises errors.NoTarget, OverQuota, LimitReached."""
    row = database.row(
        COPY if view.reader is None and to_reader is None else COPY_AS,
        {
            "from_reader": view.reader, "to_reader": to_reader,
            "org": view.organization_id, "group": view.group_id, "folder": view.folder_id, "uids": multirange(uids),
            "target": folder_id, "mask": keep_mask, "words": keep_words, "moving": moving, "known": known,
        },
    )  # fmt: skip
    assert row
    return Copied(row[0], row[1], row[2] or [], row[3], News.of(row[4:]))


def expunged_since(database: Database, view: View, modseq: int, upto: int) -> list[range] | None:
    """The UIDs expunged after one modseq, up to another, from the whole group. None where the change log does not reach
    back so far."""
    row = database.row(EXPUNGED_SINCE, (modseq, upto, view.organization_id, view.group_id))
    return ranges(row[1]) if row and modseq >= row[0] else None


def saved_at(database: Database, view: View, uids: Iterable[range]) -> dict[int, int]:
    """When messages came into their folder (RFC 8514): uid -> seconds since 1970."""
    row = database.row(SAVED_AT, (multirange(uids), view.organization_id, view.group_id))
    return dict(zip(row[0], row[1], strict=True)) if row and row[0] else {}
