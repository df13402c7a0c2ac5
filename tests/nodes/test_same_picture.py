# SPDX-License-Identifier: MIT
"""What is done on one node holds on the other one: changes of mail, of rights, of names, of quotas, and who may come in."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.nodes.conftest import BLOCK, LOCKOUT, Connect, Pair
from tests.running.client import Client, Closed
from tests.running.server import eventually, operator

LETTER = b"Subject: hello\r\n\r\nbody\r\n"
SOON = 5


@contextmanager
def idling(clients: list[Client], mailbox: str) -> Iterator[None]:
    for client in clients:
        client.ok(f"SELECT {mailbox}")
        client.send(b"i IDLE\r\n")
        assert client.response().startswith(b"+")
    yield
    for client in clients:
        client.send(b"DONE\r\n")
        while not client.response().startswith(b"i OK"):
            pass


def hears(clients: list[Client], pattern: bytes, seconds: float = SOON) -> None:
    """Each of them is told something like this, unasked."""
    until = time.monotonic() + seconds
    for client in clients:
        while not re.fullmatch(pattern, line := client.response(max(0.1, until - time.monotonic()))):
            assert time.monotonic() < until, line


def ended(client: Client) -> bool:
    """Whether the session is over, and has been told so."""
    try:
        while not (line := client.response(0.1)).startswith(b"* BYE"):
            assert line
        return True
    except TimeoutError:
        return False
    except (Closed, OSError):
        return True


def test_sessions_are_at_all_workers(pair: Pair, everywhere: Connect, user: str) -> None:
    everywhere(user)
    for node in pair.nodes:
        eventually(lambda node=node: [at_work(title) for title in titles(node)] == [True, True], SOON)  # type: ignore[misc]


def titles(node: object) -> list[str]:
    from tests.running.processes import title

    return [title(pid) for pid in node.workers()]  # type: ignore[attr-defined]


def at_work(title: str) -> bool:
    found = re.search(r"\[(\d+) sessions\]", title)
    return bool(found and int(found[1]))


def test_idle_hears_of_append_store_expunge_copy_and_move(everywhere: Connect, user: str) -> None:
    writer, *others = everywhere(user)
    writer.ok("CREATE Other")
    writer.append("Other", LETTER)
    with idling(others, "INBOX"):
        writer.append("INBOX", LETTER)
        hears(others, rb"\* 1 EXISTS")
        writer.ok("SELECT INBOX")
        writer.ok("STORE 1 +FLAGS (\\Flagged)")
        hears(others, rb"\* 1 FETCH .*\\Flagged.*")
        writer.ok("SELECT Other")
        writer.ok("COPY 1 INBOX")
        hears(others, rb"\* 2 EXISTS")
        writer.ok("MOVE 1 INBOX")
        hears(others, rb"\* 3 EXISTS")
        writer.ok("SELECT INBOX")
        writer.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
        writer.ok("EXPUNGE")
        hears(others, rb"\* 2 EXPUNGE")
        writer.ok("UID MOVE 1 company.org/INBOX")
        hears(others, rb"\* 1 EXPUNGE")


def test_everybody_writes_and_all_see_the_same(everywhere: Connect, user: str) -> None:
    clients = everywhere(user)
    for client in clients:
        client.ok("SELECT INBOX")
    for number in range(40):
        one = clients[number % len(clients)]
        one.append("INBOX", LETTER)
        if number % 5 == 4:
            one.ok("STORE 1 +FLAGS (\\Deleted)")
            one.ok("UID EXPUNGE 1:*")
    told = []
    for client in clients:
        client.ok("NOOP")
        fetched = client.ok("FETCH 1:* (UID FLAGS)").untagged
        told.append([re.sub(rb" ?\\Recent", b"", line) for line in fetched])
    assert len(told[0]) == 32
    assert all(lines == told[0] for lines in told)


def test_a_right_that_is_given_and_taken(pair: Pair, everywhere: Connect, user: str) -> None:
    reader = pair.new_user()
    owner, *_ = everywhere(user)
    readers = everywhere(reader)
    inbox = f"Shared/{user}/INBOX"
    owner.append("INBOX", LETTER)
    assert all(one.command(f"SELECT {inbox}").code == b"NONEXISTENT" for one in readers)
    owner.ok(f"SETACL INBOX {reader} lrs")
    assert all(f'"{inbox}"'.encode() in b"".join(one.ok('LIST "" "Shared/*"').untagged) for one in readers)
    for one in readers:
        one.ok(f"SELECT {inbox}")
        one.send(b"i IDLE\r\n")
        assert one.response().startswith(b"+")
    owner.ok(f"DELETEACL INBOX {reader}")
    for one in readers:
        eventually(lambda one=one: ended(one), SOON)  # type: ignore[misc]
    again = everywhere(reader)
    assert all(one.command(f"SELECT {inbox}").code == b"NONEXISTENT" for one in again)


@pytest.mark.parametrize("by", ["operator", "user"])
def test_another_mode_of_namespaces(pair: Pair, everywhere: Connect, user: str, by: str) -> None:
    sessions = everywhere(user)
    with idling(sessions[1:2], "company.org/INBOX"):
        assert all(b'"example.com/"' in one.ok("NAMESPACE").untagged[0].partition(b"))")[0] for one in sessions[2:])
    before = [one.ok("STATUS company.org/INBOX (UIDVALIDITY UIDNEXT MAILBOXID)").untagged for one in sessions]
    if by == "operator":
        operator("user", "set", user, "--namespace-mode", "unified", "--config", pair.configuration)
        expected = sessions
    else:
        sessions[0].ok('SETMETADATA "" (/private/vendor/imapd/namespace-mode "unified")')
        expected = sessions[1:]
    for one in expected:
        eventually(lambda one=one: ended(one), SOON)  # type: ignore[misc]
    again = everywhere(user)
    for one in again:
        assert one.ok("NAMESPACE").untagged[0].startswith(b'NAMESPACE (("" "/")) ((')
        assert one.ok("STATUS company.org/INBOX (UIDVALIDITY UIDNEXT MAILBOXID)").untagged == before[0]


def test_a_quota_that_changes(pair: Pair, everywhere: Connect, user: str) -> None:
    sessions = everywhere(user)
    for one in sessions:
        one.append("INBOX", LETTER)
    operator("quota", "set", user, "--messages", "4", "--config", pair.configuration)
    for one in sessions:
        reply = one.command("APPEND INBOX {24+}\r\n" + LETTER.decode())
        assert (reply.status, reply.code) == ("NO", b"OVERQUOTA")
        assert b'QUOTA "example.com" (MESSAGE 4 4)' in one.ok("GETQUOTAROOT INBOX").untagged
    operator("quota", "set", user, "--messages", "unlimited", "--config", pair.configuration)
    for one in sessions:
        one.append("INBOX", LETTER)


def test_failed_logins_add_up(pair: Pair, user: str) -> None:
    """From another address each: what is counted is the user's."""
    for number in range(LOCKOUT):
        node = pair.nodes[number % 2]
        with Client(node.host, node.port, source=f"127.0.7.{number + 1}") as client:
            assert client.command(f"LOGIN {user} wrong{number}").code == b"AUTHENTICATIONFAILED"
    for node in pair.nodes:
        with Client(node.host, node.port, source="127.0.7.99") as client:
            assert client.command(f"LOGIN {user} password").code == b"AUTHENTICATIONFAILED"
    operator("user", "unlock", user, "--config", pair.configuration)
    for node in pair.nodes:
        with Client(node.host, node.port, source="127.0.7.98") as client:
            client.ok(f"LOGIN {user} password")
    again = json.loads(operator("user", "unlock", user, "--json", "--config", pair.configuration))
    assert again == {"name": user, "was_closed": False}


