# SPDX-License-Identifier: MIT
"""Mailbox names: modified UTF-7 (RFC 3501, section 5.1.3), the one name INBOX, and the patterns of LIST.

Whether a name may exist is decided in mail/; here it is only read, written and compared.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable

INBOX = "INBOX"
DELIMITER = "/"

_SHIFTED = re.compile(r"[^\x20-\x7e]+|&")
_ENCODED = re.compile(rb"&([A-Za-z0-9+,]*)-")
_PLAIN = re.compile(rb"[\x20-\x25\x27-\x7e]*")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LOWER_TO_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


def upper(text: str) -> str:
    """Upper case of the letters of ASCII alone: to str.upper() a dotless i would be an I and make another INBOX."""
    return text.translate(_LOWER_TO_UPPER)


def folded(name: str) -> str:
    """The name as it is kept: in Normalization Form C (RFC 5198), with INBOX, in any case, put as "INBOX": alone or as
    the first level."""
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if upper(name[:5]) == INBOX and (len(name) == 5 or name[5] == DELIMITER):
        return INBOX + name[5:]
    return name


def encode(name: str) -> bytes:
    """A name as modified UTF-7."""
    if name.isascii() and "&" not in name and name.isprintable():
        return name.encode("ascii")
    return _SHIFTED.sub(_shift, name).encode("ascii")


def decode(octets: bytes) -> str:
    """A name from modified UTF-7. ValueError unless it is the one right spelling and holds no control characters."""
    if b"&" not in octets:
        if not _PLAIN.fullmatch(octets):
            raise ValueError("not printable ASCII")
        return octets.decode("ascii")
    parts = []
    at = 0
    for shifted in _ENCODED.finditer(octets):
        parts.append(_plain(octets[at : shifted.start()]))
        parts.append(_unshift(shifted[1]) if shifted[1] else "&")
        at = shifted.end()
    parts.append(_plain(octets[at:]))
    name = "".join(parts)
    # Two spellings of one name would be two mailboxes to some clients and one to others.
    if encode(name) != octets:
        raise ValueError("not in its shortest form")
    return _without_controls(name)


def decode_utf8(octets: bytes) -> str:
    """A name from UTF-8 (RFC 6855, RFC 9051). ValueError if it is none or holds control characters."""
    return _without_controls(octets.decode("utf-8"))


def matcher(reference: str, patterns: Iterable[str]) -> Callable[[str], bool]:
    """Says of a name whether LIST with this reference and any of these patterns finds it.

    Time grows with the length of the name alone, whatever the pattern: all its states are stepped at once.
    """
    tests = [_matcher(folded(reference + pattern)) for pattern in dict.fromkeys(patterns)]
    if len(tests) == 1:
        return tests[0]
    return lambda name: any(test(name) for test in tests)


def _matcher(pattern: str) -> Callable[[str], bool]:
    pattern = re.sub(r"[*%]*\*[*%]*", "*", pattern)
    pattern = re.sub(r"%+", "%", pattern)
    if pattern == "*":
        return _anything
    if pattern == "%":
        return _one_level
    if "*" not in pattern and "%" not in pattern:
        return pattern.__eq__
    states = _States(pattern)
    inbox = _States(upper(pattern)).match(INBOX)
    return lambda name: inbox if name == INBOX else states.match(name)


def _anything(name: str) -> bool:
    return True


def _one_level(name: str) -> bool:
    return DELIMITER not in name


class _States:
    """A pattern as a non-deterministic automaton whose set of states is the bits of one integer."""

    __slots__ = ("_accept", "_deep", "_level", "_steps", "_wild")

    def __init__(self, pattern: str):
        self._steps: dict[str, int] = {}
        self._deep = self._level = 0
        for position, character in enumerate(pattern):
            if character == "*":
                self._deep |= 1 << position
            elif character == "%":
                self._level |= 1 << position
            else:
                self._steps[character] = self._steps.get(character, 0) | 1 << position
        self._wild = self._deep | self._level
        self._accept = 1 << len(pattern)

    def match(self, name: str) -> bool:
        steps, deep, wild = self._steps, self._deep, self._wild
        states = 1 | (1 & wild) << 1
        for character in name:
            stay = states & (deep if character == DELIMITER else wild)
            states = (states & steps.get(character, 0)) << 1 | stay
            if not states:
                return False
            # Wildcards have been collapsed, so no two are neighbours and one step past them is enough.
            states |= (states & wild) << 1
        return bool(states & self._accept)


def _shift(characters: re.Match[str]) -> str:
    if characters[0] == "&":
        return "&-"
    coded = b64encode(characters[0].encode("utf-16-be"), b"+,").rstrip(b"=")
    return "&" + coded.decode("ascii") + "-"


def _unshift(coded: bytes) -> str:
    octets = b64decode(coded + b"=" * (-len(coded) % 4), b"+,", validate=True)
    return octets.decode("utf-16-be")


def _plain(octets: bytes) -> str:
    if not _PLAIN.fullmatch(octets):
        raise ValueError("not printable ASCII outside a shift")
    return octets.decode("ascii")


def _without_controls(name: str) -> str:
    if _CONTROL.search(name):
        raise ValueError("control character")
    return name
