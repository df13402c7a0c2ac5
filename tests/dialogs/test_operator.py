# SPDX-License-Identifier: MIT
"""What an operator changes while people are logged in: who may log in, under which address, and who must go."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.running.client import Client, Closed
from tests.running.server import Demo, eventually, operator

GONE_SECONDS = 30.0
MESSAGE = b"Subject: hello\r\n\r\nbody\r\n"


@pytest.fixture
def run(server: Demo, quiet_log: object) -> Callable[..., str]:
    """The operator's command on the demo."""
    return lambda *arguments, text="": operator(
        *arguments, "--config", str(server.data / "imapd.yaml"), text=text
    )


def ends_with_bye(client: Client) -> None:
    last = b""
    with pytest.raises(Closed):
        while True:
            last = client.response(GONE_SECONDS)
    assert last.startswith(b"* BYE"), last


def test_an_alias_opens_the_mailbox_that_it_belongs_to(server: Demo, run: Callable[..., str]) -> None:
    user = server.new_user()
    with server.client(user) as client:
        client.append("INBOX", MESSAGE)
    alias = f"alias.of.{user}"
    run("alias", "add", alias, user)
    with server.client(alias.upper()) as client:
        assert client.ok("STATUS INBOX (MESSAGES)").untagged == [b'STATUS "INBOX" (MESSAGES 1)']


def test_a_new_password_ends_the_sessions_of_the_old_one(server: Demo, run: Callable[..., str]) -> None:
    user = server.new_user()
    idle, resting = server.client(user), server.client(user)
    idle.send(b"i IDLE\r\n")
    idle.response()
    run("user", "password", user, text="a new one\n")
    for client in (idle, resting):
        ends_with_bye(client)
    with server.client() as client:
        assert client.command(f"LOGIN {user} password").code == b"AUTHENTICATIONFAILED"
    with server.client() as client:
        client.login(user, "a new one")


def test_a_disabled_user_is_out_and_comes_back_with_everything(server: Demo, run: Callable[..., str]) -> None:
    user = server.new_user()
    session = server.client(user)
    session.append("INBOX", MESSAGE)
    run("user", "set", user, "--disable")
    ends_with_bye(session)
    with server.client() as client:
        assert client.command(f"LOGIN {user} password").status == "NO"
    run("user", "set", user, "--enable")
    with server.client(user) as client:
        assert client.ok("STATUS INBOX (MESSAGES)").untagged == [b'STATUS "INBOX" (MESSAGES 1)']


def test_a_second_mailbox_in_another_domain_is_there_at_the_next_login(server: Demo, run: Callable[..., str]) -> None:
    user = server.new_user()
    other = user.replace("example.com", "company.org")
    run("mailbox", "add", other, "--user", user)
    with server.client(other) as client:
        listed = client.ok('LIST "" "*/INBOX"').untagged
        assert {line.rpartition(b" ")[2] for line in listed} == {b'"example.com/INBOX"', b'"company.org/INBOX"'}
        assert b'("company.org/" "/")' in client.ok("NAMESPACE").untagged[0]


def test_the_mode_can_be_changed_any_day_and_nothing_is_renumbered(server: Demo, run: Callable[..., str]) -> None:
    user = server.new_user()
    other = user.replace("example.com", "company.org")
    run("mailbox", "add", other, "--user", user)
    with server.client(user) as client:
        for mailbox in ("example.com/INBOX", "company.org/INBOX", "INBOX"):
            client.append(mailbox, MESSAGE)
        validity = client.ok("STATUS INBOX (UIDVALIDITY)").untagged
        client.ok("SELECT company.org/INBOX")
        assert client.ok("UID SEARCH ALL").untagged == [b"SEARCH 2"]
    run("user", "set", user, "--namespace-mode", "unified")
    with server.client(user) as client:
        assert client.ok("STATUS INBOX (UIDVALIDITY)").untagged == validity
        client.ok("SELECT INBOX")
        assert client.ok("UID SEARCH ALL").untagged == [b"SEARCH 1 2 3"]
        client.ok("SELECT company.org/INBOX")
        assert client.ok("UID SEARCH ALL").untagged == [b"SEARCH 2"]


