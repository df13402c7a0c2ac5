# SPDX-License-Identifier: MIT
"""Ends the sessions of users who may no longer have them: disabled, removed, or with another password since.

At once when a control message says so, and now and then without one, because messages may be lost.
"""

import threading
from collections.abc import Callable
from typing import Any, Protocol

from imapd import log
from imapd.errors import MailError
from imapd.storage import credentials
from imapd.storage.credentials import Standing
from imapd.storage.pool import Database

BATCH = 1000
REASON = "Your account or its password was changed. Log in again."


class Session(Protocol):
    @property
    def standing(self) -> Any: ...
    @property
    def end(self) -> Callable[[str], None]: ...


class Recheck:
    """`live` gives the sessions of this worker; ask_soon() is for the control message "user"."""

    def __init__(self, database: Database, live: Callable[[], list[Any]], *, seconds: float):
        self._database = database
        self._live = live
        self._seconds = seconds
        self._soon = threading.Event()
        self._stopped = False

    def start(self, spawn: Callable[[Callable[[], None]], Any]) -> None:
        spawn(self._check_now_and_then)

    def stop(self) -> None:
        self._stopped = True
        self._soon.set()

    def ask_soon(self, _: str = "") -> None:
        self._soon.set()

    def check(self) -> int:
        """Ends the sessions that may not go on, and says how many. Raises MailError."""
        sessions = [session for session in self._live() if session.standing]
        standings: list[Standing] = list({session.standing for session in sessions})
        fallen: set[Standing] = set()
        for start in range(0, len(standings), BATCH):
            fallen |= credentials.fallen(self._database, standings[start : start + BATCH])
        ended = [session for session in sessions if session.standing in fallen]
        for session in ended:
            session.end(REASON)
        return len(ended)

    def _check_now_and_then(self) -> None:
        while not self._stopped:
            self._soon.wait(self._seconds)
            self._soon.clear()
            try:
                if not self._stopped:
                    self.check()
            except MailError as error:
                log.warning("sessions could not be rechecked", error=error)
            except Exception:
                log.exception("the recheck of sessions failed")
