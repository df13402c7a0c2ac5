# SPDX-License-Identifier: MIT
"""Quotas and checks as an operator sees them: mailboxes, users, domains; administrators; what a recount finds."""

import json
import re
from typing import Any

import pytest

from imapd.storage.pool import Database
from tests.operator.conftest import Imapd
from tests.operator.test_people import done, refused, told

ANN = "ann@example.com"


@pytest.fixture(autouse=True)
def example(imapd: Imapd, database: Database) -> None:
    """Ann, who has mailboxes in both domains, and bob; whatever the test before did."""
    for name in ("changes", "folders", "folder_groups", "quotas", "quota_roots", "mailboxes", "users", "domains",
                 "organizations", "subscriptions", "audit_log"):  # fmt: skip
        database.execute(f"TRUNCATE {name} CASCADE")
    done(imapd, "org", "add", "Example")
    for domain in ("example.com", "company.org"):
        done(imapd, "domain", "add", domain, "--org", "Example")
    done(imapd, "user", "add", ANN, "--no-password", "--storage", "1GiB")
    done(imapd, "mailbox", "add", "ann@company.org", "--user", ANN)
    done(imapd, "user", "add", "bob@example.com", "--no-password")


def limits(imapd: Imapd, *holder: str) -> list[tuple[Any, ...]]:
    rows = told(imapd, "quota", "show", *holder)
    return [(row["kind"], row["name"], row["storage_limit"], row["message_limit"], row["folder_limit"]) for row in rows]


def test_quotas_of_a_mailbox_its_user_and_its_domain(imapd: Imapd) -> None:
    assert limits(imapd, ANN) == [("mailbox", ANN, 1 << 30, None, None)]
    done(imapd, "quota", "set", ANN, "--messages", "500", "--folders", "20")
    done(imapd, "quota", "set", ANN, "--user", "--storage", "2GiB")
    done(imapd, "quota", "set", "example.com", "--storage", "5GiB", "--messages", "1000")
    done(imapd, "quota", "set", "example.com", "--messages", "unlimited")
    assert limits(imapd, ANN) == [
        ("mailbox", ANN, 1 << 30, 500, 20), ("user", ANN, 2 << 30, None, None),
        ("domain", "example.com", 5 << 30, None, None),
    ]  # fmt: skip
    assert [row[:2] for row in limits(imapd, ANN, "--user")] == [
        ("user", ANN), ("mailbox", "ann@company.org"), ("mailbox", ANN),
    ]  # fmt: skip
    assert [row[:2] for row in limits(imapd, "example.com")] == [
        ("domain", "example.com"), ("mailbox", ANN), ("mailbox", "bob@example.com"),
    ]  # fmt: skip
    assert limits(imapd, "company.org")[0] == ("domain", "company.org", None, None, None)
    done(imapd, "quota", "set", "example.com", "--storage", "unlimited")
    assert [row[0] for row in limits(imapd, ANN)] == ["mailbox", "user"]


def test_setting_shows_what_binds_then_and_is_audited(imapd: Imapd, database: Database) -> None:
    assert "0 B of 2 GiB" in imapd("quota", "set", ANN, "--storage", "2GiB").out
    kept = told(imapd, "quota", "set", ANN, "--messages", "500")
    assert [(row["storage_limit"], row["message_limit"]) for row in kept] == [(2 << 30, 500)]
    in_domain = told(imapd, "quota", "set", "example.com", "--messages", "9")
    assert [row["kind"] for row in in_domain] == ["domain", "mailbox", "mailbox"]
    done(imapd, "quota", "set", "example.com", "--messages", "unlimited")
    changes = database.rows(
        "SELECT detail->>'before', detail->>'after' FROM audit_log WHERE event = 'quota changed' ORDER BY audit_id"
    )
    assert changes == [
        (f"storage {1 << 30}", f"storage {2 << 30}"), (f"storage {2 << 30}", f"storage {2 << 30}, messages 500"),
        ("unlimited", "messages 9"), ("messages 9", "unlimited"),
    ]  # fmt: skip


def test_what_cannot_be_set(imapd: Imapd) -> None:
    assert "folders" in refused(imapd, "quota", "set", "example.com", "--folders", "3")
    assert "domain" in refused(imapd, "quota", "set", "example.com", "--user", "--messages", "3")
    assert "no domain" in refused(imapd, "quota", "set", "nowhere.org", "--messages", "3")
    assert "no mailbox" in refused(imapd, "quota", "set", "nobody@example.com", "--messages", "3")
    assert "higher" in refused(imapd, "quota", "set", ANN, "--storage", "999999TiB")
    refused(imapd, "quota", "set", ANN, code=2)


def test_tables_show_how_full_it_is(imapd: Imapd, database: Database) -> None:
    database.execute("UPDATE quotas SET storage_used = 900 << 20 WHERE storage_limit IS NOT NULL")
    shown = imapd("quota", "list").out
    assert "████████░░  87 %" in shown and "900 MiB of 1 GiB" in shown and "unlimited" in shown
    assert json.loads(imapd("quota", "list", "--json").out)[0].keys() >= {"kind", "name", "storage_used", "storage_limit"}


def test_a_check_finds_what_is_wrong_and_a_recount_mends_it(imapd: Imapd, database: Database) -> None:
    assert (imapd("check").code, told(imapd, "check")) == (0, [])
    done(imapd, "quota", "set", "example.com", "--storage", "5GiB")
    database.execute("UPDATE quotas SET storage_used = 7 WHERE storage_limit IS NOT NULL")
    found = imapd("check", "--json")
    assert found.code == 1
    assert json.loads(found.out) == [
        {"where": ANN, "counter": "storage used", "stored": 7, "counted": 0},
        {"where": "domain example.com", "counter": "storage used", "stored": 0, "counted": 7},
    ]
    assert [row["name"] for row in told(imapd, "quota", "recount", ANN)] == [ANN, "example.com"]
    assert told(imapd, "check") == []
    database.execute("UPDATE quotas SET messages_used = 7 WHERE storage_limit IS NOT NULL")
    repaired = imapd("check", "--repair")
    assert repaired.code == 0 and re.search(r"counters +3 mailboxes +2 +2\n", repaired.out)
    assert imapd("check").code == 0


def test_administrators_of_a_domain(imapd: Imapd) -> None:
    def administrators() -> Any:
        return told(imapd, "domain", "show", "example.com")["administrators"]

    assert administrators() == []
    done(imapd, "domain", "set", "example.com", "--administrator", "ann@company.org", "--administrator", "bob@example.com")
    assert administrators() == [ANN, "bob@example.com"]
    done(imapd, "domain", "set", "example.com", "--no-administrator", ANN)
    assert administrators() == ["bob@example.com"]
    refused(imapd, "domain", "set", "example.com", code=2)
    assert "no mailbox" in refused(imapd, "domain", "set", "example.com", "--administrator", "nobody@example.com")
    done(imapd, "user", "remove", "bob@example.com", "--yes")
    assert administrators() == []
    done(imapd, "org", "add", "Other")
    done(imapd, "domain", "add", "other.net", "--org", "Other")
    assert "different organisations" in refused(imapd, "domain", "set", "other.net", "--administrator", ANN)
