# SPDX-License-Identifier: MIT
"""What has to be done now and then, on one node at a time: the table of jobs. workers/ knows when and by whom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from imapd import log
from imapd.mail import quota_warnings, quota_webhook
from imapd.settings import Settings
from imapd.storage import changes, garbage, quotas, recount
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database

RESTS = 9
"""So many times as long as it has worked a job rests."""
LONGEST_REST_SECONDS = 10.0
"""A step that took longer than a second was one long statement, and an hour's rest would mend nothing."""

Step = TypeVar("Step")


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


def gently(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps of a job, with a rest after each: it takes a tenth of a processor, if no step is long, so that sessions
    hardly notice."""
    began = time.monotonic()
    for step in steps:
        yield step
        time.sleep(min(RESTS * (time.monotonic() - began), LONGEST_REST_SECONDS))
        began = time.monotonic()


def collect_garbage(tools: Tools) -> None:
    *_, gone = gently(garbage.collect(tools.database, tools.blobs, tools.settings.blobs.grace_seconds))
    if gone != garbage.Collected():
        log.info("garbage collected", **asdict(gone))


def prune_changes(tools: Tools) -> None:
    if gone := sum(gently(changes.prune(tools.database, tools.settings.database.changes_kept_seconds))):
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


def recount_quotas(tools: Tools) -> None:
    number = 0
    for found in gently(recount.all_drift(tools.database)):
        for drift in found:
            log.error("a counter is wrong; `imapd check --repair` mends it", **drift._asdict())
        if found:  # to be known at once; that there is none is known in the end
            number += len(found)
            tools.metrics.quota_drift(number)
    tools.metrics.quota_drift(number)


JOBS = (
    Job("garbage", 3600, collect_garbage),
    Job("changes", 3600, prune_changes),
    Job("quota warnings", 1, tell_of_quotas),
    Job("quota webhook", 5, call_quota_webhook),
    Job("quota rearming", 10, rearm_quotas),
    Job("quota drift", 3600, recount_quotas),
)
