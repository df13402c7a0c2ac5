# SPDX-License-Identifier: MIT
"""Organisations, domains, users, mailboxes, aliases, quotas and shares, as an operator makes and removes them."""

import json
from typing import Any

import pytest

from imapd.auth.passwords import Passwords
from imapd.settings import Auth
from imapd.storage import provision
from imapd.storage.pool import Database
from tests.operator.conftest import Imapd

FOLDERS = [
    ("INBOX", None), ("Archive", "\\Archive"), ("Drafts", "\\Drafts"), ("Sent", "\\Sent"), ("Spam", "\\Junk"),
    ("Trash", "\\Trash"),
]  # fmt: skip


def done(imapd: Imapd, *arguments: str, typed: str = "") -> None:
    outcome = imapd(*arguments, typed=typed)
    assert (outcome.code, outcome.err) == (0, ""), arguments


def told(imapd: Imapd, *arguments: str) -> Any:
    outcome = imapd(*arguments, "--json")
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def refused(imapd: Imapd, *arguments: str, code: int = 1) -> str:
    outcome = imapd(*arguments)
    assert outcome.code == code, (arguments, outcome)
    if code == 1:
        assert outcome.err.startswith("imapd: ") and outcome.err.count("\n") == 1
    return outcome.err


@pytest.fixture(autouse=True)
def example(imapd: Imapd, database: Database) -> None:
    """Organisation Example with ann, who has mailboxes in both domains, and bob; whatever the test before did."""
    for name in ("changes", "folders", "folder_groups", "quotas", "aliases", "shared_mailbox_access", "mailboxes",
                 "users", "domains", "organizations", "subscriptions", "audit_log"):  # fmt: skip
        database.execute(f"TRUNCATE {name} CASCADE")
    done(imapd, "org", "add", "Example")
    for domain in ("example.com", "company.org"):
        done(imapd, "domain", "add", domain, "--org", "Example")
    done(imapd, "user", "add", "Ann@Example.com", "--name", "Ann Other", "--password-stdin", "--storage", "1GiB", typed="secret\n")
    done(imapd, "mailbox", "add", "ann@company.org", "--user", "ann@example.com")
    done(imapd, "user", "add", "bob@example.com", "--no-password")


def test_organisations(imapd: Imapd) -> None:
    assert "exists already" in refused(imapd, "org", "add", "Example")
    sharing = {"share_with_anyone": False, "share_across_domains": False}
    assert told(imapd, "org", "list") == [{"name": "Example", "domains": 2, "users": 2, "disabled": False, **sharing}]
    done(imapd, "org", "set", "Example", "--name", "Exemplary", "--disable")
    shown = told(imapd, "org", "show", "Exemplary")
    assert shown["disabled"] and [domain["name"] for domain in shown["domains"]] == ["company.org", "example.com"]
    assert "no organisation" in refused(imapd, "org", "show", "Example")
    assert "remove them first" in refused(imapd, "org", "remove", "Exemplary")
    done(imapd, "org", "add", "Short-lived")
    done(imapd, "org", "remove", "Short-lived")


@pytest.mark.parametrize("wrong", ["", " ", "two\nlines", "x" * 201, "\udcff"])
def test_what_no_organisation_can_be_called(imapd: Imapd, wrong: str) -> None:
    for command in (["org", "add", wrong], ["org", "set", "Example", f"--name={wrong}"]):
        outcome = imapd(*command)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1), outcome
        assert "name" in outcome.err and len(outcome.err) < 200
    for command in (["org", "show"], ["domain", "list", "--org"], ["audit", "list"]):
        assert ("UTF-8" if wrong == "\udcff" else "no organisation") in refused(imapd, *command, wrong)
    assert [org["name"] for org in told(imapd, "org", "list")] == ["Example"]
    done(imapd, "org", "add", "Ünïted & Söns, 東京 “Ltd.”")


