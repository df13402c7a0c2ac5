# SPDX-License-Identifier: MIT
"""LMTP as an MTA speaks it, over the wire: who gets what, what is refused and how, and that nothing is smuggled in."""

import hashlib
import re
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imapd.settings import ConfigError, Http, Server, Settings
from imapd.settings import Lmtp as SettingsOfLmtp
from imapd.storage import provision
from imapd.storage.addresses import address
from imapd.storage.grants import Limits
from imapd.storage.pool import Database
from tests.faults.beside import Beside
from tests.running.client import Client, Closed
from tests.running.lmtp import Lmtp, stuffed
from tests.running.organization import Organization
from tests.running.processes import descendants, descriptors, private_octets, title, wait_for
from tests.running.server import Demo, Node, Running, eventually
from workers.listeners import Listeners

LETTER = b"From: ann@elsewhere.example\r\nSubject: hello\r\n\r\n.body\r\n..\r\n"


@pytest.fixture(scope="module")
def database(server: Demo) -> Iterator[Database]:
    made = Database(server.dsn, 2)
    yield made
    made.close()


@pytest.fixture
def organization(database: Database) -> Organization:
    return Organization(database)


@pytest.fixture
def lmtp(server: Demo, quiet_log: Path) -> Iterator[Lmtp]:
    with Lmtp(server.lmtp_port) as client:
        yield client


