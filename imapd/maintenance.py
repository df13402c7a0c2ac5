# SPDX-License-Identifier: MIT
"""What has to be done now and then, on one node at a time: the table of jobs. workers/ knows when and by whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from imapd import log
from imapd.settings import Settings
from imapd.storage import garbage
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database


@dataclass(frozen=True, slots=True)
class Tools:
    """What a job works with."""

    settings: Settings
    database: Database
    blobs: BlobStore


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


JOBS = (Job("garbage", 3600, collect_garbage),)