def test_a_blocked_address_is_let_in_again(pair: Pair, user: str) -> None:
    ip = "127.0.8.1"
    for number in range(BLOCK):
        node = pair.nodes[number % 2]
        with Client(node.host, node.port, source=ip) as client:
            client.command(f"LOGIN nobody{number}@example.com wrong")
    for node in pair.nodes:
        with Client(node.host, node.port, source=ip) as client:
            assert client.command(f"LOGIN {user} password").code == b"AUTHENTICATIONFAILED"
    assert json.loads(operator("session", "unblock", ip, "--json", "--config", pair.configuration))["was_closed"]
    for node in pair.nodes:
        with Client(node.host, node.port, source=ip) as client:
            client.ok(f"LOGIN {user} password")
    events = json.loads(operator("audit", "list", "--event", "ip unblocked", "--json", "--config", pair.configuration))
    assert [event["remote_ip"] for event in events] == [ip]


def test_sessions_are_seen_and_ended_on_all_nodes(pair: Pair, everywhere: Connect, user: str) -> None:
    sessions = everywhere(user)

    def listed() -> list[dict[str, str]]:
        return json.loads(operator("session", "list", user, "--json", "--config", pair.configuration))

    eventually(lambda: len(listed()) == len(sessions), 20)
    assert len({row["worker"] for row in listed()}) == 4
    operator("session", "kick", listed()[-1]["id"], "--config", pair.configuration)
    eventually(lambda: [ended(one) for one in sessions].count(True) == 1, SOON)
    for one in sessions:
        if not ended(one):
            one.send(b"i IDLE\r\n")
    operator("session", "kick", user, "--config", pair.configuration)
    for one in sessions:
        eventually(lambda one=one: ended(one), SOON)  # type: ignore[misc]


def test_who_is_disabled_is_out_everywhere(pair: Pair, everywhere: Connect, user: str) -> None:
    sessions = everywhere(user)
    operator("user", "set", user, "--disable", "--config", pair.configuration)
    for one in sessions:
        eventually(lambda one=one: ended(one), SOON)  # type: ignore[misc]
    for node in pair.nodes:
        with node.client() as client:
            assert client.command(f"LOGIN {user} password").code == b"AUTHENTICATIONFAILED"


def test_notify_hears_what_happens_at_the_other_node(everywhere: Connect, user: str) -> None:
    clients = everywhere(user)
    for client in clients:
        client.ok("SELECT INBOX")
        client.ok(
            "NOTIFY SET (selected (MessageNew (UID) MessageExpunge FlagChange)) (mailboxes (Sent New Other)"
            " (MessageNew MessageExpunge MailboxName MailboxMetadataChange SubscriptionChange))"
        )
    speaker, others = clients[0], clients[1:]
    speaker.append("Sent", LETTER)
    hears(others, rb'\* STATUS "?Sent"? \(MESSAGES 1 .*')
    speaker.append("INBOX", LETTER)
    hears(others, rb"\* 1 FETCH \(UID 1\)")
    speaker.ok("CREATE New")
    hears(others, rb'\* LIST \(\\HasNoChildren\) "/" "?New"?')
    speaker.ok("RENAME New Other")
    hears(others, rb'\* LIST \(\\HasNoChildren\) "/" "?Other"? \("OLDNAME" \("?New"?\)\)')
    speaker.ok('SETMETADATA Other (/shared/comment "x")')
    hears(others, rb'\* METADATA "?Other"? /shared/comment')
    speaker.ok("DELETE Other")
    hears(others, rb'\* LIST \(\\NonExistent\) "/" "?Other"?')
