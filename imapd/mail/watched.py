# SPDX-License-Identifier: MIT
"""What a client has been told of the mailboxes that it watches, and how two such pictures differ. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING

from imapd.mail.events import Event, EventGroup, Events, events_of
from imapd.mail.namespaces import SHARED, parents

if TYPE_CHECKING:
    from imapd.mail.listing import Listed
    from imapd.mail.status import Status


@dataclass(frozen=True, slots=True)
class Numbers:
    """Messages of a mailbox came, went or have other flags."""

    name: str
    status: Status
    events: Events


@dataclass(frozen=True, slots=True)
class Name:
    """A mailbox came, went, is called otherwise than before or is subscribed otherwise. row: what the list says of the
    name now; None: nothing any more."""

    name: str
    row: Listed | None
    old: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    """Entries of a mailbox have changed, or of the server where the name is empty."""

    name: str
    entries: Sequence[str]


Change = Numbers | Name | Annotations


@dataclass(slots=True)
class Watched:
    """One mailbox. prefix: what its name has before that of its folders; numbers: when they are others, messages came
    or went; modseq: when it is another, flags are, or something happened in another folder of the group."""

    events: Events
    prefix: str
    group_id: int
    folder_ids: tuple[int, ...]
    merged: bool
    shared: bool
    subscribed: bool
    numbers: tuple[int, int, int]
    modseq: int

    @property
    def folder_id(self) -> int | None:
        """The folder that it shows; None where it shows a whole group."""
        return None if self.merged else self.folder_ids[0]

    def moves_on(self, status: Status, own_changes: int) -> bool:
        """Takes in the numbers that there are now, and says whether the client is to be told. It knows its own
        changes."""
        before, self.numbers = self.numbers, numbers(status)
        modseq, self.modseq = self.modseq, status.modseq
        if 0 < self.modseq - modseq == own_changes:  # each change is a modseq, so there are no others
            return False
        if self.numbers != before:
            return Event.MESSAGE_NEW in self.events
        return self.modseq != modseq and Event.FLAG_CHANGE in self.events


Picture = dict[str, Watched]


def numbers(status: Status) -> tuple[int, int, int]:
    """Neither UIDNEXT nor the modseq: other folders of the group move them, too."""
    return status.messages, status.size, status.uid_validity


def picture(rows: Iterable[Listed], groups: Sequence[EventGroup], status_of: Callable[[Listed], Status]) -> Picture:
    """Of all mailboxes that can be selected, as they are listed."""
    found = {}
    for row in rows:
        if row.selectable:
            first, status = row.folders[0], status_of(row)
            found[row.name] = Watched(
                events_of(groups, row), intern(row.name.removesuffix(first.name)), first.group_id,
                tuple(folder.folder_id for folder in row.folders), row.merged, row.name.startswith(SHARED),
                row.subscribed, numbers(status), status.modseq,
            )  # fmt: skip
    return found


def renamed(old: Picture, new: Picture) -> dict[str, str]:
    """New names of the same folders, and their old ones. A mailbox with two names has got two others."""
    exactly, anyhow = {}, {}
    for name, watched in old.items():
        if name not in new:
            exactly[watched.folder_ids, watched.prefix] = name
            anyhow[watched.folder_ids] = name
    came = {name: watched for name, watched in new.items() if name not in old}
    found = {name: exactly.pop((it.folder_ids, it.prefix), "") for name, it in came.items()}
    left = set(exactly.values())
    for name, it in came.items():
        if not found[name] and (former := anyhow.get(it.folder_ids, "")) in left:
            found[name] = former
            left.discard(former)
    return {name: former for name, former in found.items() if former}


def names_changed(
    old: Picture, new: Picture, rows: Mapping[str, Listed], names: Mapping[str, str], caused: Container[str]
) -> Iterator[Name]:
    """names: as renamed() gives them; caused: what the client has done itself, and knows."""
    for name, watched in old.items():
        is_gone = name not in new and name not in names.values()
        if is_gone and name not in caused and Event.MAILBOX_NAME in watched.events:
            yield Name(name, rows.get(name))
    for name, watched in new.items():
        former = names.get(name, "")
        before = old.get(former or name)
        events = watched.events | (before.events if before else frozenset())
        if name in caused or (former and _follows(name, former, names)):
            continue
        is_other = before is None or not set(before.folder_ids).intersection(watched.folder_ids)
        if (former or is_other) and Event.MAILBOX_NAME in events:
            yield Name(name, rows[name], former)
        elif before and before.subscribed != watched.subscribed and Event.SUBSCRIPTION_CHANGE in events:
            yield Name(name, rows[name])


def _follows(name: str, former: str, names: Mapping[str, str]) -> bool:
    """Whether it is called otherwise because a mailbox above it is, which says it all (RFC 5465 section 5.4)."""
    return any(
        above in names and former == names[above] + name.removeprefix(above)
        for above in parents(name)
    )  # fmt: skip
