# SPDX-License-Identifier: MIT
"""A webhook hears of each crossing once it answers, however often it has not; for ever it is not tried."""

import json
from typing import Any

import pytest

from imapd.mail import quota_webhook
from imapd.mail.account import Account
from imapd.settings import Quota
from imapd.storage import quotas
from tests.running.store import Store
from tests.storage.test_quota import USER, letter, limit

HOOK = Quota(webhook="http://hook.example/", webhook_attempts=3)


@pytest.fixture
def crossed(store: Store) -> Store:
    """A mailbox has reached 80 %, and all have been told but the webhook."""
    user: Account = store.account(store.node())
    limit(store, USER, storage=10_000)
    user.append("INBOX", [letter(8500)])
    with store.database.transaction() as tx:
        crossing = quotas.next_crossing(tx)
        assert crossing
        quotas.crossing_told(tx, crossing, webhook=True)
    return store


def events(store: Store) -> list[tuple[Any, ...]]:
    return store.database.rows("SELECT attempts, due_at > now() FROM quota_events")


def test_it_is_told_once(crossed: Store) -> None:
    posted: list[Any] = []
    assert quota_webhook.call(crossed.database, HOOK, lambda url, body, timeout: posted.append((url, json.loads(body)))) == 1
    assert quota_webhook.call(crossed.database, HOOK, lambda *_: pytest.fail("again")) == 0
    ((url, told),) = posted
    assert url == HOOK.webhook and told.pop("at")
    assert told == {
        "event": "quota warning", "kind": "mailbox", "address": "user@example.com", "domain": "example.com",
        "percent": 80, "storage_used": 8500, "storage_limit": 10_000, "messages_used": 1, "message_limit": None,
    }  # fmt: skip
    assert events(crossed) == []


def test_it_is_tried_again_later_and_given_up(crossed: Store) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no answer")

    for attempt in (1, 2):
        assert quota_webhook.call(crossed.database, HOOK, fail) == 0
        assert events(crossed) == [(attempt, True)]  # not before a while has passed
        assert quota_webhook.call(crossed.database, HOOK, lambda *_: pytest.fail("too soon")) == 0
        crossed.database.execute("UPDATE quota_events SET due_at = now()")
    quota_webhook.call(crossed.database, HOOK, fail)
    assert events(crossed) == []


def test_what_is_no_answer() -> None:
    for url in ("http://127.0.0.1:1/", "http://[", "nonsense"):
        with pytest.raises(OSError):
            quota_webhook.post(url, b"{}", 1)