def test_an_organisation_is_renamed(imapd: Imapd) -> None:
    done(imapd, "org", "add", "Other")
    refusal = refused(imapd, "org", "set", "Other", "--name", "Example", "--disable")
    assert refusal == "imapd: The organisation 'Example' exists already.\n"
    assert not told(imapd, "org", "show", "Other")["disabled"], "all of it or nothing"
    done(imapd, "org", "set", "Other", "--name", "Another")
    event = told(imapd, "audit", "list", "Another")[0]
    assert (event["event"], event["detail"]) == ("organization renamed", {"name": "Other", "to": "Another"})


@pytest.mark.parametrize("wrong", ["two\nlines", "x" * 201, "\udcff"])
def test_what_nobody_can_be_called(imapd: Imapd, wrong: str) -> None:
    refused(imapd, "user", "add", "cat@example.com", "--no-password", "--name", wrong, code=2)
    assert "name" in refused(imapd, "user", "set", "bob@example.com", "--name", wrong, code=2)
    done(imapd, "user", "set", "bob@example.com", "--name", "")


def test_domains(imapd: Imapd) -> None:
    assert "exists already" in refused(imapd, "domain", "add", "EXAMPLE.com.", "--org", "Example")
    assert "no organisation" in refused(imapd, "domain", "add", "x.org", "--org", "Nobody")
    for wrong in ("a b.org", "-x.org", "x..org", "x/y.org", "ü.org", "a" * 64 + ".org"):
        refused(imapd, "domain", "add", wrong, "--org", "Example", code=2)
    assert "remove them first" in refused(imapd, "domain", "remove", "company.org")
    done(imapd, "domain", "set", "company.org", "--disable")
    assert told(imapd, "domain", "show", "company.org")["disabled"]
    refused(imapd, "domain", "set", "company.org", "--enable", "--administrator", "nobody@company.org")
    assert told(imapd, "domain", "show", "company.org")["disabled"], "all of it or nothing"
    done(imapd, "mailbox", "remove", "ann@company.org", "--yes")
    done(imapd, "domain", "remove", "company.org")
    assert [domain["name"] for domain in told(imapd, "domain", "list")] == ["example.com"]


def test_a_user_goes_by_any_address(imapd: Imapd) -> None:
    done(imapd, "alias", "add", "info@company.org", "ann@company.org")
    for address in ("ann@example.com", "ann@company.org", "info@company.org", "INFO@COMPANY.ORG"):
        shown = told(imapd, "user", "show", address)
        assert shown["address"] == "ann@example.com"
        assert shown["mailboxes"] == ["ann@example.com", "ann@company.org"]
    done(imapd, "user", "set", "info@company.org", "--primary", "ann@company.org", "--namespace-mode", "unified")
    shown = told(imapd, "user", "show", "ann@example.com")
    assert (shown["address"], shown["namespace_mode"]) == ("ann@company.org", "unified")
    done(imapd, "user", "set", "info@company.org", "--namespace-mode", "default", "--name", "A.")
    shown = told(imapd, "user", "show", "ann@example.com")
    assert (shown["name"], shown["namespace_mode"]) == ("A.", None)
    assert "not a mailbox of that user" in refused(imapd, "user", "set", "ann@example.com", "--primary", "bob@example.com")


def test_addresses_are_taken_once(imapd: Imapd) -> None:
    done(imapd, "alias", "add", "info@company.org", "ann@company.org")
    for command in (["user", "add", "--no-password"], ["mailbox", "add"]):
        for taken in ("ann@example.com", "ANN@company.org", "info@company.org"):
            assert "exists already" in refused(imapd, *command, taken)
    assert "exists already" in refused(imapd, "alias", "add", "bob@example.com", "ann@company.org")
    assert "no domain nowhere.net" in refused(imapd, "mailbox", "add", "x@nowhere.net")
    for wrong in ("x", "@example.com", "a b@example.com", "a/b@example.com", "a..b@example.com", "a%b@example.com", "ü@example.com"):
        refused(imapd, "mailbox", "add", wrong, code=2)


