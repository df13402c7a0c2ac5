# SPDX-License-Identifier: MIT
"""What passes between this server and other programs: folders, and letters with what is known of them."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imapd.errors import MailError

INBOX = "INBOX"
_BARE_LF = re.compile(rb"(?<!\r)\n")
_BARE_CR = re.compile(rb"\r(?!\n)")


class Unreadable(MailError):
    """Something is not in the form that it should be in; the text says what and where."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as IMAP has it, with its flags and keywords. seconds since 1970 it came; None: nobody knows. problem:
    why it could not be read, then octets is empty."""

    octets: bytes
    flags: Sequence[str] = ()
    seconds: int | None = None
    zone: int = 0
    uid: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """letters(most) reads one after the other; of one that has more than `most` octets no more than the first of those
    beyond need be there. count is how many they are, None where that is not known before. special_use: what it is for,
    as RFC 6154 has it, where its program says so."""

    name: str
    letters: Callable[[int], Iterator[Letter]]
    count: int | None = None
    special_use: str | None = None


def unreadable(file: Path, error: Exception) -> Letter:
    """In place of what should be in a file."""
    return Letter(b"", problem=f"{file.name} cannot be read: {getattr(error, 'strerror', None) or error}")


def with_crlf(octets: bytes) -> bytes:
    """Lines as IMAP has them. Programs on Unix end them with LF; what begins with a whole line is left as it is."""
    end = octets.find(b"\n")
    if end < 0 or octets[end - 1 : end] == b"\r":
        return octets
    return _BARE_LF.sub(b"\r\n", octets)


def with_lf(octets: bytes) -> bytes:
    """Lines as programs on Unix have them; as it is where with_crlf() would not make the same of it again."""
    if b"\r\n" not in octets or _BARE_LF.search(octets) or _BARE_CR.search(octets):
        return octets
    return octets.replace(b"\r\n", b"\n")
