# SPDX-License-Identifier: MIT
"""Whose mailbox mail comes into, and what is stored of it, over the wire."""

import re
import time
from collections.abc import Callable

import pytest

from imapd.storage import provision
from imapd.storage.addresses import address
from imapd.storage.grants import Limits
from imapd.storage.pool import Database
from tests.lmtp.arrived import LETTER, counted, inbox, without_trace
from tests.running.lmtp import Lmtp, stuffed
from tests.running.organization import Organization
from tests.running.server import Demo, Node, eventually


def test_what_is_offered(lmtp: Lmtp) -> None:
    assert re.fullmatch(r"220 \S+ LMTP imapd", lmtp.greeting)
    assert [line[4:] for line in lmtp.extensions[1:]] == [
        "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", f"SIZE {50 << 20}",
    ]  # fmt: skip


def test_to_an_address_octet_by_octet(lmtp: Lmtp, server: Demo, new_user: Callable[[], str]) -> None:
    user = new_user()
    (said,) = lmtp.deliver(LETTER, user, sender="Ann+x@Elsewhere.example")
    name = re.fullmatch(rf"250 2\.0\.0 <{re.escape(user)}> ([0-9a-f]{{16}}\.1) delivered", said)
    assert name
    (stored,) = inbox(server, user)
    assert without_trace(stored) == LETTER
    assert stored.startswith(b"Return-Path: <Ann+x@Elsewhere.example>\r\nReceived: from mta.example ([127.0.0.1])\r\n")
    assert f" with LMTP id {name[1]};".encode() in stored
    lines = [line for line in server.log.read_text().splitlines() if name[1] in line]
    assert any("event=delivered" in line and user in line and "uid=1" in line for line in lines)


@pytest.mark.parametrize(
    "message",
    [
        b"", b"\r\n", b".\r\n", b"no header\r\n", b"Subject: x\r\n\r\n" + bytes(range(1, 256)) + b"\r\n",
        b"Subject: bare\n\nlines\rof\n.\nall\r.\rkinds\r\n", b"Subject: long\r\n\r\n" + b"x" * 300_000 + b"\r\n",
        b"Subject: dots\r\n\r\n" + b".\r\n..\r\n...\r\n" * 30_000,
    ],
    ids=["nothing", "empty line", "dot", "body only", "all octets", "bare", "long line", "dots"],
)  # fmt: skip
def test_bodies_are_what_they_were(lmtp: Lmtp, server: Demo, new_user: Callable[[], str], message: bytes) -> None:
    user = new_user()
    lmtp.envelope([user])
    assert lmtp.data(stuffed(message) if message else b".\r\n")[0].startswith("250 ")
    assert [without_trace(each) for each in inbox(server, user)] == [message]


def test_every_address_and_nobody_else(
    lmtp: Lmtp, server: Demo, organization: Organization, database: Database
) -> None:
    home, work = organization.home, organization.work
    ann = organization.person("ann", f"ann@{work}")
    support = organization.mailbox("support")
    provision.add_alias(database, address(f"info@{work}"), address(ann))
    other = Organization(database)
    bob = other.person("bob")
    said = lmtp.deliver(
        LETTER, f"ANN@{home.upper()}", f"nobody@{home}", f"ann+lists@{work}", support, f'"bob"@{other.home}', f"info@{home}",
        "bob@elsewhere.example",
    )  # fmt: skip
    assert [each[:9] for each in said] == [
        "250 2.0.0", "550 5.1.1", "250 2.0.0", "250 2.0.0", "250 2.0.0", "550 5.1.1", "550 5.1.1",
    ]  # fmt: skip
    assert lmtp.deliver(LETTER, f"info@{work}")[0].startswith("250 ")
    for user, mailbox, number in ((ann, "INBOX", 2), (ann, f"{work}/INBOX", 1), (bob, "INBOX", 1)):
        assert [without_trace(each) for each in inbox(server, user, mailbox)] == [LETTER] * number
    boxes = {row[0]: row[1] for row in database.rows("SELECT local_part, mailbox_id FROM mailboxes")}
    row = database.row("SELECT messages FROM folders WHERE mailbox_id = %s AND name = 'INBOX'", (boxes["support"],))
    assert row and row[0] == 1