def test_passwords_come_from_standard_input(imapd: Imapd, database: Database) -> None:
    def stored() -> Any:
        return database.row("SELECT password_hash, password_version FROM users WHERE display_name = 'Ann Other'")

    first, version = stored()
    assert Passwords(Auth()).verify(first, "secret")
    done(imapd, "user", "password", "ann@company.org", typed="  other pass \nnext line\n")
    second, next_version = stored()
    assert Passwords(Auth()).verify(second, "  other pass ")
    assert next_version > version
    for unusable, said in ((b"\n", "The password is empty."), (b"\xff\xfe\n", "The password is not UTF-8.")):
        outcome = imapd("user", "password", "ann@company.org", typed=unusable)
        assert (outcome.code, outcome.err) == (1, f"imapd: {said}\n")
    assert stored() == (second, next_version)
    assert "--password-stdin" in refused(imapd, "user", "add", "cat@example.com", code=2)
    assert not told(imapd, "user", "show", "bob@example.com")["password"]


def test_a_state_that_changes_ends_cached_logins(imapd: Imapd, database: Database) -> None:
    def version() -> Any:
        return database.row("SELECT password_version, disabled FROM users WHERE display_name = 'Ann Other'")

    before, _ = version()
    done(imapd, "user", "set", "ann@example.com", "--disable")
    disabled, is_disabled = version()
    assert disabled > before and is_disabled
    done(imapd, "user", "set", "ann@example.com", "--name", "Ann Other")
    assert version() == (disabled, True)
    done(imapd, "user", "set", "ann@example.com", "--enable")
    assert version() == (disabled + 1, False)


def test_a_new_mailbox_has_the_standard_folders(imapd: Imapd, database: Database) -> None:
    for address in ("ann@example.com", "ann@company.org"):
        folders = told(imapd, "mailbox", "show", address)["folders"]
        assert [(folder["name"], folder["special_use"]) for folder in folders] == FOLDERS
    groups = database.rows("SELECT name, count(*) FROM folder_groups WHERE owner LIKE 'u%%' GROUP BY name, owner")
    assert all(count == 1 for _, count in groups) and len(groups) == 12
    shared = database.rows("SELECT group_id, count(*) FROM folders GROUP BY group_id HAVING count(*) = 2")
    assert len(shared) == 6, "the same-named folders of ann share their UIDs"
    subscribed = [name for (name,) in database.rows("SELECT name FROM subscriptions ORDER BY name")]
    assert {"INBOX", "Sent", "company.org/INBOX", "company.org/Spam"} <= set(subscribed)


def test_a_mailbox_of_nobody(imapd: Imapd, database: Database) -> None:
    done(imapd, "mailbox", "add", "support@example.com")
    shown = told(imapd, "mailbox", "show", "support@example.com")
    assert shown["user"] is None and len(shown["folders"]) == 6
    assert database.rows("SELECT DISTINCT owner FROM folder_groups WHERE owner LIKE 'm%%'")
    assert "no user" in refused(imapd, "user", "password", "support@example.com")
    done(imapd, "mailbox", "remove", "support@example.com", "--yes")


def test_what_is_removed_is_gone(imapd: Imapd, database: Database) -> None:
    done(imapd, "share", "grant", "bob@example.com", "ann@example.com", "read")
    done(imapd, "share", "grant", "ann@example.com", "bob@example.com", "write", "--folder", "Sent")
    assert "only mailbox" in refused(imapd, "mailbox", "remove", "bob@example.com", "--yes")
    done(imapd, "mailbox", "remove", "ann@example.com", "--yes")
    assert told(imapd, "user", "show", "ann@company.org")["address"] == "ann@company.org"
    done(imapd, "user", "remove", "ann@company.org", "--yes")
    assert [user["address"] for user in told(imapd, "user", "list")] == ["bob@example.com"]
    assert told(imapd, "share", "list") == []
    left = database.row(
        "SELECT (SELECT count(*) FROM folders), (SELECT count(*) FROM folder_groups), (SELECT count(*) FROM quotas),"
        " (SELECT count(DISTINCT user_id) FROM subscriptions)"
    )
    assert left == (6, 6, 1, 1)


