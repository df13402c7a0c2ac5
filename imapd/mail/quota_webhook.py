# SPDX-License-Identifier: MIT
"""Tells a webhook of the operator's of quotas that have crossed a threshold, again and again until it has heard."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from imapd import log
from imapd.settings import Quota
from imapd.storage import quotas
from imapd.storage.pool import Database
from imapd.storage.quotas import Crossing, Usage

AGAIN_AFTER_SECONDS = 5


def call(database: Database, settings: Quota, post: Callable[[str, bytes, float], None]) -> int:
    """Posts what is due; raises nothing for a webhook that does not answer. Returns how many it has taken."""
    taken = 0
    while settings.webhook and (found := quotas.next_for_webhook(database, AGAIN_AFTER_SECONDS)):
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
        "kind": crossing.kind,
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
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", "User-Agent": "imapd"})
        with urllib.request.urlopen(request, timeout=timeout_seconds):
            pass
    except urllib.error.HTTPError as error:
        raise OSError(f"HTTP status {error.code}") from error
    except (ValueError, http.client.HTTPException) as error:  # a URL that is none; an answer that is no HTTP
        raise OSError(str(error)) from error
