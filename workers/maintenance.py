# SPDX-License-Identifier: MIT
"""The process that runs the jobs of imapd/maintenance.py when they are due, on the one node that holds the lock."""

from __future__ import annotations

import select
import threading
import time

from imapd import log
from imapd.errors import MailError
from imapd.maintenance import JOBS, Tools
from imapd.settings import Settings
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database
from workers.channel import ALIVE, Channel, Identity
from workers.child import title
from workers.titles import set_title

_LOCK = 0x696D617064  # "imapd"
_LOOK_SECONDS = 5


def run(settings: Settings, channel: Channel | None, identity: Identity | None) -> int:
    """The whole life of the process. A job that is under way when it ends is begun again by the next one."""
    database = Database(settings.database.dsn, 2, statement_timeout_seconds=3600, application_name="imapd maintenance")
    tools = Tools(settings, database, BlobStore(settings.blobs.path))
    set_title(title(identity))
    threading.Thread(target=_work, args=(tools,), daemon=True).start()
    _hear(channel)
    return 0


def _hear(channel: Channel | None) -> None:
    """Says each second that we live, until the master wants us no more."""
    while channel is None:
        time.sleep(3600)
    while True:
        try:
            channel.say(ALIVE)
        except BlockingIOError:
            pass
        except OSError:
            return
        if select.select([channel], [], [], 1)[0] and channel.heard() is not None:
            return  # retire, drain, or the end of the master: to this process all the same


def _work(tools: Tools) -> None:
    due = {job.name: time.monotonic() for job in JOBS}
    while True:
        try:
            with tools.database.alone(_LOCK) as leading:
                for job in JOBS if leading else ():
                    if time.monotonic() >= due[job.name]:
                        due[job.name] = time.monotonic() + job.every_seconds
                        job.run(tools)
        except MailError as error:
            log.warning("maintenance waits", error=str(error))
        except Exception:
            log.exception("a maintenance job failed")
        time.sleep(_LOOK_SECONDS)