def test_removing_asks(imapd: Imapd) -> None:
    outcome = imapd("user", "remove", "bob@example.com", typed="n\n")
    assert outcome.code == 130
    assert told(imapd, "user", "show", "bob@example.com")


def test_a_name_that_comes_back_has_a_greater_uid_validity(imapd: Imapd, database: Database) -> None:
    database.execute("UPDATE folder_groups SET uid_next = 5")

    def validities() -> dict[str, int]:
        return {folder["name"]: folder["uid_validity"] for folder in told(imapd, "mailbox", "show", "ann@company.org")["folders"]}

    before = validities()
    assert min(before.values()) > 1_600_000_000
    done(imapd, "mailbox", "remove", "ann@example.com", "--yes")
    assert validities() == before, "the folders of the other domain keep their UIDs"
    done(imapd, "mailbox", "add", "ann@example.com", "--user", "ann@company.org")
    done(imapd, "user", "remove", "ann@company.org", "--yes")
    done(imapd, "user", "add", "ann@company.org", "--no-password")
    after = validities()
    assert all(after[name] > before[name] for name in before)


def test_aliases(imapd: Imapd) -> None:
    done(imapd, "alias", "add", "info@example.com", "ann@company.org")
    assert told(imapd, "alias", "list") == [{"address": "info@example.com", "mailbox": "ann@company.org"}]
    done(imapd, "alias", "set", "info@example.com", "bob@example.com")
    assert told(imapd, "alias", "show", "info@example.com")["mailbox"] == "bob@example.com"
    done(imapd, "alias", "remove", "info@example.com")
    assert "no alias" in refused(imapd, "alias", "remove", "info@example.com")
    assert "no alias" in refused(imapd, "alias", "show", "info@example.com")


def test_a_mailbox_goes_by_an_alias(imapd: Imapd) -> None:
    done(imapd, "alias", "add", "info@example.com", "ann@company.org")
    shown = told(imapd, "mailbox", "show", "info@example.com")
    assert shown == told(imapd, "mailbox", "show", "ann@company.org") and len(shown["folders"]) == 6
    assert told(imapd, "mailbox", "set", "info@example.com", "--seen", "per-reader")["address"] == "ann@company.org"
    assert told(imapd, "mailbox", "set", "info@example.com", "--disable")["disabled"]
    done(imapd, "mailbox", "set", "info@example.com", "--enable")
    assert told(imapd, "mailbox", "move", "info@example.com", "--user", "bob@example.com")["user"] == "bob@example.com"
    done(imapd, "org", "set", "Example", "--share-across-domains")
    share = {"mailbox": "ann@company.org", "folder": None, "grantee": "ann@example.com", "rights": "read"}
    assert told(imapd, "share", "grant", "info@example.com", "ann@example.com", "read") == [share]
    assert told(imapd, "share", "list", "info@example.com") == [share]
    assert told(imapd, "share", "revoke", "info@example.com", "ann@example.com") == []
    assert "no mailbox" in refused(imapd, "share", "list", "none@example.com")


def test_a_mailbox_is_not_removed_by_an_alias(imapd: Imapd) -> None:
    done(imapd, "alias", "add", "info@example.com", "ann@company.org")
    assert "imapd alias remove info@example.com" in refused(imapd, "mailbox", "remove", "info@example.com", "--yes")
    assert told(imapd, "mailbox", "show", "ann@company.org")


