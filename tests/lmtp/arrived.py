# SPDX-License-Identifier: MIT
"""What has come in, and the processes that have brought it."""

import re
import threading
import time
import urllib.request

from tests.faults.beside import Beside
from tests.running.client import Client
from tests.running.processes import descendants, private_octets, title, wait_for
from tests.running.server import Running

LETTER = b"From: ann@elsewhere.example\r\nSubject: hello\r\n\r\n.body\r\n..\r\n"


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
