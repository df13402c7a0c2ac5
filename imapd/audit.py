# SPDX-License-Identifier: MIT
"""What happened that somebody may have to account for: to the log at once, to the table audit_log in batches.

A session never waits for it and never fails because of it: what the table cannot take in time is counted and lost.
An operator's command is the other way round: it uses `write`, in the transaction of the deed. No secrets come here.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from imapd import log
from imapd.errors import MailError
from imapd.storage import audit_log
from imapd.storage.pool import Database, Transaction

LONGEST_TEXT = 256
BATCH = 500
LONGEST_PAUSE_SECONDS = 10

#: Every event there is. A new one is added here first, so that whoever searches the log knows the words.
EVENTS = frozenset(
    {
        "login", "logout", "session kicked", "ip blocked", "user locked", "user unlocked", "ip unblocked",
        "password changed", "user created", "user changed", "user disabled", "user enabled", "user removed",
        "domain created", "domain disabled", "domain enabled", "domain removed",
        "organization created", "organization disabled", "organization enabled", "organization renamed",
        "organization removed",
        "mailbox created", "mailbox moved", "mailbox disabled", "mailbox enabled", "mailbox removed",
        "group created", "group changed", "group removed",
        "alias created", "alias moved", "alias removed", "folder deleted", "folder renamed",
        "access changed", "quota changed", "quota warning", "administrator added",
        "administrator removed", "migrated",
        "repaired",
    }
)  # fmt: skip


class Audit:
    """Takes events of one process and brings them to the table. `spawn` starts a greenlet or a thread."""

    def __init__(
        self,
        database: Database,
        *,
        most: int = 10_000,
        flush_seconds: float = 0.5,
        now: Callable[[], float] = time.time,
    ):
        self._database = database
        self._most = most
        self._flush_seconds = flush_seconds
        self._now = now
        self._waiting: deque[dict[str, Any]] = deque()
        self._something = threading.Event()
        self._stopped = False
        self.lost = 0  # events that the table did not get

    def start(self, spawn: Callable[[Callable[[], None]], Any]) -> None:
        spawn(self._write_batches)

    def stop(self) -> None:
        """Writes what waits, once, and takes no more into the table."""
        self._stopped = True
        self._something.set()
        try:
            while self._waiting:
                self.flush()
        except MailError:
            pass

    def record(
        self,
        event: str,
        outcome: str,
        *,
        organization_id: int = 0,
        user_id: int | None = None,
        address: str | None = None,
        remote_ip: str | None = None,
        **detail: str | int,
    ) -> None:
        """Remembers an event. Costs no more than a line of log."""
        made = _event(self._now(), event, outcome, organization_id, user_id, address, remote_ip, detail)
        _log(made)
        if len(self._waiting) >= self._most:
            self.lost += 1
            return
        self._waiting.append(made)
        self._something.set()

    def flush(self) -> None:
        """Writes one batch. Raises MailError where the table cannot be reached; the batch waits then."""
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        if not batch:
            return
        try:
            audit_log.insert(self._database, batch)
        except MailError:
            self._waiting.extendleft(reversed(batch))
            raise
        except Exception:
            self.lost += len(batch)
            log.exception("audit events were refused", count=len(batch))

    def _write_batches(self) -> None:
        pause = self._flush_seconds
        while not self._stopped:
            self._something.wait()
            self._something.clear()
            time.sleep(pause)  # more of them come in the meantime
            try:
                while self._waiting and not self._stopped:
                    self.flush()
                pause = self._flush_seconds
            except MailError:
                pause = min(max(pause, 0.1) * 2, LONGEST_PAUSE_SECONDS)
                self._something.set()


def write(
    transaction: Database | Transaction,
    event: str,
    outcome: str = "ok",
    *,
    organization_id: int = 0,
    user_id: int | None = None,
    address: str | None = None,
    remote_ip: str | None = None,
    **detail: str | int,
) -> None:
    """Writes one event now: where it cannot be written, what it tells of must not happen either."""
    made = _event(time.time(), event, outcome, organization_id, user_id, address, remote_ip, detail)
    audit_log.insert(transaction, [made])


def _event(
    at: float, event: str, outcome: str, organization_id: int, user_id: int | None, address: str | None,
    remote_ip: str | None, detail: dict[str, str | int],
) -> dict[str, Any]:  # fmt: skip
    if event not in EVENTS:
        raise ValueError(f"{event!r} is no audit event")
    return {
        "at": at,
        "event": event,
        "outcome": outcome,
        "organization_id": organization_id,
        "user_id": user_id,
        "address": _clean(address) if address else None,
        "remote_ip": remote_ip,
        "detail": {name: _clean(value) if isinstance(value, str) else value for name, value in detail.items()},
    }


def _clean(text: str) -> str:
    """Text that PostgreSQL takes into json: no NUL, no lone surrogate, not too long."""
    return text[:LONGEST_TEXT].encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _log(event: dict[str, Any]) -> None:
    told = ("outcome", "organization_id", "user_id", "address", "remote_ip")
    fields = {name: event[name] for name in told if event[name] is not None}
    harmless = event["outcome"] == "ok" and event["event"] not in ("ip blocked", "user locked")
    tell = log.info if harmless else log.warning
    tell(event["event"], audit=True, **fields, **event["detail"])