def test_quotas(imapd: Imapd) -> None:
    def limits(address: str) -> tuple[Any, Any]:
        shown = told(imapd, "quota", "show", address)[0]
        return shown["storage_limit"], shown["message_limit"]

    assert limits("ann@example.com") == (1 << 30, None)
    done(imapd, "quota", "set", "ann@example.com", "--messages", "500")
    assert limits("ann@example.com") == (1 << 30, 500)
    done(imapd, "quota", "set", "ann@example.com", "--storage", "unlimited")
    assert limits("ann@example.com") == (None, 500)
    for wrong in ("0", "-1", "10XB", "1.5GiB", ""):
        refused(imapd, "quota", "set", "ann@example.com", f"--storage={wrong}", code=2)
    refused(imapd, "quota", "set", "ann@example.com", code=2)
    assert "unlimited" in imapd("quota", "list").out


def test_shares(imapd: Imapd) -> None:
    done(imapd, "share", "grant", "ann@example.com", "bob@example.com", "read")
    assert "--share-with-anyone" in refused(imapd, "share", "grant", "ann@example.com", "anyone", "read")
    done(imapd, "org", "set", "Example", "--share-with-anyone")
    done(imapd, "share", "grant", "ann@example.com", "anyone", "admin", "--folder", "Archive")
    done(imapd, "share", "grant", "ann@example.com", "bob@example.com", "delete")
    assert told(imapd, "share", "list", "ann@example.com") == [
        {"mailbox": "ann@example.com", "folder": None, "grantee": "bob@example.com", "rights": "delete"},
        {"mailbox": "ann@example.com", "folder": "Archive", "grantee": "anyone", "rights": "admin"},
    ]
    assert "no folder" in refused(imapd, "share", "grant", "ann@example.com", "bob@example.com", "read", "--folder", "None")
    assert "owner" in refused(imapd, "share", "grant", "ann@example.com", "ann@company.org", "read")
    for wrong in ("everything", "", "lrQ"):
        refused(imapd, "share", "grant", "ann@example.com", "bob@example.com", wrong, code=2)
    done(imapd, "share", "grant", "ann@example.com", "bob@example.com", "rl", "--folder", "Sent")
    assert told(imapd, "share", "list", "ann@example.com")[-1]["rights"] == "lr"
    done(imapd, "share", "revoke", "ann@example.com", "anyone", "--folder", "Archive")
    assert "no rights" in refused(imapd, "share", "revoke", "ann@example.com", "anyone", "--folder", "Archive")
    done(imapd, "share", "revoke", "ann@example.com", "bob@example.com")
    assert told(imapd, "share", "list") == [], "of the whole mailbox and of single folders"


def test_shares_stay_in_a_domain_until_the_organisation_says_otherwise(imapd: Imapd) -> None:
    command = ("share", "grant", "ann@company.org", "bob@example.com", "read")
    assert "--share-across-domains" in refused(imapd, *command)
    done(imapd, "org", "set", "Example", "--share-across-domains")
    assert told(imapd, "org", "show", "Example")["share_across_domains"]
    done(imapd, *command)
    done(imapd, "org", "set", "Example", "--no-share-across-domains")
    assert "--share-across-domains" in refused(imapd, *command)


def test_what_changes_sharing_tells_the_outcome_as_json(imapd: Imapd) -> None:
    """For scripts; without --json success is silent."""
    share = {"mailbox": "ann@example.com", "folder": None, "grantee": "bob@example.com", "rights": "read"}
    assert told(imapd, "share", "grant", "ann@example.com", "bob@example.com", "read") == [share]
    assert told(imapd, "share", "revoke", "ann@example.com", "bob@example.com") == []
    group = {"name": "sales", "organization": "Example", "members": []}
    assert told(imapd, "group", "add", "sales", "--org", "Example") == group
    assert told(imapd, "group", "member", "add", "sales", "bob@example.com")["members"] == ["bob@example.com"]
    assert told(imapd, "group", "member", "remove", "sales", "bob@example.com") == group
    assert told(imapd, "group", "remove", "sales", "--yes") == group
    assert told(imapd, "user", "set", "ann@example.com", "--namespace-mode", "unified")["namespace_mode"] == "unified"