@pytest.fixture(scope="module")
def node(server: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Another node on the demo's services, with limits that a test can reach."""
    directory = tmp_path_factory.mktemp("node")
    node = Node(directory, server.dsn, server.redis_url(), server.data / "blobs")
    node.configure(
        {
            "limits": {"message_octets": "1MiB"},
            "lmtp": {
                "port": node.lmtp_port, "socket": str(directory / "lmtp"), "over_quota": "permanent", "recipients": 3,
                "max_connections": 5, "idle_seconds": 2, "data_seconds": 3, "threads": 2, "allow": ["127.0.0.1"],
            },
        }
    )  # fmt: skip
    node.start()
    yield node
    assert node.stop() == 0, node.end_of_log()
    assert not node.trouble_since(0)


def workers(of: Running) -> list[int]:
    assert of.process
    return [pid for pid in descendants(of.process.pid) if "imapd: lmtp worker" in title(pid)]


def worker(of: Running) -> int:
    """The one that there is, as soon as it is there."""
    wait_for(lambda: len(workers(of)) == 1, 30, "one worker")
    return workers(of)[0]


class Memory(Beside):
    """By how much the memory of a process grows meanwhile, at most."""

    def __init__(self, pid: int):
        super().__init__()
        self._pid = pid
        self._before = self._peak = private_octets(pid)
        self._threads = [threading.Thread(target=self._look)]

    def _look(self) -> None:
        while not self._stop.is_set():
            self._peak = max(self._peak, private_octets(self._pid))
            time.sleep(0.002)

    @property
    def grown(self) -> int:
        return self._peak - self._before


def messages(client: Client, mailbox: str = "INBOX") -> list[bytes]:
    """All of a mailbox, in order."""
    client.ok(f"SELECT {mailbox}")
    lines = client.ok("UID FETCH 1:* (BODY.PEEK[])").lines(b"FETCH")
    found = [re.search(rb"BODY\[\] \{(\d+)\}\r\n", line) for line in lines]
    return [line[at.end() : at.end() + int(at[1])] for line, at in zip(lines, found, strict=True) if at]


def inbox(server: Running, user: str, mailbox: str = "INBOX") -> list[bytes]:
    with server.client(user) as client:
        return messages(client, mailbox)


def without_trace(octets: bytes) -> bytes:
    """What the MTA has sent, of what is stored."""
    found = re.match(
        rb"Return-Path: <[^\r\n]*>\r\nReceived: from \S+(?: \(\[\S+\]\))?\r\n"
        rb"\tby \S+ \(imapd\) with (?:UTF8)?LMTP id [0-9a-f]{16}\.\d+;\r\n\t[^\r\n]+\r\n",
        octets,
    )
    assert found, octets[:300]
    return octets[found.end() :]


def counted(server: Running) -> dict[str, float]:
    text = urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/metrics").read().decode()
    return {
        name: float(value) for name, value in re.findall(r'imap_lmtp_deliveries_total\{result="(\w+)"\} (\S+)', text)
    }


# Who gets it


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


# What is said


def test_pipelined_and_many_messages(lmtp: Lmtp, server: Demo, new_user: Callable[[], str]) -> None:
    user = new_user()
    one = f"MAIL FROM:<>\r\nRCPT TO:<{user}>\r\nRCPT TO:<nobody@example.com>\r\nDATA\r\n".encode()
    lmtp.send((one + stuffed(LETTER)) * 20 + b"QUIT\r\n")
    for _ in range(20):
        assert [lmtp.reply()[:3] for _ in range(5)] == ["250", "250", "550", "354", "250"]
    assert lmtp.until_closed(5) == ["221 2.0.0 Bye"]
    assert [without_trace(each) for each in inbox(server, user)] == [LETTER] * 20


def test_octet_by_octet(lmtp: Lmtp, server: Demo, new_user: Callable[[], str]) -> None:
    user = new_user()
    for octet in f"MAIL FROM:<>\r\nRCPT TO:<{user}>\r\nDATA\r\n".encode() + stuffed(LETTER) + b"QUIT\r\n":
        lmtp.send(bytes([octet]))
    assert [each[:3] for each in lmtp.until_closed(10)] == ["250", "250", "354", "250", "221"]
    assert [without_trace(each) for each in inbox(server, user)] == [LETTER]


@pytest.mark.parametrize(
    "not_the_end",
    [
        b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\n\n.\r\n", b".\r\r\n",
        b"\r.\r",
    ],
)  # fmt: skip
def test_nothing_is_smuggled(lmtp: Lmtp, server: Demo, new_user: Callable[[], str], not_the_end: bytes) -> None:
    """P01"""
    user = new_user()
    hidden = (
        b"Subject: x\r\n\r\nhello" + not_the_end + b"MAIL FROM:<>\r\nRCPT TO:<" + user.encode() + b">\r\nDATA\r\nhidden"
    )
    lmtp.envelope([user])
    assert lmtp.data(hidden + b"\r\n.\r\n")[0].startswith("250 ")
    assert lmtp.ask("NOOP") == "250 2.0.0 Ok"
    (stored,) = inbox(server, user)
    assert without_trace(stored) == (hidden + b"\r\n").replace(b"\r\n.", b"\r\n").replace(b"\0", b"\x80")


@pytest.mark.parametrize(
    "path",
    [
        '<""@example.com>', "<>", "<@a:b@c>", "<" + "x" * 10_000 + "@example.com>", "<user1@[IPv6:::1]>",
        b"<us\xe9r@example.com>", "<käthe@example.com>", "<user1@example.com> ORCPT=rfc822;x", "user1@example.com", "",
        "<user1@example.com", "<user1@example.com>x", "<a\rb@example.com>", "<user1@example.com> NOTIFY=NEVER",
        "<user1>", "<postmaster>", "<../../etc/passwd@example.com>", "<%s@example.com>", "<user1@example.com\0>",
    ],
)  # fmt: skip
def test_paths_that_are_none(lmtp: Lmtp, path: str | bytes) -> None:
    """P03"""
    lmtp.envelope([])
    octets = path.encode() if isinstance(path, str) else path
    assert re.match(r"(501|550|553|555) 5\.", lmtp.ask(b"RCPT TO:" + octets))
    assert lmtp.ask("DATA").startswith("503 5.5.1 ")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("MAIL FROM:ann@elsewhere.example", "501 5.1.7"), ("MAIL", "501 5.5.4"), ("MAIL FROM:<a@b> X=1", "555 5.5.4"),
        ("MAIL FROM:<a@b> SIZE=x", "501 5.5.4"), ("MAIL FROM:<a@b> SIZE", "501 5.5.4"), ("MAIL FROM:<a@b> SIZE=", "501 5.5.4"),
        ("MAIL FROM:<a@b> BODY=BINARYMIME", "501 5.5.4"), ("MAIL FROM:<a@b> BODY", "501 5.5.4"),
        ("MAIL FROM:<a@b> SMTPUTF8=1", "501 5.5.4"), ("MAIL FROM:<é@b>", "553 5.6.7"), ("RCPT TO:<a@b>", "503 5.5.1"),
        ("DATA", "503 5.5.1"), ("LHLO", "501 5.5.4"), ("HELO x", "500 5.5.1"), ("EHLO x", "500 5.5.1"),
        ("STARTTLS", "500 5.5.1"), ("AUTH PLAIN x", "500 5.5.1"), ("EXPN x", "500 5.5.1"), ("VRFY user1", "252 2.5.2"),
        ("HELP", "214 2.0.0"), ("RSET", "250 2.0.0"), ("XCLIENT ADDR=192.0.2.1", "500 5.5.2"),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2", "500 5.5.2"), ("", "500 5.5.2"), ("É", "500 5.5.2"),
        ("NOOP " + "x" * 20_000, "500 5.5.2"), ("NOOP " + "x" * 500_000, "500 5.5.2"),
    ],
)  # fmt: skip
def test_what_is_no_good(lmtp: Lmtp, line: str, reply: str) -> None:
    """P13"""
    assert lmtp.ask(line).startswith(reply + " ")
    assert lmtp.ask("MAIL FROM:<> SIZE=1000 BODY=8BITMIME SMTPUTF8") == "250 2.1.0 Sender ok"
    assert lmtp.ask("MAIL FROM:<>").startswith("503 5.5.1 ")


