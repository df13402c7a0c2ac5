# SPDX-License-Identifier: MIT
"""Mail that an operator brings into a mailbox. It goes where APPEND's goes: durable, parsed, within the quota.

What is there already is left out, so that an import that was interrupted, or whose source has grown, can be run again.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from imapd import errors
from imapd.mail import delivery, flags
from imapd.mail.account import Target
from imapd.mail.delivery import Draft, Held
from imapd.mail.mime.transfer import without_binary
from imapd.mail.namespaces import DELIMITER, UNIFIED, check_new, inbox_folded
from imapd.storage import carrying, folders
from imapd.storage.carrying import Box
from imapd.storage.folders import Folder

AT_ONCE = 50
AT_ONCE_OCTETS = 4 << 20
NUL_STAND_IN = b"\x80"
"""IMAP cannot send NUL, and no message should hold one."""


class Letter(Protocol):
    """A message from somewhere else: with what exchange/letters.py says of it."""

    @property
    def octets(self) -> bytes: ...
    @property
    def flags(self) -> Sequence[str]: ...
    @property
    def seconds(self) -> int | None: ...
    @property
    def zone(self) -> int: ...
    @property
    def problem(self) -> str: ...


Letters = Callable[[int], Iterable[Letter]]
"""Reads one after the other; what is larger than that number of octets may end after it."""


@dataclass
class Brought:
    """What became of the letters of a folder. refused: why, and how often."""

    folder: str
    imported: int = 0
    there_already: int = 0
    octets: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Importer:
    """Into one mailbox. `node` has settings, database, blobs and offload, as imapd.node.Node."""

    def __init__(self, node: Any, box: Box):
        self._node = node
        self._box = box
        self._unified = (box.mode or node.settings.imap.namespace_mode) == UNIFIED
        self.brought: list[Brought] = []
        """A folder each, in order; so far."""

    def bring(self, name: str, special_use: str | None, letters: Letters, seen: Callable[[], None]) -> None:
        """Puts letters into a folder, which is made where there is none. seen is called for each of them. special_use:
        where the name is free, the folder that is for that is taken.

        Raises errors.OverQuota where there is no room for more, Cannot and LimitReached where a folder cannot be made.
        """
        folder = self._folder(inbox_folded(name), special_use)
        brought = Brought(folder.name)
        self.brought.append(brought)
        there = carrying.bodies_in(self._node.database, self._box.organization_id, folder.group_id, folder.folder_id)
        target = Target(folder.folder_id, folder.uid_validity, flags.ALL_BITS, True, None, folder.owner)
        for batch in _batches(self._wanted(letters, there, brought, seen)):
            self._append(target, batch, brought)

    def _folder(self, name: str, special_use: str | None) -> Folder:
        database, box = self._node.database, self._box
        rows = {row.name: row for row in folders.of_mailboxes(database, box.organization_id, [box.mailbox_id])}
        if name in rows:
            return rows[name]
        for row in rows.values():
            if special_use and row.special_use == special_use:
                return row
        limits = self._node.settings.limits
        check_new(name, limits.name_octets)
        folders.create(database, box.organization_id, box.mailbox_id, name, special_use, limits.folders_per_mailbox)
        carrying.subscribe(database, box, name, self._unified)
        return folders.named(database, box.organization_id, [box.mailbox_id], name)[0]

    def _wanted(
        self, letters: Letters, there: Counter[bytes], brought: Brought, seen: Callable[[], None]
    ) -> Iterator[Draft]:
        """Those that can be stored and are not there."""
        most = self._node.settings.limits.message_octets
        for letter in letters(most):
            seen()
            data = letter.octets
            if len(data) <= most:  # what is larger may be cut off, and is not to become smaller
                data = _without_nul(data)
            digest = hashlib.sha256(data).digest()
            if letter.problem or not data:
                brought.refused[letter.problem or "empty"] += 1
            elif len(data) > most:
                brought.refused["larger than limits.message_octets"] += 1
            elif there[digest] > 0:
                there[digest] -= 1
                brought.there_already += 1
            else:
                yield Draft(Held(data), _settable(letter.flags), letter.seconds, letter.zone)

    def _append(self, target: Target, drafts: Sequence[Draft], brought: Brought) -> None:
        """All at once, or one after the other: up to where there is no room, or where together they are too much."""
        try:
            self._store(target, drafts, brought)
        except (errors.OverQuota, errors.LimitReached):
            for draft in drafts:
                self._store(target, [draft], brought)

    def _store(self, target: Target, drafts: Sequence[Draft], brought: Brought) -> None:
        delivery.append(self._node, self._box.organization_id, target, drafts, int(time.time()))
        brought.imported += len(drafts)
        brought.octets += sum(draft.literal.size for draft in drafts)


def _without_nul(octets: bytes) -> bytes:
    """As IMAP can send it. Binary parts become base64; what is no part is marked."""
    if b"\0" not in octets:
        return octets
    pieces = without_binary(octets)
    return (octets if pieces is None else b"".join(pieces)).replace(b"\0", NUL_STAND_IN)


def _settable(given: Sequence[str]) -> list[str]:
    r"""System flags in their one spelling; \Recent and flags that nobody knows are left out."""
    known = {name.lower(): name for name in flags.BITS}
    found = [known.get(flag.lower(), flag) for flag in given]
    return [flag for flag in found if flag in flags.BITS or (not flag.startswith("\\") and _is_keyword(flag))]


def _is_keyword(flag: str) -> bool:
    """atom of RFC 3501, and no longer than a client can use."""
    return 0 < len(flag) <= 100 and flag.isascii() and flag.isprintable() and not set(flag) & set(' (){%*"\\]')


def _batches(drafts: Iterable[Draft]) -> Iterator[list[Draft]]:
    batch: list[Draft] = []
    octets = 0
    for draft in drafts:
        if batch and (octets + draft.literal.size > AT_ONCE_OCTETS or len(batch) == AT_ONCE):
            yield batch
            batch, octets = [], 0
        batch.append(draft)
        octets += draft.literal.size
    if batch:
        yield batch


def below(into: str | None, name: str) -> str:
    """The name of a folder that comes below another one."""
    return into.rstrip(DELIMITER) + DELIMITER + name if into else name