def test_groups(imapd: Imapd, database: Database) -> None:
    done(imapd, "group", "add", "Sales", "--org", "Example")
    assert "exists already" in refused(imapd, "group", "add", "sales", "--org", "Example")
    refused(imapd, "group", "add", "a/b", "--org", "Example", code=2)
    done(imapd, "group", "member", "add", "sales", "ann@company.org", "bob@example.com")
    done(imapd, "group", "member", "add", "sales", "ann@example.com")
    listed = {"name": "sales", "organization": "Example", "members": ["ann@example.com", "bob@example.com"]}
    assert told(imapd, "group", "list") == [listed]
    assert told(imapd, "group", "show", "sales") == listed
    assert told(imapd, "group", "member", "list", "sales") == [{"address": name} for name in listed["members"]]
    done(imapd, "share", "grant", "ann@example.com", "group:sales", "write", "--folder", "Archive")
    assert told(imapd, "share", "list") == [
        {"mailbox": "ann@example.com", "folder": "Archive", "grantee": "group:sales", "rights": "write"}
    ]
    assert "no group" in refused(imapd, "share", "grant", "ann@example.com", "group:none", "read")
    done(imapd, "group", "member", "remove", "sales", "bob@example.com")
    assert "not in the group" in refused(imapd, "group", "member", "remove", "sales", "bob@example.com")
    done(imapd, "org", "add", "Other")
    done(imapd, "group", "add", "sales", "--org", "Other")
    assert "--org" in refused(imapd, "group", "member", "add", "sales", "bob@example.com")
    for command in (["show"], ["member", "list"], ["remove"]):
        assert "--org" in refused(imapd, "group", *command, "sales")
    assert told(imapd, "group", "show", "sales", "--org", "Other")["members"] == []
    assert told(imapd, "group", "member", "list", "sales", "--org", "Example") == [{"address": "ann@example.com"}]
    assert "different organisations" in refused(imapd, "group", "member", "add", "sales", "bob@example.com", "--org", "Other")
    done(imapd, "group", "remove", "sales", "--org", "Example", "--yes")
    assert told(imapd, "share", "list") == []
    assert database.rows("SELECT FROM user_group_members") == []
    done(imapd, "user", "remove", "bob@example.com", "--yes")


def test_organisations_do_not_meet(imapd: Imapd) -> None:
    done(imapd, "org", "add", "Other")
    done(imapd, "domain", "add", "other.net", "--org", "Other")
    done(imapd, "user", "add", "eve@other.net", "--no-password")
    for command in (
        ["share", "grant", "ann@example.com", "eve@other.net", "read"],
        ["mailbox", "add", "ann@other.net", "--user", "ann@example.com"],
        ["alias", "add", "x@other.net", "ann@example.com"],
    ):
        assert "organisation" in refused(imapd, *command)
    done(imapd, "alias", "add", "x@other.net", "eve@other.net")
    refused(imapd, "alias", "set", "x@other.net", "ann@example.com")


def test_every_change_is_audited(imapd: Imapd, database: Database) -> None:
    done(imapd, "user", "password", "ann@example.com", typed="other\n")
    done(imapd, "user", "remove", "bob@example.com", "--yes")
    events = [event for (event,) in database.rows("SELECT event FROM audit_log ORDER BY audit_id")]
    assert events == [
        "organization created", "domain created", "domain created", "user created", "mailbox created", "user created",
        "password changed", "user removed",
    ]  # fmt: skip
    assert "other" not in str(database.rows("SELECT * FROM audit_log WHERE event = 'password changed'"))


