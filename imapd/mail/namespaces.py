# SPDX-License-Identifier: MIT
"""Under which names a user finds their mailboxes: one namespace a domain, or all merged. Pure; asks nobody.

Names are str with '/' between levels. A tree is a prefix and the mailboxes whose folders lie under it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imapd.errors import Cannot
from imapd.storage.accounts import OwnMailbox

DELIMITER = "/"
SHARED = "Shared/"
SEPARATED = "domain_separated"
UNIFIED = "unified"

LONGEST_LEVEL = 200
DEEPEST = 32
"""Levels of a path. LIST tells of every level above a folder, so each is another name to hold."""
FORBIDDEN = set("%*")


@dataclass(frozen=True, slots=True)
class Tree:
    """mailbox_ids: where the folders lie, the one that takes new folders first. apart: shown to who asks by prefix.
    merged: a name stands for the folders of that name in all of them, however many there are."""

    prefix: str
    mailbox_ids: tuple[int, ...]
    apart: bool = False
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Prefixes as NAMESPACE (RFC 2342) tells them."""

    personal: list[str]
    other: list[str]
    shared: list[str]


class Layout:
    """The trees of one user in one mode."""

    __slots__ = ("mode", "named", "trees")

    def __init__(self, mode: str, own: Sequence[OwnMailbox], primary_id: int | None, hide_primary: bool):
        self.mode = mode
        primary = next((box for box in own if box.mailbox_id == primary_id), own[0])
        ordered = [primary, *(box for box in own if box is not primary)]
        unified = mode == UNIFIED
        root = tuple(box.mailbox_id for box in (ordered if unified else ordered[:1]))
        hidden = hide_primary and not unified
        self.trees = [
            Tree("", root, merged=unified),
            *(
                Tree(prefix, (box.mailbox_id,), apart=unified or (hidden and box is primary))
                for prefix, box in _prefixed(ordered)
            ),
        ]
        self.named = {tree.prefix: tree for tree in self.trees}

    def keeps(self, old: "Layout") -> bool:
        """Whether every name of an older layout means the same mail in this one. There may be more of it."""
        return old.mode == self.mode and all(
            prefix in self.named
            and tree.mailbox_ids[0] == self.named[prefix].mailbox_ids[0]
            and set(tree.mailbox_ids) <= set(self.named[prefix].mailbox_ids)
            for prefix, tree in old.named.items()
        )

    def namespaces(self) -> Namespaces:
        prefixes = [tree.prefix for tree in self.trees[1:]]
        if self.mode == UNIFIED:
            return Namespaces([""], prefixes, [SHARED])
        return Namespaces(["", *(tree.prefix for tree in self.trees[1:] if not tree.apart)], [], [SHARED])

    @property
    def mailbox_ids(self) -> set[int]:
        """The user's own mailboxes."""
        return {box for tree in self.trees for box in tree.mailbox_ids}

    def is_prefix(self, path: str) -> bool:
        """Whether the first level of a path is that of a namespace: without a prefix such a folder cannot be named."""
        first = path.partition(DELIMITER)[0] + DELIMITER
        return first in self.named or first == SHARED

    def resolve(self, name: str) -> tuple[Tree, str]:
        """The tree of a name and the path in it; the path is empty at the root of a tree. Not for shared names."""
        first, _, rest = name.partition(DELIMITER)
        tree = self.named.get(first + DELIMITER)
        if tree is not None:
            return tree, inbox_folded(rest)
        return self.trees[0], inbox_folded(name)


def _prefixed(ordered: Sequence[OwnMailbox]) -> list[tuple[str, OwnMailbox]]:
    """A domain's name for the first mailbox that came to it, the whole address for a second one; also while the first
    is closed and whichever is the primary one, so that no name comes to mean other mail."""
    return [((box.address if box.is_second else box.domain) + DELIMITER, box) for box in ordered]


def shared_parts(name: str) -> tuple[str, str]:
    """The owner's address and the path of a name below Shared/; each may be empty."""
    address, _, path = name.removeprefix(SHARED).partition(DELIMITER)
    return address.lower(), inbox_folded(path)


def parents(name: str) -> Iterator[str]:
    """The names above a name, the highest first."""
    at = name.find(DELIMITER)
    while at >= 0:
        yield name[:at]
        at = name.find(DELIMITER, at + 1)


def inbox_folded(path: str) -> str:
    """INBOX in any case of ASCII letters is INBOX (RFC 3501 section 5.1)."""
    first, slash, rest = path.partition(DELIMITER)
    if len(first) == 5 and first.isascii() and first.upper() == "INBOX":
        return "INBOX" + slash + rest
    return path


def check_new(path: str, longest_octets: int) -> None:
    """Raises errors.Cannot where a folder cannot have this path."""
    try:
        octets = len(path.encode())
    except UnicodeEncodeError:
        raise Cannot("That name holds characters that no mailbox name can hold.") from None
    levels = path.split(DELIMITER)
    if octets > longest_octets or any(len(level) > LONGEST_LEVEL for level in levels):
        raise Cannot("That name is too long.")
    if len(levels) > DEEPEST:
        raise Cannot("That name has too many levels.")
    if not all(levels) or any(level in (".", "..") for level in levels) or path.startswith("~"):
        raise Cannot("A level of that name is empty or reserved.")
    if any(c in FORBIDDEN or not c.isprintable() for c in path):
        raise Cannot("That name holds a character that no mailbox name can hold.")
