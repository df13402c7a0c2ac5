# SPDX-License-Identifier: MIT
"""Limits of LMTP, who may connect, and how its processes come and go."""

import hashlib
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imapd.configuration import ConfigError
from imapd.settings import Http, Server, Settings
from imapd.settings import Lmtp as SettingsOfLmtp
from imapd.storage.pool import Database
from tests.lmtp.arrived import LETTER, Memory, inbox, without_trace, worker, workers
from tests.running.client import Closed
from tests.running.lmtp import Lmtp, stuffed
from tests.running.organization import Organization
from tests.running.processes import descriptors, wait_for
from tests.running.server import Demo, Node, eventually
from workers.listeners import Listeners


def test_as_many_recipients_as_there_may_be(node: Node, organization: Organization) -> None:
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
    ann, bob = organization.person("ann"), organization.person("bob")
    large = stuffed(b"Subject: x\r\n\r\n" + b"x" * 20_000_000 + b"\r\n")  # before: this server is impatient
    with Lmtp(node.lmtp_port) as lmtp:
        assert lmtp.ask(f"MAIL FROM:<> SIZE={(1 << 20) + 1}").startswith("552 5.3.4 ")
        assert lmtp.ask(f"MAIL FROM:<> SIZE={10**19}").startswith("552 5.3.4 ")
        with Memory(worker(node)) as memory:
            lmtp.envelope([ann, bob], parameters=" SIZE=10")
            assert [each[:9] for each in lmtp.data(large, 2)] == ["552 5.3.4"] * 2
        assert memory.grown < 8 << 20
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
    for cut in (0, 4, 8, 20, 30, 40, len(whole) - 300_010, len(whole) - 1000, len(whole)) * 10:
        lmtp = Lmtp(server.lmtp_port, hello=False)
        lmtp.send(whole[:cut])
        time.sleep(0.02)
        lmtp.close()
    most = before + SettingsOfLmtp().threads  # connections to PostgreSQL, which stay
    wait_for(lambda: descriptors(pid) <= most, 10, "fewer descriptors than times each was cut")
    wait_for(lambda: not list((server.data / "blobs" / "incoming").iterdir()), 10, "nothing left behind")
    assert inbox(server, user) == []
    assert worker(server) == pid


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