def test_nothing_before_lhlo(server: Demo) -> None:
    with Lmtp(server.lmtp_port, hello=False) as lmtp:
        assert lmtp.ask("MAIL FROM:<a@b>").startswith("503 5.5.1 ")
        for _ in range(4):
            lmtp.ask("GET / HTTP/1.1")
        lmtp.ask("Host: x")
        assert lmtp.until_closed(5) == []


def test_letters_that_are_not_ascii(lmtp: Lmtp, server: Demo, new_user: Callable[[], str]) -> None:
    user = new_user()
    assert lmtp.envelope(["käthe@example.com", user], "jürgen@exämple.org", " SMTPUTF8") == [
        "550 5.1.1 No such mailbox here", "250 2.1.5 Recipient ok",
    ]  # fmt: skip
    assert lmtp.data(stuffed(LETTER))[0].startswith("250 ")
    (stored,) = inbox(server, user)
    assert stored.startswith("Return-Path: <jürgen@exämple.org>\r\n".encode())
    assert b" with UTF8LMTP id " in stored


def test_a_client_cannot_write_into_the_header(server: Demo, new_user: Callable[[], str]) -> None:
    user = new_user()
    with Lmtp(server.lmtp_port, hello=False) as lmtp:
        assert lmtp.ask("LHLO x) by evil\rX-Evil: 1").startswith("250")
        assert lmtp.deliver(LETTER, user)[0].startswith("250 ")
    (stored,) = inbox(server, user)
    assert b"\r\nReceived: from unknown ([127.0.0.1])\r\n" in stored


def test_detail_leads_to_the_inbox(lmtp: Lmtp, server: Demo, new_user: Callable[[], str]) -> None:
    """P11"""
    user = new_user()
    name, _, domain = user.partition("@")
    for detail in ("x", "INBOX/../y", "../../x", "Other", ""):
        assert lmtp.deliver(LETTER, f"{name}+{detail}@{domain}")[0].startswith("250 ")
    with server.client(user) as client:
        assert len(messages(client)) == 5
        assert not [line for line in client.ok('LIST "" "*"').lines(b"LIST") if b"Other" in line or b".." in line]


# Limits


def test_as_many_recipients_as_there_may_be(node: Node, organization: Organization) -> None:
    """P05"""
    people = [organization.person(f"p{number}") for number in range(5)]
    with Lmtp(node.lmtp_port) as lmtp:
        said = lmtp.deliver(LETTER, *people)
        assert [each[:9] for each in said] == ["250 2.0.0"] * 3 + ["452 4.5.3"] * 2
        assert [each[:9] for each in lmtp.deliver(LETTER, *people[3:])] == ["250 2.0.0"] * 2


def test_ten_thousand_recipients(lmtp: Lmtp, new_user: Callable[[], str]) -> None:
    user = new_user()
    lmtp.envelope([])
    lmtp.send(f"RCPT TO:<{user}>\r\n".encode() * 10_000)
    said = [lmtp.reply()[:9] for _ in range(10_000)]
    assert said == ["250 2.1.5"] * 100 + ["452 4.5.3"] * 9_900
    assert len(lmtp.data(stuffed(LETTER), 100)) == 100


