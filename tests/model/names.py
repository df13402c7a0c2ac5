# SPDX-License-Identifier: MIT
"""What a person finds under which name in the model, and with which rights."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.model.world import Box, Folder, Person, World, nearest

SHARED = "Shared/"
ALL = "lrswipkxtea"
KNOWING = set("lrikxa")


class Refused(Exception):
    """codes: what the NO may say; several where more than one reason stands against it."""

    def __init__(self, *codes: str):
        super().__init__(*codes)
        self.codes = codes


@dataclass(frozen=True)
class Place:
    """boxes: where folders of this name lie or would lie, the one that takes new ones first."""

    name: str
    prefix: str
    path: str
    boxes: list[Box]
    merged: bool = False
    shared: bool = False

    @property
    def folders(self) -> list[Folder]:
        return [box.folders[self.path] for box in self.boxes if self.path in box.folders]


def in_order(letters: str) -> str:
    return "".join(letter for letter in ALL if letter in letters)


def held(person: Person, box: Box, folder: Folder | None) -> str:
    """The rights of a person in a folder, or in the whole mailbox: those of the person and of each group add up."""
    if box.owner is person:
        return ALL
    own = folder.access if folder else {}
    return in_order("".join(own.get(who, box.access.get(who, "")) for who in person.grantees))


def place(world: World, person: Person, name: str) -> Place:
    """Where a name leads, whether there is anything or not."""
    if name.startswith(SHARED):
        address, _, path = name.removeprefix(SHARED).partition("/")
        boxes = [b for b in world.boxes if b.address == address.lower() and b.owner is not person and not b.closed]
        return _place(SHARED + address.lower() + "/", path, boxes, shared=True)
    first, slash, rest = name.partition("/")
    for prefix, box in person.namespaces():
        if slash and prefix == first + "/":
            return _place(prefix, rest, [box])
    return _place("", name, person.boxes if person.unified else person.boxes[:1], merged=person.unified)


def _place(prefix: str, path: str, boxes: list[Box], merged: bool = False, shared: bool = False) -> Place:
    first, slash, rest = path.partition("/")
    path = "INBOX" + slash + rest if first.upper() == "INBOX" else path
    return Place(prefix + path, prefix, path, boxes, merged, shared)


def rights_at(person: Person, at: Place) -> str:
    return ALL if not at.shared else held(person, at.boxes[0], at.folders[0])


def find(world: World, person: Person, name: str, need: str = "") -> Place:
    """A place where something is that the person may know of, and has a right in."""
    at = place(world, person, name)
    if not at.folders or not KNOWING & set(rights_at(person, at)):
        raise Refused("NONEXISTENT")
    for right in need:
        if right not in rights_at(person, at):
            raise Refused("NOPERM" if "l" in rights_at(person, at) else "NONEXISTENT")
    return at


def find_new(world: World, person: Person, name: str) -> Place:
    """A place where the person may make folders; there may be one."""
    at = place(world, person, name)
    if at.shared:
        _need_create(person, at)
    if not at.path or (not at.prefix and _is_prefix(person, at.path)):
        raise Refused("CANNOT")
    return at


def _need_create(person: Person, at: Place) -> None:
    box = at.boxes[0] if at.boxes else None
    given = _given(person, box) if box else []
    if not box or not given:
        raise Refused("NONEXISTENT")
    if "k" not in held(person, box, nearest(box, at.path)):
        raise Refused("NOPERM" if any("l" in rights for rights in given) else "NONEXISTENT")


def _given(person: Person, box: Box) -> list[str]:
    """All that the person was given anywhere in a mailbox."""
    lists = [box.access, *(folder.access for folder in box.folders.values())]
    return [rights for access in lists for who, rights in access.items() if who in person.grantees]


def _is_prefix(person: Person, path: str) -> bool:
    first = path.partition("/")[0] + "/"
    return first == SHARED or first in dict(person.namespaces())


@dataclass
class Listed:
    """A name that a person sees; without folders where there are only names below it."""

    name: str
    folders: list[Folder] = field(default_factory=list)
    rights: str = ""
    use: str | None = None
    merged: bool = False
    has_children: bool = False


def listing(world: World, person: Person) -> dict[str, Listed]:
    """Every name, whatever is merged as well under the prefix of each mailbox."""
    found: dict[str, Listed] = {}
    trees = [("", person.boxes if person.unified else person.boxes[:1])]
    for prefix, boxes in [*trees, *((prefix, [box]) for prefix, box in person.namespaces())]:
        for box in boxes:
            for path, folder in box.folders.items():
                if prefix or not _is_prefix(person, path):
                    one = found.setdefault(prefix + path, Listed(prefix + path, rights=ALL))
                    one.folders.append(folder)
                    one.use = one.use or folder.use
                    one.merged = person.unified and not prefix
    for box in world.boxes:
        for path, folder in box.folders.items():
            rights = held(person, box, folder)
            if box.owner is not person and not box.closed and "l" in rights:
                name = f"{SHARED}{box.address}/{path}"
                found[name] = Listed(name, [folder], rights)
    for name in list(found):
        while "/" in name:
            name = name.rpartition("/")[0]
            found.setdefault(name, Listed(name)).has_children = True
    return found
