# SPDX-License-Identifier: MIT
"""Rights of RFC 4314, and what the four words of sharing mean in them. Who has which is in the store. Pure."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol

from imapd.mail import flags

LOOKUP, READ, SEEN, WRITE, INSERT, POST, CREATE, DELETE_MAILBOX, DELETE, EXPUNGE, ADMINISTER = "lrswipkxtea"

ALL = "lrswipkxtea"

LEVELS = {
    "read": "lrs",
    "write": "lrswik",
    "delete": "lrswikxte",
    "admin": "lrswipkxtea",
}
"""The words an operator grants by, each holding the one before it."""

VIRTUAL = {"c": "kx", "d": "te"}
"""Rights of RFC 2086 that were split since, and what they are made of (RFC 4314 section 2.1.1)."""

KNOWING = "lrikxa"
"""Whoever holds one of these may know that the mailbox is there (RFC 4314 section 4, MYRIGHTS)."""


class Entry(Protocol):
    """What counts for one user: `rights` of one grantee in one folder, or in the whole mailbox (folder_id 0)."""

    @property
    def folder_id(self) -> int: ...
    @property
    def grantee(self) -> str: ...
    @property
    def rights(self) -> str: ...


@lru_cache(maxsize=1000)
def union(*rights: str) -> str:
    """Letters of all of them, once each, in the order of RFC 4314."""
    held = set("".join(rights))
    return "".join(letter for letter in ALL if letter in held)


def held(entries: Iterable[Entry], folder_id: int) -> str:
    """What these entries of one mailbox come to in one folder of it (0: in the mailbox as a whole). An entry of the
    folder stands in place of the one that the same grantee has in the mailbox; different grantees add up."""
    by_grantee: dict[str, str] = {}
    for entry in entries:
        if entry.folder_id == folder_id or (entry.folder_id == 0 and entry.grantee not in by_grantee):
            by_grantee[entry.grantee] = entry.rights
    return union(*by_grantee.values())


def settable(rights: str) -> int:
    """The bits of system flags that one may set."""
    mask = flags.ANSWERED | flags.FLAGGED | flags.DRAFT if WRITE in rights else 0
    mask |= flags.SEEN if SEEN in rights else 0
    return mask | (flags.DELETED if DELETE in rights else 0)


def expanded(letters: str) -> str:
    """As a client writes rights: with the virtual ones taken apart."""
    return union(*(VIRTUAL.get(letter, letter) for letter in letters))


def shown(rights: str) -> str:
    """As a client is told rights: with the virtual ones that have any part in them."""
    return rights + "".join(name for name, parts in VIRTUAL.items() if set(parts) & set(rights))
