# SPDX-License-Identifier: MIT
"""Which names a user's list of mailboxes holds, and what is said of each. Pure: rows come in, names go out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from imapd.mail import rights
from imapd.mail.namespaces import DELIMITER, SHARED, Layout, parents
from imapd.storage.accounts import Grant
from imapd.storage.folders import Folder


@dataclass(slots=True)
class Listed:
    """A name of the list. folders is empty where the name only has inferiors; apart: shown only to who asks for its
    namespace by prefix."""

    name: str
    folders: list[Folder] = field(default_factory=list)
    rights: str = ""
    special_use: str | None = None
    apart: bool = False
    merged: bool = False
    subscribed: bool = False
    has_children: bool = False

    @property
    def nonexistent(self) -> bool:
        return not self.folders

    @property
    def selectable(self) -> bool:
        return bool(self.folders) and rights.READ in self.rights


def owned(layout: Layout, rows: Iterable[Folder]) -> Iterator[Listed]:
    """The user's own folders under every name they have."""
    by_mailbox: dict[int, list[Folder]] = {}
    for row in rows:
        by_mailbox.setdefault(row.mailbox_id, []).append(row)
    for tree in layout.trees:
        by_path: dict[str, Listed] = {}
        for box in tree.mailbox_ids:
            for row in by_mailbox.get(box, ()):
                # A namespace goes before a folder that is called as it is: that has only its name with a prefix.
                behind = layout.is_prefix(row.name)
                if behind and not tree.prefix:
                    continue
                new = Listed(tree.prefix + row.name, rights=rights.ALL, apart=tree.apart and not behind)
                entry = by_path.setdefault(row.name, new)
                entry.folders.append(row)
                entry.special_use = entry.special_use or row.special_use
                entry.merged = tree.merged
        for path in sorted(by_path, key=_inbox_first):
            yield by_path[path]


def shared(grants: Sequence[Grant], rows: Iterable[Folder]) -> Iterator[Listed]:
    """What others share: never announced with a special use, which would pass for the user's own."""
    addresses = {grant.mailbox_id: grant.address for grant in grants}
    given: dict[tuple[int, int], list[Grant]] = {}
    for grant in grants:
        given.setdefault((grant.mailbox_id, grant.folder_id), []).append(grant)
    theirs = [row for row in rows if row.mailbox_id in addresses]
    for row in sorted(theirs, key=lambda row: (addresses[row.mailbox_id], _inbox_first(row.name))):
        box = row.mailbox_id
        held = rights.held([*given.get((box, 0), ()), *given.get((box, row.folder_id), ())], row.folder_id)
        if rights.LOOKUP in held:
            yield Listed(SHARED + addresses[row.mailbox_id] + DELIMITER + row.name, [row], held)


def listed(found: Iterable[Listed], subscribed: set[str], subscribed_only: bool) -> list[Listed]:
    """The whole list: with parents that are no mailbox themselves, and what is subscribed though it is gone."""
    entries: dict[str, Listed] = {}
    for entry in found:
        for parent in parents(entry.name):
            if parent not in entries:
                entries[parent] = Listed(parent, apart=entry.apart)
            entries[parent].has_children = True
            entries[parent].apart = entries[parent].apart and entry.apart
        placed = entries.setdefault(entry.name, entry)
        if placed is not entry:  # it was there as a parent
            entry.has_children = placed.has_children
            entries[entry.name] = entry
        entry.subscribed = entry.name in subscribed
    if not subscribed_only:
        return list(entries.values())
    return [entries.get(name) or Listed(name, subscribed=True) for name in sorted(subscribed, key=_inbox_first)]


def _inbox_first(path: str) -> tuple[bool, str]:
    return (path != "INBOX", path)
