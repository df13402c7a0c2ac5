# SPDX-License-Identifier: MIT
"""The same names in two organisations, and in two domains of one: nothing of the one is ever seen by the other."""

import re
from collections.abc import Iterator

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imapd.mail.rights import ALL
from imapd.storage.pool import Database
from tests.running.client import Client, Literal
from tests.running.organization import Organization
from tests.running.server import Demo

PATHS = st.lists(
    st.sampled_from(["INBOX", "Sent", "Work", "Work/2024", "example", "u1", "anyone", "Shared"]), min_size=1, max_size=4
)
LOCAL_PARTS = st.sampled_from(["user", "info", "anyone", "u1", "m1", "group", "admin", "shared", "a.b", "a+b"])
LOOKS = [
    "NAMESPACE", 'LIST "" "*"', 'LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN SIZE MAILBOXID) MYRIGHTS)', 'LSUB "" "*"',
    "GETQUOTAROOT INBOX", 'GETQUOTA "user"', "GETACL INBOX", 'GETMETADATA (DEPTH infinity) "" (/private /shared)',
    'GETMETADATA (DEPTH infinity) INBOX (/private /shared)', "STATUS INBOX (MESSAGES UNSEEN SIZE)",
]  # fmt: skip


@pytest.fixture(scope="module")
def database(server: Demo) -> Iterator[Database]:
    database = Database(server.dsn)
    yield database
    database.close()


def fill(client: Client, paths: list[str], secret: str) -> None:
    """Mail, folders and annotations that all have a word in them."""
    for path in paths:
        name = path if path == "INBOX" else f"{path}-{secret}"
        client.command(f'CREATE "{name}"')
        client.ok(f'APPEND "{name}" ({secret}) ', Literal(f"Subject: {secret}\r\n\r\n{secret}\r\n".encode(), plus=True))
        client.ok(f'SUBSCRIBE "{name}"')
    client.ok(f'SETMETADATA INBOX (/private/comment "{secret}" /shared/comment "{secret}")')


def everything(client: Client) -> bytes:
    """All that somebody can see without knowing the name of anything of others."""
    said = [line for look in LOOKS for line in client.command(look).untagged]
    names = {line.rpartition(b' "/" ')[2].strip(b'"') for line in client.ok('LIST "" "*"').untagged}
    for name in names:
        if client.command(b'EXAMINE "%b"' % name).status == "OK":
            said += client.ok("FETCH 1:* (FLAGS ENVELOPE BODY.PEEK[] EMAILID THREADID)").untagged
            said += client.ok("UID SEARCH TEXT e").untagged
    return b"\n".join(said)


@settings(max_examples=6, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    local_part=LOCAL_PARTS,
    paths=PATHS,
    modes=st.lists(st.sampled_from(["unified", "domain_separated"]), min_size=2, max_size=2),
)
def check(server: Demo, database: Database, local_part: str, paths: list[str], modes: list[str]) -> None:
    people = []
    for mode in modes:
        organization = Organization(database)
        people.append(organization.person(local_part, f"{local_part}@{organization.work}", mode=mode))
        organization.grant(organization.mailbox("desk"), people[-1], ALL)
    with server.client(people[0]) as first, server.client(people[1]) as second:
        before = everything(first)
        first.ok("SELECT INBOX")
        fill(second, paths, "hidden-of-the-other")
        second.command(f'SETACL INBOX "{people[0]}" lrswikxtea')
        second.command("SETACL INBOX anyone lrswikxtea")
        assert not first.ok("NOOP").untagged, "no news either"
        first.ok("UNSELECT")
        assert everything(first) == before
        first.ok("SELECT INBOX")
        assert first.command(f'SELECT "Shared/{people[1]}/INBOX"').code == b"NONEXISTENT"
        assert first.command(f'GETQUOTA "Shared/{people[1]}"').code == b"NONEXISTENT"


@pytest.mark.usefixtures("quiet_log")
def test_nothing_is_seen_of_another_organisation(server: Demo, database: Database) -> None:
    check(server, database)


def test_the_same_message_is_another_one_in_another_organisation(server: Demo, database: Database) -> None:
    """Whether somebody else has the same content cannot be told: not by ids, and not by where it is kept."""
    one, two = Organization(database), Organization(database)
    message = b"Message-ID: <same@example.net>\r\nSubject: the same\r\n\r\nin both\r\n"
    ids = []
    for organization in (one, two):
        with server.client(organization.person("info")) as client:
            client.append("INBOX", message)
            client.ok("SELECT INBOX")
            line = client.ok("FETCH 1 (EMAILID THREADID)").untagged[0]
            mailbox = client.ok("STATUS INBOX (MAILBOXID)").untagged[0]
            ids.append({*re.findall(rb"[A-Z]\d+(?:-\d+)?\)", line + mailbox)})
    assert len(ids[0]) == 3 and not ids[0] & ids[1]
    rows = database.rows(
        "SELECT organization_id, encode(sha256, 'hex') FROM contents JOIN organizations USING (organization_id)"
        " WHERE name = ANY(%s)", ([one.name, two.name],)
    )  # fmt: skip
    assert len({organization_id for organization_id, _ in rows}) == 2
    for organization_id, sha256 in rows:
        assert list((server.data / "blobs" / str(organization_id)).rglob(f"*{sha256}*"))


def test_wake_ups_of_one_organisation_are_not_heard_in_another(server: Demo, database: Database) -> None:
    """Every channel of Redis about mail names its organisation, and nobody's name or address."""
    people = []
    for _ in range(2):
        people.append(Organization(database).person("info"))
    listener = redis.Redis(unix_socket_path=str(server.data / "run" / "redis.sock")).pubsub()
    listener.psubscribe("*")
    channels: list[set[bytes]] = []
    for person in people:
        with server.client(person) as client:
            client.append("INBOX", b"Subject: x\r\n\r\n\r\n")
        found = set()
        while message := listener.get_message(timeout=1):
            if message["type"] == "pmessage" and b"control" not in message["channel"]:
                found.add(message["channel"])
                assert b"info" not in message["channel"] + message["data"]
        channels.append(found)
    listener.close()
    assert channels[0] and channels[1] and not channels[0] & channels[1]


@pytest.mark.parametrize("across", [True, False])
def test_the_same_local_part_in_two_domains(server: Demo, database: Database, across: bool) -> None:
    """info@home and info@work are different people."""
    organization = Organization(database, across_domains=across)
    home = organization.person("info")
    work = organization.person("info", domain=organization.work)
    other = organization.person("other", f"other@{organization.work}")
    with server.client(home) as first, server.client(work) as second, server.client(other) as third:
        fill(first, ["INBOX", "Work"], "of-home")
        assert b"of-home" not in everything(second)
        first.ok(f"SETACL INBOX {other} lr")
        assert b"of-home" in everything(third)
        assert third.ok('LIST "" Shared/*').untagged[-1].endswith(f'"Shared/{home}/INBOX"'.encode())
        assert third.command(f"SELECT Shared/{work}/INBOX").code == b"NONEXISTENT"
