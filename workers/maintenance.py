# SPDX-License-Identifier: MIT
"""The process that runs the jobs of imapd/maintenance.py when they are due, on the one node that holds the lock."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable

from imapd import log
from imapd.cluster.control import Control
from imapd.cluster.pubsub import PubSub
from imapd.cluster.wakeups import Wakeups
from imapd.errors import MailError
from imapd.maintenance import JOBS, Job, Tools
from imapd.metrics import Metrics
from imapd.settings import Settings
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database
from imapd.storage.waiting import GRACE_SECONDS, LONGEST_SECONDS
from imapd.storage.waiting_threads import wait_at_most
from workers.channel import ALIVE, Channel, Identity
from workers.child import title
from workers.heap import Heap
from workers.titles import set_title

_LOCK = 0x696D6100  # "ima", and the number of a job
_LOOK_SECONDS = 5


def run(settings: Settings, channel: Channel | None, identity: Identity | None) -> int:
    """The whole life of the process. A job that is under way when it ends is begun again by the next one."""
    metrics = Metrics()
    pubsub = PubSub(settings.redis.url)
    tools = _tools(settings, metrics, pubsub)
    set_title(title(identity))
    for number, job in enumerate(JOBS):
        _spawn(lambda number=number, job=job: _work(tools, job, _LOCK + number))  # type: ignore[misc]
    _hear(channel, metrics)
    pubsub.stop()
    return 0


def _tools(settings: Settings, metrics: Metrics, pubsub: PubSub) -> Tools:
    control = Control(pubsub)
    wakeups = Wakeups(pubsub, control, poll_seconds=settings.redis.poll_seconds)
    pubsub.start(_spawn)
    wait_at_most(settings.database.connect_timeout_seconds, LONGEST_SECONDS + GRACE_SECONDS)
    database = Database(
        settings.database.dsn,
        3 * len(JOBS),  # each may hold its lock, and a transaction, and ask something meanwhile
        statement_timeout_seconds=LONGEST_SECONDS,
        application_name="imapd maintenance",
        quota_warn_percent=settings.quota.warn_percent,
    )
    return Tools(settings, database, BlobStore(settings.blobs.path), metrics, wakeups, control)


def _spawn(function: Callable[[], None]) -> None:
    threading.Thread(target=function, daemon=True).start()


def _hear(channel: Channel | None, metrics: Metrics) -> None:
    """Says each second that we live, until the master wants us no more."""
    heap = Heap()
    while True:
        heap.look(time.monotonic())
        metrics.flush()
        if channel is None:
            time.sleep(1)
            continue
        try:
            channel.say(ALIVE)
        except BlockingIOError:
            pass
        except OSError:
            return
        if select.select([channel], [], [], 1)[0] and channel.heard() is not None:
            return  # retire, drain, or the end of the master: to this process all the same


def _work(tools: Tools, job: Job, lock: int) -> None:
    """Each job has a thread and a lock of its own: one that takes long holds up no other."""
    pause = min(job.every_seconds, _LOOK_SECONDS)
    due = time.monotonic()
    while True:
        try:
            if time.monotonic() >= due:
                with tools.database.alone(lock) as leading:
                    if leading:
                        due = time.monotonic() + job.every_seconds
                        job.run(tools)
        except MailError as error:
            log.warning("maintenance waits", job=job.name, error=str(error))
        except Exception:
            log.exception("a maintenance job failed", job=job.name)
        time.sleep(pause)
