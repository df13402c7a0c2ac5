# SPDX-License-Identifier: MIT
"""Address lists (RFC 5322 section 3.4, obsolete and broken forms too) as IMAP's ENVELOPE wants them.

Every address comes out as something: a sender that cannot be parsed is still a sender to show.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from imapd.mail.mime.limits import ADDRESSES

MISSING_MAILBOX = b"MISSING_MAILBOX"
MISSING_HOST = b"MISSING_DOMAIN"


class Address(NamedTuple):
    """address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"; without host it begins or ends a group."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


GROUP_END = Address(None, None, None, None)


class _Mark(bytes):
    """An @ or : of the grammar; one in a quoted string is plain bytes."""


_AT, _COLON = _Mark(b"@"), _Mark(b":")
_MARKS = {b"@": _AT, b":": _COLON}

_ATEXT = rb"A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\xff"
# The shapes that nearly all addresses have. Each class stops at the comma, so a failed match costs one address.
_SIMPLE = re.compile(
    rb'\s*(?:(?:"([^"\\]*)"\s*|([' + _ATEXT + rb" \t-]*))<([" + _ATEXT + rb"-]+)@([A-Za-z0-9.-]+)>"
    rb"|([" + _ATEXT + rb"-]+)@([A-Za-z0-9.-]+))\s*(?:,\s*|$)"
)
_TOKEN = re.compile(
    rb'"([^"\\]*(?:\\.[^"\\]*)*)"?'
    rb"|(\[[^][\\]*\]?)"
    rb"|([^\s\"(),:;<>@\[\\]+)"
    rb"|(\s+)"
    rb"|(.)",
    re.DOTALL,
)
_COMMENT_EDGE = re.compile(rb"\\.|[()]", re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def addresses(value: bytes, limit: int = ADDRESSES) -> list[Address]:
    """The addresses of an unfolded field value, with the marks of groups, at most `limit` of them."""
    found: list[Address] = []
    position, size = 0, len(value)
    while position < size and len(found) < limit:
        simple = _SIMPLE.match(value, position)
        if not simple:
            _Reader(value, found, limit).read(position)
            break
        quoted, name, mailbox, host, bare, bare_host = simple.groups()
        if bare is not None:
            found.append(Address(None, None, bare, bare_host))
        else:
            found.append(Address(_phrase(quoted or name), None, mailbox, host))
        position = simple.end()
    return found


def _phrase(words: bytes | None) -> bytes | None:
    return b" ".join(words.split()) or None if words else None


class _Reader:
    """Reads what is not simple, token by token; it never goes back. Words are joined once, at the end of an address."""

    def __init__(self, value: bytes, found: list[Address], limit: int):
        self.value = value
        self.found = found
        self.limit = limit
        self.in_group = False
        self._begin()

    def _begin(self) -> None:
        self.outside: list[bytes] = []  # what stands outside of <>
        self.inside: list[bytes] | None = None
        self.words = self.outside  # the one of them that is being read
        self.comment = b""

    def read(self, position: int) -> None:
        size = len(self.value)
        while position < size and len(self.found) < self.limit:
            token = _TOKEN.match(self.value, position)
            assert token  # its last branch takes any octet
            position = token.end()
            quoted, literal, atom, space, special = token.groups()
            if atom is not None or literal is not None:
                self.words.append(atom or literal or b"")
            elif space is not None:
                if self.words is self.outside:
                    self.words.append(b" ")
            elif quoted is not None:
                self.words.append(_unescaped(quoted))
            elif special == b"(":
                position = self._comment(position)
            else:
                self._special(special)
        self._end()
        self._end_group()

    def _comment(self, position: int) -> int:
        begin, depth = position, 1
        for edge in _COMMENT_EDGE.finditer(self.value, position):
            depth += {b"(": 1, b")": -1}.get(edge[0], 0)
            if not depth:
                self.comment = self.value[begin : edge.start()]
                return edge.end()
        self.comment = self.value[begin:]
        return len(self.value)

    def _special(self, special: bytes) -> None:
        in_angle = self.words is self.inside
        if special == b"<" and self.inside is None:
            self.inside = self.words = []
        elif special == b">":
            self.words = self.outside
        elif special == b"@" or (special == b":" and in_angle):
            self.words.append(_MARKS[special])
        elif special == b":" and not self.in_group:
            self.found.append(Address(None, None, b"".join(self.outside).strip(), None))
            self.in_group = True
            self._begin()
        elif special == b"," and in_angle and self.words[:1] == [_AT]:
            self.words.append(special)  # between the domains of an obs-route
        elif special == b",":
            self._end()
        elif special == b";":
            self._end()
            self._end_group()

    def _end_group(self) -> None:
        if self.in_group:
            self.found.append(GROUP_END)
            self.in_group = False

    def _end(self) -> None:
        """One address is complete, if there is anything of it."""
        note = _phrase(_unescaped(self.comment))
        if self.inside is not None:
            self.found.append(_address(self.inside, _phrase(b"".join(self.outside)) or note))
        elif any(word != b" " for word in self.outside):
            self.found.append(_address(self.outside, note))
        self._begin()


def _unescaped(octets: bytes) -> bytes:
    return _ESCAPED.sub(rb"\1", octets) if b"\\" in octets else octets


def _address(words: list[bytes], name: bytes | None) -> Address:
    """addr-spec, or what stands in its place, with an obs-route before it perhaps"""
    route = None
    if words[:1] == [_AT] and _COLON in words:
        colon = words.index(_COLON)
        route, words = b"".join(words[:colon]), words[colon + 1 :]
    at = len(words) - 1
    while at >= 0 and words[at] is not _AT:
        at -= 1
    if at < 0:
        text = b"".join(words).strip()
        if b" " in text and name is None:
            return Address(_phrase(text), route, MISSING_MAILBOX, MISSING_HOST)
        return Address(name, route, text, MISSING_HOST if text else b"")
    mailbox, host = b"".join(words[:at]).strip(), b"".join(words[at + 1 :]).strip()
    return Address(name, route, mailbox, host or MISSING_HOST)
