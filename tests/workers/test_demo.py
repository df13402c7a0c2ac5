# SPDX-License-Identifier: MIT
"""The demo as a user runs it: what it makes, that it finds it again, and that nothing of it stays running."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from tests.running.processes import alive, descendants, free_ports, wait_for
from tests.running.server import Demo
from workers.demo_mail import samples

CHECKOUT = Path(__file__).resolve().parents[2]


def names(demo: Demo, user: str) -> set[bytes]:
    with demo.client(user) as client:
        return {line.rsplit(b" ", 1)[1].strip(b'"') for line in client.command(b'LIST "" "*"').lines(b"LIST")}


def exists(demo: Demo, user: str, mailbox: bytes) -> int:
    with demo.client(user) as client:
        return int(client.command(b"SELECT " + mailbox).lines(b"EXISTS")[0].split()[0])


def test_what_a_demo_holds(server: Demo) -> None:
    found = names(server, "user@example.com")
    assert found >= {b"INBOX", b"Sent", b"example.com/INBOX", b"company.org/Archive", b"Shared/colleague@example.com/INBOX"}
    assert names(server, "user@company.org") == found
    assert exists(server, "user@example.com", b"INBOX") >= 12
    assert exists(server, "user@example.com", b"company.org/INBOX") >= 4
    assert exists(server, "user@example.com", b"Shared/colleague@example.com/INBOX") >= 3
    wait_for(lambda: "Ctrl-C" in server.said.read_text(), 20, "how to connect")
    said = server.said.read_text()
    assert f"openssl s_client -connect 127.0.0.1:{server.tls_port} -quiet" in said
    assert "LMTP" not in said or "lmtp" in (CHECKOUT / "workers/types.py").read_text()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/health") as answer:
        assert answer.status == 200


def test_it_survives_a_kill_and_is_quick_the_second_time(tmp_path: Path) -> None:
    first = Demo(tmp_path / "demo")
    first.start()
    before = exists(first, "user@example.com", b"INBOX")
    with first.client("user@example.com") as client:
        assert client.command(b"SELECT INBOX").status == client.command(b"COPY 1 Archive").status == "OK"
    assert first.process
    everything = descendants(first.process.pid)
    assert len(everything) >= 5
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(10)
    deadline = time.monotonic() + 10
    while any(map(alive, everything)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in everything if alive(pid)]

    began = time.monotonic()
    first.start()
    assert time.monotonic() - began < 15
    assert exists(first, "user@example.com", b"INBOX") == before
    assert exists(first, "user@example.com", b"Archive") == 2
    everything = descendants(first.process.pid)
    assert first.stop() == 0
    assert not [pid for pid in everything if alive(pid)]


def test_a_first_run_that_was_cut_off_is_begun_again(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    demo.start()
    assert demo.stop() == 0
    (demo.data / "unfinished").touch()
    demo.start()
    assert exists(demo, "user@example.com", b"INBOX") == 12
    assert demo.stop() == 0


def test_a_busy_port_is_told_with_its_option(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        others = free_ports(2)
        done = subprocess.run(
            [
                sys.executable, CHECKOUT / "imapd.py", "demo", "--data", tmp_path / "demo", "--imap-port", str(others[0]),
                "--imaps-port", str(port), "--http-port", str(others[1]),
            ],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == f"imapd: port {port}: Address already in use. Choose another one with --imaps-port.\n"


def test_the_mail_is_as_it_would_come() -> None:
    made = list(samples(datetime(2026, 5, 6, tzinfo=UTC)))
    assert len(made) == 24
    for sample in made:
        assert b"\n" not in sample.octets.replace(b"\r\n", b"")
        assert b"\r\n\r\n" in sample.octets
        for name in (b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Message-ID: "):
            assert b"\r\n" + name in sample.octets
    assert len({sample.octets for sample in made}) == 24
