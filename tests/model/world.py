# SPDX-License-Identifier: MIT
"""What there is in the model: people, mailboxes, folders, messages, and the spaces of UIDs they lie in. Plain data."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

STANDARD = {"Drafts": "\\Drafts", "Sent": "\\Sent", "Spam": "\\Junk", "Trash": "\\Trash", "Archive": "\\Archive"}


@dataclass(eq=False)
class Person:
    """mailboxes: the oldest first. mode: what was chosen, None where it is left to the server."""

    name: str
    mailboxes: list[Box] = field(default_factory=list)
    primary: Box | None = None
    groups: set[str] = field(default_factory=set)
    mode: str | None = None
    subscriptions: set[str] = field(default_factory=set)

    @property
    def unified(self) -> bool:
        return self.mode == "unified"

    @property
    def identifier(self) -> str:
        return self.mailboxes[0].address

    @property
    def boxes(self) -> list[Box]:
        """Those that are open, the primary one first."""
        return sorted((box for box in self.mailboxes if not box.closed), key=lambda box: box is not self.primary)

    @property
    def grantees(self) -> set[str]:
        return {self.identifier, *(f"group:{name}" for name in self.groups)}

    def namespaces(self) -> list[tuple[str, Box]]:
        """The prefix of each mailbox that is open: its domain, or the whole address of a second one there."""
        oldest = {box.domain: box for box in reversed(self.mailboxes)}
        return [((box.domain if oldest[box.domain] is box else box.address) + "/", box) for box in self.boxes]


@dataclass(eq=False)
class Box:
    r"""An address that holds mail. own_seen: each reader has a \Seen of their own. most: how many messages it holds.
    access: what is given in all of it."""

    address: str
    owner: Person | None
    own_seen: bool = False
    most: int | None = None
    closed: bool = False
    folders: dict[str, Folder] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        return self.address.partition("@")[2]

    @property
    def messages(self) -> int:
        return sum(len(folder.messages) for folder in self.folders.values())


@dataclass(eq=False)
class Folder:
    """access: what is given in it in place of what is given in the whole mailbox. hidden: it lies in a mailbox that is
    closed, and is no part of what is merged."""

    box: Box
    path: str
    space: Space
    number: int
    use: str | None = None
    messages: list[Message] = field(default_factory=list)
    access: dict[str, str] = field(default_factory=dict)
    hidden: bool = False
    mailbox_id: str | None = None  # once it has been told

    @property
    def exists(self) -> bool:
        return self.box.folders.get(self.path) is self


@dataclass(eq=False)
class Space:
    """The UIDs of the same-named folders of one owner. validity: once it has been told; `above` what it must be greater
    than. changes: how often something has changed that takes a modseq, and may_have_changed what perhaps does; modseq:
    the last that was told, and after how many changes."""

    above: int = 0
    validity: int | None = None
    next_uid: int = 1
    changes: int = 0
    may_have_changed: bool = False
    modseq: tuple[int, int] = (0, 0)
    mailbox_id: str | None = None

    def take(self, count: int) -> range:
        first = self.next_uid
        self.next_uid += count
        self.changes += 1
        return range(first, self.next_uid)

    def begin_anew(self) -> None:
        """What had these UIDs is gone: the next UIDVALIDITY is greater."""
        self.above = max(self.above, self.validity or 0)
        self.validity = self.mailbox_id = None
        self.changes += 1


@dataclass(eq=False)
class Message:
    r"""content and date say which it is, and never change. flags: without \Seen. seen_by: whose \Seen it has, "" where
    there is one for all."""

    uid: int
    content: int
    date: int
    flags: frozenset[str]
    seen_by: set[str]


class World:
    """`people` can log in; `boxes` has the mailboxes of all of them, and what nobody owns."""

    def __init__(self, people: list[Person], boxes: list[Box]):
        self.people = people
        self.boxes = boxes
        self.spaces: dict[tuple[str, str], Space] = {}
        self._numbers = itertools.count(1)
        for box in boxes:
            for path, use in [("INBOX", None), *STANDARD.items()]:
                self.add_folder(box, path, use)
        for person in people:
            prefixes = ["", *(prefix for prefix, _ in person.namespaces()[1:])]
            person.subscriptions = {prefix + path for prefix in prefixes for path in person.boxes[0].folders}

    def add_folder(self, box: Box, path: str, use: str | None = None) -> Folder:
        """It has the rights of the nearest folder above it."""
        above = nearest(box, path)
        folder = Folder(box, path, self.space_named(owner_of(box), path), next(self._numbers), use)
        folder.access = dict(above.access) if above else {}
        box.folders[path] = folder
        self.hide_closed(folder.space)
        return folder

    def hide_closed(self, space: Space) -> None:
        """Folders of closed mailboxes are taken out of what they would be merged with."""
        folders = list(self.folders_in(space))
        for folder in folders:
            if folder.box.closed and not folder.hidden and any(other.box is not folder.box for other in folders):
                folder.hidden = True
                space.changes += 1

    def space_named(self, owner: str, path: str) -> Space:
        """A space whose folders have all gone comes back with another UIDVALIDITY."""
        space = self.spaces.get((owner, path))
        if space is None:
            space = self.spaces[owner, path] = Space()
        elif space.next_uid > 1 and not any(self.folders_in(space)):
            space.begin_anew()
        return space

    def folders(self) -> Iterator[Folder]:
        for box in self.boxes:
            yield from box.folders.values()

    def folders_in(self, space: Space) -> Iterator[Folder]:
        return (folder for folder in self.folders() if folder.space is space)


def owner_of(box: Box) -> str:
    """Whose the UIDs are: a person's, or of the mailbox itself."""
    return box.owner.name if box.owner else box.address


def nearest(box: Box, path: str) -> Folder | None:
    """The folder right above a path, or the next one above that."""
    while "/" in path:
        path = path.rpartition("/")[0]
        if path in box.folders:
            return box.folders[path]
    return None


def eye(person: Person, box: Box) -> str:
    r"""Whose \Seen a person sees in a mailbox."""
    return person.name if box.own_seen and box.owner is not person else ""
