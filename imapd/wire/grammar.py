# SPDX-License-Identifier: MIT
"""A cursor over one command, with one method for each rule of the grammar that commands share.

What the arguments of a command are is in its own file; how a command is cut out of the stream is in framing.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from imapd.wire import dates, names
from imapd.wire.errors import BadName
from imapd.wire.errors import BadSyntax as BadSyntax
from imapd.wire.sequence import LARGEST, SequenceSet

Item = TypeVar("Item")

NO_NAME = "\0"
"""A pattern of LIST that no mailbox matches: what was written there can be the name of none."""
LARGEST_64 = (1 << 63) - 1
LIST_DEPTH = 32
SYSTEM_FLAGS = {
    flag.upper(): flag for flag in ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
}  # fmt: skip

_ATOM = re.compile(rb"[^(){ \x00-\x1f\x7f-\xff%*\"\\\]]+")
_ASTRING = re.compile(rb"[^(){ \x00-\x1f\x7f-\xff%*\"\\]+")
_LIST_MAILBOX = re.compile(rb"[^(){ \x00-\x1f\x7f-\xff\"\\]+")
_QUOTED = re.compile(rb'"((?:[^"\\\x00\r\n]|\\["\\])*)"')
_ESCAPED = re.compile(rb"\\(.)")
_NUMBER = re.compile(rb"[0-9]+")
_SEQUENCE_SET = re.compile(rb"[0-9*:,]+")
_LITERAL = re.compile(rb"(~?)\{[0-9]{1,10}\+?\}\r\n")
_NIL = re.compile(rb"NIL(?![^(){ \x00-\x1f\x7f-\xff%*\"\\])", re.IGNORECASE)
_DATE = re.compile(rb'"([0-9A-Za-z-]{1,11})"|([0-9A-Za-z-]{1,11})')
_DATE_TIME = re.compile(rb'"([0-9A-Za-z :+-]{1,27})"')
_FLAG = re.compile(rb"\\?[^(){ \x00-\x1f\x7f-\xff%*\"\\\]]+")


_HEAD = re.compile(
    rb"([^(){ \x00-\x1f\x7f-\xff%*\"\\+]{1,100}) (UID )?([A-Z][A-Z0-9]{0,30})(?![^ ])", re.IGNORECASE
)
_TAG = re.compile(rb"([^(){ \x00-\x1f\x7f-\xff%*\"\\+]{1,100})(?![^ ])")


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal's octets: `data` when it was small, else `spool`, where they were written as they came."""

    data: bytes = b""
    spool: Any = None
    size: int = 0
    binary: bool = False


def head(text: bytes) -> tuple[bytes | None, bytes, int]:
    """tag SP command-name: the tag (None if there is none that could be repeated), the name in upper case with "UID "
    before it if that was there (empty if there is none), and where the arguments begin: at the SP before them.
    """
    found = _HEAD.match(text)
    if found:
        name = found[3].upper()
        return found[1], b"UID " + name if found[2] else name, found.end()
    tag = _TAG.match(text)
    return (tag[1] if tag else None), b"", 0