def test_larger_than_may_be(node: Node, server: Demo, organization: Organization) -> None:
    """P07"""
    ann, bob = organization.person("ann"), organization.person("bob")
    with Lmtp(node.lmtp_port) as lmtp:
        assert lmtp.ask(f"MAIL FROM:<> SIZE={(1 << 20) + 1}").startswith("552 5.3.4 ")
        assert lmtp.ask(f"MAIL FROM:<> SIZE={10**19}").startswith("552 5.3.4 ")
        lmtp.envelope([ann, bob], parameters=" SIZE=10")
        large = b"Subject: x\r\n\r\n" + b"x" * 20_000_000 + b"\r\n"
        with Memory(worker(node)) as memory:
            assert [each[:9] for each in lmtp.data(stuffed(large), 2)] == ["552 5.3.4"] * 2
        assert memory.grown < 4 << 20
        fits = b"Subject: x\r\n\r\n" + b"x" * ((1 << 20) - 16) + b"\r\n"
        assert len(fits) == 1 << 20
        assert lmtp.deliver(fits, ann)[0].startswith("250 ")
        assert lmtp.deliver(b"x" + fits, ann)[0].startswith("552 ")
    assert [len(inbox(server, each)) for each in (ann, bob)] == [1, 0]
    assert not list((server.data / "blobs" / "incoming").iterdir())


