# SPDX-License-Identifier: MIT
"""Tells of quotas that have crossed a threshold: whom, by what means, once. That they have is noted by the store, in
the transaction that crossed it; this runs now and then, on one node.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from string import Template
from typing import Any

from imapd import audit, log
from imapd.mail import delivery
from imapd.mail.delivery import Draft, Held
from imapd.settings import Quota, Settings
from imapd.storage import quotas
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database, Transaction
from imapd.storage.quotas import Crossing, Inbox, Usage

BEYOND_OCTETS = 1 << 40
"""The warning itself must find room wherever usage is, even above a limit that was lowered."""

AGAIN_AFTER_SECONDS = 60
WEBHOOK_AGAIN_AFTER_SECONDS = 5

KINDS = {"m": "mailbox", "u": "user", "d": "domain"}

TEMPLATE = """Subject: $percent % of the quota of $what are used

$percent % of what $what may hold are used:

    storage:  $storage_used of $storage_limit
    messages: $messages_used of $message_limit

When it is full, new mail for it is refused. Delete what is not needed any more, and empty the trash.
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A folder as delivery wants it."""

    folder_id: int
    keep_mask: int = 0
    reader: int | None = None
    keep_words: bool = False


@dataclass(frozen=True, slots=True)
class _Store:
    """The part of a node that delivery needs: here within a transaction."""

    settings: Settings
    database: Transaction
    blobs: BlobStore
    offload: Callable[..., Any]


def here(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


@dataclass(frozen=True, slots=True)
class Teller:
    """wake(organization_id, group_id): a folder has changed. alert(id): as cluster/control.py says. count(kind,
    percent): for the metrics."""

    settings: Settings
    database: Database
    blobs: BlobStore
    wake: Callable[[int, int], None]
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
        self.count(KINDS[crossing.root[0]], crossing.threshold)
        for group_id in groups:
            self.wake(crossing.organization_id, group_id)
        for user_id in {inbox.user_id for inbox in inboxes if inbox.user_id is not None}:
            self.alert(f"{crossing.organization_id}.{user_id}.{crossing.root}.{crossing.threshold}")
        return True

    def _deliver(self, tx: Transaction, crossing: Crossing, usage: Usage, inboxes: list[Inbox]) -> set[int]:
        quotas.allow_beyond(tx, BEYOND_OCTETS)
        store: Any = _Store(self.settings, tx, self.blobs, here)
        groups = set()
        for inbox in inboxes:
            octets = message(template(self.settings.quota), crossing, usage, inbox.address)
            draft = Draft(Held(octets))
            now = int(datetime.now(UTC).timestamp())
            groups.add(delivery.append(store, crossing.organization_id, Target(inbox.folder_id), [draft], now).group_id)
        return groups


def template(settings: Quota) -> str:
    """The text of the message; the one that comes along where the operator's own cannot be read."""
    if settings.message_template is None:
        return TEMPLATE
    try:
        return Path(settings.message_template).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        log.error("the template of quota warnings cannot be read", error=str(error))
        return TEMPLATE


def message(text: str, crossing: Crossing, usage: Usage, to: str) -> bytes:
    """The message that warns, as octets."""
    what = {"m": usage.address, "u": f"all mailboxes of {usage.address}", "d": f"the domain {usage.domain}"}
    filled = Template(text).safe_substitute(
        what=what[crossing.root[0]], address=to, percent=crossing.threshold,
        storage_used=octets_said(crossing.storage_used), storage_limit=octets_said(crossing.storage_limit),
        messages_used=crossing.messages_used, message_limit=_said(crossing.message_limit),
    )  # fmt: skip
    first, _, body = filled.replace("\r\n", "\n").partition("\n\n")
    domain = to.rpartition("@")[2]
    made = EmailMessage()
    made["From"] = f"postmaster@{domain}"
    made["To"] = to
    made["Subject"] = " ".join(first.removeprefix("Subject:").split())
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = make_msgid(domain=domain)
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(body)
    return made.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def octets_said(octets: int | None) -> str:
    """For people, in a unit of 1024s."""
    if octets is None:
        return "unlimited"
    size, unit = float(octets), "octets"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.4g} {unit}" if size < 1000 else f"{size:.0f} {unit}"


def _said(limit: int | None) -> str:
    return "unlimited" if limit is None else str(limit)


def _write_audit(tx: Transaction, crossing: Crossing, usage: Usage | None) -> None:
    audit.write(
        tx, "quota warning", organization_id=crossing.organization_id, user_id=usage.user_id if usage else None,
        address=usage.address if usage else None, root=crossing.root, percent=crossing.threshold,
        storage_used=crossing.storage_used, messages_used=crossing.messages_used,
    )  # fmt: skip


def call_webhook(database: Database, settings: Quota, post: Callable[[str, bytes, float], None]) -> int:
    """Posts what is due; raises nothing for a webhook that does not answer. Returns how many it has taken."""
    taken = 0
    while settings.webhook and (found := quotas.next_for_webhook(database, WEBHOOK_AGAIN_AFTER_SECONDS)):
        crossing, attempts = found
        usage = quotas.of_root(database, crossing.organization_id, crossing.root)
        try:
            post(settings.webhook, json.dumps(_told(crossing, usage)).encode(), settings.webhook_timeout_seconds)
        except OSError as error:
            if attempts >= settings.webhook_attempts:
                log.error("quota webhook given up", root=crossing.root, error=str(error), attempts=attempts)
                quotas.forget(database, crossing)
            else:
                log.warning("quota webhook failed", root=crossing.root, error=str(error), attempts=attempts)
            continue
        quotas.forget(database, crossing)
        taken += 1
    return taken


def _told(crossing: Crossing, usage: Usage | None) -> dict[str, Any]:
    return {
        "event": "quota warning",
        "kind": KINDS[crossing.root[0]],
        "address": usage.address if usage else None,
        "domain": usage.domain if usage else None,
        "percent": crossing.threshold,
        "storage_used": crossing.storage_used,
        "storage_limit": crossing.storage_limit,
        "messages_used": crossing.messages_used,
        "message_limit": crossing.message_limit,
        "at": crossing.at.isoformat(),
    }


def post(url: str, body: bytes, timeout_seconds: float) -> None:
    """POST of a JSON object. Raises OSError for whatever is no success."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", "User-Agent": "imapd"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds):
            pass
    except urllib.error.HTTPError as error:
        raise OSError(f"HTTP status {error.code}") from error
    except (ValueError, http.client.HTTPException) as error:  # an answer that is no HTTP
        raise OSError(str(error)) from error