class Cursor:
    """Reads one command. Its text still holds each literal's announcement, which the literal belongs to."""

    __slots__ = ("_depth", "_literals", "_read", "by_uid", "limits", "position", "saved", "text", "utf8")

    def __init__(
        self,
        text: bytes,
        literals: Sequence[Literal] = (),
        position: int = 0,
        utf8: bool = False,
        by_uid: bool = False,
        limits: Any = None,
        saved: SequenceSet = SequenceSet.SAVED,
    ):
        self.text = text
        self.position = position
        self.utf8 = utf8
        self.by_uid = by_uid
        self.limits = limits
        self.saved = saved
        self._literals = literals
        self._read = 0
        self._depth = 0

    # Punctuation

    def sp(self) -> None:
        """SP: exactly one space."""
        self.expect(b" ")

    def end(self) -> None:
        """Nothing may follow."""
        if self.position != len(self.text):
            raise BadSyntax("Unexpected text after the arguments.")

    def at_end(self) -> bool:
        return self.position == len(self.text)

    def peek(self, octets: bytes) -> bool:
        """Whether these octets come next."""
        return self.text.startswith(octets, self.position)

    def take(self, octets: bytes) -> bool:
        """Passes over these octets if they come next, and says whether they did."""
        if self.text.startswith(octets, self.position):
            self.position += len(octets)
            return True
        return False

    def expect(self, octets: bytes) -> None:
        """These octets must come next."""
        if not self.text.startswith(octets, self.position):
            what = {b" ": "a space", b"(": "an opening parenthesis", b")": "a closing parenthesis"}
            raise BadSyntax(f"Expected {what.get(octets, octets.decode('ascii'))}.")
        self.position += len(octets)

    def matches(self, pattern: re.Pattern[bytes]) -> bool:
        """Whether what comes next begins as the pattern says."""
        return pattern.match(self.text, self.position) is not None

    def scan(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Passes over what the pattern matches here, if it does; for rules that only one command has."""
        found = pattern.match(self.text, self.position)
        if found:
            self.position = found.end()
        return found

    # Words and strings

    def atom(self) -> bytes:
        """atom = 1*ATOM-CHAR"""
        return self._need(_ATOM, "Expected an atom.")[0]

    def word(self, *allowed: bytes) -> bytes:
        """An atom in ASCII upper case; one of those allowed, if any are given."""
        begin = self.position
        atom = self._need(_ATOM, "Expected a word.")[0].upper()
        if allowed and atom not in allowed:
            self.position = begin
            raise BadSyntax("Unknown word; expected " + " or ".join(name.decode("ascii") for name in allowed[:4]) + ".")
        return atom

    def astring(self) -> bytes:
        """astring = 1*ASTRING-CHAR / string"""
        found = _ASTRING.match(self.text, self.position)
        if found:
            self.position = found.end()
            return found[0]
        return self.string()

    def string(self) -> bytes:
        """string = quoted / literal"""
        found = _QUOTED.match(self.text, self.position)
        if found:
            self.position = found.end()
            octets = found[1]
            return _ESCAPED.sub(rb"\1", octets) if b"\\" in octets else octets
        literal = self.literal()
        if literal.binary or literal.spool is not None or b"\0" in literal.data:
            raise BadSyntax("That literal cannot stand here.")
        return literal.data

    def nstring(self) -> bytes | None:
        """nstring = string / nil"""
        if self.scan(_NIL):
            return None
        return self.string()

    def literal(self) -> Literal:
        """literal = "{" number ["+"] "}" CRLF *CHAR8, or literal8 with "~" before it"""
        if not _LITERAL.match(self.text, self.position) or self._read >= len(self._literals):
            raise BadSyntax("Expected a string.")
        self.position = self.text.index(b"\n", self.position) + 1
        self._read += 1
        return self._literals[self._read - 1]

    @property
    def octets_of_literals(self) -> int:
        """Of all that have come with the command so far."""
        return sum(literal.size for literal in self._literals)

    # Numbers

    def number(self) -> int:
        """number = 1*DIGIT, 0 <= n < 4,294,967,296"""
        return self._number(LARGEST)

    def nz_number(self) -> int:
        """nz-number = digit-nz *DIGIT, 0 < n < 4,294,967,296"""
        if self.peek(b"0"):
            raise BadSyntax("Expected a number larger than 0.")
        return self._number(LARGEST)

    def number64(self) -> int:
        """number64 = 1*DIGIT, 0 <= n <= 9,223,372,036,854,775,807"""
        return self._number(LARGEST_64)

    def sequence_set(self) -> SequenceSet:
        """sequence-set = (seq-number / seq-range) ["," sequence-set], or "$" (RFC 5182)"""
        if self.take(b"$"):
            return self.saved
        return SequenceSet.parse(self._need(_SEQUENCE_SET, "Expected a sequence set.")[0])

    # Names, flags, dates

    def mailbox(self) -> str:
        """mailbox = "INBOX" / astring; INBOX in any case comes out as "INBOX"."""
        return self.spelled_mailbox()[0]

    def spelled_mailbox(self) -> tuple[str, str]:
        """The same with how the client has spelled it."""
        spelled = self._name(self.astring())
        return names.folded(spelled), spelled

    def list_mailbox(self) -> str:
        """list-mailbox = 1*list-char / string"""
        found = _LIST_MAILBOX.match(self.text, self.position)
        if found:
            self.position = found.end()
        octets = found[0] if found else self.string()
        try:
            return names.folded(self._name(octets))
        except BadName:
            return NO_NAME

    def flag(self) -> str:
        """flag = "\\Answered" / "\\Flagged" / "\\Deleted" / "\\Seen" / "\\Draft" / flag-keyword"""
        flag = self._need(_FLAG, "Expected a flag.")[0].decode("ascii")
        if flag[0] != "\\":
            return flag
        try:
            return SYSTEM_FLAGS[flag.upper()]
        except KeyError:
            raise BadSyntax("No such system flag, or none that a client may set.") from None

    def flag_list(self) -> list[str]:
        """flag-list = "(" [flag *(SP flag)] ")" """
        self.expect(b"(")
        if self.take(b")"):
            return []
        flags = self._flags()
        self.expect(b")")
        return flags

    def flags(self) -> list[str]:
        """flag-list / (flag *(SP flag)), as STORE has it"""
        return self.flag_list() if self.peek(b"(") else self._flags()

    def date(self) -> date:
        """date = date-text / DQUOTE date-text DQUOTE"""
        found = self._need(_DATE, "Expected a date.")
        try:
            return dates.parse_date(found[1] or found[2])
        except ValueError:
            raise BadSyntax("Invalid date.") from None

    def date_time(self) -> tuple[int, int]:
        """date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE

        As seconds since 1970 UTC, and the zone in minutes.
        """
        found = self._need(_DATE_TIME, "Expected a date and time.")
        try:
            return dates.parse_date_time(found[1])
        except ValueError:
            raise BadSyntax("Invalid date and time.") from None

    # Lists

    def listed(self, item: Callable[[], Item]) -> list[Item]:
        """"(" item *(SP item) ")", nested no deeper than a person would."""
        self.expect(b"(")
        self._depth += 1
        if self._depth > LIST_DEPTH:
            raise BadSyntax("Lists are nested too deeply.")
        items = [item()]
        while self.take(b" "):
            items.append(item())
        self.expect(b")")
        self._depth -= 1
        return items

    def _flags(self) -> list[str]:
        flags = [self.flag()]
        while self.take(b" "):
            flags.append(self.flag())
        return flags

    def _name(self, octets: bytes) -> str:
        try:
            return names.decode_utf8(octets) if self.utf8 else names.decode(octets)
        except ValueError:
            raise BadName(
                "The mailbox name is not valid " + ("UTF-8." if self.utf8 else "modified UTF-7.")
            ) from None

    def _number(self, largest: int) -> int:
        digits = self._need(_NUMBER, "Expected a number.")[0]
        # int() of thousands of digits is slow or an error, so the length is looked at first.
        if len(digits) > 19 or (number := int(digits)) > largest:
            raise BadSyntax("Number out of range.")
        return number

    def _need(self, pattern: re.Pattern[bytes], otherwise: str) -> re.Match[bytes]:
        found = pattern.match(self.text, self.position)
        if not found:
            raise BadSyntax(otherwise)
        self.position = found.end()
        return found