def test_fifty_megabytes(lmtp: Lmtp, server: Demo, organization: Organization, database: Database) -> None:
    ann, bob, eve = organization.person("ann"), organization.person("bob"), Organization(database).person("eve")
    line = hashlib.sha256(b"x").hexdigest().encode() + b"\r\n"
    head = (
        b"Subject: large\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
    )
    large = head + line * ((50_000_000 - len(head)) // len(line))
    lmtp.envelope([ann, bob, eve])
    with Memory(worker(server)) as memory:
        assert [each[:9] for each in lmtp.data(stuffed(large), 3)] == ["250 2.0.0"] * 3
    assert memory.grown < 8 << 20
    for user in (ann, eve):
        (stored,) = inbox(server, user)
        assert without_trace(stored) == large
    assert not list((server.data / "blobs" / "incoming").iterdir())


@pytest.mark.parametrize(("lines", "reply"), [(100, "250 2.0.0"), (150, "554 5.4.6")])
def test_a_message_that_runs_in_circles(lmtp: Lmtp, new_user: Callable[[], str], lines: int, reply: str) -> None:
    """P09"""
    assert lmtp.deliver(b"Received: from a by b\r\n" * lines + LETTER, new_user())[0].startswith(reply + " ")


def test_who_says_nothing_is_not_waited_for(node: Node, organization: Organization) -> None:
    ann = organization.person("ann")
    with Lmtp(node.lmtp_port) as idle, Lmtp(node.lmtp_port) as slow, Lmtp(node.lmtp_port, hello=False) as silent:
        slow.envelope([ann])
        assert slow.ask("DATA").startswith("354 ")
        began = time.monotonic()
        with pytest.raises(Closed):
            while time.monotonic() - began < 10:
                slow.send(b"x")
                time.sleep(0.1)
        assert 2 < time.monotonic() - began < 6
        for client in (idle, silent):
            assert [each[:9] for each in client.until_closed(5)] == ["421 4.4.2"]


def test_connections(node: Node) -> None:
    clients = [Lmtp(node.lmtp_port) for _ in range(5)]
    with Lmtp(node.lmtp_port, hello=False) as sixth:
        assert sixth.greeting.startswith("421 4.3.2 ")
        assert sixth.until_closed(5) == []
    for client in clients:
        client.close()
    eventually(lambda: Lmtp(node.lmtp_port).close() is None, 5)


def test_only_networks_that_may(node: Node, server: Demo) -> None:
    """P13"""
    with Lmtp(node.lmtp_port, hello=False, source="127.0.0.2") as other:
        assert other.greeting.startswith("554 5.7.1 ")
        assert other.until_closed(5) == []
    with Lmtp(server.lmtp_port, hello=False, source="127.0.0.2") as lmtp:
        assert lmtp.greeting.startswith("220 ")


def test_a_unix_socket(node: Node, server: Demo, organization: Organization) -> None:
    ann = organization.person("ann")
    with Lmtp(str(node.settings["lmtp"]["socket"])) as lmtp:
        assert lmtp.deliver(LETTER, ann)[0].startswith("250 ")
    (stored,) = inbox(server, ann)
    assert b"\r\nReceived: from mta.example\r\n\tby " in stored
    assert without_trace(stored) == LETTER


def test_a_unix_socket_that_a_dead_server_left_behind(tmp_path: Path) -> None:
    settings = Settings(Server(port=None, tls_port=None), http=Http(port=None), lmtp=SettingsOfLmtp(socket=f"{tmp_path}/lmtp"))
    left = socket.socket(socket.AF_UNIX)
    left.bind(f"{tmp_path}/lmtp")
    left.close()
    listeners = Listeners()
    listeners.open(settings)
    with pytest.raises(ConfigError, match=f"cannot listen on {tmp_path}/lmtp"):
        Listeners().open(settings)
    listeners.close()
    assert not list(tmp_path.iterdir())
    (tmp_path / "lmtp").write_text("somebody's file")
    with pytest.raises(ConfigError, match="in use"):
        listeners.open(settings)
    assert (tmp_path / "lmtp").read_text()


def test_connections_that_are_cut_anywhere(server: Demo, new_user: Callable[[], str], quiet_log: Path) -> None:
    user = new_user()
    whole = (
        f"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{user}>\r\nDATA\r\n".encode()
        + b"Subject: x\r\n\r\n"
        + b"x" * 300_000
        + b"\r\n"
    )
    pid = worker(server)
    before = descriptors(pid)
    for cut in (0, 4, 8, 20, 30, 40, len(whole) - 300_010, len(whole) - 1000, len(whole)):
        lmtp = Lmtp(server.lmtp_port, hello=False)
        lmtp.send(whole[:cut])
        time.sleep(0.05)
        lmtp.close()
    wait_for(lambda: descriptors(pid) <= before, 10, "no descriptor more than before")
    wait_for(lambda: not list((server.data / "blobs" / "incoming").iterdir()), 10, "nothing left behind")
    assert inbox(server, user) == []
    assert worker(server) == pid


# Lives


def test_reload_and_the_end(server: Demo, organization: Organization, tmp_path: Path) -> None:
    """An idle client hears goodbye; a message that is on its way in comes to its end."""
    node = Node(tmp_path / "node", server.dsn, server.redis_url(), server.data / "blobs")
    node.configure({"server": {"workers": 1}, "lmtp": {"port": node.lmtp_port}})
    node.worker_count = 1
    node.start()
    try:
        ann = organization.person("ann")
        pid = worker(node)
        with Lmtp(node.lmtp_port) as idle, Lmtp(node.lmtp_port) as busy:
            busy.envelope([ann])
            assert busy.ask("DATA").startswith("354 ")
            node.reload()
            assert [each[:9] for each in idle.until_closed(20)] == ["421 4.3.2"]
            with Lmtp(node.lmtp_port) as fresh:
                assert fresh.deliver(LETTER, ann)[0].startswith("250 ")
            busy.send(stuffed(LETTER))
            assert [each[:9] for each in busy.until_closed(10)] == ["250 2.0.0", "421 4.3.2"]
        wait_for(lambda: pid not in workers(node), 10, "the old one has gone")
        node.configure({"lmtp": {"port": None}})
        node.reload()
        eventually(lambda: _is_refused(node.lmtp_port), 20)
        node.configure({"lmtp": {"port": node.lmtp_port}})
        node.reload()
        with eventually(lambda: Lmtp(node.lmtp_port), 20) as idle, Lmtp(node.lmtp_port) as busy:
            busy.envelope([ann])
            assert busy.ask("DATA").startswith("354 ")
            assert node.process
            node.process.send_signal(signal.SIGTERM)
            assert [each[:9] for each in idle.until_closed(10)] == ["421 4.3.2"]
            busy.send(stuffed(LETTER))
            assert [each[:9] for each in busy.until_closed(10)] == ["250 2.0.0", "421 4.3.2"]
        assert node.process.wait(20) == 0
    finally:
        if node.process and node.process.poll() is None:
            node.kill_all()
    assert [without_trace(each) for each in inbox(server, ann)] == [LETTER] * 3
    assert not node.trouble_since(0)


def _is_refused(port: int) -> bool:
    try:
        Lmtp(port, hello=False).close()
    except ConnectionRefusedError:
        return True
    except Closed:
        pass
    return False
