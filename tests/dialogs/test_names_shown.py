# SPDX-License-Identifier: MIT
"""The names that a client sees in both modes, and the quota roots of them: octet by octet."""

from collections.abc import Iterator

import pytest

from imapd.storage import provision, quota_roots, quotas
from imapd.storage.addresses import address
from imapd.storage.grants import UNLIMITED
from imapd.storage.pool import Database
from tests.dialogs.conftest import Places
from tests.running.client import Client
from tests.running.server import Demo

USER = "user@example.com"
SEPARATED = b'* NAMESPACE (("" "/")("example.com/" "/")("company.org/" "/")) NIL (("Shared/" "/"))'
UNIFIED = b'* NAMESPACE (("" "/")) (("example.com/" "/")("company.org/" "/")) (("Shared/" "/"))'
HIDDEN = b'* NAMESPACE (("" "/")("company.org/" "/")) NIL (("Shared/" "/"))'
STANDARD = [("INBOX", ""), ("Archive", " \\Archive"), ("Drafts", " \\Drafts"), ("Sent", " \\Sent"), ("Spam", " \\Junk"), ("Trash", " \\Trash")]  # fmt: skip


@pytest.fixture(scope="module")
def database(server: Demo) -> Iterator[Database]:
    database = Database(server.dsn)
    yield database
    database.close()


def said(client: Client, command: str) -> list[bytes]:
    """The lines that answer a command, as they come from the socket, without CRLF."""
    client.send(b"A1 " + command.encode() + b"\r\n")
    lines = []
    while not (line := client.response()).startswith(b"A1 "):
        lines.append(line)
    assert line.startswith(b"A1 OK"), line
    return lines


def listed(*prefixes: str) -> list[bytes]:
    """LIST of the standard folders, and of those below each prefix."""
    lines = []
    for prefix in ("", *prefixes):
        lines += [f'* LIST (\\Noselect \\HasChildren) "/" "{prefix}"'] if prefix else []
        start = f"{prefix}/" if prefix else ""
        lines += [f'* LIST (\\HasNoChildren{use}) "/" "{start}{name}"' for name, use in STANDARD]
    return [line.encode() for line in lines]


def names(client: Client, pattern: str = "*") -> set[str]:
    return {line.decode().rpartition(' "/" ')[2].strip('"') for line in said(client, f'LIST "" "{pattern}"')}


def test_each_domain_is_a_namespace(server: Demo) -> None:
    with server.client(USER) as client:
        assert said(client, "NAMESPACE") == [SEPARATED]
        shown = {"INBOX", "Sent", "example.com/INBOX", "example.com/Sent", "company.org/INBOX", "company.org/Sent"}
        assert {*shown, "Shared/colleague@example.com/INBOX"} <= names(client)
        for name in ("INBOX", "example.com/INBOX"):  # one mailbox with two names
            assert (
                said(client, f"STATUS {name} (UIDVALIDITY MAILBOXID)")[0].partition(b"(")[2]
                == said(client, "STATUS INBOX (UIDVALIDITY MAILBOXID)")[0].partition(b"(")[2]
            )


def test_all_domains_are_merged(places: Places) -> None:
    place = places.place("unified")
    with Client(place.host, place.port) as client:
        client.login(USER)
        assert said(client, "NAMESPACE") == [UNIFIED]
        assert not {name for name in names(client) if name.startswith(("example.com", "company.org"))}
        assert {"INBOX", "Sent", "Shared/colleague@example.com/INBOX"} <= names(client)
        assert {"example.com/INBOX", "example.com/Sent"} <= names(client, "example.com/*")
        assert {"company.org/INBOX", "company.org/Sent"} <= names(client, "company.org/*")


def test_the_second_name_of_the_primary_domain_can_be_hidden(places: Places) -> None:
    place = places.place("hidden")
    with Client(place.host, place.port) as client:
        client.login(USER)
        assert said(client, "NAMESPACE") == [HIDDEN]
        assert not {name for name in names(client) if name.startswith("example.com")}
        assert "company.org/INBOX" in names(client)


@pytest.mark.parametrize("mode", ["unified", "domain_separated"])
def test_the_preference_of_a_user_goes_before_what_the_server_is_set_to(
    server: Demo, places: Places, database: Database, mode: str
) -> None:
    user = server.new_user()
    other = user.replace("example.com", "company.org")
    provision.add_mailbox(database, address(other), address(user), UNLIMITED)
    provision.set_user(database, address(user), mode=mode)
    unified = places.place("unified")
    for host, port in ((server.host, server.port), (unified.host, unified.port)):
        with Client(host, port) as client:
            client.login(user)
            assert said(client, "NAMESPACE") == [UNIFIED if mode == "unified" else SEPARATED]


def test_a_new_mailbox_has_its_standard_folders(server: Demo) -> None:
    with server.client(server.new_user()) as client:
        assert said(client, 'LIST "" "*"') == listed("example.com")
        assert {line.rpartition(b" ")[2] for line in said(client, 'LSUB "" "*"')} == {
            f'"{name}"'.encode() for name, _ in STANDARD
        }


def test_what_is_appended_to_a_merged_mailbox_goes_to_the_primary_one(server: Demo, database: Database) -> None:
    user = server.new_user()
    provision.add_mailbox(database, address(user.replace("example.com", "company.org")), address(user), UNLIMITED)
    provision.set_user(database, address(user), mode="unified")
    with server.client(user) as client:
        client.append("INBOX", b"Subject: x\r\n\r\n\r\n")
        assert said(client, "STATUS example.com/INBOX (MESSAGES)") == [b'* STATUS "example.com/INBOX" (MESSAGES 1)']
        assert said(client, "STATUS company.org/INBOX (MESSAGES)") == [b'* STATUS "company.org/INBOX" (MESSAGES 0)']


def test_a_second_mailbox_in_a_domain_has_its_address_as_prefix(server: Demo, database: Database) -> None:
    user = server.new_user()
    second = f"second.{user}"
    provision.add_mailbox(database, address(second), address(user), UNLIMITED)
    with server.client(user) as client:
        expected = f'* NAMESPACE (("" "/")("example.com/" "/")("{second}/" "/")) NIL (("Shared/" "/"))'.encode()
        assert said(client, "NAMESPACE") == [expected]
        assert said(client, 'LIST "" "*"') == listed("example.com", second)


def test_a_quota_root_is_the_domain(server: Demo, database: Database) -> None:
    """The example of the specification: 500 MiB of 1 GiB are used."""
    user = server.new_user()
    quota_roots.set_limits(database, address(user), quotas.Limits(storage=1 << 30), user=False, keep=())
    used = "UPDATE quotas SET storage_used = %s WHERE mailbox_id = (SELECT mailbox_id FROM mailboxes WHERE local_part = %s)"
    database.execute(used, (512000 << 10, user.partition("@")[0]))
    try:
        with server.client(user) as client:
            assert said(client, 'GETQUOTAROOT "INBOX"') == [
                b'* QUOTAROOT "INBOX" "example.com"',
                b'* QUOTA "example.com" (STORAGE 512000 1048576)',
            ]
    finally:
        database.execute(used, (0, user.partition("@")[0]))
