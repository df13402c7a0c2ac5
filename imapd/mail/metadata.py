# SPDX-License-Identifier: MIT
"""Annotations (RFC 5464): who may see and set which, and the entries that the server itself keeps.

An entry is a str in lower case, "/private/…" for one's own or "/shared/…" for everybody's. The name "" is the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd import errors
from imapd.mail import rights
from imapd.mail.namespaces import SEPARATED, UNIFIED
from imapd.storage import metadata

if TYPE_CHECKING:
    from imapd.mail.account import Account, Place

NAMESPACE_MODE = "/private/vendor/imapd/namespace-mode"
SPECIAL_USE = "/private/specialuse"
PRIVATE = "/private/"

ANY_SIZE = (1 << 31) - 1
"""In octets; more than any value has."""


@dataclass(frozen=True, slots=True)
class Entries:
    """What was found: entries with their values, and the length in octets of each value that was left out."""

    values: dict[str, bytes]
    too_long: dict[str, int]


def find(account: Account, name: str, entries: Sequence[str], depth: int = 0, most: int | None = None) -> Entries:
    """Entries of a mailbox, with those one level (1) or any number of levels (2) below them; without values of more
    than `most` octets. Raises errors.NotFound, NoPermission."""
    place = _place(account, name)
    places = [folder.folder_id for folder in place.folders] if place else [0]
    longest = ANY_SIZE if most is None else min(most, ANY_SIZE)
    stored = metadata.found(account.database, account.organization_id, places, account.user_id, entries, depth, longest)
    # Where several folders stand behind a mailbox, the first of them that has an entry says what it is.
    first = {row.entry: row for row in sorted(stored, key=lambda row: places.index(row.folder_id), reverse=True)}
    values = {row.entry: row.value for row in first.values() if row.value is not None}
    too_long = {row.entry: row.size for row in first.values() if row.value is None}
    for entry, value in _kept_by_the_server(account, place).items():
        if value is not None and any(_matches(entry, asked, depth) for asked in entries):
            values[entry] = value
    return Entries(dict(sorted(values.items())), too_long)


def change(account: Account, name: str, values: Mapping[str, bytes | None]) -> None:
    """Sets entries, or removes those given as None: all of them or none. Raises errors.NotFound, NoPermission,
    LimitReached for too many, OverQuota for too much of them together, Cannot for one that only the server sets."""
    place = _place(account, name)
    if any(not entry.startswith(PRIVATE) for entry in values):
        if place is None:
            raise errors.NoPermission("What is shared on the whole server is not for users to set.")
        account.need(place, rights.WRITE)
    if place is not None and SPECIAL_USE in values:
        raise errors.Cannot("The special use of a mailbox is said when it is created.")
    preferred = place is None and NAMESPACE_MODE in values
    mode = _mode(values[NAMESPACE_MODE]) if preferred else None
    stored = {entry: value for entry, value in values.items() if not (preferred and entry == NAMESPACE_MODE)}
    if stored:
        _store(account, place, stored)
    if preferred:
        account.set_namespace_mode(mode)


def _store(account: Account, place: Place | None, values: Mapping[str, bytes | None]) -> None:
    limits = account.node.settings.limits
    folder_ids = [folder.folder_id for folder in place.folders] if place else [None]
    try:
        metadata.change(
            account.database, account.organization_id, folder_ids, account.user_id, values,
            limits.metadata_entries, limits.metadata_total_octets,
        )  # fmt: skip
    except errors.OverQuota:
        raise errors.OverQuota("There is no room for so many octets of annotations.") from None
    # What is private is so on shared mailboxes, too: it concerns this user's sessions, whoever owns the mailbox.
    shared = any(not entry.startswith(PRIVATE) for entry in values)
    for owner in {account.owner, place.owner} if place and shared else {account.owner}:
        account.announce_annotations(owner, place.name if place else "", values)


def _place(account: Account, name: str) -> Place | None:
    """Of the mailbox, whose annotations the user may use (RFC 5464 section 3.3), or None for the server."""
    if not name:
        return None
    place = account.need(account.find(name), rights.LOOKUP)
    if not set("rswip") & set(place.rights):
        raise errors.NoPermission
    return place


def _kept_by_the_server(account: Account, place: Place | None) -> dict[str, bytes | None]:
    if place is None:
        return {NAMESPACE_MODE: account.mode.encode("ascii")}
    uses = [folder.special_use for folder in place.folders if folder.special_use and not place.shared]
    return {SPECIAL_USE: uses[0].encode("ascii") if uses else None}


def _mode(value: bytes | None) -> str | None:
    mode = None if value is None else value.decode("ascii", "replace").strip().lower()
    if mode not in (None, SEPARATED, UNIFIED):
        raise errors.Cannot(f"The mode is {SEPARATED} or {UNIFIED}.")
    return mode


def _matches(entry: str, asked: str, depth: int) -> bool:
    if entry == asked:
        return True
    below = entry.removeprefix(asked + "/")
    return below != entry and (depth > 1 or (depth == 1 and "/" not in below))