def test_what_is_shared_shows_and_what_is_revoked_is_gone(server: Demo, run: Callable[..., str]) -> None:
    owner, reader = server.new_user(), server.new_user()
    shared = f"Shared/{owner}/INBOX"
    with server.client(owner) as client, server.client(reader) as session:
        client.append("INBOX", MESSAGE)
        assert session.command(f"SELECT {shared}").code == b"NONEXISTENT"
        run("share", "grant", owner, reader, "read")
        eventually(lambda: session.command(f"EXAMINE {shared}").status == "OK", 10)
        assert b"BODY[] {%d}" % len(MESSAGE) in session.ok("FETCH 1 BODY.PEEK[]").untagged[0]
        assert session.command("STORE 1 +FLAGS (\\Deleted)").status == "NO"
        session.ok("UNSELECT")
        run("share", "revoke", owner, reader)
        eventually(lambda: session.command(f"STATUS {shared} (MESSAGES)").code == b"NONEXISTENT", 10)


RIGHTS_SECONDS = 5.0


@pytest.fixture
def readers(server: Demo, run: Callable[..., str]) -> Iterator[tuple[str, list[Client]]]:
    """An owner, and sessions of a reader of the owner's mailbox on every worker, idling in INBOX."""
    owner, reader = server.new_user(), server.new_user()
    run("share", "grant", owner, reader, "read")
    sessions = [server.client(reader) for _ in range(4)]
    for session in sessions:
        session.ok(f"EXAMINE Shared/{owner}/INBOX")
        session.send(b"i IDLE\r\n")
        session.response()
    yield owner, sessions
    for session in sessions:
        session.close()


def test_what_is_revoked_ends_idling_sessions(run: Callable[..., str], readers: tuple[str, list[Client]]) -> None:
    owner, sessions = readers
    reader = json.loads(run("share", "list", owner, "--json"))[0]["grantee"]
    run("share", "revoke", owner, reader)
    began = time.monotonic()
    for session in sessions:
        ends_with_bye(session)
    assert time.monotonic() - began < RIGHTS_SECONDS


def test_what_the_owner_takes_ends_idling_sessions(
    server: Demo, run: Callable[..., str], readers: tuple[str, list[Client]]
) -> None:
    owner, sessions = readers
    reader = json.loads(run("share", "list", owner, "--json"))[0]["grantee"]
    with server.client(owner) as client:
        client.ok(f"SETACL INBOX {reader} lrsw")
        for session in sessions:
            assert session.response(RIGHTS_SECONDS).startswith(b"* FLAGS")
            assert session.response(RIGHTS_SECONDS).startswith(b"* OK [PERMANENTFLAGS ()]")  # EXAMINE stays read-only
        client.ok(f"DELETEACL INBOX {reader}")
        began = time.monotonic()
        for session in sessions:
            ends_with_bye(session)
    assert time.monotonic() - began < RIGHTS_SECONDS


def test_a_closed_domain_ends_sessions_that_show_it(server: Demo, run: Callable[..., str]) -> None:
    user = server.new_user()
    run("domain", "add", "closing.example", "--org", "Example")
    run("mailbox", "add", "user@closing.example", "--user", user)
    with server.client(user) as client:
        client.ok("SELECT closing.example/INBOX")
        run("domain", "set", "closing.example", "--disable")
        ends_with_bye(client)
    with server.client(user) as client:
        assert client.command("SELECT closing.example/INBOX").status == "NO"
        assert b"closing.example" not in client.ok("NAMESPACE").untagged[0]


def test_a_new_domain_is_there_in_open_sessions(server: Demo, run: Callable[..., str]) -> None:
    user = server.new_user()
    with server.client(user) as client:
        run("mailbox", "add", user.replace("example.com", "company.org"), "--user", user)
        eventually(lambda: b'"company.org/"' in client.ok("NAMESPACE").untagged[0], RIGHTS_SECONDS)
        client.ok("SELECT company.org/INBOX")
