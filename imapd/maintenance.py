# SPDX-License-Identifier: MIT
"""What has to be done now and then, on one node at a time: the table of jobs. workers/ knows when and by whom."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from imapd import log
from imapd.mail import quota_warnings, quota_webhook
from imapd.settings import Settings
from imapd.storage import changes, garbage, quotas, recount
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database


@dataclass(frozen=True, slots=True)
class Tools:
    """What a job works with: the store, and ways to wake and tell sessions on all nodes."""

    settings: Settings
    database: Database
    blobs: BlobStore
    metrics: Any
    wakeups: Any
    control: Any


@dataclass(frozen=True, slots=True)
class Job:
    """run: does it, and may raise errors.MailError; it is tried again when it is due next."""

    name: str
    every_seconds: int
    run: Callable[[Tools], None]


def collect_garbage(tools: Tools) -> None:
    *_, gone = garbage.collect(tools.database, tools.blobs, tools.settings.blobs.grace_seconds)
    if gone != garbage.Collected():
        log.info("garbage collected", **asdict(gone))


def prune_changes(tools: Tools) -> None:
    if gone := changes.prune(tools.database, tools.settings.database.changes_kept_seconds):
        log.info("old changes forgotten", rows=gone)


def tell_of_quotas(tools: Tools) -> None:
    teller = quota_warnings.Teller(
        tools.settings, tools.database, tools.blobs, tools.wakeups.publish,
        lambda id: tools.control.publish("quota", id), tools.metrics.quota_warning,
    )  # fmt: skip
    teller.tell_all()


def call_quota_webhook(tools: Tools) -> None:
    quota_webhook.call(tools.database, tools.settings.quota, quota_webhook.post)


def rearm_quotas(tools: Tools) -> None:
    quotas.rearm(tools.database)


class QuotaDrift:
    """Goes round all mailboxes, a few seconds of it at a time, and counts what their counters should say."""

    def __init__(self, seconds: float = 5.0, now: Callable[[], float] = time.monotonic):
        self._seconds = seconds
        self._now = now
        self._after = recount.FIRST
        self._found = self._last = 0

    def __call__(self, tools: Tools) -> None:
        until = self._now() + self._seconds
        while self._now() < until:
            batch = recount.mailboxes(tools.database, self._after)
            if not batch:
                self._note(recount.drift_of_roots(tools.database))
                self._after, self._last, self._found = recount.FIRST, self._found, 0
                break
            for box in batch:
                self._note(recount.drift(tools.database, box))
                self._after = box
                if self._now() >= until:
                    break
        tools.metrics.quota_drift(max(self._found, self._last))

    def _note(self, found: list[recount.Drift]) -> None:
        self._found += len(found)
        for drift in found:
            log.error("a counter is wrong; `imapd check --repair` mends it", **drift._asdict())


JOBS = (
    Job("garbage", 3600, collect_garbage),
    Job("changes", 3600, prune_changes),
    Job("quota warnings", 1, tell_of_quotas),
    Job("quota webhook", 5, call_quota_webhook),
    Job("quota rearming", 10, rearm_quotas),
    Job("quota drift", 60, QuotaDrift()),
)
