# SPDX-License-Identifier: MIT
"""Search keys: from their ABNF to the criteria of mail/search.py. Not here: the SEARCH command, and finding anything.

KEYS is the table: an extension adds a key by adding its reader to it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from imapd.errors import LimitReached
from imapd.mail import criteria
from imapd.mail.mime import charsets
from imapd.protocol.answers import Refused
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.sequence import STAR, SequenceSet

_CHARSET = re.compile(rb"CHARSET ", re.IGNORECASE)
_SET_BEGINS = re.compile(rb"[0-9*]")


def search_program(cursor: Cursor) -> Any:
    """search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)"""
    codec = "utf-8"
    if cursor.scan(_CHARSET):
        codec = codec_of(cursor.astring())
        cursor.sp()
    return SearchKeys(cursor, codec).keys()


def search_criteria(cursor: Cursor) -> Any:
    """search-criteria = charset 1*(SP search-key)"""
    charset = cursor.astring()
    cursor.sp()
    return SearchKeys(cursor, codec_of(charset)).keys()


def codec_of(charset: bytes) -> str:
    """Python's name of a charset, or NO [BADCHARSET], which does not repeat what the client sent."""
    # MIME reads mail that claims to be US-ASCII more generously than a search, which can be told that it is wrong.
    codec = "ascii" if charset.upper() == b"US-ASCII" else charsets.codec(charset.decode("ascii", "replace"))
    if codec is None:
        raise Refused(b"BADCHARSET (UTF-8 US-ASCII)", "That charset is not known here.")
    return codec


@dataclass(frozen=True, slots=True)
class Numbers:
    """A sequence-set as a search key: numbers beyond the mailbox match nothing, where other commands are in error."""

    messages: SequenceSet

    def positions(self, uids: Sequence[int], by_uid: bool) -> list[range]:
        count = len(uids)
        within = [(low, high) for low, high in self.messages.ranges if low <= count or high == STAR]
        clipped = [(low, high if high == STAR else min(high, count)) for low, high in within]
        return SequenceSet(clipped).positions(uids, by_uid)


class SearchKeys:
    """Reads the search keys of one command and counts them: neither their number nor their depth is without bound."""

    __slots__ = ("codec", "cursor", "depth", "terms")

    def __init__(self, cursor: Cursor, codec: str):
        self.cursor = cursor
        self.codec = codec
        self.terms = cursor.limits.search_terms
        self.depth = cursor.limits.search_depth

    def keys(self) -> Any:
        """search-key *(SP search-key)"""
        keys = [self.key()]
        while self.cursor.take(b" "):
            keys.append(self.key())
        return keys[0] if len(keys) == 1 else criteria.And(tuple(keys))

    def key(self) -> Any:
        """search-key = "ALL" / … / sequence-set / "(" search-key *(SP search-key) ")" """
        self.terms -= 1
        self.depth -= 1
        if self.terms < 0 or self.depth < 0:
            raise LimitReached("That search has too many keys or is nested too deeply.")
        found = self._key()
        self.depth += 1
        return found

    def _key(self) -> Any:
        cursor = self.cursor
        if cursor.take(b"("):
            inner = self.keys()
            cursor.expect(b")")
            return inner
        if cursor.matches(_SET_BEGINS):
            return criteria.Sequence(Numbers(cursor.sequence_set()), by_uid=False)
        if cursor.peek(b"$"):
            return criteria.Sequence(cursor.sequence_set(), by_uid=True)
        reader = KEYS.get(cursor.word())
        if reader is None:
            raise BadSyntax("Unknown search key.")
        return reader(self)

    def text(self) -> str:
        """SP astring, decoded by the command's charset."""
        self.cursor.sp()
        try:
            text = self.cursor.astring().decode(self.codec)
        except UnicodeDecodeError:
            raise BadSyntax("A search string is not of the charset of the command.") from None
        if "\0" in text:
            raise BadSyntax("NUL in a search string.")
        return text


Reader = Callable[[SearchKeys], Any]


