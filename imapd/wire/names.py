# SPDX-License-Identifier: MIT
"""Mailbox names: modified UTF-7 (RFC 3501, section 5.1.3), the one name INBOX, and the patterns of LIST.

Whether a name may exist is decided in mail/; here it is only read, written and compared.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Iterable

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


def matcher(reference: str, patterns: Iterable[str]) -> Matcher:
    """Says of a name whether LIST with this reference and any of these patterns finds it."""
    return Matcher(_collapsed(folded(reference + pattern)) for pattern in patterns)


def _collapsed(pattern: str) -> str:
    """The same pattern without wildcards that are neighbours."""
    return re.sub(r"%+", "%", re.sub(r"[*%]*\*[*%]*", "*", pattern))


class Matcher:
    """Patterns as one non-deterministic automaton whose set of states is the bits of one integer.

    Time grows with the length of a name, whatever the patterns are: all states are stepped at once. `weight` is how
    many there are, to be multiplied with the characters of the names.
    """

    __slots__ = ("_accept", "_after_inbox", "_begin", "_deep", "_plain", "_simple", "_steps", "_wild", "weight")

    def __init__(self, patterns: Iterable[str]):
        given = set(patterns)
        self._plain = {pattern for pattern in given if "*" not in pattern and "%" not in pattern}
        wild = given - self._plain
        self._simple = _anything if "*" in wild else _one_level if wild == {"%"} else None
        self._steps: dict[str, int] = {}
        self._deep = self._wild = self._begin = self._accept = 0
        self.weight = 0
        if self._simple is None:
            for pattern in wild:
                self._add(pattern)
        self._begin |= (self._begin & self._wild) << 1
        self._after_inbox = self._begin
        for character in INBOX:
            # INBOX is itself in any case, and so it is as the first level.
            self._after_inbox = self._stepped(self._after_inbox, character, character.lower())

    def __call__(self, name: str) -> bool:
        if name in self._plain:
            return True
        if self._simple is not None:
            return self._simple(name)
        states = self._begin
        if name.startswith(INBOX) and name[5:6] in ("", DELIMITER):
            states, name = self._after_inbox, name[5:]
        for character in name:
            if not states:
                return False
            states = self._stepped(states, character)
        return bool(states & self._accept)

    def _add(self, pattern: str) -> None:
        """Its states stand behind those of the others. The last one is its end: nothing leads out of it."""
        begin = self.weight
        for position, character in enumerate(pattern, begin):
            if character in "*%":
                self._wild |= 1 << position
                self._deep |= (character == "*") << position
            else:
                self._steps[character] = self._steps.get(character, 0) | 1 << position
        self._begin |= 1 << begin
        self._accept |= 1 << begin + len(pattern)
        self.weight += len(pattern) + 1

    def _stepped(self, states: int, character: str, or_else: str = "") -> int:
        steps = self._steps.get(character, 0) | (self._steps.get(or_else, 0) if or_else else 0)
        stay = states & (self._deep if character == DELIMITER else self._wild)
        states = (states & steps) << 1 | stay
        # Wildcards have been collapsed, so no two are neighbours and one step past them is enough.
        return states | (states & self._wild) << 1


def _anything(name: str) -> bool:
    return True


def _one_level(name: str) -> bool:
    return DELIMITER not in name


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