def test_what_opens_and_closes_mail_to_people_is_audited(imapd: Imapd, database: Database) -> None:
    done(imapd, "alias", "add", "info@company.org", "ann@company.org")
    database.execute("DELETE FROM audit_log")
    for command in (
        "alias set info@company.org bob@example.com", "mailbox set ann@company.org --disable",
        "mailbox set ann@company.org --enable", "user set ann@example.com --primary ann@company.org",
        "user set ann@example.com --namespace-mode default", "org set Example --share-with-anyone",
    ):  # fmt: skip
        done(imapd, *command.split())
    assert database.rows("SELECT event, address, detail FROM audit_log ORDER BY audit_id") == [
        ("alias moved", "info@company.org", {"mailbox": "bob@example.com"}),
        ("mailbox disabled", "ann@company.org", {}),
        ("mailbox enabled", "ann@company.org", {}),
        ("user changed", "ann@example.com", {"primary": "ann@company.org"}),
        ("user changed", "ann@example.com", {"namespace_mode": "default"}),
        ("access changed", None, {"name": "Example", "share_with_anyone": True}),
    ]


def test_two_thousand_users_in_seconds(database: Database) -> None:
    provision.add_users(database, "example.com", [f"user{n}" for n in range(2000)], "hash")
    provision.add_users(database, "example.com", [f"user{n}" for n in range(1990, 2010)], "hash")
    assert database.row("SELECT count(*) FROM mailboxes WHERE local_part LIKE 'user%%'") == (2010,)
    assert database.row("SELECT count(*) FROM folders") == ((2010 + 3) * 6,)