def _constant(criterion: Any) -> Reader:
    return lambda keys: criterion


def _flag(name: str) -> Any:
    return criteria.HasFlag(name)


def _text(field: str) -> Reader:
    return lambda keys: criteria.Text(field, keys.text())


def _date(kind: Any, op: str) -> Reader:
    def read(keys: SearchKeys) -> Any:
        keys.cursor.sp()
        return kind(op, keys.cursor.date())

    return read


def _size(kind: Any) -> Reader:
    def read(keys: SearchKeys) -> Any:
        keys.cursor.sp()
        return kind(keys.cursor.number64())

    return read


def _keyword(keys: SearchKeys) -> Any:
    """ "KEYWORD" SP flag-keyword"""
    keys.cursor.sp()
    return criteria.Keyword(keys.cursor.atom().decode("ascii"))


def _unkeyword(keys: SearchKeys) -> Any:
    """ "UNKEYWORD" SP flag-keyword"""
    return criteria.Not(_keyword(keys))


def _header(keys: SearchKeys) -> Any:
    """ "HEADER" SP header-fld-name SP astring"""
    keys.cursor.sp()
    name = keys.cursor.astring()
    if not name.isascii() or not name:
        raise BadSyntax("The name of a header field is US-ASCII.")
    return criteria.Header(name.decode("ascii"), keys.text())


def _not(keys: SearchKeys) -> Any:
    """ "NOT" SP search-key"""
    keys.cursor.sp()
    return criteria.Not(keys.key())


def _or(keys: SearchKeys) -> Any:
    """ "OR" SP search-key SP search-key"""
    keys.cursor.sp()
    first = keys.key()
    keys.cursor.sp()
    return criteria.Or(first, keys.key())


def _uid(keys: SearchKeys) -> Any:
    """ "UID" SP sequence-set"""
    keys.cursor.sp()
    return criteria.Sequence(keys.cursor.sequence_set(), by_uid=True)


KEYS: dict[bytes, Reader] = {
    b"ALL": _constant(criteria.All()),
    b"ANSWERED": _constant(_flag("\\Answered")),
    b"BCC": _text("bcc"),
    b"BEFORE": _date(criteria.InternalDate, "<"),
    b"BODY": _text("body"),
    b"CC": _text("cc"),
    b"DELETED": _constant(_flag("\\Deleted")),
    b"DRAFT": _constant(_flag("\\Draft")),
    b"FLAGGED": _constant(_flag("\\Flagged")),
    b"FROM": _text("from"),
    b"HEADER": _header,
    b"KEYWORD": _keyword,
    b"LARGER": _size(criteria.Larger),
    b"NEW": _constant(criteria.And((criteria.Recent(), criteria.Not(_flag("\\Seen"))))),
    b"NOT": _not,
    b"OLD": _constant(criteria.Not(criteria.Recent())),
    b"ON": _date(criteria.InternalDate, "="),
    b"OR": _or,
    b"RECENT": _constant(criteria.Recent()),
    b"SEEN": _constant(_flag("\\Seen")),
    b"SENTBEFORE": _date(criteria.SentDate, "<"),
    b"SENTON": _date(criteria.SentDate, "="),
    b"SENTSINCE": _date(criteria.SentDate, ">="),
    b"SINCE": _date(criteria.InternalDate, ">="),
    b"SMALLER": _size(criteria.Smaller),
    b"SUBJECT": _text("subject"),
    b"TEXT": _text("text"),
    b"TO": _text("to"),
    b"UID": _uid,
    b"UNANSWERED": _constant(criteria.Not(_flag("\\Answered"))),
    b"UNDELETED": _constant(criteria.Not(_flag("\\Deleted"))),
    b"UNDRAFT": _constant(criteria.Not(_flag("\\Draft"))),
    b"UNFLAGGED": _constant(criteria.Not(_flag("\\Flagged"))),
    b"UNKEYWORD": _unkeyword,
    b"UNSEEN": _constant(criteria.Not(_flag("\\Seen"))),
}
