# SPDX-License-Identifier: MIT
"""Values to octets: the only place that quotes, escapes and makes literals."""

from __future__ import annotations

import re
from collections.abc import Iterable

from imapd.wire import names
from imapd.wire.dates import date_time as date_time

QUOTED_OCTETS = 4096
"""Longer strings become literals: a client may bound its lines."""

_ASTRING = re.compile(rb"[^(){ \x00-\x1f\x7f-\xff%*\"\\]+")
_UNQUOTABLE = re.compile(rb"[\x00\r\n\x80-\xff]")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


def quoted(octets: bytes) -> bytes:
    """quoted = DQUOTE *QUOTED-CHAR DQUOTE. Control characters, which no quoted string may hold, are left out."""
    octets = _CONTROL.sub(b"", octets)
    return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def literal(octets: bytes) -> bytes:
    """literal = "{" number "}" CRLF *CHAR8, with the octets untouched."""
    return b"{%d}\r\n%b" % (len(octets), octets)


def literal8(octets: bytes) -> bytes:
    """literal8 = "~{" number "}" CRLF *OCTET (RFC 3516): the only string that may hold NUL."""
    return b"~{%d}\r\n%b" % (len(octets), octets)


def string(octets: bytes) -> bytes:
    """string = quoted / literal. NUL, which neither may hold, is left out."""
    if len(octets) <= QUOTED_OCTETS and not _UNQUOTABLE.search(octets):
        return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return literal(octets.replace(b"\0", b""))


def nstring(octets: bytes | None) -> bytes:
    """nstring = string / nil"""
    return b"NIL" if octets is None else string(octets)


def nstring8(octets: bytes | None) -> bytes:
    """nstring / literal8, as METADATA has it"""
    return literal8(octets) if octets is not None and b"\0" in octets else nstring(octets)


def astring(octets: bytes) -> bytes:
    """astring = 1*ASTRING-CHAR / string"""
    if _ASTRING.fullmatch(octets) and octets.upper() != b"NIL":
        return octets
    return string(octets)


def mailbox(name: str, utf8: bool = False) -> bytes:
    """A mailbox name, always quoted: modified UTF-7, or UTF-8 once the client has enabled that."""
    return quoted(name.encode("utf-8", "replace") if utf8 else names.encode(name))


def flags(listed: Iterable[str]) -> bytes:
    """flag-list = "(" [flag *(SP flag)] ")" """
    return b"(" + " ".join(listed).encode("ascii", "replace") + b")"


def text(words: str, utf8: bool = False) -> bytes:
    """The human text of a response: one line, and ASCII unless the client takes UTF-8."""
    octets = words.encode("utf-8" if utf8 else "ascii", "replace")
    return _CONTROL.sub(b" ", octets) or b"."