def test_the_unified_inbox_shows_all_of_it(lmtp: Lmtp, server: Demo, organization: Organization) -> None:
    ann = organization.person("ann", f"ann@{organization.work}", mode="unified")
    assert all(each.startswith("250 ") for each in lmtp.deliver(LETTER, ann, f"ann@{organization.work}"))
    assert [without_trace(each) for each in inbox(server, ann)] == [LETTER] * 2


def test_idle_hears_of_it(lmtp: Lmtp, server: Demo, new_user: Callable[[], str]) -> None:
    user = new_user()
    with server.client(user) as idle, server.client(user) as notified:
        idle.ok("SELECT INBOX")
        idle.send(b"i IDLE\r\n")
        idle.response()
        notified.ok("NOTIFY SET (inboxes (MessageNew MessageExpunge))")
        began = time.monotonic()
        lmtp.deliver(LETTER, user)
        while not re.match(rb"\* 1 EXISTS", idle.response(5)):
            pass
        while b"STATUS" not in notified.response(5):
            pass
        assert time.monotonic() - began < 3


def test_one_body_for_many(lmtp: Lmtp, server: Demo, organization: Organization, database: Database) -> None:
    people = [organization.person(name) for name in ("ann", "bob", "eve")]
    assert all(each.startswith("250 ") for each in lmtp.deliver(LETTER, *people))
    number = "SELECT count(*) FROM contents JOIN organizations o USING (organization_id) WHERE o.name = %s"
    row = database.row(number, (organization.name,))
    assert row and row[0] == 1
    bodies = [inbox(server, each) for each in people]
    assert bodies[0] == bodies[1] == bodies[2]


@pytest.mark.parametrize("what", ["user", "mailbox", "domain"])
def test_the_disabled(lmtp: Lmtp, organization: Organization, database: Database, what: str) -> None:
    ann, bob = organization.person("ann"), organization.person("bob", domain=organization.work)
    if what == "user":
        provision.set_user(database, address(ann), disabled=True)
    elif what == "mailbox":
        provision.set_mailbox(database, address(ann), disabled=True)
    else:
        provision.set_domain(database, organization.home, disabled=True)
    assert [each[:9] for each in lmtp.deliver(LETTER, ann, bob)] == ["550 5.2.1", "250 2.0.0"]


@pytest.mark.parametrize("where", ["temporary", "permanent"])
def test_quota_refuses_whom_it_concerns(
    server: Demo, node: Node, organization: Organization, database: Database, where: str
) -> None:
    full, after = organization.person("full", limits=Limits(messages=1)), organization.person("after")
    port = server.lmtp_port if where == "temporary" else node.lmtp_port
    reply = "452 4.2.2" if where == "temporary" else "552 5.2.2"
    before = counted(server) if where == "temporary" else {}
    with Lmtp(port) as lmtp:
        assert [each[:9] for each in lmtp.deliver(LETTER, full, after)] == ["250 2.0.0", "250 2.0.0"]
        assert [each[:9] for each in lmtp.deliver(LETTER, full, after)] == [reply, "250 2.0.0"]
        assert [each[:9] for each in lmtp.deliver(LETTER, after)] == ["250 2.0.0"]
        # One by octets, of a message that is spooled; and the room of somebody else's is none of theirs.
        small = organization.person("small", limits=Limits(storage=200_000))
        large = b"Subject: large\r\n\r\n" + b"x" * 250_000 + b"\r\n"
        assert [each[:9] for each in lmtp.deliver(large, small, after)] == [reply, "250 2.0.0"]
    mine = [[each for each in inbox(server, user) if b"LMTP id" in each] for user in (full, small, after)]
    assert list(map(len, mine)) == [1, 0, 4]
    if where == "temporary":
        wanted = {"over_quota": 2, "delivered": 5}
        eventually(lambda: all(counted(server)[name] - before[name] == by for name, by in wanted.items()), 5)


def test_a_quota_that_is_nearly_full_warns(lmtp: Lmtp, server: Demo, organization: Organization) -> None:
    ann = organization.person("ann", limits=Limits(messages=4))
    for _ in range(4):
        assert lmtp.deliver(LETTER, ann)[0].startswith("250 ")
    eventually(lambda: any(b"of the quota of" in each for each in inbox(server, ann)), 20)
