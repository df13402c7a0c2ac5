# SPDX-License-Identifier: MIT
"""Tells of quotas that have crossed a threshold: whom, by what means, once. That they have is noted by the store, in
the transaction that crossed it; this runs now and then, on one node.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imapd import audit
from imapd.mail import delivery
from imapd.mail.delivery import Draft, Held
from imapd.mail.quota_letter import message, template
from imapd.settings import Settings
from imapd.storage import quotas
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database, Transaction
from imapd.storage.quotas import Crossing, Inbox, Usage

BEYOND_OCTETS = 1 << 40
"""The warning itself must find room wherever usage is, even above a limit that was lowered."""

AGAIN_AFTER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Target:
    """A folder as delivery wants it."""

    folder: int
    keep_mask: int = 0
    reader: int | None = None
    keep_words: bool = False


@dataclass(frozen=True, slots=True)
class _Store:
    """The part of a node that delivery needs: here within a transaction, so blobs has to be one that begins nothing."""

    settings: Settings
    database: Transaction
    blobs: BlobStore
    offload: Callable[..., Any]


def here(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


@dataclass(frozen=True, slots=True)
class Teller:
    """wake(organization_id, group_id, owner): a folder has changed. alert(id): as cluster/control.py says. count(kind,
    percent): for the metrics."""

    settings: Settings
    database: Database
    blobs: BlobStore
    wake: Callable[[int, int, str], None]
    alert: Callable[[str], None]
    count: Callable[[str, int], None]

    def tell_all(self) -> int:
        """Tells of every crossing that nobody has been told of. Returns how many."""
        told = 0
        while self._tell_one():
            told += 1
        return told

    def _tell_one(self) -> bool:
        """What is told in the store is told in one transaction, so it is told once; who is only woken, after it."""
        crossing = None
        try:
            with self.database.transaction() as tx:
                crossing = quotas.next_crossing(tx)
                if crossing is None:
                    return False
                usage = quotas.of_root(tx, crossing.organization_id, crossing.root)
                inboxes = quotas.inboxes(tx, crossing.organization_id, crossing.root) if usage else []
                groups = self._deliver(tx, crossing, usage, inboxes) if usage and self.settings.quota.message else set()
                _write_audit(tx, crossing, usage)
                quotas.crossing_told(tx, crossing, webhook=self.settings.quota.webhook is not None)
        except Exception:
            # One that cannot be told must not keep the others from being told.
            if crossing is not None:
                quotas.postpone(self.database, crossing, AGAIN_AFTER_SECONDS)
            raise
        self.count(crossing.kind, crossing.threshold)
        for group_id, owner in groups:
            self.wake(crossing.organization_id, group_id, owner)
        for user_id in {inbox.user_id for inbox in inboxes if inbox.user_id is not None}:
            self.alert(f"{crossing.organization_id}.{user_id}.{crossing.root}.{crossing.threshold}")
        return True

    def _deliver(self, tx: Transaction, crossing: Crossing, usage: Usage, inboxes: list[Inbox]) -> set[tuple[int, str]]:
        quotas.allow_beyond(tx, BEYOND_OCTETS)
        store: Any = _Store(self.settings, tx, self.blobs, here)
        groups = set()
        for inbox in inboxes:
            octets = message(template(self.settings.quota), crossing, usage, inbox.address)
            draft = Draft(Held(octets))
            now = int(datetime.now(UTC).timestamp())
            done = delivery.append(store, crossing.organization_id, Target(inbox.folder_id), [draft], now)
            groups.add((done.group_id, inbox.owner))
        return groups


def _write_audit(tx: Transaction, crossing: Crossing, usage: Usage | None) -> None:
    audit.write(
        tx, "quota warning", organization_id=crossing.organization_id, user_id=usage.user_id if usage else None,
        address=usage.address if usage else None, root=crossing.root, percent=crossing.threshold,
        storage_used=crossing.storage_used, messages_used=crossing.messages_used,
    )  # fmt: skip