def test_tables_read_well_at_80_columns(imapd: Imapd, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (["org"], ["domain"], ["user"], ["mailbox"], ["quota"], ["share"]):
        outcome = imapd(*command, "list")
        assert outcome.code == 0
        assert max(map(len, outcome.out.splitlines() or [""])) <= 90, outcome.out


def test_a_mailbox_is_moved(imapd: Imapd) -> None:
    shown = told(imapd, "mailbox", "move", "ann@company.org", "--to", "ann.other@example.com")
    assert (shown["address"], shown["user"]) == ("ann.other@example.com", "ann@example.com")
    assert told(imapd, "alias", "list") == []
    done(imapd, "mailbox", "move", "ann.other@example.com", "--to", "ann@company.org", "--keep-address", "--user", "bob@example.com")
    assert told(imapd, "mailbox", "show", "ann@company.org")["user"] == "bob@example.com"
    assert told(imapd, "alias", "list") == [{"address": "ann.other@example.com", "mailbox": "ann@company.org"}]
    assert "only mailbox" in refused(imapd, "mailbox", "move", "ann@example.com", "--nobody")
    done(imapd, "mailbox", "move", "ann@company.org", "--nobody")
    assert told(imapd, "mailbox", "show", "ann@company.org")["user"] is None
    assert "exists already" in refused(imapd, "mailbox", "move", "ann@company.org", "--to", "bob@example.com")
    done(imapd, "org", "add", "Other")
    done(imapd, "domain", "add", "other.net", "--org", "Other")
    assert "different organisations" in refused(imapd, "mailbox", "move", "ann@company.org", "--to", "ann@other.net")
    refused(imapd, "mailbox", "move", "ann@company.org", code=2)
    done(imapd, "domain", "set", "company.org", "--disable")
    assert "disabled" in refused(imapd, "mailbox", "move", "ann@company.org", "--user", "bob@example.com")


def test_a_mailbox_is_moved_there_and_back(imapd: Imapd) -> None:
    """The former address, kept as an alias, is no other mailbox's."""
    done(imapd, "mailbox", "move", "ann@company.org", "--to", "ann.other@example.com", "--keep-address")
    done(imapd, "mailbox", "move", "ann.other@example.com", "--to", "ann@company.org", "--keep-address")
    assert told(imapd, "alias", "list") == [{"address": "ann.other@example.com", "mailbox": "ann@company.org"}]
    done(imapd, "alias", "add", "bobby@company.org", "bob@example.com")
    assert "exists already" in refused(imapd, "mailbox", "move", "ann@company.org", "--to", "bobby@company.org")


def test_a_mailbox_is_moved_to_an_address_that_readers_remember(imapd: Imapd, database: Database) -> None:
    """Subscriptions outlive what they are of; who has those of both addresses has one of them then."""
    for name in ("Shared/ann@company.org/INBOX", "Shared/desk@example.com/INBOX", "Shared/ann@company.org/Sent"):
        database.execute(
            "INSERT INTO subscriptions SELECT organization_id, user_id, %s FROM mailboxes WHERE local_part = 'bob'", (name,)
        )
    done(imapd, "mailbox", "move", "ann@company.org", "--to", "desk@example.com")
    found = database.rows("SELECT name FROM subscriptions WHERE starts_with(name, 'Shared/') ORDER BY name")
    assert found == [("Shared/desk@example.com/INBOX",), ("Shared/desk@example.com/Sent",)]


def test_whose_seen_a_mailbox_shows(imapd: Imapd) -> None:
    assert told(imapd, "mailbox", "show", "bob@example.com")["seen"] == "shared"
    done(imapd, "mailbox", "set", "bob@example.com", "--seen", "per-reader")
    assert told(imapd, "mailbox", "show", "bob@example.com")["seen"] == "per_reader"
    refused(imapd, "mailbox", "set", "bob@example.com", code=2)


def test_standard_folders_are_called_as_the_domain_says(imapd: Imapd) -> None:
    def folders(address: str) -> dict[str, str]:
        return {folder["special_use"]: folder["name"] for folder in told(imapd, "mailbox", "show", address)["folders"]}

    done(imapd, "domain", "add", "beispiel.de", "--org", "Example", "--folders-language", "de")
    done(imapd, "mailbox", "add", "ann@beispiel.de", "--user", "ann@example.com")
    german = {None: "INBOX", "\\Drafts": "Entwürfe", "\\Sent": "Gesendet", "\\Junk": "Spam", "\\Trash": "Papierkorb", "\\Archive": "Archiv"}
    assert folders("ann@beispiel.de") == german
    done(imapd, "domain", "set", "beispiel.de", "--folder-name", "junk=Müll", "--folder-name", "Archive=Ablage")
    shown = told(imapd, "domain", "show", "beispiel.de")
    assert (shown["folders_language"], shown["folder_names"]) == ("de", {"\\Junk": "Müll", "\\Archive": "Ablage"})
    done(imapd, "mailbox", "add", "support@beispiel.de")
    assert folders("support@beispiel.de") == {**german, "\\Junk": "Müll", "\\Archive": "Ablage"}
    assert folders("ann@beispiel.de") == german, "what is there stays as it is"
    for wrong in ("Junk=", "Junk=a/b", "Junk=a*", "Inbox=x", "Flagged=x", "x"):
        refused(imapd, "domain", "set", "beispiel.de", "--folder-name", wrong, code=2)
    for prefix in ("Shared", "example.com", "nowhere.example", "ann@example.com"):
        refusal = refused(imapd, "domain", "set", "beispiel.de", "--folder-name", f"Sent={prefix}", code=2)
        assert "is the prefix of a namespace" in refusal
    for twice in ("Junk=inbox", "Junk=gesendet"):
        assert "same name" in refused(imapd, "domain", "set", "beispiel.de", "--folder-name", twice)
    for right in ("shared", "Example.com", "A. Sent", "Sent@home"):  # CREATE takes these, too
        done(imapd, "domain", "set", "beispiel.de", "--folder-name", f"Sent={right}")
    done(imapd, "domain", "set", "beispiel.de", "--folders-language", "fr")
    assert told(imapd, "domain", "show", "beispiel.de")["folder_names"] == {}
